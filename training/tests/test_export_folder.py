"""What lies in a model folder beside the weights, and what a wrong call says."""

from __future__ import annotations

import hashlib
import json

import numpy as np
import onnx
import onnxruntime
import pytest
from export_models import TEXT, tiny_model
from transformers import AutoTokenizer

from gmsa_training.config import ModelConfig, exported_config
from gmsa_training.export import ExportError, export_model, load_model, model_card
from gmsa_training.export.exporter import main
from gmsa_training.export.weights import FILE_LIMIT_BYTES, DataFiles
from gmsa_training.export.model_folder import folder_sizes, write_manifest

GRAPHS = {"embed_tokens", "encoder_model", "lsa", "decoder_model_merged"}


def manifest_of(exported) -> dict:
    return json.loads((exported.folder / "manifest.json").read_text())


def test_the_manifest_lists_every_file_with_its_size_and_hash(quantized):
    listed = {file["path"]: file for file in manifest_of(quantized)["files"]}
    present = {path.relative_to(quantized.folder).as_posix() for path in quantized.folder.rglob("*") if path.is_file()}
    assert set(listed) == present - {"manifest.json", "README.md"}
    for path, file in listed.items():
        data = (quantized.folder / path).read_bytes()
        assert (file["bytes"], file["sha256"]) == (len(data), hashlib.sha256(data).hexdigest())
        assert len(data) <= FILE_LIMIT_BYTES < 50_000_000


def test_the_manifest_names_for_each_dtype_all_that_its_graphs_read(quantized, plain):
    assert list(manifest_of(quantized)["dtypes"]) == ["q4f16", "q4", "fp32"]
    assert list(manifest_of(plain)["dtypes"]) == ["fp32"]
    for graphs in manifest_of(quantized)["dtypes"].values():
        assert set(graphs) == GRAPHS
        for entry in graphs.values():
            # ORT creates the session from the named files alone.
            model = (quantized.folder / entry["graph"]).read_bytes()
            files = {path.removeprefix("onnx/"): (quantized.folder / path).read_bytes() for path in entry["data"]}
            options = onnxruntime.SessionOptions()
            options.add_external_initializers_from_files_in_memory(
                list(files), list(files.values()), [len(data) for data in files.values()]
            )
            options.log_severity_level = 3
            onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def test_graphs_hold_no_weights_of_their_own(quantized):
    for path in (quantized.folder / "onnx").glob("*.onnx"):
        inside = sum(
            len(tensor.raw_data)
            for tensor in onnx.load(path, load_external_data=False).graph.initializer
            if tensor.data_type in (onnx.TensorProto.FLOAT, onnx.TensorProto.FLOAT16, onnx.TensorProto.UINT8)
        )
        assert inside == 0, path.name


def test_inputs_and_outputs_are_those_of_the_format(quantized):
    layers = range(quantized.model.base_config.num_hidden_layers)
    cache = [f"{i}.{kind}" for i in layers for kind in ("key", "value")]
    expected = {
        "embed_tokens": ({"input_ids"}, {"inputs_embeds"}),
        "encoder_model": ({"inputs_embeds", "attention_mask"}, {"hidden_states"}),
        "lsa": ({"inputs_embeds", "attention_mask"}, {"soft_tokens"}),
        "decoder_model_merged": (
            {"inputs_embeds", "attention_mask", "logits_from", *(f"past_key_values.{name}" for name in cache)},
            {"logits", *(f"present.{name}" for name in cache)},
        ),
    }
    for suffix, float_type in (("", 1), ("_q4", 1), ("_q4f16", 10)):
        for name, (inputs, outputs) in expected.items():
            graph = onnx.load(quantized.folder / "onnx" / f"{name}{suffix}.onnx", load_external_data=False).graph
            assert {value.name for value in graph.input} == inputs
            assert {value.name for value in graph.output} == outputs
            for value in [*graph.input, *graph.output]:
                integer = value.name in ("input_ids", "attention_mask", "logits_from")
                wanted = 7 if integer else 1 if value.name == "logits" else float_type
                assert value.type.tensor_type.elem_type == wanted, (name, suffix, value.name)


