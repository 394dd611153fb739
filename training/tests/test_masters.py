import torch
from export_models import tiny_model, tiny_tokenizer

from gmsa_training.data.packing import Sample, pack
from gmsa_training.model.gmsa_model import GmsaModel
from gmsa_training.model.quantization import to_int4_grid, to_int8_grid
from gmsa_training.training.masters import Masters


def model() -> GmsaModel:
    one = tiny_model(tiny_tokenizer(), quantized=True)
    one.set_quantization(False)
    return one


def batch():
    return pack([Sample([list(range(5, 45))], 4, [([50, 51], [60, 61, 2])])], "qa", [1])


def of(masters: Masters, parameter: torch.nn.Parameter) -> tuple[torch.Tensor, torch.Tensor]:
    """Master and gradient of one trained parameter."""
    for group in masters._groups[True]:
        for number, one in enumerate(group.parameters):
            if one is parameter:
                return group.masters.detach()[number], group.masters.grad[number]
    raise KeyError("This parameter is not trained.")


def test_gradients_are_those_of_the_straight_through_forward_pass():
    one = model()
    parameters = one.set_trainable(["encoder", "lsa", "decoder"])
    masters = Masters(one, parameters)
    one.set_quantization(True)
    one(batch()).mean().backward()
    expected = [parameter.grad.clone() for parameter in parameters]
    one.zero_grad()
    one.set_quantization(False)
    masters.write(torch.float32, linear_grid=True, embedding_grid=True)
    one(batch()).mean().backward()
    masters.take_gradients()
    assert all(torch.allclose(of(masters, parameter)[1], grad, atol=1e-6) for parameter, grad in zip(parameters, expected))
    assert all(parameter.grad is None for parameter in parameters)


def test_the_model_holds_grid_values_and_the_masters_do_not():
    one = model()
    linear = one.decoder.layers[0].mlp.up_proj
    masters = Masters(one, one.set_trainable(["decoder"]))
    masters.write(torch.float32, linear_grid=True, embedding_grid=True)
    assert torch.equal(to_int4_grid(linear.weight), linear.weight)
    frozen = one.encoder.layers[0].mlp.up_proj.weight
    assert torch.equal(to_int4_grid(frozen), frozen)
    assert torch.equal(to_int8_grid(one.embed_tokens.weight), one.embed_tokens.weight)
    assert not torch.equal(of(masters, linear.weight)[0], linear.weight)


def test_f32_weights_come_back_unchanged_after_bf16_and_the_grids():
    one = model()
    before = {name: value.clone() for name, value in one.state_dict().items()}
    masters = Masters(one, one.set_trainable(["lsa", "decoder"]))
    masters.write(torch.bfloat16, linear_grid=True, embedding_grid=True)
    assert {parameter.dtype for parameter in one.parameters()} == {torch.bfloat16}
    assert one.decoder.rotary.inv_freq.dtype == torch.float32
    masters.write(torch.float32, linear_grid=False, embedding_grid=False)
    assert all(torch.equal(value, before[name]) for name, value in one.state_dict().items())


def test_bf16_gradients_reach_the_masters_as_f32():
    one = model()
    masters = Masters(one, one.set_trainable(["lsa"]))
    masters.write(torch.bfloat16, linear_grid=True, embedding_grid=True)
    one(batch()).mean().backward()
    masters.take_gradients()
    assert all(master.dtype == master.grad.dtype == torch.float32 for master in masters.trained)
