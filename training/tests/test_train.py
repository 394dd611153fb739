import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import yaml
from tiny_run import tiny_config, write_base, write_data

from gmsa_training.config import ConfigError, Stage
from gmsa_training.model.checkpoint import apply_packed_state, load_packed, load_packed_state, packed_state
from gmsa_training.training import train
from gmsa_training.training.train import learning_rate
from gmsa_training.training.train import Trainer


@pytest.fixture(scope="module")
def base(tmp_path_factory) -> Path:
    return write_base(tmp_path_factory.mktemp("base"))


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    return write_data(tmp_path_factory.mktemp("data"))


def entries(out: Path, kind: str) -> list[dict]:
    return [e for e in map(json.loads, (out / "metrics.jsonl").read_text().splitlines()) if e["kind"] == kind]


def test_losses_of_both_objectives_fall_and_are_logged_by_rate(base, data, tmp_path):
    Trainer(tiny_config(base, stage={"steps": 40}), data, tmp_path).run()
    train = entries(tmp_path, "train")
    assert set().union(*(entry["loss"] for entry in train)) == {"autoencoding/2", "autoencoding/4", "qa/2", "qa/4"}
    for objective in ("autoencoding", "qa"):
        means = [[v for k, v in e["loss"].items() if k.startswith(objective)] for e in (train[0], train[-1])]
        first, last = (sum(values) / len(values) for values in means)
        assert last < first - 0.5
    validation = entries(tmp_path, "validation")[-1]["loss"]
    assert set(validation) == {"autoencoding/2", "autoencoding/4", "qa/2", "qa/4"}
    assert json.loads((tmp_path / "config.json").read_text())["name"] == "tiny"


def test_objectives_made_of_prose_are_trained_and_validated(base, tmp_path):
    folder = write_data(tmp_path / "data")
    text = " ".join(f"In {1500 + i} the harbour of Anna Reed bought {20 + i} wooden ships from northern merchants of the town." for i in range(9))
    (folder / "prose.jsonl").write_text("".join(json.dumps({"title": "", "text": f"{i} {text}"}) + "\n" for i in range(30)))
    made = ["cloze", "continuation", "facts", "recall"]
    given = {"prose": ["prose.jsonl"], "qa": {"toy.train.jsonl.gz": 1.0}, "validation_paragraphs": 5, "questions_per_context": 3}
    config = tiny_config(
        base, data=given | {"context_tokens": {60: 1.0}, "unanswerable": 0.2}, stage={
            "objectives": {"qa": 1.0} | dict.fromkeys(made, 1.0), "decoder_tokens": 2048, "lengths": {64: 1.0}, "settings": {"facts": {"lengths": {200: 1.0}, "rates": {8: 1.0}}},
        },
    )
    Trainer(config, folder, tmp_path / "out").run()
    train, validation = (entries(tmp_path / "out", kind)[-1]["loss"] for kind in ("train", "validation"))
    assert {name.split("/")[0] for name in train} == {"qa", *made} and "facts/8" in train and "facts/4" not in train
    assert {f"{name}/{rate}" for name in made for rate in (2, 4)} <= set(validation)


def test_an_interrupted_run_goes_on_where_it_stopped(base, data, tmp_path):
    Trainer(tiny_config(base, stage={"steps": 3}), data, tmp_path).run()
    first = Trainer(tiny_config(base, stage={"steps": 3}), data, tmp_path / "other")
    saved = torch.load(tmp_path / "checkpoint.pt", weights_only=True)
    longer = Trainer(tiny_config(base, stage={"steps": 6}), data, tmp_path)
    assert longer.step == 0
    longer.run()
    assert longer.step == longer.stage_step == 6 and saved["step"] == 3
    assert longer.averaged.n_averaged == 7  # the start, and six steps
    assert first.step == 0
    moved = [name for name, value in longer.model.state_dict().items() if not torch.equal(value, saved["model"][name])]
    assert moved


