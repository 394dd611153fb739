"""Generated documents: what is asked of them is right, and nothing of the measuring files is in them."""

from __future__ import annotations

import random
import re
from collections import Counter, defaultdict

import pytest

from gmsa_documents import Document, Question, generate
from gmsa_documents.noise import LIGATURES, NO_BREAK_SPACE, SOFT_HYPHEN, ZERO_WIDTH_SPACE, noisy
from gmsa_documents.page import Page
from gmsa_documents.questions import Asker
from gmsa_documents.templates import combinations, kinds

COUNT = 800
FREE = {"yes/no", "about", "summary", "key points", "count", "list", "section"}  # kinds whose answer need not stand in the text
WHOLE = {"about", "summary", "key points", "section"}  # kinds that are never without an answer
UNANSWERED = {"absent", "near_miss"}


def read(text: str) -> str:
    """The text without what cannot be seen."""
    text = text.replace(SOFT_HYPHEN, "").replace(ZERO_WIDTH_SPACE, "").replace(NO_BREAK_SPACE, " ")
    for letters, ligature in LIGATURES.items():
        text = text.replace(ligature, letters)
    return text


@pytest.fixture(scope="module")
def documents() -> list[Document]:
    rng = random.Random(11)
    return [generate(rng) for _ in range(COUNT)]


@pytest.fixture(scope="module")
def asked(documents: list[Document]) -> list[tuple[Document, Question]]:
    return [(document, question) for document in documents for question in document.questions]


def test_the_same_seed_draws_the_same_documents() -> None:
    first, second = ([generate(random.Random(seed)) for seed in range(20)] for _ in range(2))
    assert first == second


def test_splits_share_no_combination_of_kind_and_layout() -> None:
    splits = ("train", "validation")
    train, validation = ({(kind.name, one) for kind, found in combinations(split) for one in found} for split in splits)
    assert not train & validation
    assert 0.05 < len(validation) / len(train | validation) < 0.15
    rng = random.Random(3)
    drawn = {(one.kind, one.layout) for one in (generate(rng, "validation") for _ in range(200))}
    assert drawn <= validation and len(drawn) > len(validation) / 2


def test_an_unknown_split_or_kind_is_named() -> None:
    with pytest.raises(ValueError, match="'dev'"):
        generate(random.Random(0), "dev")
    with pytest.raises(ValueError, match="'poem'"):
        generate(random.Random(0), kind="poem")


def test_an_extractive_answer_stands_in_the_text(asked: list[tuple[Document, Question]]) -> None:
    for document, one in asked:
        if one.kind not in FREE | UNANSWERED:
            assert one.answers[0] in read(document.text), (document.text, one)
        if one.kind == "list":
            assert all(part in read(document.text) for part in one.answers[0].split(", ")), (document.text, one)


def test_only_questions_without_an_answer_have_none(asked: list[tuple[Document, Question]]) -> None:
    assert all(bool(one.answers) != (one.kind in UNANSWERED) for _, one in asked)
    assert all(len(turn) == 2 and all(turn) for _, one in asked for turn in one.history)


def test_nothing_is_asked_twice_or_with_two_answers(documents: list[Document]) -> None:
    for document in documents:
        keys = [f"{one.question.lower().rstrip('?.')} {one.history}" for one in document.questions]
        assert len(keys) == len(set(keys))
        assert 6 <= len(keys) <= 15


def test_the_kinds_of_question_are_balanced(asked: list[tuple[Document, Question]]) -> None:
    found = Counter(one.kind for _, one in asked)
    answers = Counter(one.answers[0] for _, one in asked if one.kind == "yes/no")
    assert set(answers) == {"yes", "no"} and 0.45 < answers["yes"] / answers.total() < 0.55
    assert 0.15 < (found["absent"] + found["near_miss"]) / found.total() < 0.25
    assert found["near_miss"] >= found["absent"] * 0.8
    assert all(found[kind] for kind in ("who", "when", "where", "why", "list", "count", "compare", "most", "summary", "about"))


def test_a_wording_does_not_tell_whether_there_is_an_answer() -> None:
    """Each wording of a fact or a saying that is asked as a near miss is also asked with an answer, and the other way round."""
    rng, seen = random.Random(5), defaultdict(set)
    for kind in kinds().values():
        for _ in range(40):
            page = Page(kind, rng.choice(kind.layouts), rng)
            told = {id(one.item) for one in page.told}
            for item in kind.facts + kind.sayings:
                if not page.bare:
                    seen[kind.name, item.topic].add(id(item) in told)
    assert [key for key, both in seen.items() if both != {True, False}] == []


def test_who_knows_the_wordings_alone_hardly_guesses_which_questions_have_an_answer() -> None:
    rng, halves = random.Random(21), ([], [])
    for number in range(3000):
        document = generate(rng)
        halves[number % 2].extend((document.kind, one) for one in document.questions if one.kind not in WHOLE)

    def wording(kind: str, one: Question) -> tuple[str, bool, str]:
        asked = one.question[:1].lower() + one.question[1:]
        return kind, bool(one.history), re.sub(r"\b(?:[A-Z][\w.&']*|\w*\d\S*)\b", "X", asked)

    learnt: dict[tuple[str, bool, str], Counter[bool]] = defaultdict(Counter)
    for kind, one in halves[0]:
        learnt[wording(kind, one)][bool(one.answers)] += 1
    guesses = [learnt[wording(kind, one)] for kind, one in halves[1]]
    right = sum((guess[True] >= guess[False]) == bool(one.answers) for guess, (_, one) in zip(guesses, halves[1]))
    always = sum(bool(one.answers) for _, one in halves[1])
    assert (right - always) / len(halves[1]) < 0.02


