"""How facts, tables and sentences stand on the page."""

from __future__ import annotations

import random
from collections.abc import Sequence

# Of each layout, how its facts, its tables and its sentences may be written.
LAYOUTS: dict[str, tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]] = {
    "plain": (("lines", "dots"), ("aligned",), ("paragraph", "lines")),
    "markdown": (("markdown", "bold"), ("markdown",), ("bullets", "headed")),
    "comma": (("lines", "comma"), ("comma",), ("paragraph", "lines")),
    "semicolon": (("lines", "semicolon"), ("semicolon",), ("lines", "bullets")),
    "tabs": (("tabs",), ("tabs",), ("lines", "paragraph")),
    "pipes": (("bullets", "lines"), ("pipes",), ("numbered", "lines")),
    "blocks": (("stacked", "aligned"), ("blocks", "list"), ("headed", "numbered")),
    "prose": (("prose",), ("prose",), ("paragraph",)),
    "mixed": (("prose",), ("aligned", "markdown"), ("paragraph", "numbered")),
    "settings": (("equals", "aligned"), ("blocks", "pipes"), ("bullets",)),
}


def _joined(cells: Sequence[str], separator: str) -> str:
    return separator.join(f'"{cell}"' if separator in cell else cell for cell in cells)


def facts(style: str, pairs: Sequence[tuple[str, str]]) -> str:
    """pairs: label and value."""
    width = max(len(label) for label, _ in pairs) + 2
    written = {
        "lines": lambda label, value: f"{label}: {value}",
        "bullets": lambda label, value: f"- {label}: {value}",
        "bold": lambda label, value: f"**{label}:** {value}  ",
        "markdown": lambda label, value: f"| {label} | {value} |",
        "comma": lambda label, value: _joined((label, value), ","),
        "semicolon": lambda label, value: _joined((label, value), ";"),
        "tabs": lambda label, value: f"{label}\t{value}",
        "equals": lambda label, value: f"{label} = {value}",
        "dots": lambda label, value: f"{label} {'.' * (width + 6 - len(label))} {value}",
        "aligned": lambda label, value: f"{label:<{width}}{value}",
        "stacked": lambda label, value: f"{label}\n{value}",
    }[style]
    lines = [written(label, value) for label, value in pairs]
    return "\n".join(["| | |", "| --- | --- |", *lines] if style == "markdown" else lines)


def _cells(style: str, rows: Sequence[Sequence[str]], rng: random.Random) -> list[str]:
    separator = {"comma": ",", "semicolon": ";", "tabs": "\t", "pipes": " | "}.get(style)
    if separator:
        return [_joined(row, separator) for row in rows]
    if style == "markdown":
        return [f"| {' | '.join(row)} |" for row in [rows[0], ["---"] * len(rows[0]), *rows[1:]]]
    widths = [max(map(len, column)) + 2 for column in zip(*rows)]
    right = rng.random() < 0.5
    pad = [str.ljust] + [str.rjust if right else str.ljust] * (len(widths) - 1)
    return ["".join(one(cell, width) for one, cell, width in zip(pad, row, widths)).rstrip() for row in rows]


def table(style: str, rows: Sequence[Sequence[str]], rng: random.Random) -> str:
    """rows: the first holds the heads; the first cell of each other one names what the row is about."""
    heads = rows[0]
    if style == "blocks":
        return "\n\n".join(f"{row[0]}\n{facts('lines', list(zip(heads[1:], row[1:])))}" for row in rows[1:])
    if style == "list":
        if len(heads) == 2:
            return "\n".join(f"- {row[0]}: {row[1]}" for row in rows[1:])
        return "\n".join(f"- {row[0]} ({', '.join(map(': '.join, zip(heads[1:], row[1:])))})" for row in rows[1:])
    return "\n".join(_cells(style, rows, rng))


def sentences(style: str, said: Sequence[tuple[str, str]], rng: random.Random) -> str:
    """said: topic and sentence."""
    if style == "paragraph":
        cut = rng.randint(2, 5)
        parts = [said[start : start + cut] for start in range(0, len(said), cut)]
        return "\n\n".join(" ".join(sentence for _, sentence in part) for part in parts)
    if style == "headed":
        marks = rng.choice(("## ", "", "### ", "**", ""))
        end = "**" if marks == "**" else ""
        return "\n\n".join(f"{marks}{topic[:1].upper()}{topic[1:]}{end}\n{sentence}" for topic, sentence in said)
    if style == "numbered":
        mark = rng.choice(("{}. ", "{}) ", "§ {} ", "({}) "))
        named = bool(said[0][0]) and rng.random() < 0.6
        heads = [f"{topic[:1].upper()}{topic[1:]}. " if named else "" for topic, _ in said]
        return "\n".join(mark.format(number) + head + one for number, (head, (_, one)) in enumerate(zip(heads, said), 1))
    return "\n".join(("- " if style == "bullets" else "") + sentence for _, sentence in said)