def test_resuming_restores_masters_average_and_optimiser_exactly(base, data, tmp_path):
    config = tiny_config(base, stage={"steps": 3}, dtype="bfloat16")
    before = Trainer(config, data, tmp_path)
    before.run()
    after = Trainer(tiny_config(base, stage={"steps": 5}, dtype="bfloat16"), data, tmp_path)
    after._begin(after.config.stages[0], after._resume())
    assert all(torch.equal(a, b) for a, b in zip(after.masters.trained, before.masters.trained))
    assert all(torch.equal(a, b) for a, b in zip(after.averaged.parameters(), before.averaged.parameters()))
    states = zip(after.optimizer.state.values(), before.optimizer.state.values())
    assert all(torch.equal(a["exp_avg_sq"], b["exp_avg_sq"]) for a, b in states)


def test_packed_weights_are_saved_with_every_checkpoint_and_change_nothing(base, data, tmp_path):
    trainer = Trainer(tiny_config(base, dtype="bfloat16"), data, tmp_path)
    trainer._begin(trainer.config.stages[0], None)
    before = [weight.clone() for weight in trainer.model.parameters()]
    trainer.save()
    assert all(torch.equal(a, b) and a.dtype == b.dtype for a, b in zip(before, trainer.model.parameters()))
    assert set(load_packed_state(tmp_path / "packed")) == set(packed_state(trainer.model))


def test_packed_weights_are_the_average_on_its_grid_and_load_exactly(base, data, tmp_path):
    trainer = Trainer(tiny_config(base, dtype="bfloat16"), data, tmp_path)
    trainer.run()
    model, tokenizer, name = load_packed(tmp_path / "packed")
    assert name == str(base) and len(tokenizer) == model.embed_tokens.num_embeddings
    stored = load_packed_state(tmp_path / "packed")
    again = packed_state(model)
    assert set(stored) == set(again) and all(torch.equal(stored[key], again[key]) for key in stored)
    trainer._swap_averaged()
    trainer._write_masters(torch.float32)
    averaged = trainer.model.decoder.layers[0].mlp.up_proj.weight
    assert torch.equal(model.decoder.layers[0].mlp.up_proj.effective_weight(), averaged)


def test_a_checkpoint_with_a_weight_too_many_or_too_few_is_refused(base, data, tmp_path):
    trainer = Trainer(tiny_config(base), data, tmp_path)
    state = packed_state(trainer.model)
    with pytest.raises(KeyError, match="lacks"):
        apply_packed_state(trainer.model, state | {"encoder.layers.9.x.weight": torch.zeros(1)})
    state.pop("lsa.norm.weight")
    with pytest.raises(KeyError, match="no weight for lsa.norm"):
        apply_packed_state(trainer.model, state)


def test_training_can_start_from_packed_weights_and_from_a_shipped_folder(base, data, tmp_path):
    from gmsa_training.export import export_model

    Trainer(tiny_config(base), data, tmp_path / "first").run()
    packed = tmp_path / "first" / "packed"
    model, tokenizer, _ = load_packed(packed)
    export_model(model, tokenizer, tmp_path / "shipped", name="tiny", base_name="tiny")
    stored = load_packed_state(packed)
    for start in (packed, tmp_path / "shipped"):
        trainer = Trainer(tiny_config(base), data, tmp_path / "second", init_from=start)
        found = packed_state(trainer.model)
        assert all(torch.equal(found[key], stored[key]) for key in stored if key.endswith((".int4", ".int8")))


def test_stages_keep_what_they_freeze(base, data, tmp_path):
    config = tiny_config(base)
    frozen = config.model_dump()["stages"][0] | {"name": "keft", "trainable": ["decoder.qkv"], "objectives": {"qa": 1.0}}
    config.stages.append(Stage(**frozen))
    trainer = Trainer(config, data, tmp_path)
    trainer.run()
    names = [name for name, p in trainer.model.named_parameters() if p.requires_grad]
    assert trainer.step == 8 and all(name.split(".")[-2] in ("q_proj", "k_proj", "v_proj") for name in names)


