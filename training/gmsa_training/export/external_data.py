"""External data of ONNX graphs: raw tensors in files that several graphs may refer to."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from onnx import TensorProto

FILE_LIMIT_BYTES = 48_000_000
_ALIGNMENT = 64

_TYPES = {"float32": TensorProto.FLOAT, "float16": TensorProto.FLOAT16, "uint8": TensorProto.UINT8}


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
        return StoredTensor(_TYPES[str(data.dtype)], data.shape, self.names[-1], start, data.nbytes)
