"""Compares two evaluations of the same questions, such as ONNX against PyTorch: `python -m scripts.compare_answers a.json
b.json`. Reads what `evaluate --json` writes, and what the browser's `npm run eval -- --json` does."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from gmsa_training.data.jsonl import DataError


def read_records(path: str | Path) -> dict[str, dict[str, Any]]:
    """Records by question id. The browser's evaluator writes `tokenIds`."""
    try:
        records = json.loads(Path(path).read_text(encoding="utf-8"))["records"]
        return {
            one["id"]: {
                "prediction": one["prediction"],
                "f1": one["f1"],
                "ids": one["token_ids"] if "token_ids" in one else one["tokenIds"],
            }
            for one in records
        }
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"{path} is not a report of evaluated questions: {error!r}.") from error


def compare(first: dict[str, dict[str, Any]], second: dict[str, dict[str, Any]]) -> dict[str, float]:
    """Shares of tokens that agree: place by place, and before the first difference of each answer; both out of the
    longer answer's length and its end token, so that two empty answers agree. Shares of equal answers. Mean F1s."""
    if first.keys() != second.keys():
        odd = sorted(first.keys() ^ second.keys())
        raise DataError(f"The reports are not of the same questions: {odd[0]!r} is in one only ({len(odd)} in all).")
    if not first:
        raise DataError("The reports hold no questions.")
    total = places = prefixes = answers = 0
    end = None  # the end token, which the records leave out
    for key, one in first.items():
        a, b = [*one["ids"], end], [*second[key]["ids"], end]
        same = [x == y for x, y in zip(a, b)]
        total += max(len(a), len(b))
        places += sum(same)
        prefixes += same.index(False) if False in same else len(same)
        answers += one["prediction"] == second[key]["prediction"]
    f1 = [sum(one["f1"] for one in side.values()) / len(first) for side in (first, second)]
    return {
        "questions": len(first),
        "tokens_agreeing": places / total,
        "prefix_agreeing": prefixes / total,
        "equal_answers": answers / len(first),
        "f1_first": f1[0],
        "f1_second": f1[1],
        "f1_difference": f1[1] - f1[0],
    }


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("first", type=Path)
    parser.add_argument("second", type=Path)
    options = parser.parse_args(arguments)
    try:
        found = compare(read_records(options.first), read_records(options.second))
    except DataError as error:
        print(f"compare_answers: {error}", file=sys.stderr)
        return 1
    print(f"{found['questions']} questions")
    print(f"greedy tokens that agree, place by place  {100 * found['tokens_agreeing']:.1f} %")
    print(f"greedy tokens before the first difference {100 * found['prefix_agreeing']:.1f} %")
    print(f"equal answers                             {100 * found['equal_answers']:.1f} %")
    first, second, difference = (100 * found[key] for key in ("f1_first", "f1_second", "f1_difference"))
    print(f"F1 {first:.1f} and {second:.1f}, difference {difference:+.1f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
