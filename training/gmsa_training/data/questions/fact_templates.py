"""Made-up facts: names, values and templates. None is one of those that measure (evaluation/needles.py); the tests see to
that, so what is measured there is reading and not the form of the facts."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

FIRST_NAMES = (
    "Alice Bernard Carla Daniel Elena Felix Grace Henry Irene Jonas Karen Leon Maria Nathan Olivia Paul Rosa Samuel Teresa Victor "
    "Wanda Adrian Beatrice Cyril Diana Edgar Fiona George Hannah Ivan Judith Kevin Laura Martin Nadia Oscar Paula Robert Sylvia Thomas "
    "Ursula Vera Walter Yvonne Amir Chen Deepa Emeka Fatima Hiroshi Isabel Joao Kavya Lucia Mateo Ngozi Omar Priya Sanjay Zeynep"
).split()
SYLLABLES = tuple(
    a + b + c
    for a, b, c in product(
        "b br c cl d dr f fl g gl h j k l m n p pl pr r s sk st t th tr v w y z".split(), "a e i o u ai ea oo".split(), "b ck d m nd p rk s st t".split()
    )
)
_OPEN = tuple(a + b for a, b in product("b d f g h j l n p s t v w".split(), ("o", "e", "i", "ou", "ee")))
MONTHS = "January February March April May June July August September October November December".split()
_FIRMS = ("Brothers", "Limited", "Partners", "Foundry", "Mills", "Logistics", "Press", "Instruments", "Bakery", "Shipping")
_SITES = ("Hill", "Bridge", "Junction", "Court", "Farm", "Hall", "Wharf", "Lane Depot", "Peak", "Lodge", "Terminal", "Clinic")
_DEVICES = ("pump", "printer", "engine", "drone", "sensor", "lathe", "router", "boiler", "crane", "generator", "camera", "freezer")
_EVENTS = ("conference", "regatta", "auction", "concert", "seminar", "tournament", "audit", "hearing", "rehearsal", "fair")


def made_up(draw: random.Random, syllables: int = 2) -> str:
    """A word of random syllables, lower case."""
    parts = [draw.choice(_OPEN) if i + 1 < syllables and draw.random() < 0.5 else draw.choice(SYLLABLES) for i in range(syllables)]
    return "".join(parts)


@dataclass(frozen=True)
class Template:
    """Statements and questions with {s}, the subject, and in statements {v}, the value; any statement goes with any
    question. subject, value: names of functions in SUBJECTS and VALUES."""

    subject: str
    value: str
    statements: tuple[str, ...]
    questions: tuple[str, ...]


def _person(draw: random.Random) -> str:
    first = draw.choice(FIRST_NAMES) if draw.random() < 0.7 else made_up(draw).capitalize()
    return f"{first} {made_up(draw).capitalize()}" if draw.random() < 0.7 else first + " " + made_up(draw, 3).capitalize()


SUBJECTS = {
    "person": _person,
    "site": lambda draw: f"{made_up(draw).capitalize()} {draw.choice(_SITES)}",
    "town": lambda draw: made_up(draw, draw.choice((2, 3))).capitalize(),
    "firm": lambda draw: f"{made_up(draw).capitalize()} {draw.choice(_FIRMS)}",
    "device": lambda draw: f"{draw.choice(_DEVICES)} {made_up(draw)[:2].upper()}-{draw.randrange(10, 1000)}",
    "event": lambda draw: f"{made_up(draw).capitalize()} {draw.choice(_EVENTS)}",
    "project": lambda draw: f"Project {made_up(draw).capitalize()}",
    "dish": lambda draw: f"{made_up(draw)} {draw.choice(('soup', 'stew', 'bread', 'pie', 'sauce', 'cake', 'dumplings', 'salad'))}",
}


def _number(draw: random.Random, low: int = 3, high: int = 6) -> str:
    digits = draw.randint(low, high)
    return str(draw.randrange(10 ** (digits - 1), 10**digits))


def _grouped(draw: random.Random) -> str:
    return f"{draw.randrange(1000, 1_000_000):,}"


def _time(draw: random.Random) -> str:
    hour, minute = draw.randrange(24), draw.randrange(60)
    if draw.random() < 0.5:
        return f"{hour:02}:{minute:02}"
    return f"{hour % 12 or 12}:{minute:02} {'a.m.' if hour < 12 else 'p.m.'}"


def _price(draw: random.Random) -> str:
    sign = draw.choice("$€£")
    return f"{sign}{_grouped(draw)}" if draw.random() < 0.4 else f"{sign}{draw.randrange(2, 1000)}.{draw.randrange(100):02}"


def _date(draw: random.Random) -> str:
    day, month, year = draw.randint(1, 28), draw.choice(MONTHS), draw.randrange(1700, 2030)
    return draw.choice((f"{day} {month} {year}", f"{month} {day}, {year}"))


def _handle(draw: random.Random) -> str:
    return f"{made_up(draw)}{draw.choice(('.', '_', '-'))}{made_up(draw, 1)}{draw.randrange(10, 100)}"


def _code(draw: random.Random) -> str:
    letters = "".join(draw.choice("ABCDEFGHJKLMNPQRSTUVWXYZ") for _ in range(draw.randint(2, 3)))
    return f"{letters}-{_number(draw, 3, 5)}" if draw.random() < 0.6 else f"{_number(draw, 2, 3)}{letters}{_number(draw, 2, 2)}"


def _phrase(draw: random.Random, words: Sequence[str]) -> str:
    return f"{draw.choice(words)} {draw.choice(words)}"


# The value of a template, from a random source and words of the prose.
VALUES = {
    "number": lambda draw, words: _number(draw),
    "grouped": lambda draw, words: _grouped(draw),
    "time": lambda draw, words: _time(draw),
    "price": lambda draw, words: _price(draw),
    "date": lambda draw, words: _date(draw),
    "handle": lambda draw, words: _handle(draw),
    "code": lambda draw, words: _code(draw),
    "word": lambda draw, words: made_up(draw, draw.choice((2, 3))),
    "name": lambda draw, words: made_up(draw, draw.choice((2, 3))).capitalize(),
    "person": lambda draw, words: _person(draw),
    "phrase": lambda draw, words: _phrase(draw, words),
    "seat": lambda draw, words: f"{draw.randrange(10, 90)}{draw.choice('ABCDEFGH')}",
    "firm": lambda draw, words: f"{made_up(draw).capitalize()} {draw.choice(_FIRMS)}",
}

TEMPLATES = (
    Template("site", "number", ("The door code of {s} is {v}.", "To enter {s}, type {v} on the keypad."), ("What is the door code of {s}?", "Which digits open the door of {s}?")),
    Template("person", "number", ("{s} is staying in room {v}.", "The hotel put {s} in room {v}."), ("In which room is {s} staying?", "What is {s}'s room number?")),
    Template("firm", "price", ("{s} offered {v} for the licence.", "The final bid of {s} came to {v}."), ("How much did {s} offer?", "What was the bid of {s}?")),
    Template("event", "price", ("A ticket for the {s} costs {v}.", "Admission to the {s} is {v}."), ("How much is a ticket for the {s}?", "What does admission to the {s} cost?")),
    Template("town", "time", ("The last bus to {s} leaves at {v}.", "At {v} the last bus departs for {s}."), ("When does the last bus to {s} leave?", "What is the departure time of the last bus to {s}?")),
    Template("event", "time", ("The {s} begins at {v}.", "Doors open for the {s} at {v}."), ("At what time does the {s} begin?", "When do things start at the {s}?")),
    Template("event", "date", ("The {s} took place on {v}.", "On {v} the {s} was held."), ("When did the {s} take place?", "On what date was the {s} held?")),
    Template("person", "date", ("{s} signed the contract on {v}.", "The contract bears the signature of {s}, dated {v}."), ("When did {s} sign the contract?", "On which day was the contract signed by {s}?")),
    Template("person", "word", ("Among friends {s} is known as \"{v}\".", "Everybody calls {s} by the nickname \"{v}\"."), ("What is the nickname of {s}?", "What do friends call {s}?")),
    Template("firm", "firm", ("{s} buys all of its steel from {v}.", "The main supplier of {s} is {v}."), ("Who is the main supplier of {s}?", "From whom does {s} buy its steel?")),
    Template("person", "word", ("The favourite dish of {s} is a stew called {v}.", "{s} orders {v}, a spicy stew, every time."), ("What is the favourite dish of {s}?", "Which stew does {s} like best?")),
    Template("person", "handle", ("{s} can be reached under the handle {v}.", "Online, {s} writes as {v}."), ("Under which handle can {s} be reached?", "What is the online handle of {s}?")),
    Template("device", "code", ("The spare part for {s} has the number {v}.", "For {s}, order part {v}."), ("Which part number fits {s}?", "What part has to be ordered for {s}?")),
    Template("device", "code", ("The serial number of {s} is {v}.", "Stamped on {s} is the serial number {v}."), ("What is the serial number of {s}?", "Which serial number is stamped on {s}?")),
    Template("site", "grouped", ("{s} lies {v} metres above the sea.", "At {s} the altitude is {v} metres."), ("How many metres above the sea does {s} lie?", "What is the altitude of {s} in metres?")),
    Template("person", "seat", ("{s} has seat {v} on the train.", "Seat {v} is reserved for {s}."), ("Which seat does {s} have?", "What seat is reserved for {s}?")),
    Template("dish", "number", ("The recipe for {s} takes {v} millilitres of stock.", "Add {v} millilitres of stock to make {s}."), ("How many millilitres of stock go into {s}?", "How much stock in millilitres does {s} need?")),
    Template("dish", "word", ("The secret spice in {s} is {v}.", "Cooks season {s} with a pinch of {v}."), ("What is the secret spice in {s}?", "With what do cooks season {s}?")),
    Template("project", "person", ("{s} is led by {v}.", "The head of {s} is {v}."), ("Who leads {s}?", "Who is the head of {s}?")),
    Template("project", "price", ("The budget of {s} was set at {v}.", "{s} was granted {v}."), ("What is the budget of {s}?", "How much was {s} granted?")),
    Template("project", "phrase", ("The internal motto of {s} is \"{v}\".", "Inside the team, {s} goes by the phrase \"{v}\"."), ("What is the motto of {s}?", "By which phrase does {s} go inside the team?")),
    Template("firm", "phrase", ("The new product of {s} is named {v}.", "{s} will launch a product under the label {v}."), ("What is the new product of {s} named?", "Under which label will {s} launch its product?")),
    Template("town", "grouped", ("{s} had {v} inhabitants at the last count.", "The census gave {s} a population of {v}."), ("How many inhabitants does {s} have?", "What was the population of {s}?")),
    Template("town", "person", ("The mayor of {s} is {v}.", "{v} was elected mayor of {s}."), ("Who is the mayor of {s}?", "Who was elected mayor of {s}?")),
    Template("town", "name", ("The river that runs through {s} is called the {v}.", "{s} stands on the river {v}."), ("On which river does {s} stand?", "What river runs through {s}?")),
    Template("person", "name", ("{s} moved to a hamlet named {v} last spring.", "Since spring {s} has been living in {v}."), ("Where does {s} live now?", "To which hamlet did {s} move?")),
    Template("person", "name", ("{s} owns a horse called {v}.", "The horse that {s} rides is named {v}."), ("What is the name of {s}'s horse?", "Which horse does {s} ride?")),
    Template("person", "person", ("{s} shares an office with {v}.", "The office mate of {s} is {v}."), ("With whom does {s} share an office?", "Who is the office mate of {s}?")),
    Template("person", "number", ("The badge of {s} carries the number {v}.", "{s} wears badge {v}."), ("What is the badge number of {s}?", "Which badge does {s} wear?")),
    Template("person", "grouped", ("{s} scored {v} points in the final.", "In the final {v} points went to {s}."), ("How many points did {s} score in the final?", "What was {s}'s score in the final?")),
    Template("site", "person", ("The caretaker of {s} is {v}.", "{v} looks after {s}."), ("Who is the caretaker of {s}?", "Who looks after {s}?")),
    Template("site", "date", ("{s} was opened on {v}.", "The opening of {s} is recorded for {v}."), ("When was {s} opened?", "On what day did {s} open?")),
    Template("site", "time", ("{s} closes at {v} on weekdays.", "On weekdays nobody is let into {s} after {v}."), ("When does {s} close on weekdays?", "What is the closing time of {s}?")),
    Template("device", "number", ("{s} draws {v} watts under full load.", "Under full load {s} needs {v} watts."), ("How many watts does {s} draw under full load?", "What power in watts does {s} need?")),
    Template("device", "phrase", ("The label on {s} reads \"{v}\".", "Somebody wrote \"{v}\" on {s}."), ("What does the label on {s} read?", "Which words are written on {s}?")),
    Template("firm", "code", ("The order from {s} has the reference {v}.", "{s} placed an order under {v}."), ("What is the reference of the order from {s}?", "Under which reference did {s} place its order?")),
    Template("firm", "grouped", ("{s} employs {v} people.", "The staff of {s} numbers {v}."), ("How many people does {s} employ?", "How large is the staff of {s}?")),
    Template("event", "person", ("The {s} was won by {v}.", "{v} came first in the {s}."), ("Who won the {s}?", "Who came first in the {s}?")),
)
