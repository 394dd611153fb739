"""Answers replaced by others of their kind."""

from __future__ import annotations

import json
import random

import pytest

from gmsa_training.config import DataConfig
from gmsa_training.data.questions.altered import Alterations, places
from gmsa_training.data.questions.answer_kinds import kind_of, other_number
from gmsa_training.data.questions.opening import open_questions
from gmsa_training.data.questions.source import Context, Questions, Wanted

NAMES = ["Anna Reed", "Carl Stone", "Wim Kok", "Ada Low", "Bo Diaz", "York", "Leeds", "Bath"]
POOL = Alterations([*NAMES, "red", "blue", "green", "1850", "1851", "1852", "1853"])


def altered(turns, passages, names=(), seeds=20) -> set[tuple]:
    """All results of some draws."""
    found = [POOL.alter(Questions(turns, passages), 1.0, random.Random(seed), names) for seed in range(seeds)]
    return {(tuple(item.turns), tuple(item.passages)) for item in found}


@pytest.mark.parametrize(
    ("answer", "others", "kind"),
    [
        ("1984", ["2007"], "year"),
        ("March 12, 1994", ["July 3, 1821"], "date M 9, Y"),
        ("12 March", ["3 Sept."], "date 9 M"),
        ("$5.3 million", ["12", "1,500", "37%", "late 1990s", "19th century"], "number"),
        ("twenty-one", ["Three"], "number word 1"),
        ("Paris", ["London"], "name 1 "),
        ("Anna Reed", ["Simon Bolivar"], "name 2 "),
        ("the Treaty of Paris", ["the Bank of New England"], "name 3 the"),
        ("NASA", ["UNESCO"], "acronym "),
        ("a steam engine", ["a doctoral degree"], "phrase 3 a"),
    ],
)
def test_answers_are_sorted_into_kinds(answer, others, kind):
    assert kind_of(answer).startswith(kind)
    assert {kind_of(other).split(" True")[0].split(" False")[0] for other in others} == {kind_of(answer).split(" False")[0]}


@pytest.mark.parametrize("answer", ["yes", "No", "", "it was because of the long war", "They went home early that day"])
def test_yes_no_and_longer_phrases_have_no_kind(answer):
    assert kind_of(answer) is None


@pytest.mark.parametrize("answer", ["1,250", "$5.3 million", "37%", "late 1990s", "0.75", "Apollo 11", "12–15 miles"])
def test_other_numbers_have_the_same_shape(answer):
    draw = random.Random(0)
    shape = lambda text: "".join("9" if one.isdigit() else one for one in text)  # noqa: E731
    found = {other_number(answer, draw) for _ in range(50)}
    assert {shape(other) for other in found} == {shape(answer)} and len(found) > 5
    assert all(other.endswith("0s") for other in found if "s" in answer and answer.startswith("late"))


def test_ordinals_keep_their_grammar():
    draw = random.Random(0)
    found = {other_number("19th century", draw) for _ in range(300)}
    assert {"11th century", "21st century", "32nd century"} <= found and not found & {"21th century", "11st century"}


def test_places_are_whole_words_and_whole_numbers():
    assert places("York, New York; Yorkshire. york", "York") == [0, 10]
    assert places("5 of 3.5, 5,000 or 15; 5.", "5") == [0, 23]


def test_an_answer_is_replaced_in_all_passages_and_in_the_target():
    for turns, passages in altered([("Who built it?", "Anna Reed")], ["Anna Reed built it.", "It is Anna Reed's."]):
        ((question, answer),) = turns
        assert question == "Who built it?" and answer in NAMES[1:5]
        assert passages == (f"{answer} built it.", f"It is {answer}'s.")


def test_the_other_answer_is_not_in_the_context_already():
    found = altered([("Which town?", "York")], ["York is north of Leeds."])
    assert {turns[0][1] for turns, _ in found} == {"Bath", "York"}


@pytest.mark.parametrize(
    ("turns", "passage", "names"),
    [
        ([("Who?", "Anna Reed")], "Anna Reed and ANNA REED.", ()),  # held in another case
        ([("Who?", "Anna Reed")], "Anna Reed, called Annie.", ("Annie",)),  # held under another name
        ([("What did Anna Reed build?", "Anna Reed")], "Anna Reed.", ()),  # named in the question
        ([("Who?", "Anna Reed"), ("What did Anna Reed build?", "it")], "Anna Reed built it.", ()),  # in that of another turn
        ([("Who?", "Carl")], "Anna Reed.", ()),  # not in the context as it is written
        ([("Is it?", "yes"), ("Who?", None)], "It is Anna Reed, yes.", ()),
    ],
)
def test_nothing_is_altered_where_a_question_would_be_wrong(turns, passage, names):
    kept = [turn for turn in turns if turn[1] != "it"]
    for found, passages in altered(turns, [passage], names):
        assert set(kept) <= set(found) and (passages == (passage,) or len(kept) < len(turns))


