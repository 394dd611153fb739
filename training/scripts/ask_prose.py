"""Makes questions on prose, for further training, in the form of SQuAD's paragraphs:

    python -m scripts.ask_prose --asker RUNS/asker/packed --answerer RUNS/full-prompt-typed/packed --device cuda \\
        --prose DATA/prose.wikipedia.jsonl.xz --out DATA/asked.train.jsonl.gz --count 100000

The asker (configs/asker.yaml) asks for a name, date or number of a passage; the answerer, the fine-tuned original prompt,
answers, and what it answers otherwise is dropped (roundtrip consistency, Alberti et al. 2019, "Synthetic QA Corpora
Generation with Roundtrip Consistency"). On several GPUs, start one for each with another --seed and join the files."""

from __future__ import annotations

import argparse
import gzip
import itertools
import json
import random
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gmsa_training.data.jsonl import DataError
from gmsa_training.data.prose import ProseSource
from gmsa_training.data.questions.cloze import answer_spans, sentences_of
from gmsa_training.data.questions.source import CHARACTERS_PER_TOKEN
from gmsa_training.data.samples import ASKING_TEMPLATE
from gmsa_training.data.training_data import read_prose, refuse_measuring_files
from gmsa_training.evaluation.inference import DecoderInput, Gmsa, InferenceError
from gmsa_training.evaluation.metrics import f1, first_line, holds_answer
from gmsa_training.evaluation.runtimes import BATCH_SIZES, checkpoint_runtime

_PASSAGE_TOKENS = (60, 220)  # shortest and longest passage, about as in SQuAD
_ANSWERS = 5  # of a passage, each of another sentence
_QUESTION_TOKENS = 40
_POSITIONS = 320  # of the longest passage with a question and its answer, about
_CHUNK = 2  # full batches of passages that are asked together
_AGREED = 0.8  # F1 of the answer that was given with the one that was asked for
_WORDS = (4, 30)  # of a question


@dataclass(frozen=True)
class Passage:
    text: str
    answers: tuple[str, ...]
    title: str = ""


def passages(prose: ProseSource, draw: random.Random) -> Iterator[Passage]:
    """Endless passages that hold at least one answer. An answer of a passage occurs in it once."""
    while True:
        title, text = prose.titled_passage(draw, draw.uniform(*_PASSAGE_TOKENS) * CHARACTERS_PER_TOKEN)
        sentences = sentences_of(text)
        draw.shuffle(sentences)
        answers: list[str] = []
        for sentence in sentences:
            spans = answer_spans(sentence)
            if spans and len(answers) < _ANSWERS:
                span = draw.choice(spans)
                answer = sentence[span.start : span.end]
                if text.count(answer) == 1:
                    answers.append(answer)
        if answers:
            yield Passage(text, tuple(answers), title)


def is_kept(question: str, answer: str, given: str) -> bool:
    """Whether a question is one, does not tell its answer, and is answered with it."""
    words = len(question.split())
    is_question = question.endswith("?") and _WORDS[0] <= words <= _WORDS[1]
    return is_question and not holds_answer(question, [answer]) and f1(given, [answer]) >= _AGREED


@dataclass(frozen=True)
class Asked:
    """ids: the passage's tokens."""

    passage: Passage
    question: str
    answer: str
    ids: Sequence[int]


