import pytest
import torch
from export_models import tiny_model, tiny_tokenizer
from test_model import base, ids

from gmsa_training.config import ConfigError, DistillationConfig, ModelConfig
from gmsa_training.data.packing import Sample, pack
from gmsa_training.model.checkpoint import save_packed
from gmsa_training.model.gmsa_model import GmsaModel
from gmsa_training.model.layers import KeptStates
from gmsa_training.training.distillation import Teacher, unexplained_states

CONFIG = DistillationConfig(teacher="unused", weight=0.5)
STATES = CONFIG.model_copy(update={"states_weight": 0.5, "states_every": 1})


def samples(rates=(2, 8, 4)) -> list[Sample]:
    """Rows of one, three and two turns, whose lengths differ much once they are not compressed."""
    lengths, turns = ([64, 64, 40], [12], [50]), (1, 3, 2)
    return [
        Sample([ids(10 * i + j, n) for j, n in enumerate(own)], rate, [(ids(50 + i + k, 6), ids(90 + i + k, 3 + k)) for k in range(count)])
        for i, (own, rate, count) in enumerate(zip(lengths, rates, turns))
    ]


def full_model() -> GmsaModel:
    one = base()
    return GmsaModel(one, one.config, ModelConfig(method="full", rates=[1], default_rate=1, prefix_ids=[1])).eval()


def test_a_student_equal_to_its_teacher_has_no_divergence():
    model = full_model()
    plain = [Sample(one.segments, 1, one.turns) for one in samples()]
    batch = pack(plain, "qa", [1], compressed=False, taught=4096)
    found = Teacher(model, STATES, "cpu", torch.float32).loss(model, batch)
    losses, divergence = found.losses, found.divergence
    assert len(batch.uncompressed.batches) > 1 and len(divergence) == len(batch.labels)
    assert len(found.states) == sum(one.turn_tokens() for one in plain)
    torch.testing.assert_close(found.states, torch.zeros_like(found.states), atol=1e-5, rtol=0)
    torch.testing.assert_close(divergence, torch.zeros_like(divergence), atol=1e-5, rtol=0)
    torch.testing.assert_close(losses, model(batch), atol=1e-4, rtol=1e-4)


def test_the_teachers_states_stand_at_the_students_labels():
    """Each label of a row with several turns gets what the teacher gives for this turn alone."""
    model, rows = full_model(), samples()
    batch = pack(rows, "qa", [1], taught=4096)
    taught_labels, taught_states = Teacher(model, STATES, "cpu", torch.float32).read(batch.uncompressed, [0, 1])
    alone, alone_states = [], []
    for row in rows:
        for prompt, target in row.turns:
            tokens = [1, *[token for segment in row.segments for token in segment], *prompt, *target[:-1]]
            with torch.no_grad():
                kept = KeptStates([0, 1], torch.arange(len(tokens) - len(prompt) - len(target) + 1, len(tokens)))
                alone.append(model.decoder(model.embed_tokens(torch.tensor([tokens])), kept=kept)[0, -len(target) :])
                alone_states.append(kept.states)
    places = batch.uncompressed
    for one, expected in zip(taught_states, zip(*alone_states), strict=True):
        torch.testing.assert_close(one, torch.cat(expected)[places.turn_tokens], atol=1e-4, rtol=1e-3)
    torch.testing.assert_close(taught_labels, torch.cat(alone)[places.labels], atol=1e-4, rtol=1e-3)
    assert batch.labels.tolist() == [token for row in rows for _, target in row.turns for token in target]


def test_gradients_reach_the_student_alone():
    one = base()
    teacher_model = GmsaModel(one, one.config, ModelConfig(method="full", rates=[1], default_rate=1))
    teacher = Teacher(teacher_model, STATES, "cpu", torch.float32)
    student_base = base()
    student = GmsaModel(student_base, student_base.config, ModelConfig(encoder_layers=1, rates=[2, 4, 8]))
    student.set_trainable(["encoder", "lsa", "decoder"])
    found = teacher.loss(student, pack(samples(), "qa", [1], taught=4096))
    expected = 0.5 * found.losses.mean() + 0.5 * found.divergence.mean() + 0.5 * found.states.mean()
    assert found.total.item() == pytest.approx(expected.item(), rel=1e-5)
    assert found.divergence.min() > -1e-5 and found.divergence.mean() > 0 and found.states.mean() > 0
    found.total.backward()
    assert all(p.grad is not None for p in student.parameters() if p.requires_grad)
    assert all(p.grad is None for p in [*teacher.model.parameters(), *teacher_model.parameters()])


