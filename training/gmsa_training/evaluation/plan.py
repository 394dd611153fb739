"""All evaluations of a trained model and of what it is compared with: the rows of docs/results.md."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

# File -> questions and mean tokens of a context, which give the cost of a row.
SETS = {
    "squad.dev.jsonl.gz": (10570, 165),
    "squadshifts_new_wiki.test.jsonl.gz": (4000, 170),
    "nq_oracle.test.jsonl.gz": (2655, 120),
    "2wikimqa.test.jsonl.gz": (164, 1100),
    "hotpotqa.test.jsonl.gz": (1200, 1400),
    "squad_10doc.test.jsonl.gz": (2000, 1700),
    "nq_10doc.test.jsonl.gz": (2655, 1500),
}
NOTES = {
    "squad": "SQuAD v1.1 dev, one paragraph.",
    "squadshifts_new_wiki": "SQuADShifts, new Wikipedia articles: out of the sample that was trained on.",
    "nq_oracle": "NaturalQuestions dev, the gold passage alone.",
    "2wikimqa": "2WikiMultihopQA, 10 paragraphs, a small subset.",
    "hotpotqa": "HotpotQA, distractor setting, 10 paragraphs, a subset of dev.",
    "squad_10doc": "SQuAD dev questions, the paragraph among nine others.",
    "nq_10doc": "NaturalQuestions dev, the gold passage among its nine lexically nearest that do not hold the answer: a "
    "proxy of the paper's retrieved passages.",
}
LONG_SETS = ("squad_10doc.test.jsonl.gz", "nq_10doc.test.jsonl.gz", "hotpotqa.test.jsonl.gz")
UNANSWERABLE_SETS = ("squad.dev.jsonl.gz", "squad_10doc.test.jsonl.gz", "nq_10doc.test.jsonl.gz")
PROSE = "prose.heldout.jsonl.gz"
LONG_LENGTHS = (4096, 8192, 16384, 32768)
LONG_LIMIT = 300
RATES = (2, 4, 8)
_WINDOW = 8192
PROMPT_POSITIONS = 128  # that a prompt, an answer and the ends of segments take beside a filled context
_COMPARED_RATES = (4, 8)
# Models: what is trained, the original prompt fine-tuned, compression tokens, what is trained with no more data and steps
# than those had, and the base model as it is.
GMSA, FULL, TCP, EQUAL, BASE = "gmsa", "full", "tcp", "equal", "base"
SECTIONS = ("questions", "restoration", "unanswerable", "needle", "long")


# What is measured first, and why, so that a run that is cut off has what a verdict needs. Rows of one line, and then all
# others, come in the order of their cost.
PRIORITIES: tuple[tuple[str, tuple[str, ...]], ...] = (
    (
        "whether soft tokens answer as the text does",
        ("questions--squad--GMSA-[48]x", "questions--squad--fine-tuned-full-prompt"),
    ),
    (
        "whether they do among many passages, and in a set of another kind",
        (
            "questions--squad_10doc--GMSA-4x",
            "questions--squad_10doc--fine-tuned-full-prompt",
            "questions--nq_oracle--GMSA-4x",
            "questions--nq_oracle--fine-tuned-full-prompt",
        ),
    ),
    (
        "whether a text without the answer is told from one with it",
        ("unanswerable--*--GMSA-4x", "questions--nq_10doc--GMSA-4x"),
    ),
    ("how much of the text is left", ("restoration--512--GMSA-[48]x",)),
    ("whether a fact is found in a long text", ("needle--needle--GMSA-8x",)),
)
_OTHERS = "everything else"


@dataclass(frozen=True)
class Row:
    """One evaluation. label: what reads the context; arguments: of `command`, without model and device.
    cost: tokens that the decoder reads or writes, roughly."""

    section: str
    group: str
    model: str
    label: str
    arguments: dict[str, Any]
    cost: float
    command: str = "evaluate"
    reference: str | None = field(default=None)  # name of the row that its F1 is divided by

    @property
    def name(self) -> str:
        label = self.label.replace(", ", "-").replace(" ", "-")
        return f"{self.section}--{self.group}--{label}"

    @property
    def priority(self) -> int:
        """The place among PRIORITIES, or behind them."""
        fitting = (i for i, (_, names) in enumerate(PRIORITIES) if any(fnmatchcase(self.name, one) for one in names))
        return next(fitting, len(PRIORITIES))

    @property
    def purpose(self) -> str:
        return [*(reason for reason, _ in PRIORITIES), _OTHERS][self.priority]


def in_order(rows: Iterable[Row]) -> list[Row]:
    """What matters most first, then the quickest."""
    return sorted(rows, key=lambda row: (row.priority, row.cost))


def _cost(count: int, read: float, handled: float = 0) -> float:
    """count: questions. read: of a context by the decoder. handled: tokens of a context that are encoded, in about a
    quarter of the decoder's layers, or searched."""
    return count * (read + handled / 4 + 40)  # prompt and answer


def short(data: str) -> str:
    return data.split(".")[0]


