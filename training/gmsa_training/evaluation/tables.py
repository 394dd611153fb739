"""The tables of docs/results.md and of the model card. A row without a result says so; nothing is filled in."""

from __future__ import annotations

from typing import Any

from gmsa_training.evaluation.plan import GMSA, LONG_LENGTHS, NOTES, Row, rows_for

Results = dict[str, dict[str, Any]]
NOT_MEASURED = "not measured"


def percent(mean: dict[str, float] | float | None) -> str:
    """A mean in percent with its interval; a dash for what a result does not have."""
    if mean is None:
        return "–"
    if not isinstance(mean, dict):
        return f"{100 * mean:.1f}"
    return f"{100 * mean['value']:.1f} [{100 * mean['low']:.1f}, {100 * mean['high']:.1f}]"


def _ratio(result: dict[str, Any]) -> str:
    mean = result.get("ratio", {}).get("f1")
    return f"{mean['value']:.3f} [{mean['low']:.3f}, {mean['high']:.3f}]" if mean else "–"


def _count(scores: dict[str, Any]) -> str:
    return f"{scores['n']} of {scores['of']}" if scores["n"] < scores.get("of", 0) else str(scores["n"])


def markdown(columns: list[str], rows: list[list[str]]) -> list[str]:
    return [f"| {' | '.join(row)} |" for row in [columns, ["---"] * len(columns), *rows]]


def _filled(label: str, columns: int, result: dict[str, Any] | None, cells: Any) -> list[str]:
    if result is None:
        return [label, NOT_MEASURED, *[""] * (columns - 2)]
    return [label, *cells(result)]


def _by_group(results: Results, section: str) -> dict[str, list[Row]]:
    groups: dict[str, list[Row]] = {}
    for row in rows_for(results):
        if row.section == section:
            groups.setdefault(row.group, []).append(row)
    return groups


def _question_cells(result: dict[str, Any]) -> list[str]:
    scores = result["scores"]
    means = [percent(scores.get(name)) for name in ("em", "f1", "accuracy")]
    refused = percent(scores.get("refused"))
    return [_count(scores), f"{scores['mean_tokens']:.0f} → {scores['mean_read']:.0f}", *means, _ratio(result), refused]


QUESTION_COLUMNS = ["", "n", "tokens → read", "EM", "F1", "Acc", "F1 / fine-tuned full prompt", "wrongly refused"]


def _none_measured(results: Results, rows: list[Row]) -> list[str]:
    """What stands in the place of a table without any result; nothing if there is one."""
    return [] if any(row.name in results for row in rows) else [f"Not measured yet ({len(rows)} rows).", ""]


def _grouped(results: Results, section: str, columns: list[str], cells: Any, title: str) -> list[str]:
    groups = _by_group(results, section)
    lines = _none_measured(results, [row for rows in groups.values() for row in rows])
    for group, rows in groups.items() if not lines else ():
        if missing := _none_measured(results, rows):
            lines += [f"### {title.format(group)}", "", *missing]
            continue
        table = [_filled(row.label, len(columns), results.get(row.name), cells) for row in rows]
        note = [NOTES[group], ""] if group in NOTES else []
        lines += [f"### {title.format(group)}", "", *note, *markdown(columns, table), ""]
    return lines


def question_tables(results: Results) -> list[str]:
    return _grouped(results, "questions", QUESTION_COLUMNS, _question_cells, "{}")


def long_tables(results: Results) -> list[str]:
    return _grouped(results, "long", QUESTION_COLUMNS, _question_cells, "{} tokens")


RESTORATION_COLUMNS = ["", "n", "token BLEU-4", "sacrebleu", "Prefix EM"]


def _restoration_cells(result: dict[str, Any]) -> list[str]:
    scores = result["scores"]
    corpus, each = percent(scores["token_bleu"]), percent(scores["token_bleu_per_text"])
    return [_count(scores), f"{corpus}; per text {each}", percent(scores["sacrebleu"]), percent(scores["prefix_em"])]


def restoration_tables(results: Results) -> list[str]:
    return _grouped(results, "restoration", RESTORATION_COLUMNS, _restoration_cells, "{} tokens")


