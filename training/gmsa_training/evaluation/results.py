"""Results that are kept: of each evaluation its settings, scores and command, without the records of single questions.
One JSON file a row of `plan.py`, named as the row, or as its report was."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from gmsa_training.data.jsonl import DataError
from gmsa_training.evaluation.metrics import ratio_with_interval
from gmsa_training.evaluation.plan import rows_for

_FLAGS = ("rate", "prompt", "limit", "fill", "count", "seed")
_DEFAULTS = {"prompt": "plain", "seed": 0}


def command_of(settings: dict[str, Any]) -> str:
    """The command that rebuilds a result, where DATA is the folder of the data files and RUNS that of trained models."""
    kind = settings.get("kind", "evaluate")
    needle, mixed = kind == "needle", kind == "mixed_rates"
    source = {"base": "--base", "model": "--model", "checkpoint": "--checkpoint"}[settings["source"]]
    parts = [f"python -m gmsa_training {kind} {source} {settings['weights']}"]
    parts.append(f"--{'data' if kind == 'evaluate' else 'prose'} DATA/{settings['data']}")
    if settings["task"] == "restore":
        parts.append(f"--restore --tokens {settings['tokens']}")
    elif mixed:
        parts.append(f"--rates {' '.join(map(str, settings['rates']))} --segments {settings['segments']}")
    else:
        parts.append(f"--mode {settings['task']}")
    for name in _FLAGS:
        if settings.get(name) is not None and settings[name] != _DEFAULTS.get(name):
            parts.append(f"--{name} {settings[name]}")
    if needle:
        parts.append(f"--lengths {' '.join(map(str, settings['lengths']))} --depths {settings['depths']}")
    if settings.get("unanswerable"):
        parts.append("--unanswerable")
    if settings["device"] != "cpu":
        parts.append(f"--device {settings['device']}")
    return " ".join([*parts, f"--dtype {settings['dtype']}"])


def _read(path: Path, *keys: str) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if all(key in content for key in keys):
            return content
    except (OSError, ValueError) as error:
        raise DataError(f"{path} cannot be read: {error}.") from error
    raise DataError(f"{path} is no report of an evaluation: it lacks one of {', '.join(keys)}.")


def ratios(report: dict[str, Any], reference: dict[str, Any]) -> dict[str, Any]:
    """Scores over those of the reference, on the questions that both have answered."""
    other = {(one["id"], one["question"]): one for one in reference["records"]}
    shared = [(one, other[key]) for one in report["records"] if (key := (one["id"], one["question"])) in other]
    found: dict[str, Any] = {"model": reference["settings"]["model"], "n": len(shared)}
    for name in ("em", "f1"):
        mean = ratio_with_interval([one[name] for one, _ in shared], [one[name] for _, one in shared])
        found[name] = asdict(mean) if mean else None
    return found


def collect(reports: Path, results: Path) -> list[Path]:
    """Writes a result for each report in a folder. Raises DataError for a file that is none."""
    paths = sorted(reports.glob("*.json"))
    references = {row.name: row.reference for row in rows_for(path.stem for path in paths)}
    written = []
    for path in paths:
        report = _read(path, "settings", "scores", "records")
        result = {
            "command": command_of(report["settings"]),
            "settings": report["settings"],
            "scores": report["scores"],
            "seconds": report["seconds"],
        }
        # A further measurement of a row, as by other graphs, is named ROW--WHAT.
        reference = references.get(path.stem) or references.get(path.stem.rpartition("--")[0])
        if reference and (reports / f"{reference}.json").is_file():
            result["ratio"] = ratios(report, _read(reports / f"{reference}.json", "settings", "scores", "records"))
        results.mkdir(parents=True, exist_ok=True)
        written.append(results / path.name)
        written[-1].write_text(json.dumps(result, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    return written


def read_results(folder: Path) -> dict[str, dict[str, Any]]:
    """Results by name."""
    return {path.stem: _read(path, "command", "settings", "scores") for path in sorted(folder.glob("*.json"))}
