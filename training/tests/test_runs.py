import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tiny_run import tiny_config, write_base, write_data

from gmsa_training.config import config_to_dict
from gmsa_training.training.loss_plot import compare_losses
from gmsa_training.training.runs import main

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def folders(tmp_path_factory) -> tuple[Path, Path]:
    return write_base(tmp_path_factory.mktemp("base")), write_data(tmp_path_factory.mktemp("data"))


def config(path: Path, base: Path, **changes) -> Path:
    path.write_text(json.dumps(config_to_dict(tiny_config(base, **changes))))
    return path


def test_runs_go_side_by_side_and_a_failed_one_is_reported_with_its_code(folders, tmp_path, monkeypatch, capfd):
    base, data = folders
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    paths = [config(tmp_path / "good.yaml", base), config(tmp_path / "bad.yaml", base, data={"qa": {"absent.jsonl": 1.0}})]
    out = tmp_path / "out"
    assert main([*map(str, paths), "--data", str(data), "--out", str(out), "--workers", "0"]) == 1
    printed = capfd.readouterr().out
    assert "good: exit code 0" in printed and "bad: exit code 1" in printed and "1 of 2 runs ended well; bad: 1" in printed
    assert (out / "good" / "packed" / "config.json").is_file() and '"kind": "train"' in (out / "good" / "log.txt").read_text()
    assert "There is no data file" in (out / "bad" / "log.txt").read_text()
    compare_losses({"a": out / "good" / "metrics.jsonl", "b": out / "good" / "metrics.jsonl"}, tmp_path / "both.svg")
    assert "<svg" in (tmp_path / "both.svg").read_text()
    assert main([str(paths[0]), "--data", str(data), "--out", str(out)]) == 2
    assert "holds a run already" in capfd.readouterr().err


def test_nothing_is_started_if_a_configuration_is_missing_or_two_share_a_name(folders, tmp_path, capsys):
    base, data = folders
    path = config(tmp_path / "a.yaml", base)
    (tmp_path / "other").mkdir()
    again = config(tmp_path / "other" / "a.yaml", base)
    common = ["--data", str(data), "--out", str(tmp_path / "out")]
    assert main([str(path), str(again), *common]) == 2
    assert main([str(path), str(tmp_path / "absent.yaml"), *common]) == 2
    errors = capsys.readouterr().err
    assert "Two configurations are named a" in errors and "no configuration at" in errors
    assert not (tmp_path / "out").exists()


def test_an_interrupt_ends_the_runs(folders, tmp_path):
    base, data = folders
    path = config(tmp_path / "long.yaml", base, stage={"steps": 10**6})
    command = [sys.executable, "-m", "gmsa_training.training.runs", path, "--data", data, "--out", tmp_path / "out", "--workers", "0"]
    process = subprocess.Popen([str(part) for part in command], env=os.environ | {"PYTHONPATH": str(ROOT)}, stdout=subprocess.PIPE)
    log = tmp_path / "out" / "long" / "metrics.jsonl"
    deadline = time.monotonic() + 120
    while not log.is_file() and time.monotonic() < deadline:
        time.sleep(0.2)
    assert log.is_file()
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 130
    size = log.stat().st_size
    time.sleep(1)
    assert log.stat().st_size == size
