"""Which tensors a model folder stores: the packed weights of `checkpoint.py`, laid out as the operators want them."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from gmsa_training.export.builder import ROPE_NAMES, ExportError
from gmsa_training.export.external_data import DataFiles, StoredTensor
from gmsa_training.model.checkpoint import packed_state, unpack_int4
from gmsa_training.model.gmsa_model import GmsaModel
from gmsa_training.model.quantization import BLOCK_SIZE

INT8_ZERO_POINT = 128


@dataclass(frozen=True)
class QuantizedTensor:
    """A matrix [out, in] in blocks of 32 along `in`. bits 4: integers uint8 [out, in / 32, 16], two to a byte, the
    first in the low half, zero point 8. bits 8: uint8 [out, in], zero point 128. scales f16 [out, in / 32]."""

    bits: int
    rows: int
    columns: int
    integers: StoredTensor
    scales: StoredTensor


Stored = StoredTensor | QuantizedTensor


def _packed(state: dict[str, Tensor], name: str, kind: str) -> Tensor:
    """One tensor of the packed state; for the builder's packed `qkv_proj`, q, k and v stacked."""
    if "qkv_proj" in name:
        return torch.cat([state[f"{name.replace('qkv_proj', f'{one}_proj')}.{kind}"] for one in "qkv"])
    return state[f"{name}.{kind}"]


def store_table(state: dict[str, Tensor], files: DataFiles) -> Stored:
    """The embedding, which is the lm_head too: [V, H]."""
    if "embed_tokens.weight" in state:
        return files.add(state["embed_tokens.weight"].numpy())
    integers = state["embed_tokens.int8"]
    codes = (integers.to(torch.int16) + INT8_ZERO_POINT).to(torch.uint8).numpy()
    return QuantizedTensor(8, *codes.shape, files.add(codes), files.add(state["embed_tokens.scale"].numpy()))


def _store_matrix(name: str, state: dict[str, Tensor], array: np.ndarray, files: DataFiles) -> Stored:
    """array: what the builder placed, f32 [in, out]."""
    module = name.removesuffix(".weight")
    packed, scales = _packed(state, module, "int4"), _packed(state, module, "scale")
    rows, columns = packed.shape[0], packed.shape[1] * 2
    blocks = unpack_int4(packed).view(rows, -1, BLOCK_SIZE)
    weight = (blocks * scales.float().unsqueeze(-1)).view(rows, columns)
    if not np.array_equal(weight.numpy(), array.T):
        raise ExportError(f"The weight that the builder placed for {name} is not the one on the grid.")
    integers = packed.view(rows, -1, BLOCK_SIZE // 2).numpy()
    return QuantizedTensor(4, rows, columns, files.add(integers), files.add(scales.numpy()))


def store_stack(
    model: GmsaModel, state: dict[str, Tensor], weights: dict[str, np.ndarray], files: DataFiles
) -> dict[str, Stored]:
    """Stores the weights of one stack, without the rotary tables. Norms and biases are f16 in a quantised model."""
    quantized = model.config.quantization.linear
    stored: dict[str, Stored] = {}
    for name, array in weights.items():
        if name in ROPE_NAMES:
            continue
        if quantized and array.ndim == 2:
            stored[name] = _store_matrix(name, state, array, files)
        else:
            stored[name] = files.add(array.astype(np.float16) if quantized else array)
    return stored


def state_to_store(model: GmsaModel) -> dict[str, Tensor]:
    """The packed weights; both grids must be on, or both off."""
    quantization = model.config.quantization
    if quantization.linear != quantization.embedding:
        raise ExportError("The export needs the linear and the embedding grid both on, or both off; set model.quantization so.")
    return packed_state(model)


