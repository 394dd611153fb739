"""Writes src/segments/vectors.json, the segmentation cases that both test suites read:
`python -m gmsa_training.data.segment_vectors ../src/segments/vectors.json`. The stand-in tokeniser of the vectors is one
token per code point."""

from __future__ import annotations

import json
import random
import sys

from gmsa_training.data.segments import cut_segments


def encode_code_points(texts: list[str]) -> list[list[int]]:
    return [[ord(character) for character in text] for text in texts]


def _cases() -> list[tuple[str, str, int]]:
    draw = random.Random(7)
    words = "the river group merges hidden states of every segment and 42 soft tokens answer a question well".split()

    def sentence() -> str:
        body = " ".join(draw.choice(words) for _ in range(draw.randint(3, 14)))
        return body.capitalize() + draw.choice([".", ".", ".", "!", "?", '."', "…"])

    def paragraph() -> str:
        return " ".join(sentence() for _ in range(draw.randint(1, 6)))

    cases = [
        ("empty", "", 16),
        ("one character", "a", 16),
        ("exactly the limit", "abcd efgh ijklmn", 16),
        ("words only", "one two three four five six seven eight nine ten", 16),
        ("sentence ends with quotes and brackets", 'He said "no." (Twice.) Then… he left! Did he? Yes.', 20),
        ("abbreviation-like dots are cut all the same", "At 3.14 p.m. Dr. Who ate 2.5 pies. Then slept.", 20),
        ("line ends of three kinds", "one\r\ntwo\rthree\nfour\r\n\r\nfive\n \nsix", 8),
        ("white space at both ends", "  \n hello there.  General  \n\n", 12),
        ("only white space", " \n\t\u3000 ", 4),
        ("a word over the limit", "x" * 700 + " y", 200),
        ("CJK without spaces", "群合并把隐藏状态取平均。解码器读软标记！“真的？”是的。" * 3, 24),
        ("right to left", "שלום עולם. מה שלומך היום? טוב מאוד! مرحبا بالعالم. كيف حالك؟ بخير.", 24),
        ("emoji outside the basic plane", "I 😀 it. 😀😀 Then 👩‍👩‍👧 came. 𝒳 is math.", 12),
        ("a lone surrogate", "left \ud83d right. And \udc00 more.", 12),
        ("NUL and control characters", "a\x00b. c\x1cd e\x85f. g\ufeffh i.", 8),
        ("unusual spaces", "a\u00a0b\u2003c\u202fd.\u205fe\u3000f.\u2028g h", 6),
        ("many closing quotes", "End." + ")" * 20 + " Next. Also." + '"' * 10 + " Last one here.", 16),
        ("repeated sentences have equal hashes", "Same again. " * 20, 40),
    ]
    for number in range(12):
        text = draw.choice(["\n\n", "\n", "\n\n\n", " \n \n"]).join(paragraph() for _ in range(draw.randint(2, 9)))
        cases.append((f"random prose {number}", text, draw.choice([64, 128, 200])))
    return cases


def main(path: str) -> None:
    cases = [
        {
            "name": name,
            "text": text,
            "segment_length": limit,
            "segments": [segment.text for segment in cut_segments(text, encode_code_points, limit)],
        }
        for name, text, limit in _cases()
    ]
    with open(path, "w", encoding="ascii") as file:
        json.dump({"cases": cases}, file, indent=1)
        file.write("\n")


if __name__ == "__main__":
    main(sys.argv[1])
