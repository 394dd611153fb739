"""Loss curves from the command line."""

from __future__ import annotations

import json
from pathlib import Path

from gmsa_training.training.loss_plot import main


def metrics(folder: Path, name: str = "qa/4") -> str:
    folder.mkdir(parents=True)
    (folder / "metrics.jsonl").write_text(json.dumps({"kind": "train", "step": 1, "loss": {name: 1.0}}) + "\n")
    return str(folder / "metrics.jsonl")


def test_what_cannot_be_drawn_is_told_in_words(tmp_path, capsys):
    out = str(tmp_path / "plot.svg")
    first, namesake = metrics(tmp_path / "a" / "run"), metrics(tmp_path / "b" / "run")
    assert main([first, namesake, out]) == 1
    assert "folders of the same name" in capsys.readouterr().err
    assert main([first, metrics(tmp_path / "other", "cloze/8"), out]) == 1
    assert "No objective and rate is in two" in capsys.readouterr().err
    assert main([str(tmp_path / "absent" / "metrics.jsonl"), out]) == 1
    assert "absent" in capsys.readouterr().err
    assert not Path(out).exists()
    assert main([first, metrics(tmp_path / "second"), out]) == 0 and Path(out).exists()
