"""Made-up values: names from word lists, amounts, dates, times, measures and codes, written as one document writes them.

A specification is the name of a word list (`words.yaml`), or one of

    date 3-30          days after the document's own date        day 3-30     the same without the year
    time 8-18          a time of day, hours                      year 1990-2020
    money 5-900        an amount; `money 5.00-90.00` has cents   int 2-40 people, num 0.5-9.0 kg   with a unit, or without
    pick a/b/c         one of these                              few LIST     one of two or three of a list (columns only)

or else a pattern, where {list} stands for a word, # for a digit, and ^ for a capital letter."""

from __future__ import annotations

import random
import re
import string
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from pathlib import Path

import yaml

SLOT = re.compile(r"\{(\w+)\}")
_SIGN = re.compile(r"[#^]")
_ENDS = re.compile(r"(-?[\d.]+)-(-?[\d.]+)")
_TRIES = 12  # for a value that the document does not have yet
_SEPARATORS = [(",", ".")] * 5 + [(".", ","), (" ", ","), ("", "."), ("\u202f", ",")]
_CURRENCIES = [
    *["£{}", "${}", "€{}"] * 3,
    *("{} €", "EUR {}", "{} EUR", "USD {}", "GBP {}", "CHF {}", "{} kr", "₹{}", "{} zł", "{} euros", "{} dollars", "¥{}"),
]
_DATES = [
    *("{d} {month} {y}", "{month} {d}, {y}", "{d:02}/{m:02}/{y}", "{m:02}/{d:02}/{y}", "{y}-{m:02}-{d:02}"),
    *("{d:02}.{m:02}.{y}", "{d} {month:.3} {y}", "{weekday:.3} {d} {month:.3} {y}", "{d}{th} {month} {y}"),
    *("{weekday}, {d} {month} {y}", "{d}. {month} {y}"),
]
_DAYS = [
    *("{d} {month}", "{month} {d}", "{weekday} {d} {month}", "{d:02}/{m:02}", "{d}{th} {month}"),
    "{weekday:.3} {d} {month:.3}",
]
_TIMES = ["{h:02}:{m:02}"] * 3 + ["{t}:{m:02} {half}", "{h:02}.{m:02}", "{t}.{m:02}{half}", "{h}:{m:02}"]
_MONTHS = "January February March April May June July August September October November December".split()
_WEEKDAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()
_MEASURES = {"date", "day", "time", "year", "money", "int", "num"}


@dataclass(frozen=True)
class Value:
    """text: as the document has it; number: to compare by, where it can be compared."""

    text: str
    number: float | None = None


@cache
def words() -> dict[str, list[str]]:
    """The word lists, each entry a pattern."""
    loaded = yaml.safe_load((Path(__file__).parent / "words.yaml").read_text(encoding="utf-8"))
    return {name: [word.strip() for word in text.split(" | " if " | " in text else ", ")] for name, text in loaded.items()}


@cache
def type_of(spec: str) -> str:
    """What values of two specifications have in common if one can be mistaken for the other."""
    head, _, rest = spec.partition(" ")
    alike = {"int": "number", "num": "number", "day": "date", "few": rest}
    return alike.get(head, head)


def unit_of(spec: str) -> str:
    """The unit of a measure; empty for other specifications."""
    head, _, rest = spec.partition(" ")
    return rest.partition(" ")[2] if head in ("int", "num") else ""


@cache
def _lists() -> dict[str, str]:
    """Of words in names, the list that they come from."""
    return {word: name for name in ("first", "last", "coined", "town", "month", "weekday") for word in words()[name]}


@cache
def _range(text: str, low: float, high: float) -> tuple[float, float, int, str]:
    """Lowest, highest, decimals, unit."""
    ends, _, unit = text.partition(" ")
    if not ends:
        return low, high, 0, unit
    found = _ENDS.fullmatch(ends)
    if not found:
        raise ValueError(f"{text!r} is not a range such as 3-30.")
    return float(found[1]), float(found[2]), len(found[1].partition(".")[2]), unit


