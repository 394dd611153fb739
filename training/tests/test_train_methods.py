"""Whole runs of what GMSA is compared with, and of a student with its teacher."""

import json
from pathlib import Path

import pytest
import torch
from tiny_run import tiny_config, write_base, write_data

from gmsa_training.config import config_from_dict
from gmsa_training.evaluation import evaluate
from gmsa_training.model.checkpoint import load_packed, save_packed
from gmsa_training.training.train import Trainer, main

MODEL = {"encoder_layers": 1, "rates": [2, 4], "segment_length": 64, "window": 1024}
FULL = {"model": MODEL | {"method": "full", "rates": [1], "default_rate": 1}}
FULL_STAGE = {"trainable": ["decoder"], "objectives": {"qa": 1.0}, "rates": {1: 1.0}}


@pytest.fixture(scope="module")
def base(tmp_path_factory) -> Path:
    return write_base(tmp_path_factory.mktemp("base"))


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    return write_data(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def full(base, data, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("full")
    config = tiny_config(base, **FULL, stage=FULL_STAGE | {"steps": 30})
    config.data.unanswerable = 0.2
    Trainer(config_from_dict(config.model_dump() | {"model": FULL["model"]}), data, out).run()
    return out


@pytest.fixture(scope="module")
def questions(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("questions") / "questions.jsonl"
    row = {"question": "What colour is the door?", "answers": ["red"], "passages": [{"title": "", "text": "The door is red."}]}
    path.write_text("".join(json.dumps({"id": str(i)} | row) + "\n" for i in range(3)))
    return path


def losses(out: Path, kind: str) -> list[dict]:
    return [e["loss"] for e in map(json.loads, (out / "metrics.jsonl").read_text().splitlines()) if e["kind"] == kind]


def fall(train: list[dict], objective: str) -> float:
    """By how much the mean loss of the last five entries is below that of the first two."""
    found = [[v for k, v in entry.items() if k.startswith(objective)] for entry in train]
    first, last = (sum(sum(one) / len(one) for one in part) / len(part) for part in (found[:2], found[-5:]))
    return first - last


def test_the_original_prompt_is_tuned_and_evaluated(full, questions, tmp_path, capsys):
    assert fall(losses(full, "train"), "qa") > 0.2
    assert {"qa/1", "refusal/1"} <= set(losses(full, "validation")[-1])
    arguments = ["--checkpoint", str(full / "packed"), "--data", str(questions), "--no-results"]
    assert evaluate.main([*arguments, "--mode", "full", "--json", str(tmp_path / "out.json")]) == 0
    assert json.loads((tmp_path / "out.json").read_text())["scores"]["n"] == 3
    assert evaluate.main(arguments) == 1
    assert "--mode full" in capsys.readouterr().err


def test_the_traditional_paradigm_is_trained_on_both_objectives_and_evaluated(base, data, questions, tmp_path):
    config = tiny_config(base, model=MODEL | {"method": "tcp"}, stage={"trainable": ["encoder", "tcp", "decoder"], "steps": 30})
    Trainer(config, data, tmp_path).run()
    train = losses(tmp_path, "train")
    assert set().union(*train) == {"autoencoding/2", "autoencoding/4", "qa/2", "qa/4"}
    assert fall(train, "autoencoding") > 0.5 and fall(train, "qa") > 0.1
    model, _, _ = load_packed(tmp_path / "packed")
    assert model.tcp.slots.num_embeddings == 32
    arguments = ["--checkpoint", str(tmp_path / "packed"), "--no-results", "--rate", "4", "--data"]
    assert evaluate.main([*arguments, str(questions)]) == 0
    assert evaluate.main([*arguments, str(data / "prose.jsonl"), "--task", "restoration", "--tokens", "20", "--limit", "2"]) == 0


def test_a_student_comes_nearer_to_its_teacher(base, data, full, tmp_path):
    value = tiny_config(base, stage={"steps": 40}).model_dump()
    value |= {"model": MODEL, "distillation": {"teacher": str(full / "packed"), "weight": 0.5, "states_weight": 0.5, "states_every": 1}}
    value["data"]["unanswerable"] = 0.2
    trainer = Trainer(config_from_dict(value), data, tmp_path)
    before = {name: tensor.clone() for name, tensor in trainer.teacher.model.state_dict().items()}
    trainer.run()
    assert fall(losses(tmp_path, "train"), "divergence") > 0.005 and fall(losses(tmp_path, "train"), "states") > 0.02
    assert all(torch.equal(tensor, before[name]) for name, tensor in trainer.teacher.model.state_dict().items())


def test_a_run_starts_between_its_weights_and_the_teachers_decoder(base, data, full, tmp_path):
    value = tiny_config(base).model_dump() | {"model": MODEL, "distillation": {"teacher": str(full / "packed")}}
    value["data"]["unanswerable"] = 0.2
    plain = Trainer(config_from_dict(value), data, tmp_path)
    start = dict(plain.model.decoder.named_parameters())
    with torch.no_grad():
        for parameter in start.values():
            parameter.add_(0.1 * torch.randn_like(parameter))
    save_packed(plain.model, tmp_path / "start", str(base))
    stored = load_packed(tmp_path / "start")[0].decoder.state_dict()
    value["distillation"]["initial_share"] = 0.25
    blended = Trainer(config_from_dict(value), data, tmp_path, tmp_path / "start")
    other = blended.teacher.model.decoder.state_dict()
    for name, parameter in blended.model.decoder.named_parameters():
        torch.testing.assert_close(parameter, 0.75 * stored[name] + 0.25 * other[name])


def test_what_a_run_starts_from_is_logged(base, data, full, tmp_path):
    Trainer(tiny_config(base), data, tmp_path, init_from=full / "packed")
    (entry,) = map(json.loads, (tmp_path / "metrics.jsonl").read_text().splitlines())
    assert entry["kind"] == "start" and entry["taken"] == ["decoder", "embed_tokens"] and entry["fresh"] == ["encoder", "lsa"]


def test_an_impossible_run_ends_with_a_message_before_it_begins(base, data, tmp_path, capsys):
    path = tmp_path / "config.json"
    wrong = [
        (tiny_config(base, stage={"trainable": ["tcp"]}), "Unknown trainable part 'tcp'"),
        (tiny_config(base, model=MODEL | {"encoder_layers": 9}), "2 layers, so encoder_layers cannot be 9"),
        (tiny_config(base, distillation={"teacher": "absent"}), "no teacher in absent"),
    ]
    for config, message in wrong:
        path.write_text(config.model_dump_json())
        assert main(["--config", str(path), "--data", str(data), "--out", str(tmp_path / "out")]) == 1
        assert message in capsys.readouterr().err
