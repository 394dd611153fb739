import itertools
import random
from collections import Counter

import pytest
import torch
from export_models import tiny_tokenizer
from tiny_run import tiny_config, write_data

from gmsa_training.config import Stage
from gmsa_training.data.batches import Taught, batch_weight, objectives_of_step, step_batches
from gmsa_training.data.packing import Sample, pack
from gmsa_training.data.questions.source import Wanted
from gmsa_training.data.samples import SampleMaker
from gmsa_training.data.training_data import load_training_data


@pytest.fixture(scope="module")
def maker(tmp_path_factory) -> SampleMaker:
    folder = write_data(tmp_path_factory.mktemp("data"))
    config = tiny_config("unused")
    tokenizer = tiny_tokenizer().backend_tokenizer
    encode = lambda texts: [one.ids for one in tokenizer.encode_batch(texts, add_special_tokens=False)]  # noqa: E731
    return SampleMaker(load_training_data(folder, config.data, encode), config.model)


def test_labels_stand_where_the_token_before_them_is_put_in():
    one = Sample([[10, 11, 12, 13, 14]], 2, [([20, 21], [30, 31, 2])])
    batch = pack([one], "qa", [1], rounding=1)
    # prefix, three soft tokens, prompt of two, target without its last: 8 positions.
    assert batch.shape == (1, 8)
    assert batch.soft_target.tolist() == [1, 2, 3]
    assert dict(zip(batch.token_target.tolist(), batch.token_ids.tolist())) == {0: 1, 4: 20, 5: 21, 6: 30, 7: 31}
    assert dict(zip(batch.label_source.tolist(), batch.labels.tolist())) == {5: 30, 6: 31, 7: 2}


def test_every_position_is_filled_once_and_only_padding_is_left():
    samples = [Sample([[5] * 9, [6] * 300], 4, [([7] * 3, [8, 2])] * 2), Sample([[5]], 8, [([7], [2])])]
    batch = pack(samples, "qa", [1])
    filled = torch.cat([batch.token_target, batch.soft_target])
    assert len(set(filled.tolist())) == len(filled) == sum(sample.decoder_length(1) for sample in samples)
    assert len(set(batch.soft_source.tolist())) == len(batch.soft_source) == sum(sample.soft_tokens() for sample in samples)
    assert batch.source_tokens == 310
    assert batch.positions[0, 79:87].tolist() == [79, 80, 81, 82] * 2
    assert batch.turn_places.tolist() == [list(range(79, 87)), [2] + [95] * 7]


def test_a_row_without_context_can_be_packed():
    batch = pack([Sample([], 1, [([7, 8], [9, 2])])], "qa", [1])
    assert batch.soft_source.numel() == 0 and batch.chunks == []


def test_autoencoding_restates_its_one_segment(maker):
    sample = maker.autoencoding("The red house stands by the river. " * 9, 32, 4)
    (prompt, target), (segment,) = sample.turns[0], sample.segments
    assert len(segment) == 32 and target == [*segment, 2] and prompt == maker.restore_ids


def test_a_window_of_a_few_tokens_is_left_out(maker):
    assert maker.autoencoding("Hi", 32, 4) is None


def test_questions_are_tokenised_as_documented(maker):
    tokenizer = tiny_tokenizer()
    item = maker.data.questions[0][0].validation[0]
    sample = maker.questions(item, 2)
    question, answer = item.turns[0]
    prompt, target = sample.turns[0]
    assert tokenizer.decode(prompt) == f"\n\nQuestion: {question}\nAnswer:"
    assert tokenizer.decode(target[:-1]) == f" {answer}" and target[-1] == 2
    assert "".join(tokenizer.decode(segment) for segment in sample.segments) == "\n\n".join(item.passages)
    assert all(len(segment) <= 64 for segment in sample.segments)


