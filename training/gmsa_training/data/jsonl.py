"""Reading JSON Lines files, plain or compressed (.gz, .xz)."""

import gzip
import json
import lzma
from collections.abc import Iterator
from pathlib import Path
from typing import Any


class DataError(ValueError):
    """A data file is missing or malformed; the message names the file and the line."""


_OPENERS = {".gz": gzip.open, ".xz": lzma.open}


def numbered_rows(path: str | Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """(line number from 1, object) of a file with one object a line; blank lines are passed over."""
    path = Path(path)
    if not path.is_file():
        raise DataError(f"There is no data file at {path}.")
    number = 0
    try:
        with _OPENERS.get(path.suffix, open)(path, "rt", encoding="utf-8") as file:
            for number, line in enumerate(file, start=1):
                if not line.strip():
                    continue
                row = json.loads(line)
                if not isinstance(row, dict):
                    raise DataError(f"{path}, line {number}, is not a JSON object.")
                yield number, row
    except json.JSONDecodeError as error:
        raise DataError(f"{path}, line {number}, is not JSON: {error}.") from error
    except (UnicodeDecodeError, EOFError, lzma.LZMAError, gzip.BadGzipFile) as error:
        raise DataError(f"{path} cannot be read after line {number}: {error}.") from error


def read_jsonl(path: str | Path) -> Iterator[dict[str, Any]]:
    """The objects of a file, one a line; blank lines are passed over."""
    return (row for _, row in numbered_rows(path))