def test_an_answer_is_not_altered_if_a_part_of_it_is_another_answer():
    found = altered([("Where?", "New York"), ("Which county?", "York")], ["New York and York City."])
    assert {turns[0][1] for turns, _ in found} <= {"New York", "New Leeds", "New Bath"}
    assert all(turns[0][1] == f"New {turns[1][1]}" and passages[0] == f"New {turns[1][1]} and {turns[1][1]} City." for turns, passages in found)


def test_an_answer_that_contains_an_altered_one_is_altered_with_it():
    results = altered([("Which town?", "York"), ("Which council?", "York council of 1850")], ["The York council of 1850 met in York."])
    for (first, second), (passage,) in results:
        assert second[1] == f"{first[1]} council of {second[1][-4:]}" and second[1] in passage and first[1] in ("Leeds", "Bath")


def test_every_target_stands_in_its_context_whatever_answers_share_words():
    draw = random.Random(0)
    phrases = ["York", "New York", "York City", "Anna Reed", "Anna Reed of York", "1850", "May 1850", "red", "red York", "5", "3.5"]
    for _ in range(400):
        chosen = draw.sample(phrases, 4)
        passages = [" and ".join(draw.choices(chosen, k=3) + chosen) + ".", " or ".join(draw.sample(phrases, 3))]
        item = POOL.alter(Questions([(f"Question {i}?", one) for i, one in enumerate(chosen)], passages), 0.7, draw)
        assert all(places("\n".join(item.passages), answer) for _, answer in item.turns)


def squad(path, **config):
    rows = []
    for i in range(60):
        text = f"Ship {i} sank in {1800 + i}. Its captain was {NAMES[i % 5]}, who lived."
        qas = [{"question": "When did it sink?", "answers": [f"{1800 + i}"]}, {"question": "Who was captain?", "answers": [NAMES[i % 5]]}]
        rows.append({"title": "t", "text": text, "qas": qas})
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return open_questions(path, DataConfig(validation_paragraphs=10, questions_per_context=2, distractors=[0.5, 0.5], **config))


def test_the_share_of_a_files_answers_is_altered_and_validation_never(tmp_path):
    source, draw = squad(tmp_path / "x.train.jsonl", altered=0.5), random.Random(0)
    texts = {one.text for one in source.paragraphs}
    items = [source.draw(draw, Wanted()) for _ in range(200)]
    assert all(Context(item.passages).holds([answer]) for item in items for _, answer in item.turns)
    changed = [not set(item.passages) <= texts for item in items]
    assert 0.5 < sum(changed) / len(changed) < 0.9
    assert all(item.passages[0].startswith("Ship 5") and item.turns[0][1] in item.passages[0] for item in source.validation)
    plain = squad(tmp_path / "y.train.jsonl")
    assert all(set(plain.draw(draw, Wanted()).passages) <= texts for _ in range(50))


def test_rows_are_altered_and_refusals_are_not(tmp_path):
    path = tmp_path / "x.train.jsonl"
    row = {"id": "1", "question": "Which town?", "answers": ["York"], "passages": [{"title": "", "text": "York is old."}, {"title": "", "text": "It rained."}]}
    other = row | {"question": "What is Leeds?", "answers": ["Leeds"], "passages": [{"title": "", "text": "Leeds is new."}]}
    path.write_text(json.dumps(row) + "\n" + json.dumps(other) + "\n" + json.dumps(json.loads(json.dumps(other).replace("Leeds", "Bath"))) + "\n")
    source, draw = open_questions(path, DataConfig(altered=1.0)), random.Random(0)
    items = [source.draw(draw, Wanted(unanswerable=0.3)) for _ in range(60)]
    answers = {answer for item in items for _, answer in item.turns}
    assert None in answers and {"Leeds", "Bath"} <= answers
    assert all(item.turns[0][1] is None or item.turns[0][1] in " ".join(item.passages) for item in items)
