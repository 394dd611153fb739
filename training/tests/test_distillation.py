import pytest
import torch
from export_models import tiny_model, tiny_tokenizer
from test_model import base, ids

from gmsa_training.config import ConfigError, DistillationConfig, ModelConfig
from gmsa_training.data.packing import Sample, pack
from gmsa_training.model.checkpoint import save_packed
from gmsa_training.model.gmsa_model import GmsaModel
from gmsa_training.training.distillation import Teacher

CONFIG = DistillationConfig(teacher="unused", weight=0.5, temperature=2.0)


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
    losses, divergence = Teacher(model, CONFIG, "cpu", torch.float32).losses(model, batch)
    assert len(batch.uncompressed) > 1 and len(divergence) == len(batch.labels)
    torch.testing.assert_close(divergence, torch.zeros_like(divergence), atol=1e-5, rtol=0)
    torch.testing.assert_close(losses, model(batch), atol=1e-4, rtol=1e-4)


def test_the_teachers_states_stand_at_the_students_labels():
    """Each label of a row with several turns gets what the teacher gives for this turn alone."""
    model, rows = full_model(), samples()
    batch = pack(rows, "qa", [1], taught=4096)
    found = Teacher(model, CONFIG, "cpu", torch.float32).label_states(batch)
    alone = []
    for row in rows:
        for prompt, target in row.turns:
            tokens = [1, *[token for segment in row.segments for token in segment], *prompt, *target[:-1]]
            with torch.no_grad():
                alone.append(model.decoder(model.embed_tokens(torch.tensor([tokens])))[0, -len(target) :])
    torch.testing.assert_close(found, torch.cat(alone)[batch.uncompressed_order], atol=1e-4, rtol=1e-3)
    assert batch.labels.tolist() == [token for row in rows for _, target in row.turns for token in target]


def test_gradients_reach_the_student_alone():
    one = base()
    teacher_model = GmsaModel(one, one.config, ModelConfig(method="full", rates=[1], default_rate=1))
    teacher = Teacher(teacher_model, CONFIG, "cpu", torch.float32)
    student_base = base()
    student = GmsaModel(student_base, student_base.config, ModelConfig(encoder_layers=1, rates=[2, 4, 8]))
    student.set_trainable(["encoder", "lsa", "decoder"])
    loss, losses, divergence = teacher.loss(student, pack(samples(), "qa", [1], taught=4096))
    assert loss.item() == pytest.approx(0.5 * losses.mean().item() + 0.5 * 4 * divergence.mean().item(), rel=1e-5)
    assert divergence.min() > -1e-5 and divergence.mean() > 0
    loss.backward()
    assert all(p.grad is not None for p in student.parameters() if p.requires_grad)
    assert all(p.grad is None for p in [*teacher.model.parameters(), *teacher_model.parameters()])


def test_rows_longer_than_the_teachers_window_are_learnt_without_it():
    """Such a row has its cross-entropy alone; the others have what they have without it."""
    one = base()
    teacher = Teacher(GmsaModel(one, one.config, ModelConfig(method="full", rates=[1], default_rate=1)), CONFIG, "cpu", torch.float32)
    student_base = base()
    student = GmsaModel(student_base, student_base.config, ModelConfig(encoder_layers=1, rates=[2, 4, 8]))
    rows = samples()
    mixed, none = pack(rows, "qa", [1], taught=100), pack(rows[:1], "qa", [1], taught=100)
    lengths = [Sample(row.segments, 1, row.turns).decoder_length(1) for row in rows]
    assert [length <= 100 for length in lengths] == [False, True, True]
    assert set(mixed.label_sample[mixed.uncompressed_order].tolist()) == {1, 2}
    assert none.uncompressed == [] and none.uncompressed_order is None
    loss, losses, divergence = teacher.loss(student, mixed)
    torch.testing.assert_close(losses, student(mixed), atol=1e-4, rtol=1e-4)
    short, _, _ = teacher.loss(student, pack(rows[1:], "qa", [1], taught=100))
    alone, plain, nothing = teacher.loss(student, none)
    torch.testing.assert_close(alone, student(none).mean(), atol=1e-4, rtol=1e-4)
    assert nothing.numel() == 0 and len(plain) == len(none.labels) and len(divergence) == len(losses) - len(plain)
    expected = (short * len(divergence) + alone * len(plain)) / len(losses)
    torch.testing.assert_close(loss, expected, atol=1e-4, rtol=1e-4)
    loss.backward()


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
