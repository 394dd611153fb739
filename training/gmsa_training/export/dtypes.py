"""Turns a graph without weights into one of a dtype, over weights that all dtypes share (docs/formats/model-folder.md)."""

from typing import Any

import numpy as np
from onnx import GraphProto, ModelProto, NodeProto, TensorProto, helper, numpy_helper

from gmsa_training.export.weights import INT8_ZERO_POINT, QuantizedTensor, Stored, StoredTensor
from gmsa_training.model.quantization import BLOCK_SIZE

SUFFIXES = {"q4f16": "_q4f16", "q4": "_q4", "fp32": ""}
_NAMES = {TensorProto.FLOAT: "f32", TensorProto.FLOAT16: "f16"}


class _Writer:
    """Writes the nodes of a graph anew, and the initialisers that they ask for, each once, with a Cast where the stored
    type is another. ONNX Runtime folds such a Cast when it creates the session."""

    def __init__(self, graph: GraphProto, dtype: str) -> None:
        self._graph, self._dtype = graph, dtype
        self._float_type = TensorProto.FLOAT16 if dtype == "q4f16" else TensorProto.FLOAT
        self._known: set[str] = set()
        self.nodes: list[NodeProto] = []

    def node(self, op_type: str, *inputs: str, out: str, name: str | None = None, **attributes: Any) -> str:
        self.nodes.append(helper.make_node(op_type, inputs, [out], name=name or out, **attributes))
        return out

    def _is_new(self, name: str) -> bool:
        found = name not in self._known
        self._known.add(name)
        return found

    def add(self, proto: TensorProto) -> str:
        if self._is_new(proto.name):
            self._graph.initializer.append(proto)
        return proto.name

    def array(self, name: str, values: list[int]) -> str:
        return self.add(numpy_helper.from_array(np.array(values, np.int64), name))

    def real(self, name: str, tensor: StoredTensor) -> str:
        """The name of `tensor` (f16 or f32) in the graph's own float type."""
        source = self.add(tensor.initializer(name))
        if tensor.data_type == self._float_type:
            return source
        cast = f"{name}.{_NAMES[self._float_type]}"
        if self._is_new(cast):
            self.node("Cast", source, out=cast, to=self._float_type)
        return cast

    def zero_point(self, tensor: QuantizedTensor) -> str:
        """DequantizeLinear has no implicit zero point. Matrices of one shape share theirs."""
        dims = (tensor.rows, tensor.columns // BLOCK_SIZE)
        name = f"zero_point.uint{tensor.bits}.{dims[0]}x{dims[1]}"
        if tensor.bits == 4:
            packed = np.full((dims[0] * dims[1] + 1) // 2, 0x88, np.uint8)
            return self.add(TensorProto(name=name, data_type=TensorProto.UINT4, dims=dims, raw_data=packed.tobytes()))
        if self._is_new(name):
            value = numpy_helper.from_array(np.array([INT8_ZERO_POINT], np.uint8))
            self.node("ConstantOfShape", self.array(f"{name}.shape", dims), out=name, value=value)
        return name

    def integers(self, name: str, tensor: QuantizedTensor, data_type: int, *dims: int) -> str:
        return self.add(tensor.integers.initializer(f"{name}.integers", data_type, dims))

    def dequantized(self, name: str, tensor: QuantizedTensor) -> str:
        """f32 [in, out]. Folded at session creation if `session.disable_quant_qdq` is set."""
        transposed = f"{name}.f32"
        if self._is_new(transposed):
            data_type = TensorProto.UINT4 if tensor.bits == 4 else TensorProto.UINT8
            integers = self.integers(name, tensor, data_type, tensor.rows, tensor.columns)
            scales = self.real(f"{name}.scales", tensor.scales)
            parts = (integers, scales, self.zero_point(tensor))
            rows = self.node("DequantizeLinear", *parts, out=f"{name}.rows", axis=1, block_size=BLOCK_SIZE)
            self.node("Transpose", rows, out=transposed, perm=[1, 0])
        return transposed

    def matmul(self, node: NodeProto, tensor: QuantizedTensor) -> None:
        activations, name = node.input
        (out,) = node.output
        if self._dtype == "fp32":
            self.node("MatMul", activations, self.dequantized(name, tensor), out=out, name=node.name)
            return
        blocks = tensor.columns // BLOCK_SIZE
        integers = self.integers(name, tensor, TensorProto.UINT8, tensor.rows, blocks, BLOCK_SIZE * tensor.bits // 8)
        scales = self.real(f"{name}.scales", tensor.scales)
        sizes = {"K": tensor.columns, "N": tensor.rows, "bits": tensor.bits, "block_size": BLOCK_SIZE}
        self.node("MatMulNBits", activations, integers, scales, out=out, name=node.name, domain="com.microsoft", **sizes)

    def lookup(self, node: NodeProto, tensor: QuantizedTensor) -> None:
        name, ids = node.input
        (out,) = node.output
        dims = (tensor.rows, tensor.columns)
        if self._dtype == "q4f16":
            integers = self.integers(name, tensor, TensorProto.UINT8, *dims)
            axes = {"gather_axis": 0, "quantize_axis": 1, "bits": tensor.bits, "block_size": BLOCK_SIZE}
            scales = self.real(f"{name}.scales", tensor.scales)
            self.node("GatherBlockQuantized", integers, ids, scales, out=out, name=node.name, domain="com.microsoft", **axes)
            return
        # The same by plain operators, on the rows asked for alone: ONNX Runtime for wasm, where q4 runs as well, has no
        # GatherBlockQuantized on the CPU, and the whole table in f32 would take four times the memory.
        blocks = self.array(f"{out}.blocks", [0, 0, tensor.columns // BLOCK_SIZE, BLOCK_SIZE])
        last, row = self.array(f"{out}.last", [-1]), self.array(f"{out}.row", [0, 0, tensor.columns])
        integers = self.integers(name, tensor, TensorProto.UINT8, *dims)
        scales = self.real(f"{name}.scales", tensor.scales)
        value = numpy_helper.from_array(np.array(INT8_ZERO_POINT, np.float32))
        zero_point = self.node("Constant", out=f"{out}.zero_point", value=value)
        found = self.node("Gather", integers, ids, out=f"{out}.integers", axis=0)
        found = self.node("Cast", found, out=f"{out}.real", to=TensorProto.FLOAT)
        found = self.node("Sub", found, zero_point, out=f"{out}.centred")
        found = self.node("Reshape", found, blocks, out=f"{out}.blocked")
        scales = self.node("Gather", scales, ids, out=f"{out}.scales", axis=0)
        scales = self.node("Unsqueeze", scales, last, out=f"{out}.block_scales")
        self.node("Reshape", self.node("Mul", found, scales, out=f"{out}.scaled"), row, out=out)


def specialise(skeleton: ModelProto, stored: dict[str, Stored], dtype: str) -> ModelProto:
    """skeleton: an f32 graph whose weights are mere names, MatMul weights as [in, out] and embeddings as [V, H].

    Names that `stored` knows become initialisers; quantised matrices take the operator of the dtype. All float inputs
    and outputs become f16 in `q4f16`, but for `logits`.
    """
    model = ModelProto()
    model.CopyFrom(skeleton)
    graph = model.graph
    writer = _Writer(graph, dtype)
    for node in graph.node:
        weights = {name: stored[name] for name in node.input if name in stored}
        quantized = [tensor for tensor in weights.values() if isinstance(tensor, QuantizedTensor)]
        if not quantized:
            node.input[:] = [writer.real(name, weights[name]) if name in weights else name for name in node.input]
            writer.nodes.append(node)
        elif node.op_type == "MatMul":
            writer.matmul(node, quantized[0])
        elif node.op_type == "Gather":
            writer.lookup(node, quantized[0])
        else:
            raise ValueError(f"{node.op_type} {node.name} cannot take the quantised weights {', '.join(weights)}.")
    if dtype == "q4f16":
        _to_f16(graph, writer)
    nodes = [*writer.nodes]
    del graph.node[:]
    graph.node.extend(nodes)
    return model


def _to_f16(graph: GraphProto, writer: _Writer) -> None:
    for value in [*graph.input, *graph.output]:
        if value.name != "logits" and value.type.tensor_type.elem_type == TensorProto.FLOAT:
            value.type.tensor_type.elem_type = TensorProto.FLOAT16
    if any(value.name == "logits" for value in graph.output):
        for node in writer.nodes:
            node.output[:] = ["logits.f16" if name == "logits" else name for name in node.output]
        writer.node("Cast", "logits.f16", out="logits", to=TensorProto.FLOAT)
