"""Kept results: `results/results.jsonl`, a line a measurement, without the records of single questions."""

import datetime
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from gmsa_training.data.jsonl import DataError
from gmsa_training.evaluation.metrics import ratio_with_interval

RESULTS = Path(__file__).parents[2] / "results" / "results.jsonl"


def read_report(path: Path) -> dict[str, Any]:
    """A report that `evaluate --json` wrote. Raises DataError for a file that is none."""
    try:
        report = json.loads(path.read_text(encoding="utf-8"))
        if all(key in report for key in ("settings", "scores", "records")):
            return report
    except (OSError, ValueError) as error:
        raise DataError(f"{path} cannot be read: {error}.") from error
    raise DataError(f"{path} is not a report of an evaluation: it needs settings, scores and records.")


def f1_ratio(report: dict[str, Any], reference: dict[str, Any]) -> dict[str, Any] | None:
    """The mean F1 over the reference's on the questions that both have, with a paired interval; None where it is undefined."""
    other = {(one["id"], one["question"]): one["f1"] for one in reference["records"]}
    pairs = [(one["f1"], other[key]) for one in report["records"] if (key := (one["id"], one["question"])) in other]
    mean = ratio_with_interval([own for own, _ in pairs], [its for _, its in pairs]) if pairs else None
    return asdict(mean) | {"n": len(pairs), "reference": reference["settings"]["model"]} if mean else None


def result_line(report: dict[str, Any], command: str, reference: dict[str, Any] | None = None) -> dict[str, Any]:
    """The line of results.jsonl that a report makes. reference: the report of the upper bound on the same questions."""
    metrics = {name: value for name, value in report["scores"].items() if name not in ("n", "of")}
    if reference and (ratio := f1_ratio(report, reference)):
        metrics["f1_ratio"] = ratio
    counts = {name: report["scores"][name] for name in ("n", "of")}
    today = datetime.date.today().isoformat()
    return {"date": today} | report["settings"] | counts | {"metrics": metrics, "command": command}


def append_result(path: Path, line: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "a", encoding="utf-8") as file:
        file.write(json.dumps(line, ensure_ascii=False) + "\n")


def read_results(path: Path = RESULTS) -> list[dict[str, Any]]:
    """All lines; of measurements that differ in nothing but their date, the last."""
    found: dict[tuple[Any, ...], dict[str, Any]] = {}
    for text in path.read_text(encoding="utf-8").splitlines():
        line = json.loads(text)
        found[tuple(line.get(key) for key in ("model", "runtime", "dtype", "task", "data", "mode", "prompt", "rate", "quoted", "tokens"))] = line
    return list(found.values())
