"""Sorting samples into batches by length must not change which samples are trained on."""

from __future__ import annotations

import itertools
import random
from collections import Counter
from types import SimpleNamespace

import pytest

from gmsa_training.config import Stage
from gmsa_training.data import batches


@pytest.mark.parametrize(("objective", "budget"), [("autoencoding", 500), ("qa", 500), ("autoencoding", 40)])
def test_samples_of_every_length_come_as_often_as_they_are_drawn(monkeypatch, objective, budget):
    drawn: Counter[int] = Counter()

    def draw_sample(_objective, _maker, _stage, draw, _tokens):
        length = draw.choice([10, 20, 50])
        drawn[length] += 1
        return SimpleNamespace(decoder_length=lambda prefix: length)

    monkeypatch.setattr(batches, "draw_sample", draw_sample)
    stage = Stage(name="s", trainable=[], objectives={objective: 1.0}, rates={2: 1.0}, steps=1)
    maker = SimpleNamespace(config=SimpleNamespace(prefix_ids=[1]))
    found: Counter[int] = Counter()
    for batch in itertools.islice(batches._batches(objective, maker, stage, random.Random(0), budget), 400):
        lengths = [sample.decoder_length(1) for sample in batch]
        assert len(batch) == 1 or len(batch) * max(lengths) <= budget
        found.update(lengths)
    # All but what waits for the next batch.
    assert all(0.9 * drawn[length] - 80 <= found[length] <= drawn[length] for length in drawn)


def test_samples_that_fill_a_batch_exactly_do_not_stop_the_stream(monkeypatch):
    monkeypatch.setattr(batches, "draw_sample", lambda *_: SimpleNamespace(decoder_length=lambda prefix: 25))
    stage = Stage(name="s", trainable=[], objectives={"autoencoding": 1.0}, rates={2: 1.0}, steps=1)
    maker = SimpleNamespace(config=SimpleNamespace(prefix_ids=[1]))
    stream = batches._batches("autoencoding", maker, stage, random.Random(0), 100)
    assert [len(batch) for batch in itertools.islice(stream, 10)] == [4] * 10