def test_unexplained_states_are_in_units_of_the_teachers_variance_whatever_its_scale_and_mean():
    expected = torch.randn(200, 8, generator=torch.Generator().manual_seed(0))
    layers = [expected, 1000 * expected + 50]
    mean = [layer.mean(0).expand_as(layer) for layer in layers]
    assert unexplained_states(mean, layers).mean().item() == pytest.approx(1, rel=1e-3)
    halfway = [(layer + one) / 2 for layer, one in zip(layers, mean)]
    assert unexplained_states(halfway, layers).mean().item() == pytest.approx(0.25, rel=1e-3)
    assert unexplained_states(layers, layers).max() == 0


def test_the_states_of_the_last_layer_are_always_compared():
    model = full_model()
    teacher = Teacher(model, STATES.model_copy(update={"states_every": 5}), "cpu", torch.float32)
    assert teacher._layers(model) == [len(model.decoder.layers) - 1]
    assert Teacher(model, CONFIG, "cpu", torch.float32)._layers(model) == []


def test_rows_longer_than_the_teachers_window_are_learnt_without_it():
    """Such a row has its cross-entropy alone; the others have what they have without it."""
    one = base()
    teacher = Teacher(GmsaModel(one, one.config, ModelConfig(method="full", rates=[1], default_rate=1)), STATES, "cpu", torch.float32)
    student_base = base()
    student = GmsaModel(student_base, student_base.config, ModelConfig(encoder_layers=1, rates=[2, 4, 8]))
    rows = samples()
    mixed, none = pack(rows, "qa", [1], taught=100), pack(rows[:1], "qa", [1], taught=100)
    lengths = [Sample(row.segments, 1, row.turns).decoder_length(1) for row in rows]
    assert [length <= 100 for length in lengths] == [False, True, True]
    for numbers, of in (("labels", mixed.label_sample), ("turn_tokens", mixed.turn_tokens.sample)):
        assert set(of[getattr(mixed.uncompressed, numbers)].tolist()) == {1, 2}
    assert none.uncompressed is None
    found = teacher.loss(student, mixed)
    torch.testing.assert_close(found.losses, student(mixed), atol=1e-4, rtol=1e-4)
    short, alone = teacher.loss(student, pack(rows[1:], "qa", [1], taught=100)), student(none)
    assert len(found.divergence) == len(found.losses) - len(alone)
    for name in ("divergence", "states"):
        torch.testing.assert_close(getattr(found, name), getattr(short, name), atol=1e-4, rtol=1e-3)
    states = 0.5 * short.states.mean()
    labels = ((short.total - states) * len(short.losses) + alone.sum()) / len(found.losses)
    torch.testing.assert_close(found.total, labels + states, atol=1e-4, rtol=1e-4)
    found.total.backward()


def test_a_teacher_that_does_not_fit_is_refused_in_words(tmp_path, monkeypatch):
    tokenizer = tiny_tokenizer()
    student = tiny_model(tokenizer, quantized=False)
    config = DistillationConfig(teacher=str(tmp_path / "absent"))
    with pytest.raises(ConfigError, match="no teacher in .*full-prompt.yaml"):
        Teacher.load(config, student, "cpu", torch.float32)
    save_packed(student, tmp_path, "base")
    config = DistillationConfig(teacher=str(tmp_path))
    loaded = [tiny_model(tokenizer, quantized=False)]
    monkeypatch.setattr("gmsa_training.training.distillation.load_packed", lambda folder: (loaded[0], tokenizer, "base"))
    with pytest.raises(ConfigError, match="method 'gmsa'; it must be 'full'"):
        Teacher.load(config, student, "cpu", torch.float32)
    loaded[0].config.question_template = "Q: {question}"
    with pytest.raises(ConfigError, match="question_template"):
        Teacher.load(config, student, "cpu", torch.float32)
