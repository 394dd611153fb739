import json
from pathlib import Path

import pytest

from gmsa_training.config import ConfigError, config_from_dict, load_config

CONFIGS = Path(__file__).parent.parent / "configs"
STAGE = {"name": "s", "trainable": ["lsa"], "objectives": {"qa": 1}, "rates": {4: 1}, "steps": 1}


@pytest.mark.parametrize("path", sorted(CONFIGS.glob("**/*.yaml")), ids=lambda path: path.stem)
def test_the_committed_configurations_are_valid(path):
    assert load_config(path).stages


def test_the_papers_setting_freezes_the_decoder_and_then_all_but_its_qkv():
    config = load_config(CONFIGS / "paper.yaml")
    assert [stage.trainable for stage in config.stages] == [["encoder", "lsa"], ["decoder.qkv"]]
    assert all(set(stage.rates) == {4, 8} for stage in config.stages)
    assert config.model.encoder_layers == 8


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"name": "x", "stagess": []}, "Unknown key 'stagess'"),
        ({"name": "x", "model": {"encoder_layer": 4}}, "Unknown key 'encoder_layer' in model"),
        ({"name": "x", "model": {"encoder_layers": "four"}}, "model.encoder_layers must be of type int"),
        ({"name": "x", "stages": [{**STAGE, "steps": None}]}, "needs `steps` or `seconds`"),
        ({"name": "x", "stages": [{**STAGE, "objectives": {"mlm": 1}}]}, "Unknown objective 'mlm'"),
        ({"model": {}}, "name"),
        ({"name": "x", "model": {"method": "icae"}}, "Unknown method 'icae'; known: gmsa, tcp, full"),
        ({"name": "x", "model": {"method": "full"}}, "rate 1 alone"),
        ({"name": "x", "data": {"altered": 2}}, "between 0 and 1"),
        ({"name": "x", "data": {"facts": {"least": 2}}}, "Unknown key 'least' in data.facts"),
        ({"name": "x", "stages": [{**STAGE, "settings": {"facts": {}}}]}, "settings for 'facts', which is not an objective"),
        ({"name": "x", "stages": [{**STAGE, "settings": {"qa": {"length": {}}}}]}, "Unknown key 'length'"),
        ({"name": "x", "stages": [{**STAGE, "settings": {"qa": {"unanswerable": 2}}}]}, "between 0 and 1"),
        ({"name": "x", "stages": [{**STAGE, "objectives": {"facts": 1}}]}, "needs `context_tokens`, or `lengths`"),
        ({"name": "x", "data": {"unanswerable": 1.5}}, "between 0 and 1"),
        ({"name": "x", "data": {"unanswerable": 0.1}, "model": {"refusal": ""}}, "need a `refusal`"),
        ({"name": "x", "distillation": {"teacher": "t", "weight": 2}}, "distillation.weight"),
        ({"name": "x", "distillation": {"teacher": "t", "objectives": ["mlm"]}}, "Unknown objective 'mlm' in distillation"),
        ({"name": "x", "model": {"method": "full", "rates": [1]}, "distillation": {"teacher": "t"}}, "is the teacher"),
        ({"name": "x", "distillation": {"teacher": "t", "states_every": 0}}, "states_every at least 1"),
        ({"name": "x", "distillation": {"teacher": "t", "share": 0}}, "distillation.share must be above 0"),
        ({"name": "x", "blend": {"source": "other"}}, "'base' or 'teacher'"),
        ({"name": "x", "blend": {"source": "teacher"}}, "needs a configuration with distillation"),
        ({"name": "x", "blend": {"share": 2}}, "blend.share must be"),
        ([], "must be a mapping"),
    ],
)
def test_a_wrong_configuration_is_refused_with_its_place(value, message):
    with pytest.raises(ConfigError, match=message.replace("`", ".")):
        config_from_dict(value)


def test_numbers_written_without_a_point_are_floats_where_floats_are_meant():
    config = config_from_dict({"name": "x", "stages": [{**STAGE, "learning_rate": "1e-4", "seconds": 3}]})
    assert config.stages[0].learning_rate == 1e-4
    assert config.stages[0].rates == {4: 1.0}


@pytest.mark.parametrize(("data", "stage", "expected"), [({}, {}, ""), ({"unanswerable": 0.1}, {}, "The text"), ({}, {"unanswerable": 0.1}, "The text")])
def test_a_model_claims_a_refusal_only_if_it_is_trained_to_refuse(data, stage, expected):
    config = config_from_dict({"name": "x", "data": data, "stages": [STAGE | stage]})
    assert config.model.refusal.startswith(expected) and bool(config.model.refusal) == bool(expected)


def test_a_configuration_extends_another_and_changes_stages_by_name(tmp_path):
    (tmp_path / "base.yaml").write_text(json.dumps({"name": "x", "model": {"rates": [2], "encoder_layers": 3}, "stages": [STAGE, STAGE | {"name": "t"}]}))
    path = tmp_path / "other.yaml"
    path.write_text(json.dumps({"extends": "base.yaml", "model": {"rates": [4]}, "stages": {"*": {"trainable": ["decoder"]}, "t": {"steps": 7}}}))
    config = load_config(path)
    assert (config.model.rates, config.model.encoder_layers) == ([4], 3)
    assert [(stage.trainable, stage.steps) for stage in config.stages] == [(["decoder"], 1), (["decoder"], 7)]
    path.write_text(json.dumps({"extends": "base.yaml", "stages": {"u": {}}}))
    with pytest.raises(ConfigError, match="changes stage 'u'"):
        load_config(path)


def test_the_fine_tuned_prompt_sees_the_questions_of_the_model_that_it_bounds():
    full, answers = (load_config(CONFIGS / f"{name}.yaml") for name in ("full-prompt", "smollm2-135m-answers"))
    for name in ("qa", "context_tokens", "max_context_tokens", "unanswerable", "titled", "questions_per_context"):
        assert getattr(full.data, name) == getattr(answers.data, name)
    assert full.model.refusal == answers.model.refusal and abs(sum(full.data.qa.values()) - 1) < 1e-9


def test_ablations_change_one_thing_of_their_base():
    base = config_to_dict(load_config(CONFIGS / "ablations" / "base.yaml"))
    for path in (CONFIGS / "ablations").glob("*.yaml"):
        found = config_to_dict(load_config(path))
        assert found["name"] == path.stem
        assert found["data"] == base["data"] and [s["steps"] for s in found["stages"]] == [s["steps"] for s in base["stages"]]
        assert [s["decoder_tokens"] for s in found["stages"]] == [s["decoder_tokens"] for s in base["stages"]]
