"""Which tensors a model folder stores: the packed weights of `checkpoint.py`, laid out as the operators want them, as
ONNX external data: raw tensors in files that several graphs may refer to."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from onnx import TensorProto, helper
from torch import Tensor

from gmsa_training.export.builder import ROPE_NAMES, ExportError
from gmsa_training.model.checkpoint import packed_state, unpack_int4
from gmsa_training.model.gmsa_model import GmsaModel
from gmsa_training.model.quantization import BLOCK_SIZE

INT8_ZERO_POINT = 128
FILE_LIMIT_BYTES = 48_000_000
_ALIGNMENT = 64


@dataclass(frozen=True)
class StoredTensor:
    """A tensor in a data file. `data_type` and `dims` may be re-read differently: the same bytes are uint8
    [N, K / 32, 16] for MatMulNBits and uint4 [N, K] for DequantizeLinear."""

    data_type: int
    dims: tuple[int, ...]
    location: str
    offset: int
    length: int

    def initializer(self, name: str, data_type: int | None = None, dims: tuple[int, ...] | None = None) -> TensorProto:
        proto = TensorProto(name=name, data_type=data_type or self.data_type, dims=dims or self.dims)
        proto.data_location = TensorProto.EXTERNAL
        for key, value in (("location", self.location), ("offset", self.offset), ("length", self.length)):
            proto.external_data.add(key=key, value=str(value))
        return proto


class DataFiles:
    """Appends tensors to `<stem>.onnx_data`, and to `<stem>.onnx_data_1`, … where a file would pass the limit."""

    def __init__(self, folder: Path, stem: str, limit: int = FILE_LIMIT_BYTES) -> None:
        self._folder, self._stem, self._limit = folder, stem, limit
        self._size = 0
        self.names: list[str] = []

    def add(self, array: np.ndarray) -> StoredTensor:
        """Raises ValueError for a tensor that is larger than a file may be."""
        data = np.ascontiguousarray(array)
        if data.nbytes > self._limit:
            raise ValueError(f"A tensor of {data.nbytes} bytes does not fit in a file of at most {self._limit}.")
        start = -(-self._size // _ALIGNMENT) * _ALIGNMENT
        if not self.names or start + data.nbytes > self._limit:
            number = len(self.names)
            self.names.append(f"{self._stem}.onnx_data" + (f"_{number}" if number else ""))
            (self._folder / self.names[-1]).write_bytes(b"")
            start = self._size = 0
        with open(self._folder / self.names[-1], "ab") as file:
            file.write(b"\0" * (start - self._size))
            file.write(data.tobytes())
        self._size = start + data.nbytes
        return StoredTensor(helper.np_dtype_to_tensor_dtype(data.dtype), data.shape, self.names[-1], start, data.nbytes)


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


