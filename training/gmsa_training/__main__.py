"""`python -m gmsa_training COMMAND …`."""

from __future__ import annotations

import importlib
import sys

# Imported only when asked for: some take seconds to load.
_COMMANDS = {
    "train": "gmsa_training.training.train",
    "average": "gmsa_training.training.average",
    "runs": "gmsa_training.training.runs",
    "loss_plot": "gmsa_training.training.loss_plot",
    "ask_prose": "gmsa_training.asking.ask_prose",
    "export": "gmsa_training.export.__main__",
    "evaluate": "gmsa_training.evaluation.evaluate",
    "needle": "gmsa_training.evaluation.needle",
    "mixed_rates": "gmsa_training.evaluation.mixed_rates",
    "suite": "gmsa_training.evaluation.suite",
    "report": "gmsa_training.evaluation.report",
    "agreement": "gmsa_training.evaluation.agreement",
    "fixture": "gmsa_training.fixture.make_fixture",
}


def main(arguments: list[str]) -> int:
    if not arguments or arguments[0] not in _COMMANDS:
        print(f"usage: python -m gmsa_training {{{','.join(_COMMANDS)}}} …  (each takes --help)", file=sys.stderr)
        return 0 if arguments[:1] in (["--help"], ["-h"]) else 2
    return importlib.import_module(_COMMANDS[arguments[0]]).main(arguments[1:]) or 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
