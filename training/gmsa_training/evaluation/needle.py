"""Asks for a made-up fact that stands somewhere in long held-out prose, by length and depth:

    python -m gmsa_training needle --checkpoint RUN/packed --device cuda --prose prose.heldout.jsonl.gz --rate 8 \\
        --json needle.json --plot needle.svg

An interrupted run with --json goes on when it is started again. --write writes the questions for other evaluators."""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from gmsa_training.data.qa_data import read_documents
from gmsa_training.evaluation import measurement
from gmsa_training.evaluation.inference import Gmsa, InferenceError
from gmsa_training.evaluation.metrics import mean_with_interval
from gmsa_training.evaluation.needles import Haystack, Needle, make_needles, write_needles
from gmsa_training.evaluation.plan import PROMPT_POSITIONS
from gmsa_training.evaluation.plots import plot_needles
from gmsa_training.evaluation.questions import evaluate_questions
from gmsa_training.evaluation.reading import MODES
from gmsa_training.evaluation.record_file import RecordFile, finish_report, partial_path
from gmsa_training.evaluation.runtimes import (
    add_model_options,
    check_model_options,
    identity_of,
    model_settings,
)
from gmsa_training.evaluation.time_limit import TimeLimit

LENGTHS = (4096, 8192, 16384, 32768)
DEPTHS = 10


def parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m gmsa_training needle", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add_model_options(parser)
    parser.add_argument("--prose", type=Path, required=True, help="held-out prose to hide the facts in")
    parser.add_argument("--rate", type=int, default=8, help="tokens a soft token (default 8)")
    parser.add_argument("--mode", choices=MODES, default="gmsa", help="what is read in the place of the context")
    parser.add_argument("--prompt", choices=("plain", "chat"), default="plain", help="as of evaluate")
    parser.add_argument(
        "--lengths", type=int, nargs="+", default=list(LENGTHS), help="tokens of a context (default 4096 … 32768)"
    )
    parser.add_argument("--depths", type=int, default=DEPTHS, help="places from beginning to end (default 10)")
    parser.add_argument("--count", type=int, default=10, help="questions a length and depth (default 10)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--seconds", type=float, help="begins nothing further after so many, once the model is loaded; the same command goes on"
    )
    parser.add_argument("--json", type=Path, help="writes settings, scores and one record a question")
    parser.add_argument("--plot", type=Path, help="writes a heat map, .svg or .png")
    parser.add_argument("--write", type=Path, help="writes the questions, JSON Lines")
    return parser


def check(parser: argparse.ArgumentParser, options: argparse.Namespace) -> None:
    check_model_options(parser, options)
    if min(options.depths, options.count, options.rate, *options.lengths) < 1:
        parser.error("--depths, --count, --rate and --lengths must be at least 1.")
    if options.seconds is not None and options.seconds <= 0:
        parser.error("--seconds must be above 0.")
    if options.base and options.mode == "gmsa":
        parser.error("--base knows no soft tokens; choose another --mode.")
    if options.prompt == "chat" and options.mode == "gmsa":
        parser.error("--prompt chat is for a context's own tokens.")


def needle_scores(needles: list[Needle], records: list[dict[str, Any]], over_window: list[int]) -> dict[str, Any]:
    """Accuracy in all, by length, and by length and depth. over_window: lengths that the decoder cannot read so."""
    cells: dict[int, dict[float, list[float]]] = {}
    by_id = {one.question.id: one for one in needles}
    for record in records:
        one = by_id[record["id"]]
        cells.setdefault(one.length, {}).setdefault(one.depth, []).append(record["accuracy"])
    lengths = [
        {
            "length": length,
            "n": sum(map(len, depths.values())),
            "accuracy": asdict(mean_with_interval([value for values in depths.values() for value in values])),
            "depths": [
                {"depth": depth, "n": len(values), "accuracy": sum(values) / len(values)}
                for depth, values in sorted(depths.items())
            ],
        }
        for length, depths in sorted(cells.items())
    ]
    return {"lengths": lengths, "over_window": over_window}


def settings_of(options: argparse.Namespace) -> dict[str, Any]:
    """What a report says of how it was measured."""
    return model_settings(options) | {
        "data": options.prose.name,
        "task": options.mode,
        "kind": "needle",
        "prompt": options.prompt,
        "rate": None if options.mode in ("full", "closed") else options.rate,
        "lengths": options.lengths,
        "depths": options.depths,
        "count": options.count,
        "seed": options.seed,
    }


def evaluate(gmsa: Gmsa, options: argparse.Namespace) -> dict[str, Any]:
    """The report: settings, scores, seconds and records. options: checked ones of `parser`."""
    started, limit = time.monotonic(), TimeLimit(options.seconds)
    # A segment may end in a group that is not full.
    share = {"full": 1.0, "closed": 0.0}.get(options.mode, 1 / options.rate + 2 / gmsa.config.segment_length)
    fitting = [n for n in options.lengths if share * n + PROMPT_POSITIONS <= gmsa.config.window]
    over = [n for n in options.lengths if n not in fitting]
    if not fitting:
        raise InferenceError(f"No context of {min(over)} tokens fits into the window of {gmsa.config.window}.")
    haystack = Haystack([one.text for one in read_documents(options.prose)], gmsa.encode)
    depths = [i / max(1, options.depths - 1) for i in range(options.depths)]
    needles = make_needles(haystack, fitting, depths, options.count, options.seed)
    if options.write:
        write_needles(needles, options.write)
    settings = settings_of(options)
    identity = identity_of(settings, options.model, options.checkpoint, options.prose)
    file = RecordFile(partial_path(options.json), identity)
    scores, records = evaluate_questions(
        gmsa,
        [one.question for one in needles],
        options.mode,
        options.rate,
        True,
        chat=options.prompt == "chat",
        file=file,
        limit=limit,
    )
    scores |= needle_scores(needles, records, over)
    report = finish_report(settings, scores, records, started, options.json, file)
    if options.plot:
        plot_needles(report, options.plot)
    return report


def print_report(report: dict[str, Any]) -> None:
    settings, scores = report["settings"], report["scores"]
    rate = f", rate {settings['rate']}" if settings["rate"] else ""
    print(f"{settings['model']}: needles, mode {settings['task']}{rate}, {report['seconds']} s; accuracy in percent")
    for one in scores["lengths"]:
        cells = " ".join(f"{100 * cell['accuracy']:4.0f}" for cell in one["depths"])
        mean = one["accuracy"]
        print(
            f"{one['length']:>6} tokens, n = {one['n']:<4} {100 * mean['value']:5.1f} "
            f"[{100 * mean['low']:.1f}, {100 * mean['high']:.1f}]   by depth: {cells}"
        )
    for length in scores["over_window"]:
        print(f"{length:>6} tokens: over the window")
    sys.stdout.flush()


def main(arguments: list[str] | None = None) -> int:
    return measurement.run(sys.modules[__name__], arguments)


if __name__ == "__main__":
    sys.exit(main())
