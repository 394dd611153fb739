"""Measures a model on questions or on the restoration of prose:

    python -m gmsa_training.evaluate --model ../models/NAME --data squad.dev.jsonl.gz --rate 4 --limit 500
    python -m gmsa_training.evaluate --checkpoint run/packed --device cuda --data squad.dev.jsonl.gz --mode full
    python -m gmsa_training.evaluate --model ../models/NAME --data prose.heldout.jsonl.gz --restore --tokens 512

Decoding is greedy; of an answer the first line is scored."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from gmsa_training import metrics
from gmsa_training.export import ExportError
from gmsa_training.inference import Gmsa, InferenceError, Runtime
from gmsa_training.jsonl import DataError
from gmsa_training.metrics import Mean, mean_with_interval
from gmsa_training.qa_data import Document, EvaluationQuestion, read_documents, read_questions

MODES = ("gmsa", "full", "closed")
_BATCH_SIZES = {"cpu": 16, "cuda": 256}


def _reporter(what: str, enabled: bool) -> Callable[[int, int], None]:
    """Prints progress, at most every five seconds."""
    last = time.monotonic()

    def report(done: int, total: int) -> None:
        nonlocal last
        if enabled and time.monotonic() - last > 5:
            last = time.monotonic()
            print(f"{what}: {done} of {total}", file=sys.stderr, flush=True)

    return report


def evaluate_questions(
    gmsa: Gmsa, questions: list[EvaluationQuestion], mode: str, rate: int, progress: bool = False
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """mode: `gmsa` (soft tokens), `full` (the context's own tokens in their place) or `closed` (neither). Gives scores
    and one record a question, in order. A context that several questions share is compressed once."""
    contexts = list(dict.fromkeys(question.context for question in questions)) if mode != "closed" else []
    segments = {text: [segment.ids for segment in gmsa.segments(text)] for text in contexts}
    soft: dict[str, list[Any]] = {}
    if mode == "gmsa":
        compressed = iter(
            gmsa.compress([ids for text in contexts for ids in segments[text]], rate, _reporter("segments", progress))
        )
        soft = {text: [next(compressed) for _ in segments[text]] for text in contexts}
    inputs = [
        gmsa.question_input(
            one.question,
            soft.get(one.context, ()),
            [token for ids in segments[one.context] for token in ids] if mode == "full" else (),
        )
        for one in questions
    ]
    generated = gmsa.generate(inputs, _reporter("questions", progress))
    records = []
    for one, output in zip(questions, generated, strict=True):
        prediction = metrics.first_line(gmsa.decode(output.token_ids))
        record = {"id": one.id, "question": one.question, "answers": list(one.answers), "prediction": prediction}
        record |= {"token_ids": output.token_ids, "em": metrics.exact_match(prediction, one.answers)}
        record |= {"f1": metrics.f1(prediction, one.answers), "accuracy": metrics.accuracy(prediction, one.answers)}
        records.append(record)
    scores: dict[str, Any] = {
        name: asdict(mean_with_interval([one[name] for one in records])) for name in ("em", "f1", "accuracy")
    }
    scores["n"] = len(records)
    scores["mean_context_tokens"] = sum(len(ids) for one in questions for ids in segments.get(one.context, ())) / len(
        questions
    )
    scores["mean_soft_tokens"] = sum(len(ids) for one in questions for ids in soft.get(one.context, ())) / len(
        questions
    )
    return scores, records


def windows(
    gmsa: Gmsa, documents: list[Document], tokens: int, limit: int | None
) -> list[tuple[Document, list[list[int]]]]:
    """The first `tokens` tokens of each document that is long enough: one segment if the segment length allows it,
    else the segments of their text."""
    found = []
    for document in documents:
        if limit is not None and len(found) >= limit:
            break
        (ids,) = gmsa.encode([document.text])
        if len(ids) < tokens:
            continue
        ids = ids[:tokens]
        whole = tokens <= gmsa.config.segment_length
        found.append((document, [ids] if whole else [segment.ids for segment in gmsa.segments(gmsa.decode(ids))]))
    return found


def evaluate_restoration(
    gmsa: Gmsa, documents: list[Document], tokens: int, rate: int, limit: int | None = None, progress: bool = False
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Compresses and restores windows of `tokens` tokens. Gives scores and one record a window."""
    chosen = windows(gmsa, documents, tokens, limit)
    if not chosen:
        raise DataError(f"No document has {tokens} tokens.")
    flat = [ids for _, segments in chosen for ids in segments]
    soft = gmsa.compress(flat, rate, _reporter("segments", progress))
    inputs = [gmsa.restore_input(one, len(ids)) for one, ids in zip(soft, flat)]
    restored = iter(gmsa.generate(inputs, _reporter("restored", progress)))
    predictions = [[token for _ in segments for token in next(restored).token_ids] for _, segments in chosen]
    references = [[token for ids in segments for token in ids] for _, segments in chosen]
    texts = [
        (gmsa.decode(prediction), gmsa.decode(reference)) for prediction, reference in zip(predictions, references)
    ]
    corpus, each = metrics.token_bleu(predictions, references)
    prefixes = [metrics.prefix_match(prediction, reference) for prediction, reference in zip(predictions, references)]
    scores: dict[str, Any] = {
        "token_bleu": corpus,
        "token_bleu_per_text": asdict(mean_with_interval(each)),
        "sacrebleu": metrics.text_bleu(*(list(side) for side in zip(*texts))),
        "prefix_em": asdict(mean_with_interval(prefixes)),
        "n": len(chosen),
        "tokens": tokens,
    }
    records = [
        {
            "source": document.source,
            "text": reference,
            "restored": prediction,
            "token_ids": ids,
            "token_bleu": bleu,
            "prefix_em": prefix,
        }
        for (document, _), (prediction, reference), ids, bleu, prefix in zip(chosen, texts, predictions, each, prefixes)
    ]
    return scores, records


def _lines(scores: dict[str, Any]) -> list[str]:
    names = {"em": "EM", "f1": "F1", "accuracy": "Acc", "token_bleu": "token BLEU-4, corpus"}
    names |= {"token_bleu_per_text": "token BLEU-4, per text", "sacrebleu": "sacrebleu", "prefix_em": "Prefix EM"}
    lines = []
    for key, label in names.items():
        value = scores.get(key)
        if isinstance(value, dict):
            lines.append(f"{label:<24}{Mean(**value).percent()}")
        elif value is not None:
            lines.append(f"{label:<24}{100 * value:.1f}")
    if scores.get("mean_soft_tokens"):
        before, after = scores["mean_context_tokens"], scores["mean_soft_tokens"]
        lines.append(f"{'tokens -> soft tokens':<24}{before:.0f} -> {after:.0f} (mean)")
    return lines


def load_runtime(options: argparse.Namespace) -> Runtime:
    # Either one alone suffices, and importing both takes seconds.
    if options.model:
        from gmsa_training.onnx_runtime import OnnxRuntime

        return OnnxRuntime(options.model, options.dtype or "q4")
    import torch

    from gmsa_training.export.reload import load_model
    from gmsa_training.torch_runtime import TorchRuntime

    model, tokenizer, _ = load_model(options.checkpoint)
    dtype = {"fp32": torch.float32, "bf16": torch.bfloat16}[options.dtype or "fp32"]
    return TorchRuntime(model, tokenizer, options.device, dtype)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m gmsa_training.evaluate",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--model", type=Path, help="a model folder; its ONNX graphs run on the CPU")
    source.add_argument(
        "--checkpoint",
        type=Path,
        help="a folder of packed weights, or a model folder; runs in PyTorch with the grids on",
    )
    parser.add_argument(
        "--data",
        type=Path,
        required=True,
        help="questions, SQuAD paragraphs or (with --restore) prose: .jsonl, .gz, .xz",
    )
    parser.add_argument("--rate", type=int, help="tokens a soft token; the model's default otherwise")
    parser.add_argument("--limit", type=int, help="the first so many questions or documents")
    parser.add_argument(
        "--mode", choices=MODES, default="gmsa", help="compressed context, original prompt, or no context"
    )
    parser.add_argument("--restore", action="store_true", help="measures restoration instead of answers")
    parser.add_argument("--tokens", type=int, default=512, help="tokens of a restored window (default 512)")
    parser.add_argument(
        "--dtype",
        choices=("q4", "fp32", "q4f16", "bf16"),
        help="--model: q4 (default), fp32, q4f16; --checkpoint: fp32 (default), bf16",
    )
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu", help="of --checkpoint")
    parser.add_argument("--batch-size", type=int, help="rows a batch (default 16, on cuda 256)")
    parser.add_argument("--json", type=Path, help="writes settings, scores and one record a question")
    return parser


