"""What the commands that measure one model have in common."""

from __future__ import annotations

import argparse
import sys
from typing import Any, Protocol

from gmsa_training.data.jsonl import DataError
from gmsa_training.evaluation.inference import Gmsa, InferenceError
from gmsa_training.evaluation.runtimes import load_runtime
from gmsa_training.export import ExportError


class Measurement(Protocol):
    """A module such as `evaluate`, `needle` or `mixed_rates`."""

    def parser(self) -> argparse.ArgumentParser: ...

    def check(self, parser: argparse.ArgumentParser, options: argparse.Namespace) -> None:
        """Ends the process with a message where the options contradict each other."""

    def evaluate(self, gmsa: Gmsa, options: argparse.Namespace) -> dict[str, Any]:
        """The report. options: checked ones of `parser`."""

    def print_report(self, report: dict[str, Any]) -> None: ...


def run(measurement: Measurement, arguments: list[str] | None) -> int:
    """Measures as the command line says, and prints the report; gives the exit code."""
    parser = measurement.parser()
    options = parser.parse_args(arguments)
    measurement.check(parser, options)
    try:
        gmsa = Gmsa(load_runtime(options), options.batch_size)
        measurement.print_report(measurement.evaluate(gmsa, options))
    except (DataError, ExportError, InferenceError) as error:
        print(f"{parser.prog.split()[-1]}: {error}", file=sys.stderr)
        return 1
    return 0
