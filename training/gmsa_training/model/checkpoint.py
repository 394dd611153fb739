"""Packed weights: what an export needs and nothing else, in about 4.5 bits a linear weight.

A folder with `config.json` (model configuration, base) and `weights-N.safetensors`, none above 16 MB: for every
GridLinear on the int4 grid `<name>.int4` uint8 [out, in / 2] (two integers + 8 a byte, the first in the low half) and
`<name>.scale` f16 [out, in / 32]; for the embedding on the 8-bit grid `.int8` int8 and `.scale`; anything else f32 (or
left out, where it equals the base model)."""

import json
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from gmsa_training.config import ModelConfig
from gmsa_training.model.gmsa_model import GmsaModel
from gmsa_training.model.layers import GridEmbedding, GridLinear
from gmsa_training.model.quantization import BLOCK_SIZE, quantize_int4, quantize_int8

_SHARD_BYTES = 15_500_000


def pack_int4(integers: Tensor) -> Tensor:
    """Integers in [-8, 7], [..., K], to uint8 [..., K / 2]."""
    codes = (integers + 8).to(torch.uint8)
    return codes[..., 0::2] | (codes[..., 1::2] << 4)


def unpack_int4(packed: Tensor) -> Tensor:
    """The inverse of `pack_int4`, as f32."""
    return torch.stack([packed & 15, packed >> 4], dim=-1).flatten(-2).float() - 8


def packed_state(model: GmsaModel) -> dict[str, Tensor]:
    state: dict[str, Tensor] = {}
    quantization = model.config.quantization
    for name, module in model.named_modules():
        weight = getattr(module, "weight", None)
        if isinstance(module, GridLinear):
            weight = module.effective_weight()
            if module.bias is not None:
                state[f"{name}.bias"] = module.bias.detach().float()
        if isinstance(module, GridLinear) and quantization.linear:
            integers, scale = quantize_int4(weight.detach())
            state[f"{name}.int4"] = pack_int4(integers.flatten(-2))
        elif isinstance(module, GridEmbedding) and quantization.embedding:
            integers, scale = quantize_int8(weight.detach())
            state[f"{name}.int8"] = integers.flatten(-2).to(torch.int8)
        else:
            if isinstance(weight, Tensor):
                state[f"{name}.weight"] = weight.detach().float()
            continue
        state[f"{name}.scale"] = scale.squeeze(-1).half()
    return {name: value.contiguous().cpu() for name, value in state.items()}


@torch.no_grad()
def apply_packed_state(model: nn.Module, state: dict[str, Tensor]) -> None:
    """Fills the model with packed weights; on their grid, the model gives what was packed, exactly. Low-rank updates
    are reset, being merged into the weights already."""
    left = dict(state)
    for name, module in model.named_modules():
        if getattr(module, "lora_b", None) is not None:
            module.lora_b.zero_()
        weight = getattr(module, "weight", None)
        if not isinstance(weight, Tensor):
            continue
        if f"{name}.scale" in left:
            packed = left.pop(f"{name}.int4", None)
            value = left.pop(f"{name}.int8").float() if packed is None else unpack_int4(packed)
            scale = left.pop(f"{name}.scale").float().unsqueeze(-1)
            value = (value.view(*scale.shape[:-1], BLOCK_SIZE) * scale).view(weight.shape)
        elif (value := left.pop(f"{name}.weight", None)) is None:
            raise KeyError(f"The checkpoint has no weight for {name}.")
        weight.copy_(value)
        if (bias := left.pop(f"{name}.bias", None)) is not None:
            module.bias.copy_(bias)
    if left:
        raise KeyError(f"The checkpoint has weights that the model lacks, such as {sorted(left)[0]}.")


def save_packed(model: GmsaModel, folder: str | Path, base: str) -> None:
    """Writes the packed weights of `model` (docs at the top of this file)."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("weights-*.safetensors"):
        old.unlink()
    shards: list[dict[str, Tensor]] = [{}]
    size = 0
    for name, value in packed_state(model).items():
        # A large table is cut along its rows, so that every file stays small enough to move around.
        rows = max(1, _SHARD_BYTES // max(1, value.nbytes // max(1, value.shape[0] if value.dim() else 1)))
        parts = value.split(rows) if value.dim() and value.nbytes > _SHARD_BYTES else [value]
        for number, part in enumerate(parts):
            if size + part.nbytes > _SHARD_BYTES and shards[-1]:
                shards.append({})
                size = 0
            shards[-1][name if len(parts) == 1 else f"{name}#{number}"] = part.contiguous()
            size += part.nbytes
    for number, shard in enumerate(shards):
        save_file(shard, folder / f"weights-{number}.safetensors")
    (folder / "config.json").write_text(
        json.dumps({"base": base, "model": model.config.model_dump()}, indent=2) + "\n", encoding="utf-8"
    )


def load_packed_state(folder: str | Path) -> dict[str, Tensor]:
    parts: dict[str, dict[int, Tensor]] = {}
    files = sorted(Path(folder).glob("weights-*.safetensors"))
    if not files:
        raise FileNotFoundError(f"There are no weights-*.safetensors in {folder}.")
    for file in files:
        for name, value in load_file(file).items():
            base, _, number = name.partition("#")
            parts.setdefault(base, {})[int(number or 0)] = value
    return {name: torch.cat([group[i] for i in sorted(group)]) if len(group) > 1 else group[0] for name, group in parts.items()}


def load_packed(folder: str | Path) -> tuple[GmsaModel, object, str]:
    """The model of a packed checkpoint with its grids on, its tokenizer and the name of its base."""
    from gmsa_training.model.base_model import load_base

    description = json.loads((Path(folder) / "config.json").read_text(encoding="utf-8"))
    config = ModelConfig.model_validate(description["model"])
    base, tokenizer = load_base(description["base"])
    model = GmsaModel(base, base.config, config)
    apply_packed_state(model, load_packed_state(folder))
    model.set_quantization(True)
    return model.eval(), tokenizer, description["base"]
