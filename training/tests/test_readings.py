"""What questions are read with: soft tokens, quotes, both, or the whole text."""

from __future__ import annotations

import json
import random

import pytest

from gmsa_training.config import ConfigError, DataConfig, ModelConfig, config_from_dict
from gmsa_training.data.questions.opening import GENERATED, RowSource, open_questions
from gmsa_training.data.questions.source import Questions, Wanted
from gmsa_training.data.readings import Quotable, holds, reader_text, search_words, with_history
from gmsa_training.data.samples import SampleMaker
from gmsa_training.data.training_data import TrainingData

TEMPLATE = "\n\nQuoted: {quotes}"
SENTENCES = ["The bridge was built in 1889.", *(f"Bees number {i} make honey." for i in range(40)), "Tolls are paid in cash."]
CONTEXT = " ".join(SENTENCES)
TURNS = [("When was the bridge built?", "1889"), ("Who painted it?", None)]


def encode(texts: list[str]) -> list[list[int]]:
    """A token a character."""
    return [[ord(c) for c in text] for text in texts]


def text_of(ids: list[int]) -> str:
    return "".join(map(chr, ids))


def maker(reading: str, **model) -> SampleMaker:
    config = DataConfig(readings={"qa": {reading: 1.0}}, quoted_tokens=(60, 60))
    data = TrainingData(None, [], None, encode, config)
    return SampleMaker(data, ModelConfig(**({"quote_template": TEMPLATE} | model)))


def sample_of(reading: str, turns=TURNS, context: str = CONTEXT, **model):
    return maker(reading, **model).questions(Questions(turns, [context]), 4, "qa", random.Random(0))


def test_soft_tokens_alone_quote_nothing():
    sample = sample_of("soft")
    assert sample.segments and not sample.shared
    assert all("Quoted" not in text_of(prompt) for prompt, _ in sample.turns)


def test_quotes_stand_before_the_question_with_and_without_soft_tokens():
    for reading, has_segments in (("quotes", False), ("both", True)):
        sample = sample_of(reading, TURNS[:1])
        (prompt, target) = sample.turns[0]
        assert bool(sample.segments) == has_segments
        assert text_of(prompt).startswith("\n\nQuoted: The bridge was built in 1889.")
        assert text_of(prompt).endswith("\n\nQuestion: When was the bridge built?\nAnswer:")
        assert text_of(target[:-1]) == " 1889"


def test_quotes_alone_that_miss_the_answer_call_for_a_refusal_and_soft_tokens_beside_them_do_not():
    asked = [("What number of honey is paid in cash?", "1889")]
    assert text_of(sample_of("quotes", asked).turns[0][1][:-1]) == " The text does not say."
    assert text_of(sample_of("both", asked).turns[0][1][:-1]) == " 1889"


def test_an_answer_that_stands_in_no_text_is_not_asked_of_quotes_alone():
    assert sample_of("quotes", [("Was the bridge built in 1889?", "yes")]).segments  # from soft tokens instead


def test_a_short_text_is_read_whole_by_all_its_questions_a_long_one_is_quoted():
    sample = sample_of("whole", context="The bridge was built in 1889.\n")
    assert not sample.segments and text_of(sample.shared) == "\n\nQuoted: The bridge was built in 1889."
    assert [text_of(prompt) for prompt, _ in sample.turns] == [f"\n\nQuestion: {q}\nAnswer:" for q, _ in TURNS]
    assert not sample_of("whole", TURNS[:1], whole_text_tokens=100).shared


def test_texts_are_read_without_invisible_characters():
    assert reader_text("soft\u00adware \ufb01le\u00a0x\r\n") == "software file x\n"
    sample = sample_of("whole", [("soft\u00adware?", "a")], "the soft\u00adware")
    assert text_of(sample.shared).endswith("the software")
    assert "Question: software?" in text_of(sample.turns[0][0])


def test_earlier_turns_are_read_and_searched_with_the_question():
    history = [["Who built it?", "Ann"]]
    assert with_history("Q: {question} A:", "When?", history) == "Q: Who built it? A: AnnQ: When? A:"
    assert search_words("When?", history) == "Who built it? When?"
    assert search_words("When?") == "When?"


def test_quotes_keep_to_their_budget():
    quotes = Quotable(CONTEXT, encode).quotes("When was the bridge built? Are tolls paid?", 60)
    assert "1889" in quotes and len(quotes) <= 60


def test_what_holds_an_answer():
    assert holds("Built in 1889.", "1889") and not holds("Built in 1890.", "1889") and holds("Yes.", "yes") is None


def test_rows_without_an_answer_and_with_a_history_are_drawn_as_they_are():
    passages = [{"title": "", "text": "A cat sat."}]
    rows = [
        {"question": "Who sat first?", "answers": [], "passages": passages},
        {"question": "And then?", "answers": ["cat"], "passages": passages, "history": [["Who sat?", "A cat"]]},
    ]
    source, draw = RowSource(rows, DataConfig()), random.Random(0)
    found = [source.draw(draw, Wanted(unanswerable=1.0)) for _ in range(30)]
    assert {(one.turns[0], bool(one.history(0))) for one in found} == {
        (("Who sat first?", None), False),
        (("And then?", "cat"), True),
    }


def test_made_up_documents_are_a_source_of_their_own(tmp_path):
    source = open_questions(tmp_path / GENERATED, DataConfig(questions_per_context=3))
    found = [source.draw(random.Random(seed), Wanted()) for seed in range(20)]
    assert len({one.passages[0] for one in found}) == 20
    assert all(1 <= len(one.turns) <= 3 and len(one.histories) == len(one.turns) for one in found)
    assert any(answer is None for one in found for _, answer in one.turns)


def test_a_reading_needs_a_template():
    data = {"readings": {"qa": {"quotes": 1.0}}, "unanswerable": 0.1}
    with pytest.raises(ConfigError, match="quote_template"):
        config_from_dict({"name": "x", "data": data})
    assert json.dumps(config_from_dict({"name": "x", "data": data, "model": {"quote_template": TEMPLATE}}).data.readings)


def test_a_question_that_many_rows_ask_is_never_asked_of_another_rows_text():
    rows = [
        {"question": "Who are the parties?", "answers": [name], "passages": [{"title": "", "text": f"{name} signed."}]}
        for name in ("Ann", "Bo", "Cy")
    ]
    source, draw = RowSource(rows, DataConfig()), random.Random(0)
    assert all(source.draw(draw, Wanted(unanswerable=1.0)).turns[0][1] for _ in range(30))