class Asker:
    """Both models, over the tokens of the passages."""

    def __init__(self, asker: Gmsa, answerer: Gmsa, template: str) -> None:
        for name, one in (("asker", asker), ("answerer", answerer)):
            if one.config.method != "full":
                raise InferenceError(f"The {name} has method {one.config.method!r}; it must be 'full', a model that reads the text itself.")
        self.asker, self.answerer, self.template = asker, answerer, template

    def ask(self, chunk: Sequence[Passage]) -> list[dict[str, Any]]:
        """Paragraphs with the questions that are kept; those without any are left out."""
        return self.kept(self.questions(chunk))

    def questions(self, chunk: Sequence[Passage]) -> list[Asked]:
        """A question for each answer of the passages."""
        ids = [[token for segment in self.asker.segments(one.text) for token in segment.ids] for one in chunk]
        wanted = [(number, answer) for number, one in enumerate(chunk) for answer in one.answers]
        prompts = self.asker.encode([self.template.replace("{answer}", answer) for _, answer in wanted])
        prefix = self.asker.config.prefix_ids
        inputs = [DecoderInput([*prefix, *ids[number]], [], prompt, _QUESTION_TOKENS) for (number, _), prompt in zip(wanted, prompts)]
        generated = self.asker.generate(inputs)
        questions = [first_line(self.asker.decode(one.token_ids)) for one in generated]
        return [Asked(chunk[number], question, answer, ids[number]) for (number, answer), question in zip(wanted, questions, strict=True)]

    def kept(self, asked: Sequence[Asked]) -> list[dict[str, Any]]:
        """Paragraphs with those of the questions, which are in the order of their passages, that are answered as meant."""
        replies = self.answerer.generate([self.answerer.question_input(one.question, (), one.ids) for one in asked])
        rows: list[dict[str, Any]] = []
        for passage, of_passage in itertools.groupby(zip(asked, replies, strict=True), lambda pair: pair[0].passage):
            given = [(one, first_line(self.answerer.decode(reply.token_ids))) for one, reply in of_passage]
            found = [one for one, reply in given if is_kept(one.question, one.answer, reply)]
            turns = [{"id": None, "question": one.question, "answers": [one.answer]} for one in found]
            if turns:
                rows.append({"title": passage.title, "text": passage.text, "qas": turns})
        return rows


def chunks(found: Iterator[Passage], questions: int) -> Iterator[list[Passage]]:
    """Lists of passages that have so many questions, or a few more."""
    chunk: list[Passage] = []
    count = 0
    for one in found:
        chunk.append(one)
        count += len(one.answers)
        if count >= questions:
            yield chunk
            chunk, count = [], 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m scripts.ask_prose", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--asker", type=Path, required=True, help="packed weights of configs/asker.yaml")
    parser.add_argument("--answerer", type=Path, required=True, help="packed weights of configs/full-prompt.yaml")
    parser.add_argument("--prose", type=Path, nargs="+", required=True, help="prose that may be trained on")
    parser.add_argument("--out", type=Path, required=True, help="a file that is not there yet: .jsonl.gz")
    parser.add_argument("--count", type=int, help="ends with so many questions")
    parser.add_argument("--seconds", type=float, help="begins nothing further after so many, once the models are loaded")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--batch-size", type=int, help="rows a batch (default 16, on cuda 1024)")
    return parser


def main(arguments: list[str] | None = None) -> int:
    parser = _parser()
    options = parser.parse_args(arguments)
    for name in ("count", "seconds", "batch_size"):
        if (value := getattr(options, name)) is not None and value <= 0:
            parser.error(f"--{name.replace('_', '-')} must be above 0.")
    if not (options.count or options.seconds):
        parser.error("Give --count or --seconds; prose does not end.")
    if options.out.exists():
        parser.error(f"{options.out} is there already; choose another --out.")
    batch_size = options.batch_size or BATCH_SIZES[options.device]
    try:
        refuse_measuring_files(path.name for path in options.prose)
        prose, _ = read_prose(options.prose)
        if prose is None:
            raise DataError("The prose files hold no text.")
        asker = Gmsa(checkpoint_runtime(options.asker, options.device), batch_size)
        answerer = Gmsa(checkpoint_runtime(options.answerer, options.device), batch_size)
        for one in (asker, answerer):
            # Short rows of one length: a batch may be larger than where contexts of all lengths are read.
            one.runtime.max_positions = max(one.runtime.max_positions, batch_size * _POSITIONS)
        models = Asker(asker, answerer, ASKING_TEMPLATE)
    except (DataError, InferenceError, OSError, ValueError) as error:
        print(f"ask_prose: {error}", file=sys.stderr)
        return 1
    started, asked, kept = time.monotonic(), 0, 0
    partial = options.out.with_name(options.out.name + ".partial")
    with gzip.open(partial, "wt", encoding="utf-8") as file:
        for chunk in chunks(passages(prose, random.Random(options.seed)), _CHUNK * batch_size):
            up = options.seconds and time.monotonic() - started >= options.seconds
            if up or (options.count and kept >= options.count):
                break
            rows = models.ask(chunk)
            file.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
            asked += sum(len(one.answers) for one in chunk)
            kept += sum(len(row["qas"]) for row in rows)
            print(f"{kept} of {asked} questions kept, {time.monotonic() - started:.0f} s", file=sys.stderr, flush=True)
    partial.replace(options.out)
    print(f"{options.out}: {kept} questions, {100 * kept / max(1, asked):.0f} % of those that were asked")
    return 0


if __name__ == "__main__":
    sys.exit(main())
