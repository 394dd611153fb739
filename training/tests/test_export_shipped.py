"""The model folders in the repository are what their manifests say."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from gmsa_training.export.weights import FILE_LIMIT_BYTES
from gmsa_training.export.model_folder import folder_sizes

MODELS = sorted(path.parent for path in (Path(__file__).parents[2] / "models").glob("*/manifest.json"))
Q4F16_LIMIT_BYTES = 115_000_000


@pytest.mark.parametrize("folder", MODELS, ids=lambda folder: folder.name)
def test_a_shipped_model_is_complete_and_small_enough(folder):
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["name"] == folder.name
    listed = {file["path"]: file for file in manifest["files"]}
    present = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert present == {*listed, "manifest.json", "README.md"}
    for path, file in listed.items():
        data = (folder / path).read_bytes()
        assert (len(data), hashlib.sha256(data).hexdigest()) == (file["bytes"], file["sha256"]), path
        assert len(data) <= FILE_LIMIT_BYTES, path
    for dtype, size in folder_sizes(folder).items():
        assert size <= Q4F16_LIMIT_BYTES, dtype


def test_the_fixture_is_tiny():
    fixture = next(folder for folder in MODELS if folder.name == "fixture")
    assert sum(path.stat().st_size for path in fixture.rglob("*") if path.is_file()) < 2_000_000
