"""`gmsa-train COMMAND …`, or `python -m gmsa_training COMMAND …`."""

import importlib
import sys

# Imported only when asked for: some take seconds to load.
_COMMANDS = {
    "train": "gmsa_training.training.train",
    "average": "gmsa_training.training.averaging",
    "evaluate": "gmsa_training.evaluation.evaluate",
    "export": "gmsa_training.export.exporter",
}


def main() -> int:
    arguments = sys.argv[1:]
    if not arguments or arguments[0] not in _COMMANDS:
        print(f"usage: gmsa-train {{{','.join(_COMMANDS)}}} …  (each takes --help)", file=sys.stderr)
        return 0 if arguments[:1] in (["--help"], ["-h"]) else 2
    return importlib.import_module(_COMMANDS[arguments[0]]).main(arguments[1:])


if __name__ == "__main__":
    sys.exit(main())
