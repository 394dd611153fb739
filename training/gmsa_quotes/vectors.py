"""Writes src/quotes/vectors.json, the cases that both test suites read:
`python -m gmsa_quotes.vectors ../src/quotes/vectors.json`. Offsets are UTF-16 code units; the stand-in tokeniser
gives one token for each four code units, or part of four."""

from __future__ import annotations

import json
import random
import sys
from typing import Any

from gmsa_quotes.bm25 import Index, asked_terms, plain_number, terms
from gmsa_quotes.reading_text import ReadingText, reading_text
from gmsa_quotes.selection import render, select
from gmsa_quotes.stemmer import stem
from gmsa_quotes.support import find_support
from gmsa_quotes.units import cut_units, narrow, wide

SOURCES = {
    "nothing to change": "Plain text, café, naïve – “quoted”.",
    "soft hyphens and zero-width spaces": "The chair\u00adman of the soci\u00adety,\u200b Ben\u200b Marsh.\ufeff",
    "a word cut at a line end by a soft hyphen": "The trea\u00ad\nsurer. A soft hyphen\u00ad\n\nNext. One\u00ad\r\n  more",
    "spaces of all kinds": "1\u00a0234\u202f567\u2009m\u3000x\u1680y\u2007z",
    "line ends of all kinds": "a\r\nb\rc\u2028d\u2029e\x0bf\x0cg\x85h",
    "ligatures": "The \ufb01rst o\ufb00ice, \ufb03 and \ufb04, \ufb02oor, \ufb05 and \ufb06",
    "joiners that mean something": "می\u200cخواهم क्\u200dष 👩\u200d👩\u200d👧 ❤\ufe0f\u200d🔥",
    "joiners that mean nothing": "Auf\u200clage, a\u200d b, \u200c\u200dend, א\u200d\u200dב and \ufb01\u200dא",
    "marks of direction": "\u200fשלום\u200e (\u202aabc\u202c) \u2067x\u2069 \u061c1",
    "lone surrogates": "left \ud83d right \udc00, 😀\u00ad😀",
    "only what vanishes": "\u200b\u00ad\ufeff",
}

