from pathlib import Path

import pytest

from gmsa_training.config import ConfigError, config_from_dict, load_config

CONFIGS = Path(__file__).parent.parent / "configs"
STAGE = {"name": "s", "trainable": ["lsa"], "objectives": {"qa": 1}, "rates": {4: 1}, "steps": 1}


@pytest.mark.parametrize("path", sorted(CONFIGS.glob("*.yaml")), ids=lambda path: path.stem)
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