def test_what_a_near_miss_names_is_not_in_a_table() -> None:
    rng = random.Random(9)
    for _ in range(300):
        kind = rng.choice([kind for kind in kinds().values() if kind.tables and kind.tables[0].columns])
        asker = Asker(Page(kind, rng.choice(kind.layouts), rng))
        if asker.grids and (made := asker._near_cell()):
            grid = asker.grids[0]
            named = [one for one in grid.entities if re.search(rf"(?<!\w){re.escape(one)}(?!\w)", made.question)]
            assert made.answers == [] and (not named or len(asker.grids) > 1), (asker.text, made)


def test_the_greatest_and_the_compared_are_so_by_their_numbers() -> None:
    rng, checked = random.Random(2), 0
    for _ in range(200):
        page = Page(kinds()["hotels"], "plain", rng)
        asker = Asker(page)
        if not asker.grids or "price" not in asker.grids[0].cells:
            continue
        grid = asker.grids[0]
        price = {grid.shown(e): cell.number for e, cell in zip(grid.entities, grid.cells["price"])}
        for made in filter(None, (asker._most() for _ in range(6))):
            if "cheapest" in made.question:
                assert price[made.answers[0]] == min(price.values())
                checked += 1
        for made in filter(None, (asker._compared() for _ in range(6))):
            if "more expensive" in made.question:
                names = [name for name in price if name in made.question]
                assert len(names) != 2 or price[made.answers[0]] == max(price[name] for name in names)
                checked += len(names) == 2
    assert checked > 100


def test_totals_are_the_sums_of_their_columns() -> None:
    rng, checked = random.Random(4), 0
    for _ in range(100):
        page = Page(kinds()["receipt"], "plain", rng)
        totals = [one.values["total"] for one in page.told if one.item.topic == "total"]
        if totals:
            digits = re.sub(r"\D", "", totals[0])
            assert int(digits) == round(sum(cell.number or 0 for cell in page.grids[0].cells["price"]) * 100)
            checked += 1
    assert checked > 20


def test_no_two_things_of_a_kind_have_the_same_label_or_question() -> None:
    twice = []
    for kind in kinds().values():
        labels = Counter(one for item in kind.facts for one in {label.lower() for label in item.labels})
        items = [asks for item in kind.facts + kind.sayings for asks in item.asks.values()]
        columns = [column.asks for table in kind.tables for column in table.columns]
        asks = Counter(one.lower() for group in (*items, *columns, *kind.asks.values()) for one in set(group))
        table_heads = [column.heads for table in kind.tables for column in table.columns]
        heads = Counter(one for group in table_heads for one in {head.lower() for head in group})
        twice += [(kind.name, one) for found in (labels, asks, heads) for one, times in found.items() if times > 1]
    assert twice == []


def test_a_value_that_is_asked_for_belongs_to_one_row() -> None:
    rng, checked = random.Random(12), 0
    for _ in range(300):
        kind = rng.choice([kind for kind in kinds().values() if kind.tables and kind.tables[0].columns])
        asker = Asker(Page(kind, rng.choice(kind.layouts), rng))
        if len(asker.grids) == 1 and (made := asker._reverse()):
            grid = asker.grids[0]
            row = [grid.shown(entity) for entity in grid.entities].index(made.answers[0])
            same = [cells for cells in grid.cells.values() if cells[row].text in made.question]
            assert any([cell.text for cell in cells].count(cells[row].text) == 1 for cells in same), (asker.text, made)
            checked += 1
    assert checked > 100


def test_slots_of_all_kinds_are_known() -> None:
    """Whatever a wording names is a slot of the kind or of its item."""
    for kind in kinds().values():
        for text in (*kind.titles, *kind.openings, *kind.closings, *kind.about):
            assert set(re.findall(r"{(\w+)}", text)) <= set(kind.slots), (kind.name, text)
        for item in kind.facts + kind.sayings:
            known = {*kind.slots, *item.slots, *(("t",) if kind.messages else ())}
            for text in (*item.says, *item.denials, *item.gists, *(ask for asks in item.asks.values() for ask in asks)):
                assert set(re.findall(r"{(\w+)}", text)) <= known, (kind.name, text)
            if item.labels:
                assert all(f"{{{item.topic}}}" in say for say in item.says), (kind.name, item)
        for table in kind.tables:
            assert not table.order or table.order in ("list", *(column.name for column in table.columns))


def test_typing_errors_spare_what_is_asked_for() -> None:
    rng, changed = random.Random(1), False
    for _ in range(400):
        text = noisy("the treasurer reported that several windows were repaired quickly by someone", ["treasurer windows"], rng)
        assert "treasurer" in read(text) and "windows" in read(text)
        changed |= read(text) != "the treasurer reported that several windows were repaired quickly by someone"
    assert changed