DOCUMENTS = {
    "prose": "Mr. J. R. Smith of Acme Inc. paid $3.50 at 5 p.m. on Jan. 3. The U.S. Army left. See Fig. 2 and no. 7, e.g."
    ' the last… or not! "Was it?" he asked. He said "No." (Twice.) Then v2.0.1 of example.com came. 1990 was cold. Yes. It was.',
    "other scripts": "今日は寒い。「本当？」と彼は言った。はい！ यह एक वाक्य है। दूसरा। هل هذا جيد؟ نعم. Привет. как дела? Хорошо. 😀 It is.",
    "titles and passages": "Ada Coyle\nAda Coyle is a potter. She was born in 1971 in Hull.\n\nHull\nHull is a city on the Humber.\n\nA last line",
    "titles under each other": "Annual report\n\nChapter 1: The year\n\nSales grew by 4 %.\n\n2. Outlook\n\nWe hope for more.\n\nEnd\n\nTail",
    "markdown": "# Pack\n\nPacks files.\n\n## Options\n\n- `-v`: says more\n- `-q`: says less,\n  or nothing\n  - inner item\n1. First\n2) Second\n\nSetup\n=====\nCopy it.\n\nMore\n---\n\n```js\nconst a = 1;\n\n}\nreturn a.b;\n```\n\n* * *\n### Empty\n",
    "markdown table": "Trails\n| Trail | Length | Hut |\n| --- | :---: | --- |\n| Larch Ridge | 11.2 km | Birk Hut |\n| Mill Brook | 5.8 km | none |\n\nAll are open.",
    "pipes without a rule": "Year | Name | Town\n1995 | Rita | Pamee\n1996 | Binita | Lakeside",
    "pipes without a header": "1995 | Rita\n1996 | Binita",
    "CSV": 'name,team,"start, year",hours\nOrsolya,Kiln,2019,38\n"Bashir, B.",Glaze,2021,20\n\nNo.;Player;Goals\n1;Ann;4\n2;Bo;7',
    "a header without rows": "| Trail | Hut |\n|---|---|\n\nDone.",
    "CSV without a header": "1,2\n3,4\n5,6",
    "commas in prose lines": "Ann, Bo and Cy went,\nsaw, and\nwon, at last.",
    "tabs": "Team\tCounty\tWins\nGreystones\tWicklow\t1\nConfey\tKildare\t2\n\nReleased\t10 October 2007\nGenre\tRock, punk",
    "aligned columns": "Description            Qty    Price\nFlour, strong, 25 kg     8   £17.40\n-----------------------------------\nYeast, dried            10    £4.15\n\nNet                         £211.00\nTo pay                      £221.55\n\nItem     Price\nTea      2.00\nCake     3.10",
    "leaders": "Contents\n\nIntroduction ........ 1\nMethod .......... 12\nIndex ____ 90",
    "keys and values": "Marlin 300 - data sheet\nLength: 3.02 m\n**Weight:** 38.6 kg\nmode = fast\n\"port\": 8080\nNote: The pump is included. So is the bag.\nhttp://example.com/a\n12:30 lunch",
    "records": "-: 11\nName: William\nParty: None\n\n-: 12\nName: Alexander\nParty: Whig\n\nName: Pat\nAge: 4\n\nName: Sam\nAge: 5\n\nOver: yes",
    "wrapped lines": "The committee met on Tuesday in the large hall and talked about\nthe new roof, which Mrs Osei said would cost more than it had\n1990. Nobody agreed. The next meeting is on the first Monday of\nMay.\nShort line\nAnother short line",
    "a log": "2024-05-01 10:00:01 INFO server: started on port 8080 in 3.2 s\n2024-05-01 10:00:02 INFO server: worker 4 of 8 has been started\n[warn] disk is at 91 % of 20 GB now and will be full\n[warn] disk is at 92 % of 20 GB now and will be full",
    "a lead-in": "You need:\n- flour\n- salt\n\nDo this:\n\n1. Mix.\n2. Bake.\n\nThen eat it. Enjoy:",
    "long units": "word " * 150 + "\n\n" + "one clause of many, " * 40 + "end.\n\n" + "x" * 1000 + "\n\n" + "長い文" * 100 + "\n\n" + "😀" * 300,
    "blank": " \n\t\n  ",
    "a title alone": "Only a title",
}

WORDS = (
    "caresses ponies ties cats feed agreed plastered bled motoring sing conflated troubled sized hopping tanned falling hissing"
    " fizzed failing filing happy sky relational conditional rational valenci digitizer conformabli radicalli vietnamization"
    " predication operator feudalism decisiveness hopefulness formaliti sensitiviti sensibiliti triplicate formative formalize"
    " electriciti electrical hopeful goodness revival allowance inference airliner gyroscopic adjustable defensible irritant"
    " replacement adjustment dependent adoption homologou communism activate angulariti effective bowdlerize probate rate cease"
    " controll roll archaeology yes youth say flying dying skies a is oed bees généralité x123"
).split()
NUMBERS = (
    "5 007 1,234 1.234 1,234.50 1.234,50 1234.5 1,234,567 1.234.567,00 3,5 3.140 0.250 0,001 2.10.2024 192.168.0.1 1,23,456"
    " 1.2.3 1234,567 12,34.5 1,234.567.8 100.000"
).split()
TEXTS = (
    "The Orléans café’s 1,250.00 MR-300-ALU7 don't ½ ﬁne 25kg don’t naïve_snake 𝒳 𐐀lpha 今日は ไทย ΟΔΟΣ İstanbul ＡＢＣ１２ 😀😀 o'clock"
)
ANSWERS = [
    ("Ada Coyle", "The chair is ada  COYLE, since 2011.", []),
    ("£1250", "We paid 1,250.00 pounds, then 1.250,00.", [(25, 34)]),
    ("1.250", "It is 1,250 or 1250 or 1.25.", []),
    ("in 1998 by Mr J. R. Smith and Bo", "Bo made it. Mr J.R. Smith sold it in 1998.", []),
    ("The PB-5519", "Quote pb-5519.", []),
    ("no", "There is no bus.", []),
    ("Ｆｕｌｌ width １２", "full WIDTH 12", []),
    ("Paris, London", "London and Paris", []),
    ("<>", "a <> b", []),
    ("again", "Again and again. 😀 Again!", [(10, 15)]),
]


