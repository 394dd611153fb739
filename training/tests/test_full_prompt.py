import pytest
import torch
from export_models import tiny_tokenizer
from test_model import base, ids, sample

from gmsa_training.config import ModelConfig
from gmsa_training.data.packing import Sample, pack
from gmsa_training.evaluation.inference import Gmsa, InferenceError
from gmsa_training.evaluation.torch_runtime import TorchRuntime
from gmsa_training.model.gmsa_model import GmsaModel


def full_model() -> GmsaModel:
    one = base()
    return GmsaModel(one, one.config, ModelConfig(method="full", rates=[1], default_rate=1)).eval()


@torch.no_grad()
def losses(model: GmsaModel, samples: list[Sample]) -> torch.Tensor:
    return model(pack(samples, "qa", [1], compressed=False))


def test_the_loss_is_that_of_the_base_model_on_context_question_and_answer():
    one = sample(3, [30, 7], 1)
    ((prompt, target),) = one.turns
    tokens = torch.tensor([[1, *one.segments[0], *one.segments[1], *prompt, *target]])
    with torch.no_grad():
        logits = base()(tokens).logits[0, -len(target) - 1 : -1]
    expected = torch.nn.functional.cross_entropy(logits, torch.tensor(target), reduction="none")
    torch.testing.assert_close(losses(full_model(), [one]), expected, atol=1e-4, rtol=1e-4)


def test_turns_of_one_row_are_blind_to_each_other():
    model, row = full_model(), sample(0, [40, 21], 1, turns=4)
    alone = torch.cat([losses(model, [Sample(row.segments, 1, [turn])]) for turn in row.turns])
    torch.testing.assert_close(losses(model, [row, sample(7, [90], 1)])[: len(alone)], alone, atol=2e-4, rtol=1e-3)


def test_there_is_no_compressor_to_train_or_to_use():
    model = full_model()
    assert {name.split(".")[0] for name, _ in model.named_parameters()} == {"embed_tokens", "decoder"}
    with pytest.raises(ValueError, match="known: decoder, decoder.qkv, embedding"):
        model.set_trainable(["encoder"])
    gmsa = Gmsa(TorchRuntime(model, tiny_tokenizer()), 2)
    with pytest.raises(InferenceError, match="--mode full"):
        gmsa.compress([ids(0, 9)], 1)
    (answer,) = gmsa.generate([gmsa.question_input("Who?", context_ids=ids(0, 9), max_new_tokens=2)])
    assert len(answer.token_ids) <= 2