def test_a_step_holds_both_objectives_within_the_budget(maker):
    stage = tiny_config("unused", stage={"decoder_tokens": 2048}).stages[0]
    stream = step_batches(maker, stage, seed=3)
    for _ in range(5):
        batches = next(stream)
        assert [batch.objective for batch in batches] == ["autoencoding", "qa"]
        # Rounding a row's length up to 32 may exceed the share by that much a row.
        assert all((batch.shape[1] - 32) * batch.shape[0] <= 1024 for batch in batches)
        assert all(set(batch.sample_rates.tolist()) <= {2, 4} for batch in batches)


def test_the_same_seed_draws_the_same_steps(maker):
    stage = tiny_config("unused").stages[0]
    first, second = (next(step_batches(maker, stage, seed=5))[0] for _ in range(2))
    assert torch.equal(first.labels, second.labels)
    assert not torch.equal(first.labels[:20], next(step_batches(maker, stage, seed=6))[0].labels[:20])


def test_paragraphs_give_up_to_the_configured_number_of_their_questions(maker):
    draw = random.Random(0)
    counts = {len(maker.data.draw_questions(draw, Wanted()).turns) for _ in range(60)}
    assert counts == {1, 2, 3}


def test_objectives_are_drawn_as_often_as_their_shares_say():
    draw = random.Random(0)
    shares = {"a": 0.5, "b": 0.3, "c": 0.15, "d": 0.05}
    drawn = [objectives_of_step(shares, 2, draw) for _ in range(4000)]
    assert {len(one) for one in drawn} == {2}
    counts = Counter(name for one in drawn for name in one)
    for name, share in shares.items():
        assert counts[name] / 8000 == pytest.approx(share, abs=0.01)
    assert objectives_of_step({"a": 1.0}, 3, draw) == ["a", "a", "a"]


def test_a_step_of_drawn_objectives_has_batches_of_one_size_that_count_alike(maker):
    stage = Stage(
        name="s", trainable=[], objectives={"autoencoding": 0.8, "qa": 0.2}, rates={4: 1.0}, steps=1, lengths={32: 1.0},
        decoder_tokens=1024, objectives_per_step=2,
    )
    steps = list(itertools.islice(step_batches(maker, stage, seed=1), 40))
    assert all(len(step) == 2 for step in steps)
    counts = Counter(batch.objective for step in steps for batch in step)
    assert 0.6 < counts["autoencoding"] / 80 < 0.95 and counts["qa"]
    shapes = [batch.shape for step in steps[1:] for batch in step]
    assert all(256 < rows * length <= 512 + 31 * rows for rows, length in shapes)  # lengths are rounded up to 32
    assert batch_weight(stage, "qa") == 0.5
    stage.objectives_per_step = None
    assert batch_weight(stage, "qa") == pytest.approx(0.2)


def test_a_teacher_reads_its_share_of_the_batches_of_its_objectives(maker):
    stage = tiny_config("unused").stages[0]
    steps = itertools.islice(step_batches(maker, stage, 0, Taught({"qa"}, 4096, 0.25)), 60)
    found = [batch for step in steps for batch in step]
    assert {(batch.objective, batch.uncompressed is not None) for batch in found} == {("qa", True), ("qa", False), ("autoencoding", False)}
    assert 5 <= sum(batch.uncompressed is not None for batch in found) <= 26
    assert all(batch.uncompressed for batch in next(step_batches(maker, stage, 0, Taught({"qa", "autoencoding"}, 4096))))


def test_processes_have_the_same_objectives_and_teacher_at_a_step_but_other_texts(maker):
    stage = tiny_config("unused", stage={"objectives_per_step": 1, "decoder_tokens": 256}).stages[0]
    taught = Taught({"qa", "autoencoding"}, 4096, 0.5)
    first, second = (list(itertools.islice(step_batches(maker, stage, 4, taught, process), 40)) for process in (0, 1))
    plans = [[(batch.objective, bool(batch.uncompressed)) for batches in steps for batch in batches] for steps in (first, second)]
    assert plans[0] == plans[1] and len(set(plans[0])) == 4
    assert not all(torch.equal(one[0].labels, other[0].labels) for one, other in zip(first, second))
