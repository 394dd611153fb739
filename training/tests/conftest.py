"""Exports of tiny models, made once for all tests that read them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import hypothesis
import pytest
from export_models import tiny_model, tiny_tokenizer
from transformers import PreTrainedTokenizerFast

from gmsa_training.export import export_model
from gmsa_training.model.gmsa_model import GmsaModel

# Tests run beside other work: how long an example takes says nothing.
hypothesis.settings.register_profile("untimed", deadline=None)
hypothesis.settings.load_profile("untimed")


@dataclass(frozen=True)
class Exported:
    model: GmsaModel
    tokenizer: PreTrainedTokenizerFast
    folder: Path


def _exported(folder: Path, quantized: bool) -> Exported:
    tokenizer = tiny_tokenizer()
    model = tiny_model(tokenizer, quantized)
    export_model(model, tokenizer, folder, name="tiny", base_name="tiny-base")
    return Exported(model, tokenizer, folder)


@pytest.fixture(scope="session")
def quantized(tmp_path_factory: pytest.TempPathFactory) -> Exported:
    """A model trained on its grids, exported as q4f16, q4 and fp32."""
    return _exported(tmp_path_factory.mktemp("exported") / "quantized", quantized=True)


@pytest.fixture(scope="session")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Exported:
    """A model without grids, exported as fp32 alone."""
    return _exported(tmp_path_factory.mktemp("exported") / "plain", quantized=False)
