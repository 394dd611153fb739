import pytest
import torch
from export_models import tiny_model, tiny_tokenizer
from transformers import LlamaConfig, LlamaForCausalLM

from gmsa_training.config import LoraConfig, ModelConfig
from gmsa_training.data.packing import Sample, pack
from gmsa_training.model.gmsa_model import GmsaModel
from gmsa_training.model.layers import GridLinear


@pytest.fixture(scope="module")
def model() -> GmsaModel:
    return tiny_model(tiny_tokenizer(), quantized=True)


def ids(seed: int, length: int) -> list[int]:
    return torch.randint(3, 300, (length,), generator=torch.Generator().manual_seed(seed)).tolist()


def sample(seed: int, lengths: list[int], rate: int, turns: int = 1) -> Sample:
    return Sample([ids(seed + i, n) for i, n in enumerate(lengths)], rate, [(ids(50 + seed + i, 6), ids(90 + seed + i, 4)) for i in range(turns)])


@torch.no_grad()
def losses(model: GmsaModel, samples: list[Sample]) -> torch.Tensor:
    return model(pack(samples, "qa", [1]))


def test_a_sample_in_a_padded_batch_of_mixed_rates_gives_what_it_gives_alone(model):
    samples = [sample(0, [37], 2), sample(10, [64, 9], 4), sample(20, [5, 1, 30], 8), sample(30, [130], 4)]
    alone = torch.cat([losses(model, [one]) for one in samples])
    assert torch.allclose(losses(model, samples), alone, atol=2e-4)


def test_turns_of_one_row_are_blind_to_each_other(model):
    row = sample(0, [40, 21], 4, turns=4)
    alone = torch.cat([losses(model, [Sample(row.segments, row.rate, [turn])]) for turn in row.turns])
    assert torch.allclose(losses(model, [row]), alone, atol=2e-4)
    assert torch.allclose(losses(model, [row, sample(7, [12], 2)])[: len(alone)], alone, atol=2e-4)


def test_the_losses_are_those_of_the_documented_decoder_input(model):
    """Prefix, soft tokens of all segments in order, prompt, target: built here step by step."""
    one = sample(3, [10, 7], 4)
    with torch.no_grad():
        soft = []
        for segment in one.segments:
            hidden = model.encoder(model.embed_tokens(torch.tensor([segment])))[0]
            merged = torch.stack([hidden[i : i + 4].mean(0) for i in range(0, len(segment), 4)])
            soft.append(model.lsa(merged.unsqueeze(0))[0])
        prompt, target = one.turns[0]
        text = model.embed_tokens(torch.tensor(prompt + target[:-1]))
        inputs = torch.cat([model.embed_tokens(torch.tensor([1])), *soft, text]).unsqueeze(0)
        logits = model.logits(model.decoder(inputs))[0, -len(target) :]
        expected = torch.nn.functional.cross_entropy(logits, torch.tensor(target), reduction="none")
    assert torch.allclose(losses(model, [one]), expected, atol=2e-4)


def test_a_later_segment_does_not_change_the_soft_tokens_of_an_earlier_one(model):
    segment, other = ids(1, 20), ids(2, 33)
    groups = torch.arange(20).view(1, 20) // 4
    with torch.no_grad():
        alone = model.compress(torch.tensor([segment]), groups, 5)
        padded = torch.tensor([segment + [0] * 13, other])
        both_groups = torch.full((2, 33), 18)
        both_groups[0, :20] = torch.arange(20) // 4
        both_groups[1] = 9 + torch.arange(33) // 4
        both = model.compress(padded, both_groups, 9)
    assert torch.allclose(both[0, :5], alone[0], atol=1e-4)


def base() -> LlamaForCausalLM:
    torch.manual_seed(0)
    return LlamaForCausalLM(
        LlamaConfig(
            vocab_size=400, hidden_size=64, intermediate_size=96, num_hidden_layers=3, num_attention_heads=2,
            num_key_value_heads=1, tie_word_embeddings=True,
        )
    )


def build(**options) -> GmsaModel:
    one = base()
    return GmsaModel(one, one.config, ModelConfig(encoder_layers=2, **options))


