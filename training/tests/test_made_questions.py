"""Cloze questions and made-up facts, which are made of prose."""

from __future__ import annotations

import random
import re

import pytest

from gmsa_training.data.jsonl import DataError
from gmsa_training.data.prose import ProseSource
from gmsa_training.data.questions import facts as made_facts
from gmsa_training.data.questions.cloze import ClozeSource, make_cloze
from gmsa_training.data.questions.facts import FactSource
from gmsa_training.data.questions.source import Context, Wanted
from gmsa_training.evaluation import needle as needles
from gmsa_training.evaluation.metrics import holds_answer

SENTENCES = [
    "The large harbour of the city was rebuilt after the great storm in {year} by local workers.",
    "During the following winter the company of {name} bought {count} wooden ships from northern merchants.",
    "The museum near the central station was opened by the famous painter {name}, who lived there.",
    "The old bridge across the river was closed for several weeks on 12 March {year}.",
    "About {share}% of the people in the valley still worked in the silver mines at that time.",
]
NAMES = ["Anna Reed", "Carl Stone", "Wim Kok", "Ada Low", "Bo Diaz", "Tom Marsh", "Ida Holm"]


@pytest.fixture(scope="module")
def prose() -> ProseSource:
    draw, texts = random.Random(5), []
    for _ in range(60):
        paragraphs = []
        for _ in range(8):
            values = {"year": draw.randrange(1500, 2000), "name": draw.choice(NAMES), "count": draw.randrange(20, 9000), "share": draw.randrange(10, 99)}
            paragraphs.append(" ".join(one.format(**values) for one in draw.sample(SENTENCES, 3)))
        texts.append("\n\n".join(paragraphs))
    return ProseSource(texts)


def asked(sentence: str, count: int = 200) -> set[tuple[str, str]]:
    return {found for seed in range(count) if (found := make_cloze(sentence, random.Random(seed)))}


@pytest.mark.parametrize(
    ("sentence", "answer", "words"),
    [
        ("The large harbour of the city was rebuilt after the great storm in 1687 by local workers.", "1687", ("which year", "what year")),
        ("The museum near the central station was opened by the famous painter Anna Reed, who lived there.", "Anna Reed", ("who or what", "what")),
        ("The old bridge across the river was closed for several weeks on 12 March 1902.", "12 March 1902", ("when", "date")),
        ("The company bought 1,250 wooden ships from several northern merchants during that winter.", "1,250", ("how many",)),
        ("At that time about 37% of the people in the valley still worked in the silver mines.", "37%", ("what percentage", "what share")),
        ("The young critics wrote that her novel \"Winter Without Snow\" surprised nearly every reader.", "Winter Without Snow", ("what", "which title")),
        ("The government finally bought the damaged building for $5.3 million from its former owners.", "$5.3 million", ("how much",)),
    ],
)
def test_a_span_is_asked_for_by_its_kind(sentence, answer, words):
    found = asked(sentence)
    assert {one for _, one in found} == {answer} and len(found) > 5
    for question, _ in found:
        assert question.endswith("?") and question[0].isupper() and any(word in question.lower() for word in words)
        assert not holds_answer(question, [answer]) and 5 <= len(question.split()) <= 18
        left = [word for word in re.findall(r"\w+", question.lower()) if word not in "which what year who or when exactly how many percentage share much money date title on"]
        assert set(left) <= set(re.findall(r"\w+", sentence.lower()))


@pytest.mark.parametrize(
    "sentence",
    [
        "The large harbour of the city was rebuilt after the great storm by local workers.",  # nothing to ask for
        "The famous painter Anna Reed, mother of another painter called Anna Reed, lived there.",  # twice
        "There was an English ship in the harbour that nobody of the village had seen before.",  # only qualifies
    ],
)
def test_a_sentence_without_a_clear_span_is_not_asked(sentence):
    assert not asked(sentence)