def tokens(text: str) -> int:
    return (len(wide(text)) + 3) // 4


def _reading(source: str) -> dict[str, Any]:
    read = reading_text(source)
    sixteen = lambda text, at: len(wide(text[:at]))  # noqa: E731
    draw = random.Random(len(source))
    spans = sorted({tuple(sorted((draw.randint(0, len(read.text)), draw.randint(0, len(read.text))))) for _ in range(12)})
    return {
        "source": source,
        "text": read.text,
        "spans": [
            [sixteen(read.text, a), sixteen(read.text, b), *(sixteen(source, at) for at in read.to_source(a, b))]
            for a, b in spans
        ],
    }


def unit_rows(text: str) -> list[list[Any]]:
    """[start, end, kind, headings from the outermost in, header or null] of each unit."""
    units, rows = cut_units(text), []
    for i in range(len(units.start)):
        path, heading = [], units.heading[i]
        while heading >= 0:
            start, end, heading = units.headings[heading]
            path.insert(0, [start, end])
        header = list(units.headers[units.header[i]]) if units.header[i] >= 0 else None
        kind = ("sentence", "item", "row", "pair", "line")[units.kind[i]]
        rows.append([units.start[i], units.end[i], kind, path, header])
    return rows


def _selection(name: str, text: str, question: str, budget: int, attention: bool) -> dict[str, Any]:
    index = Index(text, cut_units(text))
    draw = random.Random(budget)
    weights = [draw.randint(0, 100) / 100 for _ in index.units.start] if attention else None
    quotes = select(index, question, budget, tokens, weights)
    return {
        "document": name,
        "question": question,
        "budget": budget,
        "attention": weights,
        "scores": [round(score, 9) for score in index.scores(question)],
        "quotes": [[quote.start, quote.end, round(quote.score, 9), list(quote.above)] for quote in quotes],
        "rendered": render(quotes),
    }


def _support(answer: str, source: str, quotes: list[tuple[int, int]]) -> dict[str, Any]:
    found = find_support(wide(answer), wide(source), quotes)
    parts = [[part.start, part.end, part.kind, part.source] for part in found.parts]
    return {"answer": answer, "source": source, "quotes": quotes, "found": found.source, "parts": parts, "supported": found.supported}


def cases() -> dict[str, Any]:
    documents = {name: wide(reading_text(text).text) for name, text in DOCUMENTS.items()}
    documents["everything"] = "\n\n".join(documents.values())
    questions = [
        "How heavy is the Marlin?",
        "Who is Ada Coyle and when was she born?",
        "Which trail has no hut?",
        "What did the flour cost?",
        "In which team is Bashir?",
        "How many goals did Bo score?",
        "zzz",
        "",
        "port 8080",
        "How much is the flour, and when was Mr. Smith paid?",
        "Which year did it get cold?",
        "今日",
    ]
    selections = [(name, question, 40, False) for name in documents for question in questions[:3]]
    for number, question in enumerate(questions):
        selections += [("everything", question, 24 + 40 * number % 200, False), ("everything", question, 90, True)]
    return {
        "reading": [{"name": name, **_reading(source)} for name, source in SOURCES.items()],
        "units": [
            {"name": name, "text": narrow(text), "units": unit_rows(text)}
            for name, text in documents.items()
        ],
        "stems": [[word, stem(word)] for word in WORDS],
        "numbers": [[number, plain_number(number)] for number in NUMBERS],
        "terms": [[text, terms(wide(text))] for text in [TEXTS, *TEXTS.split(" ")]],
        "asked": [[question, [list(pair) for pair in asked_terms(wide(question))]] for question in questions],
        "selections": [_selection(name, documents[name], *rest) for name, *rest in selections],
        "support": [_support(*one) for one in ANSWERS],
    }


def main(path: str) -> None:
    with open(path, "w", encoding="ascii") as file:
        kinds = [
            f"{json.dumps(kind)}: [\n" + ",\n".join(json.dumps(one, separators=(",", ":")) for one in some) + "\n]"
            for kind, some in cases().items()
        ]
        file.write("{" + ",\n".join(kinds) + "}\n")  # a case a line


if __name__ == "__main__":
    main(sys.argv[1])
