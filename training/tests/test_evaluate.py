"""The evaluator's rules, on a runtime that answers by a fixed rule, and the command line on a tiny exported model."""

from __future__ import annotations

import json

import pytest
from export_models import tiny_model, tiny_tokenizer

from gmsa_training.agreement import compare, read_records
from gmsa_training.agreement import main as agreement_main
from gmsa_training.checkpoint import save_packed
from gmsa_training.config import ModelConfig
from gmsa_training.evaluate import evaluate_questions, evaluate_restoration, main, windows
from gmsa_training.export import export_model
from gmsa_training.inference import Generated, Gmsa, Runtime
from gmsa_training.jsonl import DataError
from gmsa_training.qa_data import Document, EvaluationQuestion


class RecordingRuntime(Runtime):
    """Soft tokens are the first id of each group; every answer is what the decoder was given before the prompt."""

    max_positions = 10000

    def __init__(self, tokenizer, segment_length=64):
        self.config = ModelConfig(segment_length=segment_length, window=1024, end_ids=[2])
        self.tokenizer = tokenizer
        self.compressed, self.seen = [], []

    def compress(self, segments, rate):
        self.compressed += segments
        return [ids[::rate] for ids in segments]

    def generate(self, inputs):
        self.seen += inputs
        return [
            Generated(
                [*one.before[1:], *(token for soft in one.soft_tokens for token in soft)][: one.max_new_tokens], 1.0
            )
            for one in inputs
        ]


@pytest.fixture(scope="module")
def tokenizer():
    return tiny_tokenizer()


def question(number: int, context: str, *answers: str) -> EvaluationQuestion:
    return EvaluationQuestion(f"q{number}", f"What is {number}?", answers or ("none",), context)


def test_a_context_of_several_questions_is_compressed_once_and_records_keep_the_order(tokenizer):
    runtime = RecordingRuntime(tokenizer)
    questions = [question(1, "The door."), question(2, "A longer text by the river."), question(3, "The door.")]
    scores, records = evaluate_questions(Gmsa(runtime, 2), questions, "gmsa", 4)
    assert len(runtime.compressed) == 2
    assert [record["id"] for record in records] == ["q1", "q2", "q3"]
    assert records[0]["token_ids"] == records[2]["token_ids"] != records[1]["token_ids"]
    assert scores["n"] == 3


def test_full_mode_puts_the_context_tokens_in_place_of_the_soft_tokens(tokenizer):
    runtime = RecordingRuntime(tokenizer)
    scores, records = evaluate_questions(Gmsa(runtime, 8), [question(1, "The red door.", "red door")], "full", 4)
    assert not runtime.compressed
    assert records[0]["prediction"] == "The red door."
    assert (scores["em"]["value"], scores["f1"]["value"], scores["mean_soft_tokens"]) == (1, 1, 0)


def test_closed_mode_gives_the_question_alone(tokenizer):
    runtime = RecordingRuntime(tokenizer)
    evaluate_questions(Gmsa(runtime, 8), [question(1, "The red door.")], "closed", 4)
    (seen,) = runtime.seen
    assert seen.before == [1] and not seen.soft_tokens
    assert tokenizer.decode(seen.after) == "\n\nQuestion: What is 1?\nAnswer:"


def test_a_restored_window_is_exactly_so_many_tokens_of_each_document_that_is_long_enough(tokenizer):
    runtime = RecordingRuntime(tokenizer)
    gmsa = Gmsa(runtime, 8)
    documents = [Document("Too short.", "a"), Document("The red house stands by the river. " * 9, "b")]
    ((document, segments),) = windows(gmsa, documents, 48, None)
    assert document.source == "b" and [len(ids) for ids in segments] == [48]
    scores, records = evaluate_restoration(gmsa, documents, 48, 2)
    assert scores["n"] == 1 and runtime.compressed == segments
    # The stub gives every second token, so the first is right, the second wrong.
    assert records[0]["token_ids"] == segments[0][::2]
    assert scores["prefix_em"]["value"] == pytest.approx(1 / 48)


def test_a_window_over_the_segment_length_is_restored_segment_by_segment(tokenizer):
    runtime = RecordingRuntime(tokenizer, segment_length=32)
    ((_, segments),) = windows(Gmsa(runtime, 8), [Document("The red house stands by the river. " * 9, "")], 80, None)
    assert len(segments) > 2 and all(len(ids) <= 32 for ids in segments)
    assert tokenizer.decode([token for ids in segments for token in ids]) == tokenizer.decode(
        tokenizer.backend_tokenizer.encode("The red house stands by the river. " * 9).ids[:80]
    )


def test_no_document_that_is_long_enough_is_an_error(tokenizer):
    with pytest.raises(DataError, match="No document has 48 tokens"):
        evaluate_restoration(Gmsa(RecordingRuntime(tokenizer), 8), [Document("Short.", "")], 48, 2)


@pytest.fixture(scope="module")
def folders(tokenizer, tmp_path_factory):
    root = tmp_path_factory.mktemp("evaluate")
    model = tiny_model(tokenizer, quantized=False)
    export_model(model, tokenizer, root / "model", name="tiny", base_name="random")
    data = root / "rows.jsonl"
    row = {
        "text": "Anna painted the door green.",
        "qas": [{"id": f"s{i}", "question": "What?", "answers": ["green"]} for i in range(3)],
    }
    data.write_text(json.dumps(row) + "\n")
    (root / "prose.jsonl").write_text(
        json.dumps({"text": "The red house stands by the river. " * 9, "source": "books"}) + "\n"
    )
    return root