def unanswerable_tables(results: Results) -> list[str]:
    """Refusals of unanswerable questions beside those of the same questions with their answer."""

    def cells(result: dict[str, Any], name: str) -> list[str]:
        answerable = results.get(name.replace("unanswerable--", "questions--", 1))
        wrongly = percent(answerable["scores"].get("refused")) if answerable else NOT_MEASURED
        return [_count(result["scores"]), percent(result["scores"]["refused"]), wrongly]

    columns = ["", "n", "refused of unanswerable", "wrongly refused of answerable"]
    groups = _by_group(results, "unanswerable")
    lines = _none_measured(results, [row for rows in groups.values() for row in rows])
    for group, rows in groups.items() if not lines else ():
        table = [
            _filled(row.label, len(columns), results.get(row.name), lambda result, row=row: cells(result, row.name))
            for row in rows
        ]
        lines += [f"### {group}", "", *(_none_measured(results, rows) or [*markdown(columns, table), ""])]
    return lines


def needle_table(results: Results) -> list[str]:
    """Share of facts found by length, the mean over all depths."""
    rows = _by_group(results, "needle")["needle"]
    if missing := _none_measured(results, rows):
        return missing

    def cells(result: dict[str, Any]) -> list[str]:
        scores = result["scores"]
        by_length = {one["length"]: percent(one["accuracy"]) for one in scores["lengths"]}
        by_length |= {length: "over the window" for length in scores["over_window"]}
        return [_count(scores), *(by_length.get(length, NOT_MEASURED) for length in LONG_LENGTHS)]

    columns = ["", "n", *(f"{length // 1024}k" for length in LONG_LENGTHS)]
    return [*markdown(columns, [_filled(row.label, len(columns), results.get(row.name), cells) for row in rows]), ""]


def _is_mixed(result: dict[str, Any]) -> bool:
    return result["settings"].get("kind") == "mixed_rates"


def mixed_rates_table(results: Results) -> list[str]:
    """Mean losses by who chooses the segments that get the lower of two rates."""
    columns = ["", "n", "all at the higher", "by chance", "by the loss at the higher", "best", "all at the lower", "share of the best"]
    rows = []
    for result in filter(_is_mixed, results.values()):
        for pair in result["scores"]["pairs"]:
            losses = [f"{one['value']:.3f} [{one['low']:.3f}, {one['high']:.3f}]" for one in pair["losses"].values()]
            label = f"{pair['coarse_rate']}x and {pair['fine_rate']}x"
            rows.append([label, _count(result["scores"]), *losses, percent(pair["gained"])])
    return [*markdown(columns, rows), ""] if rows else []


def other_table(results: Results) -> list[str]:
    """Results that are no row of the plan, such as those of exported graphs."""
    known = {row.name for row in rows_for(results)} | {name for name, result in results.items() if _is_mixed(result)}
    rows = [
        [name, _count(result["scores"]), *(percent(result["scores"].get(key)) for key in ("em", "f1", "refused")), _ratio(result)]
        for name, result in results.items()
        if name not in known
    ]
    return [*markdown(["", "n", "EM", "F1", "refused", "F1 / fine-tuned full prompt"], rows), ""] if rows else []


def card_results(results: Results) -> list[dict[str, Any]]:
    """`results` of a model card (`export/model_card.py`): the rows of the model itself."""
    columns = ["", "rate", "n", "EM", "F1", "F1 / fine-tuned full prompt"]
    rows = []
    for row in rows_for(results):
        if row.section == "questions" and row.model == GMSA and (result := results.get(row.name)):
            scores = result["scores"]
            means = [percent(scores["em"]), percent(scores["f1"]), _ratio(result)]
            rows.append([row.group, f"{row.arguments['rate']}x", _count(scores), *means])
    found = [{"title": "Questions", "columns": columns, "rows": rows, "note": "Percent with 95 % intervals."}] if rows else []
    restored = [
        [f"{row.group} tokens", f"{row.arguments['rate']}x", *_restoration_cells(result)]
        for row in rows_for(results)
        if row.section == "restoration" and row.model == GMSA and (result := results.get(row.name))
    ]
    if restored:
        found.append({"title": "Restoration", "columns": ["", "rate", *RESTORATION_COLUMNS[1:]], "rows": restored})
    return found
