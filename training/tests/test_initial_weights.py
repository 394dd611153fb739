import pytest
import torch
from test_model import base

from gmsa_training.config import ConfigError, ModelConfig
from gmsa_training.model.checkpoint import packed_state, save_packed
from gmsa_training.model.gmsa_model import GmsaModel
from gmsa_training.export.reload import load_initial_weights


def build(**options) -> GmsaModel:
    one = base()
    return GmsaModel(one, one.config, ModelConfig(**{"encoder_layers": 2, "segment_length": 64, "rates": [2, 4]} | options))


def noisy(model: GmsaModel) -> GmsaModel:
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.02 * torch.randn_like(parameter))
    return model


@pytest.mark.parametrize(
    ("source", "target", "found"),
    [
        ({}, {}, {"taken": ["decoder", "embed_tokens", "encoder", "lsa"], "fresh": [], "left": []}),
        ({"method": "full"}, {}, {"taken": ["decoder", "embed_tokens"], "fresh": ["encoder", "lsa"], "left": []}),
        ({}, {"method": "full"}, {"taken": ["decoder", "embed_tokens"], "fresh": [], "left": ["encoder", "lsa"]}),
        ({}, {"method": "tcp"}, {"taken": ["decoder", "embed_tokens", "encoder"], "fresh": ["tcp"], "left": ["lsa"]}),
        ({"method": "tcp"}, {"method": "tcp"}, {"taken": ["decoder", "embed_tokens", "encoder", "tcp"], "fresh": [], "left": []}),
    ],
)
def test_the_parts_that_both_have_are_taken_and_the_others_stay(tmp_path, source, target, found):
    stored = noisy(build(**source))
    save_packed(stored, tmp_path, "base")
    model = build(**target)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    assert load_initial_weights(model, tmp_path) == found
    now, expected = packed_state(model), packed_state(stored)
    assert all(torch.equal(now[name], expected[name]) for name in expected if name.split(".")[0] in found["taken"])
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items() if name.split(".")[0] in found["fresh"])


def test_a_part_of_another_depth_is_refused(tmp_path):
    save_packed(build(encoder_layers=1), tmp_path, "base")
    with pytest.raises(ConfigError, match="do not fit"):
        load_initial_weights(build(), tmp_path)
    save_packed(build(encoder_layers=3), tmp_path, "base")
    with pytest.raises(ConfigError, match="do not fit"):
        load_initial_weights(build(), tmp_path)