def test_the_command_writes_settings_scores_and_a_record_a_question(folders, capsys):
    out = folders / "out.json"
    arguments = [
        "--model",
        str(folders / "model"),
        "--data",
        str(folders / "rows.jsonl"),
        "--dtype",
        "fp32",
        "--json",
        str(out),
    ]
    assert main([*arguments, "--rate", "2", "--limit", "2"]) == 0
    report = json.loads(out.read_text())
    assert report["settings"]["rate"] == 2 and report["settings"]["task"] == "gmsa"
    assert [record["id"] for record in report["records"]] == ["s0", "s1"]
    assert {"question", "answers", "prediction", "token_ids", "em", "f1"} <= report["records"][0].keys()
    printed = capsys.readouterr().out
    assert "n = 2" in printed and "EM" in printed
    assert agreement_main([str(out), str(out)]) == 0
    assert "100.0 %" in capsys.readouterr().out


def test_the_command_restores(folders, capsys):
    arguments = [
        "--model",
        str(folders / "model"),
        "--dtype",
        "fp32",
        "--data",
        str(folders / "prose.jsonl"),
        "--restore",
    ]
    assert main([*arguments, "--tokens", "40"]) == 0
    assert "sacrebleu" in capsys.readouterr().out


def test_errors_are_told_in_words(folders, capsys):
    base = ["--model", str(folders / "model"), "--data", str(folders / "rows.jsonl")]
    assert main([*base, "--dtype", "fp32", "--rate", "3"]) == 1
    assert "not trained for rate 3" in capsys.readouterr().err
    assert main(base) == 1  # q4 by default, which this folder lacks
    assert "no dtype 'q4'" in capsys.readouterr().err
    assert main(["--model", str(folders / "model"), "--dtype", "fp32", "--data", "absent.jsonl"]) == 1
    assert "no data file" in capsys.readouterr().err
    for wrong in (["--dtype", "bf16"], ["--device", "cuda"], ["--limit", "0"]):
        with pytest.raises(SystemExit):
            main([*base, *wrong])


def test_a_packed_checkpoint_gives_the_answers_of_its_model(tokenizer, tmp_path):
    model = tiny_model(tokenizer, quantized=True)
    from transformers import LlamaForCausalLM

    base = tmp_path / "base"
    LlamaForCausalLM(model.base_config).save_pretrained(base)
    tokenizer.save_pretrained(base)
    save_packed(model, tmp_path / "packed", str(base))
    (tmp_path / "rows.jsonl").write_text(
        json.dumps({"text": "Anna sold 40 rolls.", "qas": [{"id": "s", "question": "What?", "answers": ["x"]}]})
    )
    common = ["--data", str(tmp_path / "rows.jsonl"), "--json"]
    assert main(["--checkpoint", str(tmp_path / "packed"), *common, str(tmp_path / "torch.json")]) == 0
    export_model(model, tokenizer, tmp_path / "model", name="tiny", base_name="random")
    assert main(["--model", str(tmp_path / "model"), *common, str(tmp_path / "onnx.json")]) == 0
    found = compare(read_records(tmp_path / "torch.json"), read_records(tmp_path / "onnx.json"))
    assert found["tokens_agreeing"] == 1 and found["equal_answers"] == 1
    # The shipped folder itself runs in PyTorch, too.
    assert main(["--checkpoint", str(tmp_path / "model"), *common, str(tmp_path / "reloaded.json")]) == 0
    assert (
        compare(read_records(tmp_path / "torch.json"), read_records(tmp_path / "reloaded.json"))["tokens_agreeing"] == 1
    )


def test_a_folder_that_is_no_checkpoint_is_told_in_words(folders, tmp_path, capsys):
    assert main(["--checkpoint", str(tmp_path), "--data", str(folders / "rows.jsonl")]) == 1
    assert "no config.json" in capsys.readouterr().err


def record(ids: list[int], prediction: str = "", f1: float = 0.0) -> dict:
    return {"ids": ids, "prediction": prediction, "f1": f1}


def test_agreement_counts_places_and_prefixes_up_to_the_longer_answer():
    first = {"a": record([1, 2, 3], "x", 1.0), "b": record([7])}
    second = {"a": record([1, 9, 3, 4], "y", 0.5), "b": record([7])}
    found = compare(first, second)
    # "a": 5 places with the end token, of which 1 and 3 agree (0 and 2); "b": 2 of 2.
    assert found["tokens_agreeing"] == pytest.approx(4 / 7)
    assert found["prefix_agreeing"] == pytest.approx(3 / 7)
    assert found["equal_answers"] == 0.5
    assert found["f1_difference"] == pytest.approx(-0.25)
    assert compare({"e": record([])}, {"e": record([])})["tokens_agreeing"] == 1


def test_reports_of_different_questions_or_of_another_kind_are_refused(tmp_path):
    with pytest.raises(DataError, match="not of the same questions"):
        compare({"a": record([1])}, {"b": record([1])})
    (tmp_path / "bad.json").write_text('{"records": [{"id": 1}]}')
    with pytest.raises(DataError, match="not a report"):
        read_records(tmp_path / "bad.json")
    (tmp_path / "browser.json").write_text('{"records": [{"id": "a", "prediction": "x", "f1": 1, "tokenIds": [4]}]}')
    assert read_records(tmp_path / "browser.json")["a"]["ids"] == [4]
