"""Records of a run on disk, as they come, so that an interrupted run goes on where it stopped."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


class RecordFile:
    """JSON Lines: the identity of the run, then [number, record] a line. Records of another identity are dropped."""

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
        path.parent.mkdir(parents=True, exist_ok=True)
        self._write([head, *(json.dumps(item) for item in self.records.items())], "w")

    def _write(self, lines: list[str], mode: str) -> None:
        with open(self.path, mode, encoding="utf-8") as file:
            file.write("".join(f"{line}\n" for line in lines))

    def add(self, records: dict[int, dict[str, Any]]) -> None:
        self.records |= records
        if self.path:
            self._write([json.dumps(item) for item in records.items()], "a")

    def remove(self) -> None:
        """The run is over and its report written."""
        if self.path:
            self.path.unlink(missing_ok=True)