def test_weights_of_fp32_are_expanded_when_the_session_is_created(quantized, tmp_path):
    options = onnxruntime.SessionOptions()
    options.add_session_config_entry("session.disable_quant_qdq", "1")
    options.optimized_model_filepath = str(tmp_path / "optimised.onnx")
    options.log_severity_level = 3
    path = quantized.folder / "onnx" / "decoder_model_merged.onnx"
    onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    graph = onnx.load(tmp_path / "optimised.onnx", load_external_data=False).graph
    kinds = [node.op_type for node in graph.node]
    assert not {"DequantizeLinear", "Transpose", "MatMulNBits", "ConstantOfShape"} & set(kinds)
    floats = [tensor for tensor in graph.initializer if tensor.data_type == onnx.TensorProto.FLOAT]
    matrices = {tensor.name for tensor in floats if len(tensor.dims) == 2}
    products = [node for node in graph.node if node.op_type == "MatMul"]
    assert len(products) == 5 * 2 + 1
    assert all(node.input[1] in matrices for node in products)


def test_config_json_holds_what_a_reader_needs(quantized):
    config = json.loads((quantized.folder / "config.json").read_text())
    gmsa = quantized.model.config
    for key in ("hidden_size", "num_hidden_layers", "num_key_value_heads", "head_dim", "vocab_size"):
        assert config[key] == getattr(quantized.model.base_config, key)
    assert config["transformers.js_config"] == {"use_external_data_format": True}
    assert config["gmsa"] == {
        "format": 1,
        "base_model": "tiny-base",
        "licence": "Apache-2.0",
        **{key: value for key, value in gmsa.model_dump().items() if key in (
            "encoder_layers", "lsa_layers", "rates", "default_rate", "segment_length", "window", "prefix_ids",
            "question_template", "restore_instruction", "refusal", "end_ids",
        )},
    }


def test_the_tokenizer_survives(quantized):
    tokenizer = AutoTokenizer.from_pretrained(quantized.folder)
    text = " ".join(TEXT) + " naïve 你好 \n\n 007"
    ids = quantized.tokenizer(text, add_special_tokens=False)["input_ids"]
    assert tokenizer(text, add_special_tokens=False)["input_ids"] == ids
    config = json.loads((quantized.folder / "tokenizer_config.json").read_text())
    assert config["tokenizer_class"] == "PreTrainedTokenizerFast"  # both transformers and transformers.js know it


def test_sizes_count_shared_files_once(quantized):
    sizes = folder_sizes(quantized.folder)
    files = {file["path"]: file["bytes"] for file in manifest_of(quantized)["files"]}
    others = sum(size for path, size in files.items() if path.endswith(("_q4.onnx",)))
    others += sum(files[f"onnx/{name}.onnx"] for name in GRAPHS)
    assert sizes["q4f16"] == sum(files.values()) - others


def test_a_manifest_can_be_renewed_in_place(plain, tmp_path):
    export_model(plain.model, plain.tokenizer, tmp_path / "m", name="renewed", base_name="b")
    (tmp_path / "m" / "generation_config.json").write_text("{}\n")
    write_manifest(tmp_path / "m")
    manifest = json.loads((tmp_path / "m" / "manifest.json").read_text())
    assert manifest["name"] == "renewed"
    assert {"path": "generation_config.json", "bytes": 3, "sha256": hashlib.sha256(b"{}\n").hexdigest()} in manifest["files"]