def test_cloze_contexts_hold_the_answers_of_their_share_and_have_their_length(prose):
    source, draw, refused, total = ClozeSource(prose, most=4), random.Random(0), 0, 0
    for _ in range(100):
        item = source.draw(draw, Wanted(0.3, {200: 0.5, 1000: 0.5}))
        assert 1 <= len(item.turns) <= 4 and sum(map(len, item.passages)) <= 1000 * 4.2
        context = Context(item.passages)
        for _, answer in item.turns:
            assert answer is None or context.holds([answer])
            refused, total = refused + (answer is None), total + 1
    assert 0.1 < refused / total < 0.4


def test_prose_without_any_span_is_named():
    with pytest.raises(DataError, match="No sentence"):
        ClozeSource(ProseSource(["nothing here at all"] * 3)).draw(random.Random(0), Wanted(0.0, {100: 1.0}))


def test_facts_stand_once_in_the_context_and_absent_ones_nowhere(prose):
    source, draw = FactSource(prose), random.Random(0)
    refused = 0
    for _ in range(60):
        item = source.draw(draw, Wanted(0.2, {300: 0.5, 3000: 0.5}))
        (text,) = item.passages
        assert len({question for question, _ in item.turns}) == len(item.turns)
        for question, answer in item.turns:
            refused += answer is None
            assert answer is None or (text.lower().count(answer.lower()) == 1 and answer not in question)
    assert refused


def test_facts_become_more_with_the_length_up_to_the_most_and_lie_at_any_depth(prose):
    source, draw = FactSource(prose, most=10, distractors=0.0), random.Random(0)
    counts, depths = {}, []
    for length in (150, 1500, 20000):
        items = [source.draw(draw, Wanted(0.0, {length: 1.0})) for _ in range(20)]
        counts[length] = sum(len(item.turns) for item in items) / 20
        depths += [item.passages[0].index(answer) / len(item.passages[0]) for item in items for _, answer in item.turns]
        assert all(length * 4.2 - 400 < len(item.passages[0]) < length * 4.2 + 1500 for item in items)
    assert 1 <= counts[150] < counts[1500] < counts[20000] <= 10
    assert all(any(low <= depth < low + 0.1 for depth in depths) for low in (0, 0.2, 0.4, 0.6, 0.8, 0.9))


def test_some_facts_have_another_subject_with_the_same_relation(prose):
    draw = random.Random(0)
    with_others, without = (FactSource(prose, distractors=share) for share in (1.0, 0.0))

    def stated(source) -> float:
        items = [source.draw(draw, Wanted(0.0, {1000: 1.0})) for _ in range(30)]
        sizes = sum(len(item.passages[0]) - 4200 for item in items)
        return sizes / sum(len(item.turns) for item in items)

    assert stated(with_others) > stated(without) + 30


def test_no_fact_is_one_of_those_that_measure():
    facts = " ".join(text for template in made_facts.TEMPLATES for text in (*template.statements, *template.questions))
    for template in needles._WORDS["templates"]:
        for text in (template["fact"], template["question"]):
            for part in re.split(r"\{\w+\}", text):
                assert len(part.split()) < 3 or part.strip() not in facts
    words = ("magic", "parcel", "password", "safe", "spare key", "village", "weigh", "born")
    assert not [word for word in words if word in facts.lower()]
    names = {*made_facts.FIRST_NAMES, *made_facts.SITES, *made_facts.DEVICES, *made_facts.EVENTS}
    theirs = {word for kind in ("person", "city", "colour", "thing", "room") for word in needles._WORDS[kind]}
    assert not names & theirs and not {name.lower() for name in names} & {name.lower() for name in theirs}
    assert not {*made_facts.SYLLABLES, *made_facts.OPEN} & set(needles._WORDS["syllable"])
    assert 30 <= len(made_facts.TEMPLATES) == len(set(made_facts.TEMPLATES))


def test_every_template_names_its_subject_and_its_value():
    for template in made_facts.TEMPLATES:
        assert all("{s}" in text and "{v}" in text for text in template.statements)
        assert all("{s}" in text and "{v}" not in text and text.endswith("?") for text in template.questions)
        assert template.subject in made_facts.SUBJECTS and template.value in made_facts.VALUES