def test_the_grid_is_on_from_its_step(base, data, tmp_path):
    from gmsa_training.model.quantization import to_int4_grid

    config = tiny_config(base, model={"encoder_layers": 1, "rates": [2, 4], "segment_length": 64, "quantization": {"from_step": 3}})
    trainer = Trainer(config, data, tmp_path)
    stage = config.stages[0]
    trainer._begin(stage, None)
    weight = trainer.model.decoder.layers[0].mlp.up_proj.weight
    assert not torch.equal(to_int4_grid(weight), weight)
    from gmsa_training.data.batches import step_batches
    from gmsa_training.training.loss_meter import LossMeter

    stream, meter = step_batches(trainer.maker, stage, 0), LossMeter(["autoencoding", "qa"], [2, 4], trainer.accelerator)
    seen = []
    for _ in range(4):
        trainer.train_step(stage, next(stream), meter)
        seen.append(torch.equal(to_int4_grid(weight), weight))
    assert seen == [False, False, True, True]


STAGE = {"name": "s", "trainable": [], "objectives": {}, "rates": {}}


def test_the_learning_rate_warms_up_and_falls_by_steps_or_seconds():
    stage = Stage(**STAGE, steps=100, learning_rate=1.0, warmup_steps=10, decay=0.5)
    assert learning_rate(stage, 0, 0) == pytest.approx(0.1)
    assert learning_rate(stage, 50, 0) == 1.0
    assert learning_rate(stage, 75, 0) == pytest.approx(0.5)
    timed = Stage(**STAGE, seconds=10, learning_rate=1.0, warmup_steps=0, decay=0.5, final_learning_rate=0.2)
    assert learning_rate(timed, 7, 7.5) == pytest.approx(0.6)
    assert learning_rate(timed, 7, 99) == pytest.approx(0.2)

def test_two_processes_agree_on_the_weights(base, data, tmp_path):
    config = tiny_config(base, stage={"steps": 2})
    path = tmp_path / "config.yaml"
    path.write_text(yaml.safe_dump(json.loads(config.model_dump_json())))
    script = tmp_path / "run.py"
    script.write_text(
        "import sys, torch\n"
        "from pathlib import Path\n"
        "from gmsa_training.config import load_config\n"
        "from gmsa_training.training.train import Trainer\n"
        "trainer = Trainer(load_config(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3]))\n"
        "trainer.run()\n"
        "torch.save([m.detach() for m in trainer.masters.trained], f'{sys.argv[3]}/rank{trainer.accelerator.process_index}.pt')\n"
    )
    root = str(Path(__file__).parent.parent)
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": root, "ACCELERATE_USE_CPU": "true"}
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node=2", "--master-port=29533", script, path, data, tmp_path / "out"]
    done = subprocess.run([str(part) for part in command], env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-3000:]
    first, second = (torch.load(tmp_path / "out" / f"rank{rank}.pt") for rank in (0, 1))
    assert all(torch.equal(a, b) for a, b in zip(first, second))
    assert len(entries(tmp_path / "out", "train")) == 1


def test_losses_go_to_a_tracker_as_well_if_one_is_named(base, data, tmp_path):
    Trainer(tiny_config(base, tracker="tensorboard", stage={"steps": 2}), data, tmp_path).run()
    (events,) = tmp_path.glob("tiny/*tfevents*")
    assert b"validation/qa/4" in events.read_bytes() and b"gradient_norm" in events.read_bytes()


def test_a_tracker_that_is_not_installed_is_named(base, data, tmp_path, monkeypatch):
    monkeypatch.setitem(train._TRACKERS, "wandb", lambda: False)
    with pytest.raises(ConfigError, match="'wandb' is not installed; run `pip install wandb`"):
        Trainer(tiny_config(base, tracker="wandb"), data, tmp_path)