def test_data_files_are_split_before_they_pass_the_limit(tmp_path):
    files = DataFiles(tmp_path, "part", limit=1000)
    stored = [files.add(np.full(60, i, np.float32)) for i in range(9)]
    assert files.names == ["part.onnx_data", "part.onnx_data_1", "part.onnx_data_2"]
    for number, tensor in enumerate(stored):
        values = np.fromfile(tmp_path / tensor.location, np.float32, 60, offset=tensor.offset)
        assert (values == number).all()
    assert all((tmp_path / name).stat().st_size <= 1000 for name in files.names)
    with pytest.raises(ValueError, match="does not fit"):
        files.add(np.zeros(1001, np.uint8))


def test_an_export_never_replaces_a_folder_of_something_else(plain, tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(ExportError, match="not a model folder"):
        export_model(plain.model, plain.tokenizer, tmp_path, name="x", base_name="b")
    assert (tmp_path / "notes.txt").read_text() == "mine"


def test_an_export_that_fails_leaves_the_older_one(plain, tmp_path, monkeypatch):
    folder = tmp_path / "m"
    export_model(plain.model, plain.tokenizer, folder, name="older", base_name="b")

    def fails(*_):
        raise ExportError("no disk")

    monkeypatch.setattr("gmsa_training.export.exporter.build_stack", fails)
    with pytest.raises(ExportError, match="no disk"):
        export_model(plain.model, plain.tokenizer, folder, name="newer", base_name="b")
    assert json.loads((folder / "manifest.json").read_text())["name"] == "older"
    assert [path.name for path in tmp_path.iterdir()] == ["m"]


def test_one_grid_without_the_other_is_refused(plain, tmp_path):
    model = tiny_model(plain.tokenizer, quantized=True)
    model.config.quantization.embedding = False
    with pytest.raises(ExportError, match="both on, or both off"):
        export_model(model, plain.tokenizer, tmp_path / "x", name="x", base_name="b")


def test_a_folder_that_is_no_model_is_named_in_the_error(tmp_path):
    with pytest.raises(ExportError, match="neither a model folder nor a checkpoint"):
        load_model(tmp_path)


def test_the_command_line_exports_a_model_folder_again(quantized, tmp_path, capsys):
    content = {"training": "Twenty minutes.", "results": [{"title": "QA", "columns": ["set", "F1"], "rows": [["dev", 60.1]]}]}
    (tmp_path / "card.json").write_text(json.dumps(content))
    arguments = ["--checkpoint", str(quantized.folder), "--out", str(tmp_path / "out"), "--name", "again"]
    assert main([*arguments, "--card", str(tmp_path / "card.json")]) == 0
    assert "q4f16: " in capsys.readouterr().out
    card = (tmp_path / "out" / "README.md").read_text()
    assert "| dev | 60.1 |" in card and "Twenty minutes." in card
    assert json.loads((tmp_path / "out" / "manifest.json").read_text())["name"] == "again"


def test_the_command_line_says_what_is_wrong(tmp_path, capsys):
    assert main(["--checkpoint", str(tmp_path), "--out", str(tmp_path / "out"), "--name", "x"]) == 1
    assert "neither a model folder nor a checkpoint" in capsys.readouterr().err


def test_a_model_card_without_measurements_says_so(quantized, tmp_path):
    card = model_card(quantized.model, "tiny", "tiny-base", "Apache-2.0")
    assert "Not measured yet." in card
    (tmp_path / "card.json").write_text('{"result": []}')
    with pytest.raises(ExportError, match="the key 'result'"):
        model_card(quantized.model, "tiny", "tiny-base", "Apache-2.0", tmp_path / "card.json")


def test_the_refusal_is_kept_and_a_model_without_one_reads_back_without_one(plain, tmp_path):
    assert exported_config(plain.folder)[0].refusal == ModelConfig().refusal
    config = json.loads((plain.folder / "config.json").read_text())
    assert config["gmsa"].pop("refusal") == "The text does not say."
    (tmp_path / "config.json").write_text(json.dumps(config))
    assert exported_config(tmp_path)[0].refusal == ""
