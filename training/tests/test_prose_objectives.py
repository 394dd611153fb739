"""Continuation and recall, lengths and rates of each objective, and rows that do not fit."""

from __future__ import annotations

import itertools
import random
from dataclasses import replace
from types import SimpleNamespace

import pytest
from export_models import tiny_tokenizer

from gmsa_training.config import DataConfig, ModelConfig, Stage
from gmsa_training.data import batches
from gmsa_training.data.batches import _fitting, draw_sample, step_batches
from gmsa_training.data.jsonl import DataError
from gmsa_training.data.packing import Sample
from gmsa_training.data.prose import ProseSource
from gmsa_training.data.questions.source import Wanted
from gmsa_training.data.samples import SampleMaker
from gmsa_training.data.training_data import TrainingData, made_questions
from gmsa_training.training.validation import validation_batches

TOKENIZER = tiny_tokenizer()
STAGE = {"name": "s", "trainable": [], "rates": {2: 0.5, 4: 0.5}, "steps": 1, "lengths": {32: 1.0}, "decoder_tokens": 512}


def document(number: int) -> str:
    draw = random.Random(number)
    words = ["harbour", "river", "stone", "Anna", "market", "seven", "1850", "ships", "bought", "winter", "the", "of", "and", "near"]
    sentence = lambda: "In 1850 the company of Anna Reed bought seven wooden ships near " + " ".join(draw.choices(words, k=8)) + "."  # noqa: E731
    return "\n\n".join(" ".join(sentence() for _ in range(4)) for _ in range(12))


def encode(texts):
    return [one.ids for one in TOKENIZER.backend_tokenizer.encode_batch(texts, add_special_tokens=False)]


@pytest.fixture(scope="module")
def maker() -> SampleMaker:
    prose, config = ProseSource([document(i) for i in range(20)]), DataConfig(unanswerable=0.1, context_tokens={100: 1.0})
    made = made_questions(prose)
    data = TrainingData(prose, [], prose, encode, config, made, made)
    return SampleMaker(data, ModelConfig(rates=[2, 4], segment_length=64, window=1024))


def stage_of(objective: str, **changes):
    return Stage(**STAGE | {"objectives": {objective: 1.0}} | changes)


def test_a_continuation_follows_its_context(maker):
    text = document(1)[:1500]
    for seed in range(20):
        sample = maker.continuation(text, 2, random.Random(seed))
        ((prompt, target),) = sample.turns
        assert len(prompt) == 6 and 64 <= len(target) <= 128
        context = "".join(TOKENIZER.decode(segment) for segment in sample.segments)
        following = TOKENIZER.decode(prompt + target)
        assert text.startswith(context + following) and following[0] == " "
        assert len(sample.segments) > 1 and all(len(segment) <= 64 for segment in sample.segments)


def test_recall_goes_on_after_quotes_that_occur_once(maker):
    text = document(2)[:1800]
    sample = maker.recall(text, 2, random.Random(0))
    assert "".join(TOKENIZER.decode(segment) for segment in sample.segments) == text
    assert len(sample.turns) == 4
    for prompt, target in sample.turns:
        quote = TOKENIZER.decode(prompt).removeprefix("\n\nContinue: ")
        assert text.count(quote) == 1 and "\n" not in quote and 6 <= len(quote.split()) <= 12
        assert 8 <= len(target) <= 24 and target[-1] != maker.config.end_ids[0]
        assert text[text.index(quote) + len(quote) :].startswith(TOKENIZER.decode(target))


def test_a_text_that_only_repeats_itself_cannot_be_recalled(maker):
    assert maker.recall("one two " * 100, 2, random.Random(0)) is None
    assert maker.continuation("word", 2, random.Random(0)) is None


@pytest.mark.parametrize("objective", ["autoencoding", "continuation", "recall", "cloze", "facts"])
def test_each_objective_has_lengths_and_rates_of_its_own(maker, objective):
    settings = {objective: {"lengths": {400: 1.0}, "rates": {8: 1.0}}}
    own, plain = stage_of(objective, settings=settings), stage_of(objective, lengths={100: 1.0})
    draw = random.Random(0)
    means = []
    for stage, rates in ((own, {8}), (plain, {2, 4})):
        found = [draw_sample(objective, maker, stage, draw, next(iter(stage.lengths_of(objective)))) for _ in range(10)]
        assert {sample.rate for sample in found} <= rates
        means.append(sum(sample.source_tokens() for sample in found) / 10)
    assert means[0] > 2.5 * means[1]
    assert own.all_rates() == [8] and plain.all_rates() == [2, 4]


def test_long_contexts_are_cut_to_what_the_window_takes_at_their_rate(maker):
    stage, seen = stage_of("facts", settings={"facts": {"lengths": {32000: 1.0}}}), set()
    made = maker.data.made["facts"]

    class Recording:
        def draw(self, draw, wanted):
            seen.add((wanted.longest, wanted.characters(draw)))
            return made.draw(draw, Wanted(0.0, {100: 1.0}))

    data = replace(maker.data, made={"facts": Recording()})
    for seed in range(20):
        draw_sample("facts", SampleMaker(data, maker.config), stage, random.Random(seed), 32)
    assert seen == {(768 * rate, 768 * rate * 4.2) for rate in (2, 4)}


def test_turns_that_the_window_does_not_take_are_left_out(maker):
    sample = Sample([[5] * 1800], 2, [([7] * 20, [8] * 20)] * 5)
    assert len(_fitting(sample, maker).turns) == 3
    assert _fitting(Sample([[5] * 2100], 2, [([7], [8])]), maker) is None


def test_a_budget_smaller_than_a_row_gives_rows_one_by_one(maker):
    stage = stage_of("facts", decoder_tokens=16, settings={"facts": {"lengths": {200: 0.5, 400: 0.5}}})
    found = list(itertools.islice(step_batches(maker, stage, 0), 6))
    assert [batch.shape[0] for step in found for batch in step] == [1] * 6


def test_prose_that_makes_no_row_is_named_instead_of_searched_for_ever(monkeypatch):
    monkeypatch.setattr(batches, "draw_sample", lambda *_: None)
    stage = stage_of("recall")
    with pytest.raises(DataError, match="row of recall"):
        next(batches._batches("recall", SimpleNamespace(config=ModelConfig()), stage, random.Random(0), 100))


def test_objectives_without_prose_are_refused_in_words(maker):
    bare = SampleMaker(TrainingData(None, [], None, encode, DataConfig()), maker.config)
    for objective in ("facts", "recall"):
        with pytest.raises(DataError, match=f"{objective} objective needs prose"):
            draw_sample(objective, bare, stage_of(objective), random.Random(0), 32)


def test_validation_has_the_objectives_that_are_trained(maker):
    assert {name.split("/")[0] for name in validation_batches(maker)} == {"autoencoding"}
    objectives = {"facts": 0.3, "cloze": 0.3, "continuation": 0.2, "recall": 0.2}
    stages = [Stage(**STAGE | {"objectives": objectives})]
    found = validation_batches(maker, stages)
    assert set(found) == {f"{name}/{rate}" for name in (*objectives, "autoencoding") for rate in (2, 4)}
    again = validation_batches(maker, stages)
    assert all(found[name][0].labels.equal(again[name][0].labels) for name in found)
