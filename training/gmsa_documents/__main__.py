"""`python -m gmsa_documents --count 5 --seed 1` prints documents with their questions."""

from __future__ import annotations

import argparse
import random

from gmsa_documents.generate import generate


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=5, help="how many documents")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--kind", help="of this kind only")
    parser.add_argument("--split", choices=("train", "validation"), default="train")
    options = parser.parse_args()
    rng = random.Random(options.seed)
    for _ in range(options.count):
        document = generate(rng, options.split, options.kind)
        print(f"===== {document.kind} / {document.layout}\n{document.text}\n-----")
        for one in document.questions:
            before = "".join(f"[{question} {answer}] " for question, answer in one.history)
            print(f"{one.kind:>9}  {before}{one.question}  →  {one.answers[0] if one.answers else '∅'}")
        print()


if __name__ == "__main__":
    main()