def _readings(rates: tuple[int, ...]) -> list[tuple[str, str, dict[str, Any], float]]:
    """(model, label, arguments, share of the context that the decoder reads), for the comparison on questions."""
    found: list[tuple[str, str, dict[str, Any], float]] = [
        (BASE, "zero-shot, chat", {"mode": "full", "prompt": "chat"}, 1),
        (BASE, "zero-shot, plain", {"mode": "full"}, 1),
        (BASE, "zero-shot closed book, chat", {"mode": "closed", "prompt": "chat"}, 0),
        (FULL, "fine-tuned full prompt", {"mode": "full"}, 1),
        (FULL, "fine-tuned closed book", {"mode": "closed"}, 0),
    ]
    for rate in _COMPARED_RATES:
        found.append((FULL, f"truncated {rate}x", {"mode": "truncated", "rate": rate}, 1 / rate))
        found.append((FULL, f"BM25 sentences {rate}x", {"mode": "bm25", "rate": rate}, 1 / rate))
        found.append((TCP, f"TCP {rate}x", {"mode": "gmsa", "rate": rate}, 1 / rate))
        found.append((EQUAL, f"GMSA {rate}x, budget of TCP", {"mode": "gmsa", "rate": rate}, 1 / rate))
    return found + [(GMSA, f"GMSA {rate}x", {"mode": "gmsa", "rate": rate}, 1 / rate) for rate in rates]


def _question_rows(rates: tuple[int, ...]) -> list[Row]:
    rows = []
    for data, (count, tokens) in SETS.items():
        for model, label, arguments, share in _readings(rates):
            reference = f"questions--{short(data)}--fine-tuned-full-prompt"
            cost = _cost(count, tokens * share, tokens if share < 1 and arguments["mode"] in ("gmsa", "bm25") else 0)
            rows.append(
                Row("questions", short(data), model, label, {"data": data, **arguments}, cost, reference=reference)
            )
    return rows


def _restoration_rows(rates: tuple[int, ...]) -> list[Row]:
    rows = []
    for tokens in (128, 256, 512):
        models = (TCP, "TCP {}x", _COMPARED_RATES), (EQUAL, "GMSA {}x, budget of TCP", _COMPARED_RATES), (GMSA, "GMSA {}x", rates)
        for model, label, used in models:
            for rate in used:
                arguments = {"data": PROSE, "restore": True, "tokens": tokens, "rate": rate}
                # A token that is written costs far more than one that is read.
                rows.append(Row("restoration", str(tokens), model, label.format(rate), arguments, 2000 * tokens))
    return rows


def _unanswerable_rows(rates: tuple[int, ...]) -> list[Row]:
    rows = []
    for data in UNANSWERABLE_SETS:
        count, tokens = SETS[data]
        readings = [(FULL, "fine-tuned full prompt", {"mode": "full"}, _cost(count, tokens))]
        readings += [
            (GMSA, f"GMSA {rate}x", {"mode": "gmsa", "rate": rate}, _cost(count, tokens / rate, tokens)) for rate in rates
        ]
        for model, label, arguments, cost in readings:
            arguments = {"data": data, "unanswerable": True, **arguments}
            rows.append(Row("unanswerable", short(data), model, label, arguments, cost))
    return rows


def _needle_rows() -> list[Row]:
    total = sum(LONG_LENGTHS)
    readings = [
        # The full prompt reads only the lengths that fit into its window.
        (FULL, "fine-tuned full prompt", {"mode": "full"}, _cost(100, sum(n for n in LONG_LENGTHS if n < _WINDOW))),
        (FULL, "BM25 sentences 8x", {"mode": "bm25", "rate": 8}, _cost(100, total / 8, total)),
        (GMSA, "GMSA 8x", {"mode": "gmsa", "rate": 8}, _cost(100, total / 8, total)),
    ]
    return [
        Row("needle", "needle", model, label, {"prose": PROSE, **arguments}, cost, "needle")
        for model, label, arguments, cost in readings
    ]


def _long_rows() -> list[Row]:
    rows = []
    for data in LONG_SETS:
        for tokens in LONG_LENGTHS:
            group = f"{short(data)}-{tokens}"
            readings = [(FULL, "BM25 sentences 8x", {"mode": "bm25", "rate": 8}), (GMSA, "GMSA 8x", {"mode": "gmsa", "rate": 8})]
            if tokens < _WINDOW:
                readings.insert(0, (FULL, "fine-tuned full prompt", {"mode": "full"}))
            for model, label, arguments in readings:
                arguments = {"data": data, "fill": tokens, "limit": LONG_LIMIT, **arguments}
                reference = f"long--{group}--fine-tuned-full-prompt" if tokens < _WINDOW else None
                whole = arguments["mode"] == "full"
                cost = _cost(LONG_LIMIT, tokens) if whole else _cost(LONG_LIMIT, tokens / 8, tokens)
                rows.append(Row("long", group, model, label, arguments, cost, reference=reference))
    return rows


def all_rows(rates: tuple[int, ...] = RATES) -> list[Row]:
    """rates: of GMSA. In the order of the tables."""
    return [
        *_question_rows(rates),
        *_restoration_rows(rates),
        *_unanswerable_rows(rates),
        *_needle_rows(),
        *_long_rows(),
    ]


def rows_for(names: Iterable[str]) -> list[Row]:
    """All rows, those of further rates of GMSA included whose names are among these."""
    found = {int(match[1]) for name in names if (match := re.search(r"--GMSA-(\d+)x$", name))}
    return all_rows(tuple(sorted({*RATES, *found})))


def arguments_of(row: Row, data: str) -> list[str]:
    """The command line's arguments, without those of model and device. data: the folder of the data files."""
    found: list[str] = []
    for name, value in row.arguments.items():
        if value is True:
            found.append(f"--{name}")
        else:
            found += [f"--{name}", f"{data}/{value}" if name in ("data", "prose") else str(value)]
    return found
