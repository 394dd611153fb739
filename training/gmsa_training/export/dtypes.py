"""Turns a graph without weights into one of a dtype, over weights that all dtypes share (docs/formats/model-folder.md)."""

import numpy as np
import onnx
from onnx import GraphProto, ModelProto, NodeProto, TensorProto, helper, numpy_helper

from gmsa_training.export.external_data import StoredTensor
from gmsa_training.export.weights import INT8_ZERO_POINT, QuantizedTensor, Stored
from gmsa_training.model.quantization import BLOCK_SIZE

SUFFIXES = {"q4f16": "_q4f16", "q4": "_q4", "fp32": ""}
MICROSOFT = "com.microsoft"
_NAMES = {TensorProto.FLOAT: "f32", TensorProto.FLOAT16: "f16"}


class _Weights:
    """Adds initialisers to a graph as nodes ask for them, each once, with a Cast where the stored type is another.

    ONNX Runtime folds such a Cast when it creates the session."""

    def __init__(self, graph: GraphProto, stored: dict[str, Stored], float_type: int) -> None:
        self._graph, self._stored, self._float_type = graph, stored, float_type
        self._known: set[str] = set()
        self.nodes: list[NodeProto] = []

    def add(self, proto: TensorProto) -> str:
        if proto.name not in self._known:
            self._known.add(proto.name)
            self._graph.initializer.append(proto)
        return proto.name

    def real(self, name: str, tensor: StoredTensor) -> str:
        """The name of `tensor` (f16 or f32) in the graph's own float type."""
        source = self.add(tensor.initializer(name))
        if tensor.data_type == self._float_type:
            return source
        cast = f"{name}.{_NAMES[self._float_type]}"
        if cast not in self._known:
            self._known.add(cast)
            self.nodes.append(helper.make_node("Cast", [source], [cast], name=cast, to=self._float_type))
        return cast

    def zero_point(self, tensor: QuantizedTensor) -> str:
        """DequantizeLinear has no implicit zero point. Matrices of one shape share theirs."""
        dims = (tensor.rows, tensor.columns // BLOCK_SIZE)
        name = f"zero_point.uint{tensor.bits}.{dims[0]}x{dims[1]}"
        if tensor.bits == 4:
            count = dims[0] * dims[1]
            packed = np.full((count + 1) // 2, 0x88, np.uint8)
            return self.add(TensorProto(name=name, data_type=TensorProto.UINT4, dims=dims, raw_data=packed.tobytes()))
        if name not in self._known:
            self._known.add(name)
            value = numpy_helper.from_array(np.array([INT8_ZERO_POINT], np.uint8))
            shape = self.add(numpy_helper.from_array(np.array(dims, np.int64), f"{name}.shape"))
            self.nodes.append(helper.make_node("ConstantOfShape", [shape], [name], name=name, value=value))
        return name

    def dequantized(self, name: str, tensor: QuantizedTensor) -> str:
        """f32 [in, out]. Folded at session creation if `session.disable_quant_qdq` is set."""
        transposed = f"{name}.f32"
        if transposed in self._known:
            return transposed
        self._known.add(transposed)
        data_type = TensorProto.UINT4 if tensor.bits == 4 else TensorProto.UINT8
        inputs = [
            self.add(tensor.integers.initializer(f"{name}.integers", data_type, (tensor.rows, tensor.columns))),
            self.real(f"{name}.scales", tensor.scales),
            self.zero_point(tensor),
        ]
        rows = f"{name}.rows"
        self.nodes.append(helper.make_node("DequantizeLinear", inputs, [rows], name=rows, axis=1, block_size=BLOCK_SIZE))
        self.nodes.append(helper.make_node("Transpose", [rows], [transposed], name=transposed, perm=[1, 0]))
        return transposed

    def take(self, name: str) -> Stored | None:
        return self._stored.get(name)


def _matmul(node: NodeProto, tensor: QuantizedTensor, weights: _Weights, expand: bool) -> NodeProto:
    activations, name = node.input
    if expand:
        return helper.make_node("MatMul", [activations, weights.dequantized(name, tensor)], node.output, name=node.name)
    dims = (tensor.rows, tensor.columns // BLOCK_SIZE, BLOCK_SIZE * tensor.bits // 8)
    integers = tensor.integers.initializer(f"{name}.integers", TensorProto.UINT8, dims)
    return helper.make_node(
        "MatMulNBits",
        [activations, weights.add(integers), weights.real(f"{name}.scales", tensor.scales)],
        node.output,
        name=node.name,
        domain=MICROSOFT,
        K=tensor.columns,
        N=tensor.rows,
        bits=tensor.bits,
        block_size=BLOCK_SIZE,
    )


def _lookup(node: NodeProto, tensor: QuantizedTensor, weights: _Weights) -> NodeProto:
    name, ids = node.input
    integers = tensor.integers.initializer(f"{name}.integers", TensorProto.UINT8, (tensor.rows, tensor.columns))
    return helper.make_node(
        "GatherBlockQuantized",
        [weights.add(integers), ids, weights.real(f"{name}.scales", tensor.scales)],
        node.output,
        name=node.name,
        domain=MICROSOFT,
        bits=tensor.bits,
        block_size=BLOCK_SIZE,
        gather_axis=0,
        quantize_axis=1,
    )


def _expanded_lookup(node: NodeProto, tensor: QuantizedTensor, weights: _Weights) -> list[NodeProto]:
    """The same by plain operators, on the rows asked for alone: ONNX Runtime for wasm has no GatherBlockQuantized on the
    CPU, and the whole table in f32 would take four times the memory."""
    name, ids = node.input
    output = node.output[0]
    integers = tensor.integers.initializer(f"{name}.integers", TensorProto.UINT8, (tensor.rows, tensor.columns))
    constants = {
        "blocks": np.array([0, 0, tensor.columns // BLOCK_SIZE, BLOCK_SIZE], np.int64),
        "last": np.array([-1], np.int64),
        "row": np.array([0, 0, tensor.columns], np.int64),
    }
    blocks, last, row = (
        weights.add(numpy_helper.from_array(value, f"{output}.{key}")) for key, value in constants.items()
    )

    def step(op_type: str, *inputs: str, out: str, **attributes: int) -> NodeProto:
        return helper.make_node(op_type, inputs, [out], name=out, **attributes)

    zero_point = numpy_helper.from_array(np.array(INT8_ZERO_POINT, np.float32))
    return [
        helper.make_node("Constant", [], [f"{output}.zero_point"], name=f"{output}.zero_point", value=zero_point),
        step("Gather", weights.add(integers), ids, out=f"{output}.integers", axis=0),
        step("Cast", f"{output}.integers", out=f"{output}.real", to=TensorProto.FLOAT),
        step("Sub", f"{output}.real", f"{output}.zero_point", out=f"{output}.centred"),
        step("Reshape", f"{output}.centred", blocks, out=f"{output}.blocked"),
        step("Gather", weights.real(f"{name}.scales", tensor.scales), ids, out=f"{output}.scales", axis=0),
        step("Unsqueeze", f"{output}.scales", last, out=f"{output}.block_scales"),
        step("Mul", f"{output}.blocked", f"{output}.block_scales", out=f"{output}.scaled"),
        step("Reshape", f"{output}.scaled", row, out=output),
    ]


def specialise(skeleton: ModelProto, stored: dict[str, Stored], dtype: str) -> ModelProto:
    """skeleton: an f32 graph whose weights are mere names, MatMul weights as [in, out] and embeddings as [V, H].

    Names that `stored` knows become initialisers; quantised matrices take the operator of the dtype. All float inputs
    and outputs become f16 in `q4f16`, but for `logits`.
    """
    model = onnx.ModelProto()
    model.CopyFrom(skeleton)
    graph = model.graph
    float_type = TensorProto.FLOAT16 if dtype == "q4f16" else TensorProto.FLOAT
    weights = _Weights(graph, stored, float_type)
    nodes: list[NodeProto] = []
    for node in graph.node:
        replacement = [node]
        quantized = [name for name in node.input if isinstance(weights.take(name), QuantizedTensor)]
        if quantized:
            tensor = weights.take(quantized[0])
            if node.op_type == "MatMul":
                replacement = [_matmul(node, tensor, weights, expand=dtype == "fp32")]
            elif node.op_type == "Gather" and dtype != "q4f16":  # q4 runs on wasm as well
                replacement = _expanded_lookup(node, tensor, weights)
            elif node.op_type == "Gather":
                replacement = [_lookup(node, tensor, weights)]
            else:
                raise ValueError(f"{node.op_type} {node.name} cannot take the quantised weight {quantized[0]}.")
        else:
            node.input[:] = [
                name if (tensor := weights.take(name)) is None else weights.real(name, tensor) for name in node.input
            ]
        nodes += weights.nodes  # what produces this node's weights comes before it
        weights.nodes = []
        nodes += replacement
    if float_type == TensorProto.FLOAT16:
        for value in [*graph.input, *graph.output]:
            if value.type.tensor_type.elem_type == TensorProto.FLOAT:
                value.type.tensor_type.elem_type = TensorProto.FLOAT16
        nodes += _logits_in_f32(graph, nodes)
    del graph.node[:]
    graph.node.extend(nodes)
    return model


def _logits_in_f32(graph: GraphProto, nodes: list[NodeProto]) -> list[NodeProto]:
    for value in graph.output:
        if value.name == "logits":
            value.type.tensor_type.elem_type = TensorProto.FLOAT
            for node in nodes:
                node.output[:] = ["logits.f16" if name == "logits" else name for name in node.output]
            return [helper.make_node("Cast", ["logits.f16"], ["logits"], name="logits", to=TensorProto.FLOAT)]
    return []
