"""The four graphs without weights: what onnxruntime-genai's builder gives, with inputs and outputs as
docs/formats/model-folder.md names them."""

import onnx
from onnx import ModelProto, TensorProto, helper

GRAPHS = ("embed_tokens", "encoder_model", "lsa", "decoder_model_merged")
TABLE = "embed_tokens.weight"
_LM_HEAD = "lm_head.weight"
LOGITS_FROM = "logits_from"


def _new_like(reference: ModelProto, graph: onnx.GraphProto) -> ModelProto:
    return helper.make_model(graph, opset_imports=list(reference.opset_import), ir_version=reference.ir_version)


def _outputs(model: ModelProto, outputs: list[onnx.ValueInfoProto]) -> None:
    del model.graph.output[:]
    model.graph.output.extend(outputs)


def embedding_graph(reference: ModelProto, hidden_size: int) -> ModelProto:
    """reference: any graph of the builder, for the versions of its operator sets."""
    ids = helper.make_tensor_value_info("input_ids", TensorProto.INT64, ["batch_size", "sequence_length"])
    embeds = helper.make_tensor_value_info("inputs_embeds", TensorProto.FLOAT, ["batch_size", "sequence_length", hidden_size])
    gather = helper.make_node("Gather", [TABLE, "input_ids"], ["inputs_embeds"], name="embed_tokens")
    return _new_like(reference, helper.make_graph([gather], "embed_tokens", [ids], [embeds]))


def without_cache(model: ModelProto, output_name: str) -> ModelProto:
    """Encoder or LSA: no past, no present, and `hidden_states` under its own name."""
    graph = model.graph
    removed = {value.name for value in graph.input if value.name.startswith("past_key_values.")}
    removed |= {value.name for value in graph.output if value.name.startswith("present.")}
    kept = [value for value in graph.input if value.name not in removed]
    del graph.input[:]
    graph.input.extend(kept)
    (output,) = [value for value in graph.output if value.name not in removed]
    for node in graph.node:
        node.input[:] = ["" if name in removed else name for name in node.input]
        node.output[:] = ["" if name in removed else output_name if name == output.name else name for name in node.output]
        while node.output and not node.output[-1]:
            node.output.pop()
    output.name = output_name
    _outputs(model, [output])
    return model


def with_logits(model: ModelProto, vocabulary: int, head_size: int) -> ModelProto:
    """Decoder: `logits` [B, K, V] from position `logits_from` (int64 [1]; -1: the last one) to the end of the run, instead
    of the hidden states of all. Logits of every position of a prefill would cost more than the layers do."""
    graph = model.graph
    for name, value in (("logits_to", 2**31 - 1), ("logits_axis", 1)):
        constant = helper.make_tensor(name, TensorProto.INT64, [1], [value])
        graph.node.append(helper.make_node("Constant", [], [name], name=name, value=constant))
    states, kept = ["hidden_states", LOGITS_FROM, "logits_to", "logits_axis"], "kept_hidden_states"
    graph.node.append(helper.make_node("Slice", states, [kept], name=kept))
    graph.node.append(helper.make_node("MatMul", [kept, _LM_HEAD], ["logits"], name="lm_head"))
    graph.input.append(helper.make_tensor_value_info(LOGITS_FROM, TensorProto.INT64, [1]))
    logits = helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch_size", "kept_length", vocabulary])
    _outputs(model, [logits, *(value for value in graph.output if value.name != "hidden_states")])
    for value in [*graph.input, *graph.output]:
        if value.name.startswith(("past_key_values.", "present.")):
            value.type.tensor_type.shape.dim[3].Clear()
            value.type.tensor_type.shape.dim[3].dim_value = head_size
    return model


def with_tied_head(model: ModelProto, quantized: bool) -> ModelProto:
    """Makes the lm_head read the embedding table. MatMulNBits and DequantizeLinear take its rows as they are, a plain
    MatMul wants them transposed (folded at session creation)."""
    (head,) = [node for node in model.graph.node if node.name == "lm_head"]
    if quantized:
        head.input[1] = TABLE
    else:
        index = list(model.graph.node).index(head)
        head.input[1] = f"{TABLE}.transposed"
        transpose = helper.make_node("Transpose", [TABLE], [head.input[1]], name=head.input[1], perm=[1, 0])
        model.graph.node.insert(index, transpose)
    return model