def _check(parser: argparse.ArgumentParser, options: argparse.Namespace) -> None:
    kinds = ("q4", "fp32", "q4f16") if options.model else ("fp32", "bf16")
    if options.dtype and options.dtype not in kinds:
        other = "--checkpoint" if options.model else "--model"
        parser.error(f"--dtype {options.dtype} is for {other}; choose from {', '.join(kinds)}.")
    if options.model and options.device != "cpu":
        parser.error("--device cuda needs --checkpoint; ONNX graphs run on the CPU here.")
    for name in ("limit", "tokens", "batch_size", "rate"):
        if (value := getattr(options, name)) is not None and value < 1:
            parser.error(f"--{name.replace('_', '-')} must be at least 1.")


def run(options: argparse.Namespace) -> dict[str, Any]:
    started = time.monotonic()
    runtime = load_runtime(options)
    gmsa = Gmsa(runtime, options.batch_size or _BATCH_SIZES[options.device])
    rate = options.rate or runtime.config.default_rate
    loaded = time.monotonic()
    if options.restore:
        scores, records = evaluate_restoration(
            gmsa, list(read_documents(options.data)), options.tokens, rate, options.limit, True
        )
    else:
        scores, records = evaluate_questions(
            gmsa, read_questions(options.data, options.limit), options.mode, rate, True
        )
    settings = {
        "model": (options.model or options.checkpoint).resolve().name,
        "runtime": "onnx" if options.model else "torch",
        "dtype": options.dtype or ("q4" if options.model else "fp32"),
        "device": options.device,
        "data": options.data.name,
        "task": "restore" if options.restore else options.mode,
        "rate": rate,
        "limit": options.limit,
        "batch_size": gmsa.batch_size,
    }
    seconds = {"load": round(loaded - started, 1), "run": round(time.monotonic() - loaded, 1)}
    return {"settings": settings, "scores": scores, "seconds": seconds, "records": records}


def main(arguments: list[str] | None = None) -> int:
    parser = _parser()
    options = parser.parse_args(arguments)
    _check(parser, options)
    try:
        report = run(options)
    except (DataError, ExportError, InferenceError) as error:
        print(f"evaluate: {error}", file=sys.stderr)
        return 1
    settings, scores = report["settings"], report["scores"]
    task = f"restoration of {scores['tokens']} tokens" if options.restore else f"mode {settings['task']}"
    print(
        f"{settings['model']} ({settings['runtime']}, {settings['dtype']}) on {settings['data']}: "
        f"{task}, rate {settings['rate']}, n = {scores['n']}, {report['seconds']['run']} s; percent [95 % interval]"
    )
    print("\n".join(_lines(scores)))
    if options.json:
        options.json.write_text(json.dumps(report, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