class Values:
    """Draws the values of one document: no value twice, all in the same notation."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.used: set[str] = set()
        self.separators = rng.choice(_SEPARATORS)
        self.currency = rng.choice(_CURRENCIES)
        if self.currency[0] in "£$₹¥":
            self.separators = (",", ".")
        if self.currency.startswith("CHF"):
            self.separators = ("'", ".")
        self.dates, self.days, self.times = rng.choice(_DATES), rng.choice(_DAYS), rng.choice(_TIMES)
        self.today = date(rng.randint(2012, 2033), 1, 1) + timedelta(rng.randrange(365))
        self.gap = rng.choice(("", " ", " ", " ", " "))  # between number and unit

    def draw(self, spec: str, again: bool = False) -> Value:
        """again: the value may be one that was drawn before."""
        for _ in range(1 if again else _TRIES):
            value = self._draw(spec)
            if value.text not in self.used:
                break
        self.used.add(value.text)
        return value

    def similar(self, text: str) -> str | None:
        """A value that differs in one word or digit; None where there is nothing to replace."""
        parts = text.split(" ")
        known = [number for number, part in enumerate(parts) if part in _lists()]
        digits = [place for place, sign in enumerate(text) if sign.isdigit() and text[place - 1 : place] != "0"]
        if known and (not digits or self.rng.random() < 0.5):
            number = self.rng.choice(known)
            parts[number] = self.rng.choice(words()[_lists()[parts[number]]])
            return " ".join(parts)
        if not digits:
            return None
        place = self.rng.choice(digits)
        return text[:place] + self.rng.choice("123456789") + text[place + 1 :]

    def money(self, amount: float, cents: bool) -> str:
        return self.currency.format(self._number(amount, 2 if cents else 0))

    def _number(self, number: float, decimals: int) -> str:
        text = f"{number:,.{decimals}f}"
        whole, _, part = text.partition(".")
        thousands = self.separators[0] if number >= 10_000 or self.separators[0] != " " else ""
        return whole.replace(",", thousands) + (self.separators[1] + part if part else "")

    def _draw(self, spec: str) -> Value:
        head, _, rest = spec.partition(" ")
        if head == "pick":
            return Value(self.rng.choice(rest.split("/")))
        if head not in _MEASURES:
            text = self.pattern(self.rng.choice(words()[spec]) if spec in words() else spec)
            return Value(text.lower().replace(" ", "-") if spec in ("mail", "site") else text)
        if head in ("date", "day"):
            low, high, _, _ = _range(rest, 0, 300)
            when = self.today + timedelta(self.rng.randint(int(low), int(high)))
            return Value(self._date(when, self.dates if head == "date" else self.days), when.toordinal())
        if head == "time":
            low, high, _, _ = _range(rest, 7, 21)
            minutes = self.rng.randrange(int(low) * 60, int(high) * 60, 5)
            hour, minute = divmod(minutes, 60)
            half = "am" if hour < 12 else "pm"
            return Value(self.times.format(h=hour, m=minute, t=(hour + 11) % 12 + 1, half=half), minutes)
        low, high, decimals, unit = _range(rest, 1, 100)
        number = round(low + (high - low) * self.rng.random() ** 1.5, decimals)
        if head == "year":
            return Value(f"{number:.0f}", number)
        if head == "money":
            return Value(self.money(number, decimals > 0), number)
        if unit[:1].isalpha() and len(unit) > 3 and number == 1:
            number = 2  # so that units are plural
        gap = " " if len(unit) > 3 else self.gap if unit else ""
        return Value(self._number(number, decimals) + gap + unit, number)

    def _date(self, when: date, style: str) -> str:
        th = "th" if 10 < when.day < 20 else {1: "st", 2: "nd", 3: "rd"}.get(when.day % 10, "th")
        month, weekday = _MONTHS[when.month - 1], _WEEKDAYS[when.weekday()]
        return style.format(d=when.day, m=when.month, y=when.year, month=month, weekday=weekday, th=th)

    def pattern(self, text: str) -> str:
        """A pattern with its words and signs drawn."""
        while "{" in text and SLOT.search(text):
            text = SLOT.sub(lambda found: self.rng.choice(words()[found[1]]), text)
        if "#" in text or "^" in text:
            text = _SIGN.sub(lambda sign: self.rng.choice("123456789" if sign[0] == "#" else string.ascii_uppercase), text)
        return text
