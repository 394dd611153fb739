import json
from pathlib import Path

import pytest

from gmsa_training.config import ConfigError, config_from_dict, load_config

CONFIGS = Path(__file__).parent.parent / "configs"
STAGE = {"name": "s", "trainable": ["lsa"], "objectives": {"qa": 1}, "rates": {4: 1}, "steps": 1}


@pytest.mark.parametrize("path", sorted(CONFIGS.glob("*.yaml")), ids=lambda path: path.stem)
def test_the_committed_configurations_are_valid_and_named_as_their_files(path):
    config = load_config(path)
    assert config.stages and config.name == path.stem


def test_the_papers_setting_freezes_the_decoder_and_then_all_but_its_qkv():
    config = load_config(CONFIGS / "paper.yaml")
    assert [stage.trainable for stage in config.stages] == [["encoder", "lsa"], ["decoder.qkv"]]
    assert all(set(stage.rates) == {4, 8} for stage in config.stages)
    assert config.model.encoder_layers == 8


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"name": "x", "stagess": []}, "stagess: unknown key; known keys: name, base, model"),
        ({"name": "x", "model": {"encoder_layer": 4}}, "model.encoder_layer: unknown key; known keys: method, encoder_layers"),
        ({"name": "x", "model": {"encoder_layers": "four"}}, "model.encoder_layers: .*integer.*, not 'four'"),
        ({"name": "x", "model": {"encoder_lora": {"size": 1}}}, "model.encoder_lora.size: unknown key; known keys: rank, alpha"),
        ({"name": "x", "stages": [{**STAGE, "steps": None}]}, "Stage 's' needs .steps. or .seconds."),
        ({"name": "x", "stages": [{**STAGE, "steps": 0}]}, "stages.0.steps: .*greater than or equal to 1, not 0"),
        ({"name": "x", "stages": [{**STAGE, "objectives": {"mlm": 1}}]}, "stages.0.objectives.mlm.*'autoencoding', 'continuation'"),
        ({"model": {}}, "name: field required"),
        ({"name": "x", "model": {"method": "icae"}}, "model.method: input should be 'gmsa', 'tcp' or 'full', not 'icae'"),
        ({"name": "x", "model": {"method": "full"}}, "must be 1"),
        ({"name": "x", "data": {"altered": 2}}, "data.altered: .*less than or equal to 1, not 2"),
        ({"name": "x", "stages": [{**STAGE, "settings": {"facts": {}}}]}, "settings for 'facts', which is not one of its objectives"),
        ({"name": "x", "stages": [{**STAGE, "settings": {"qa": {"length": {}}}}]}, "settings.qa.length: unknown key; known keys: lengths, rates"),
        ({"name": "x", "stages": [{**STAGE, "objectives": {"facts": 1}}]}, "needs .data.context_tokens., or .lengths."),
        ({"name": "x", "data": {"unanswerable": 0.1}, "model": {"refusal": ""}}, "need .model.refusal."),
        ({"name": "x", "distillation": {"teacher": "t", "weight": 2}}, "distillation.weight"),
        ({"name": "x", "distillation": {"teacher": "t", "objectives": ["mlm"]}}, "distillation.objectives.0"),
        ({"name": "x", "model": {"method": "full", "rates": [1]}, "distillation": {"teacher": "t"}}, "is the teacher"),
        ({"name": "x", "distillation": {"teacher": "t", "share": 0}}, "distillation.share: .*greater than 0"),
        ({"name": "x", "tracker": "mlflow"}, "tracker: input should be 'tensorboard' or 'wandb'"),
        ([], "the configuration: "),
    ],
)
def test_a_wrong_configuration_is_refused_with_its_place_and_what_is_allowed(value, message):
    with pytest.raises(ConfigError, match=message):
        config_from_dict(value)


def test_every_fault_is_named_at_once():
    with pytest.raises(ConfigError) as error:
        config_from_dict({"name": "x", "sed": 1, "model": {"rates": [0]}})
    assert "sed: unknown key" in str(error.value) and "model.rates.0" in str(error.value)


def test_numbers_written_without_a_point_are_floats_where_floats_are_meant():
    config = config_from_dict({"name": "x", "stages": [{**STAGE, "learning_rate": "1e-4", "seconds": 3}]})
    assert config.stages[0].learning_rate == 1e-4
    assert config.stages[0].rates == {4: 1.0}


@pytest.mark.parametrize(("data", "expected"), [({}, ""), ({"unanswerable": 0.1}, "The text")])
def test_a_model_claims_a_refusal_only_if_it_is_trained_to_refuse(data, expected):
    config = config_from_dict({"name": "x", "data": data, "stages": [STAGE]})
    assert config.model.refusal.startswith(expected) and bool(config.model.refusal) == bool(expected)


def test_single_keys_can_be_overridden(tmp_path):
    path = tmp_path / "x.yaml"
    path.write_text(json.dumps({"name": "x", "stages": [STAGE, STAGE | {"name": "t"}]}))
    given = ["model.rates=[2]", "stages.1.trainable=[decoder]", "stages.0.objectives={autoencoding: 1}", "base=org/model", "seed=3"]
    config = load_config(path, given)
    assert (config.model.rates, config.base, config.seed) == ([2], "org/model", 3)
    assert [stage.trainable for stage in config.stages] == [["lsa"], ["decoder"]]
    assert [list(stage.objectives) for stage in config.stages] == [["autoencoding"], ["qa"]]
    for wrong, message in (("seed", "not KEY=VALUE"), ("stages.7.steps=1", "names no place"), ("name.x=1", "names no place"), ("sed=1", "sed: unknown")):
        with pytest.raises(ConfigError, match=message):
            load_config(path, [wrong])


def test_what_is_not_yaml_is_named(tmp_path):
    path = tmp_path / "x.yaml"
    path.write_text("name: [")
    with pytest.raises(ConfigError, match="x.yaml is not YAML"):
        load_config(path)


@pytest.mark.parametrize(
    ("student", "teacher"), [("reading", "full-prompt"), ("typed", "full-prompt-typed"), ("refined", "full-prompt-refined")]
)
def test_a_rounds_teacher_can_teach_it(student, teacher):
    taught, teaching = (load_config(CONFIGS / f"{name}.yaml") for name in (student, teacher))
    assert taught.distillation.teacher == f"RUNS/{teacher}/packed"
    for name in ("refusal", "prefix_ids", "end_ids", "question_template", "window"):
        assert getattr(taught.model, name) == getattr(teaching.model, name)
    for config in (taught, teaching):
        assert abs(sum(config.data.qa.values()) - 1) < 1e-9 and config.data.titled == 0.5


def test_tcp_has_the_data_and_the_budget_of_the_ablations():
    base, tcp = (load_config(CONFIGS / f"{name}.yaml").model_dump() for name in ("ablation", "tcp"))
    assert base["data"] == tcp["data"]
    for ours, theirs in zip(base["stages"], tcp["stages"], strict=True):
        assert ours.pop("trainable") == ["encoder", "lsa", "decoder"] and theirs.pop("trainable") == ["encoder", "tcp", "decoder"]
        assert ours == theirs


def test_the_ablations_that_are_listed_can_be_run():
    for line in (CONFIGS / "ablation.yaml").read_text().splitlines():
        _, found, options = line.partition(" --set ")
        if found:
            load_config(CONFIGS / "ablation.yaml", [one.strip().strip('"') for one in options.split("--set ")])
