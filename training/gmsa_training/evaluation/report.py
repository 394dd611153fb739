"""Writes docs/results.md's tables and plots, and the results of the model card, from the results that are kept:

    python -m gmsa_training report --collect REPORTS          # adds the reports of evaluate, needle and suite first
    python -m gmsa_training report --card ../models/NAME.card.json

`training/results/` holds one JSON file an evaluation, and in `curves/FIGURE/RUN.jsonl` the metrics of trainings whose
losses are drawn together."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from gmsa_training.data.jsonl import DataError
from gmsa_training.evaluation.plan import SETS, Row, rows_for, short
from gmsa_training.evaluation.plots import plot_bars, plot_needles
from gmsa_training.evaluation.results import collect, read_results
from gmsa_training.evaluation.tables import (
    Results,
    card_results,
    long_tables,
    mixed_rates_table,
    needle_table,
    other_table,
    question_tables,
    restoration_tables,
    unanswerable_tables,
)
from gmsa_training.evaluation.trainings import figures, training_tables
from gmsa_training.training.loss_plot import draw_losses

BEGIN = "<!-- written by python -m gmsa_training report: begin -->"
END = "<!-- written by python -m gmsa_training report: end -->"
LARGEST_PLOT_BYTES = 200_000


def _bars(results: Results, section: str, groups: list[str], score: str, label: str, path: Path) -> bool:
    """Draws a score by group and reading; False if nothing is measured."""
    rows = [row for row in rows_for(results) if row.section == section]
    labels = list(dict.fromkeys(row.label for row in rows if row.name in results))
    if not labels:
        return False
    found: dict[tuple[str, str], Row] = {(row.group, row.label): row for row in rows}

    def mean(group: str, name: str) -> dict[str, float] | None:
        row = found.get((group, name))
        return results[row.name]["scores"][score] if row and row.name in results else None

    plot_bars(groups, {name: [mean(group, name) for group in groups] for name in labels}, label, path)
    return True


def draw(results: Results, curves: Path, out: Path) -> list[tuple[str, Path]]:
    """(caption, file) of every plot that there are results for. Plots of earlier results are removed."""
    for old in out.glob("*.svg"):
        old.unlink()
    plots = []
    path = out / "questions.svg"
    if _bars(results, "questions", [short(data) for data in SETS], "f1", "F1, percent", path):
        plots.append(("F1 with 95 % intervals", path))
    path = out / "restoration.svg"
    lengths = ["128", "256", "512"]
    if _bars(results, "restoration", lengths, "token_bleu_per_text", "token BLEU-4, percent", path):
        plots.append(("Restoration by the tokens of a text", path))
    for row in rows_for(results):
        if row.section == "needle" and row.name in results:
            path = out / f"{row.name}.svg"
            plot_needles(results[row.name], path)
            plots.append((f"Facts found in long prose: {row.label}", path))
    for figure, runs in figures(curves).items():
        path = out / f"curves-{figure}.svg"
        out.mkdir(parents=True, exist_ok=True)
        try:
            draw_losses(runs, path, figure)
        except ValueError as error:
            raise DataError(f"{curves / figure}: {error}") from error
        plots.append((f"Losses: {figure}", path))
    for _, path in plots:
        if path.stat().st_size >= LARGEST_PLOT_BYTES:
            raise DataError(f"{path} has {path.stat().st_size} bytes; a plot must stay below {LARGEST_PLOT_BYTES}.")
    return plots


def page(results: Results, plots: list[tuple[str, str]], trainings: list[str] | None = None) -> str:
    """The written part of docs/results.md. plots: captions and paths as seen from there; trainings: tables that compare them."""
    lines = [
        "Percent with 95 % intervals (percentile bootstrap over questions; ratios: paired). *n*: questions. *tokens → read*:",
        "tokens of the context, and what the decoder reads in its place, both means. Where *n* is 300 of 2000, the time",
        "sufficed for a random sample; the command measures all.",
        "",
        "## Questions",
        "",
        *question_tables(results),
        "## Restoration of held-out prose",
        "",
        *restoration_tables(results),
        "## Questions that the text does not answer",
        "",
        *unanswerable_tables(results),
        "## A fact in long prose",
        "",
        *needle_table(results),
        "## Questions about many passages",
        "",
        *long_tables(results),
    ]
    if mixed := mixed_rates_table(results):
        lines += ["## Mixed rates", "", "Nats a token when a text is written back ([how](evaluation.md#which-segments-get-the-lower-rate)); n: texts.", "", *mixed]
    if trainings:
        lines += ["## Trainings compared", "", "Validation losses at the end of the shortest run, nats a token ([the runs](training.md#ablations)).", "", *trainings]
    if other := other_table(results):
        lines += ["## Further runs", "", *other]
    if plots:
        lines += ["## Plots", "", *(line for caption, path in plots for line in (f"![{caption}]({path})", ""))]
    if results:
        lines += ["## Commands", "", "`DATA` is the folder of the data files, `RUNS` that of trained models.", ""]
        lines += [f"- {name}: `{result['command']}`" for name, result in results.items()]
    return "\n".join(lines).rstrip() + "\n"


def write_page(path: Path, content: str) -> None:
    """Replaces the written part of a page and leaves the rest; a new page has that part alone."""
    old = path.read_text(encoding="utf-8") if path.is_file() else f"# Results\n\n{BEGIN}\n{END}\n"
    if old.count(BEGIN) != 1 or old.count(END) != 1 or old.index(BEGIN) > old.index(END):
        raise DataError(f"{path} needs the two lines {BEGIN!r} and {END!r}, once each.")
    head, _, rest = old.partition(BEGIN)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"{head}{BEGIN}\n{content}{END}{rest.partition(END)[2]}", encoding="utf-8")


def write_card(path: Path, results: Results) -> None:
    """Replaces `results` of the content of a model card; the rest stays."""
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    content["results"] = card_results(results)
    path.write_text(json.dumps(content, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")


def main(arguments: list[str] | None = None) -> int:
    root = Path(__file__).parents[3]
    parser = argparse.ArgumentParser(
        prog="python -m gmsa_training report", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--collect", type=Path, help="folder of reports (--json, or --out of suite) to add first")
    parser.add_argument("--results", type=Path, default=root / "training/results", help="default: training/results")
    parser.add_argument("--docs", type=Path, default=root / "docs", help="folder of results.md and results/; default: docs")
    parser.add_argument("--card", type=Path, help="content of a model card (export --card) whose results are replaced")
    options = parser.parse_args(arguments)
    try:
        added = collect(options.collect, options.results) if options.collect else []
        results = read_results(options.results)
        plots = draw(results, options.results / "curves", options.docs / "results")
        page_path = options.docs / "results.md"
        shown = [(caption, f"results/{path.name}") for caption, path in plots]
        write_page(page_path, page(results, shown, training_tables(options.results / "curves")))
        if options.card:
            write_card(options.card, results)
    except (DataError, OSError) as error:
        print(f"report: {error}", file=sys.stderr)
        return 1
    print(f"{len(added)} results added; {len(results)} results and {len(plots)} plots in {page_path}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