def test_the_decoder_alone_is_the_base_model():
    one = base()
    tokens = torch.tensor([ids(4, 30)])
    with torch.no_grad():
        expected = one(tokens).logits
        model = GmsaModel(one, one.config, ModelConfig(encoder_layers=2))
        assert torch.allclose(model.logits(model.decoder(model.embed_tokens(tokens))), expected, atol=1e-5)


def test_soft_tokens_start_at_the_scale_of_the_embeddings():
    model = build()
    with torch.no_grad():
        soft = model.compress(torch.tensor([ids(5, 32)]), torch.arange(32).view(1, 32) // 4, 8)
    assert soft.pow(2).mean().sqrt().item() == pytest.approx(model.embed_tokens.weight.pow(2).mean().sqrt().item(), rel=1e-3)


def test_with_branches_scaled_to_zero_soft_tokens_at_rate_1_point_where_the_embeddings_do():
    model = build(branch_scale=0.0)
    tokens = torch.tensor([ids(6, 16)])
    with torch.no_grad():
        soft = model.compress(tokens, torch.arange(16).view(1, 16), 16)
        similarity = torch.nn.functional.cosine_similarity(soft, model.embed_tokens(tokens), dim=-1)
    assert similarity.min() > 0.999


def test_without_lsa_the_soft_tokens_are_the_merged_states_at_the_scale_of_the_embeddings():
    model = build(lsa_layers=0)
    tokens = torch.tensor([ids(6, 16)])
    with torch.no_grad():
        merged = model.encoder(model.embed_tokens(tokens))[0].view(4, 4, -1).mean(1)
        soft = model.compress(tokens, torch.arange(16).view(1, 16) // 4, 4)[0]
    rms = model.embed_tokens.weight.pow(2).mean().sqrt()
    torch.testing.assert_close(soft, rms * merged / merged.pow(2).mean(-1, keepdim=True).sqrt(), atol=1e-4, rtol=1e-2)
    assert model.set_trainable(["lsa"]) == [model.lsa.norm.weight]


def test_a_random_lsa_shares_no_weight_with_the_base_model():
    base_layer, random_layer = (build(random_lsa=value).lsa.layers[0] for value in (False, True))
    first = build().decoder.layers[0]
    assert torch.equal(base_layer.mlp.up_proj.weight, first.mlp.up_proj.weight)
    assert not any(torch.equal(a, b) for a, b in zip(random_layer.parameters(), first.parameters()) if a.dim() > 1)


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["lsa"], {"lsa"}),
        (["encoder", "lsa"], {"encoder", "lsa"}),
        (["decoder"], {"decoder"}),
        (["embedding"], {"embed_tokens"}),
    ],
)
def test_only_the_named_parts_are_trained(names, expected):
    model = build()
    parameters = model.set_trainable(names)
    trained = {name.split(".")[0] for name, parameter in model.named_parameters() if parameter.requires_grad}
    assert trained == expected
    assert len(parameters) == sum(parameter.requires_grad for parameter in model.parameters())


def test_keft_trains_q_k_and_v_of_every_decoder_layer_and_nothing_else():
    model = build()
    model.set_trainable(["decoder.qkv"])
    trained = {name for name, parameter in model.named_parameters() if parameter.requires_grad}
    assert trained == {f"decoder.layers.{i}.self_attn.{p}_proj.weight" for i in range(3) for p in "qkv"}


def test_an_unknown_part_is_refused():
    with pytest.raises(ValueError, match="Unknown trainable part 'head'"):
        build().set_trainable(["head"])


def test_a_low_rank_update_is_merged_into_the_weight_before_the_grid():
    model = build(encoder_lora=LoraConfig(rank=4, alpha=8))
    trained = model.set_trainable(["encoder"])
    linear = next(module for module in model.encoder.modules() if isinstance(module, GridLinear))
    with torch.no_grad():
        linear.lora_b.normal_()
    model.set_quantization(True)
    from gmsa_training.model.quantization import to_int4_grid

    assert torch.equal(linear.effective_weight(), to_int4_grid(linear.weight + 2 * linear.lora_b @ linear.lora_a))
    assert not linear.weight.requires_grad and any(parameter is linear.lora_b for parameter in trained)
