"""Records of a run on disk, as they come, so that an interrupted run goes on where it stopped."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any


class RecordFile:
    """JSON Lines: the identity of the run, then [number, record] a line. Records of another identity are set aside."""

    def __init__(self, path: Path | None, identity: dict[str, Any]) -> None:
        """path: None keeps the records in memory alone."""
        self.path = path
        self.records: dict[int, dict[str, Any]] = {}
        if path is None:
            return
        head = json.dumps(identity, sort_keys=True)
        lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
        if lines and lines[0] == head:
            for line in lines[1:]:
                try:
                    number, record = json.loads(line)
                except ValueError:  # the line that was being written
                    break
                self.records[number] = record
        elif len(lines) > 1:
            path.replace(path.with_name(path.name + ".other"))
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, "".join(f"{line}\n" for line in [head, *map(json.dumps, self.records.items())]))

    def add(self, records: dict[int, dict[str, Any]]) -> None:
        self.records |= records
        if self.path:
            with open(self.path, "a", encoding="utf-8") as file:
                file.write("".join(f"{json.dumps(item)}\n" for item in records.items()))

    def remove(self) -> None:
        """The run is over and its report written."""
        if self.path:
            self.path.unlink(missing_ok=True)


def write_report(path: Path, report: dict[str, Any], file: RecordFile) -> None:
    """Writes a report, whole or not at all, and lets go of its records if they are all there (`n` of `of`)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, json.dumps(report, ensure_ascii=False, indent=1) + "\n")
    if report["scores"]["n"] == report["scores"]["of"]:
        file.remove()


def finish_report(
    settings: dict[str, Any], scores: dict[str, Any], records: Any, started: float, path: Path | None, file: RecordFile
) -> dict[str, Any]:
    """The report of a measurement that began at `started` (monotonic seconds), written where there is a path."""
    report = {"settings": settings, "scores": scores, "seconds": round(time.monotonic() - started, 1), "records": records}
    if path:
        write_report(path, report, file)
    return report


def partial_path(path: Path | None) -> Path | None:
    """Where the records of a report are kept until it is complete."""
    return path and path.with_name(path.name + ".partial")


def write_whole(path: Path, text: str) -> None:
    """Leaves the old file if writing fails."""
    new = path.with_name(path.name + ".new")
    new.write_text(text, encoding="utf-8")
    new.replace(path)
