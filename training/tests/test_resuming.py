"""Evaluations that are interrupted or run out of time."""

from __future__ import annotations

import json

import pytest
from export_models import tiny_tokenizer
from recording_runtime import RecordingRuntime, question

from gmsa_training.data.qa_data import Document
from gmsa_training.evaluation import questions
from gmsa_training.evaluation.inference import Gmsa
from gmsa_training.evaluation.questions import evaluate_questions
from gmsa_training.evaluation.record_file import RecordFile, partial_path, write_report
from gmsa_training.evaluation.restoration import evaluate_restoration
from gmsa_training.evaluation.runtimes import identity_of
from gmsa_training.evaluation.time_limit import TimeLimit

QUESTIONS = [question(i, f"Text number {i // 2}.") for i in range(20)]


class Failing(RecordingRuntime):
    """Fails at a batch, as if interrupted there."""

    def __init__(self, tokenizer, batches):
        super().__init__(tokenizer)
        self.left = batches

    def generate(self, inputs):
        if not self.left:
            raise KeyboardInterrupt
        self.left -= 1
        return super().generate(inputs)


@pytest.fixture(scope="module")
def tokenizer():
    return tiny_tokenizer()


def test_an_interrupted_evaluation_goes_on_and_ends_as_if_it_had_not_stopped(tokenizer, tmp_path):
    expected = evaluate_questions(Gmsa(RecordingRuntime(tokenizer), 1), QUESTIONS, "gmsa", 4)
    path = tmp_path / "out.json.partial"
    with pytest.raises(KeyboardInterrupt):
        evaluate_questions(Gmsa(Failing(tokenizer, 9), 1), QUESTIONS, "gmsa", 4, file=RecordFile(path, {"rate": 4}))
    file = RecordFile(path, {"rate": 4})
    assert len(file.records) == 8  # four chunks of two
    runtime = RecordingRuntime(tokenizer)
    assert evaluate_questions(Gmsa(runtime, 1), QUESTIONS, "gmsa", 4, file=file) == expected
    assert len(runtime.seen) == 12
    file.remove()
    assert not path.exists()


def test_a_line_cut_off_is_asked_again_and_another_run_starts_anew(tokenizer, tmp_path):
    path = tmp_path / "partial"
    file = RecordFile(path, {"rate": 4})
    file.add({3: {"id": "a"}, 5: {"id": "b"}})
    path.write_text(path.read_text()[:-4])
    file = RecordFile(path, {"rate": 4})
    assert file.records == {3: {"id": "a"}}
    file.add({7: {"id": "c"}})
    assert RecordFile(path, {"rate": 4}).records == {3: {"id": "a"}, 7: {"id": "c"}}
    assert RecordFile(path, {"rate": 8}).records == {}
    # What a mistaken flag has replaced is still there.
    path.with_name("partial.other").replace(path)
    assert RecordFile(path, {"rate": 4}).records == {3: {"id": "a"}, 7: {"id": "c"}}


def test_a_report_that_cannot_be_written_leaves_the_old_one_and_its_records(tmp_path):
    path = tmp_path / "out.json"
    file = RecordFile(partial_path(path), {})
    file.add({0: {"id": "a"}})
    report = {"scores": {"n": 1, "of": 1}}
    write_report(path, {"scores": {"n": 1, "of": 2}}, file)
    with pytest.raises(TypeError):
        write_report(path, report | {"records": object()}, file)
    assert json.loads(path.read_text())["scores"]["of"] == 2 and partial_path(path).is_file()
    write_report(path, report, file)
    assert [one.name for one in tmp_path.iterdir()] == ["out.json"]


def test_a_run_goes_on_elsewhere_and_in_batches_of_another_size_but_not_with_other_files(tmp_path):
    folders = [tmp_path / name for name in ("here", "there", "other")]
    for folder in folders:
        (folder / "model").mkdir(parents=True)
        (folder / "model" / "weights").write_text("other" if folder.name == "other" else "same")
        (folder / "data.jsonl").write_text("{}")
    here, there, other = (
        identity_of({"rate": 4, "batch_size": size}, folder / "model", None, folder / "data.jsonl")
        for size, folder in zip((16, 1024, 16), folders)
    )
    assert here == there != other and here != identity_of({"rate": 8}, folders[0] / "model", folders[0] / "data.jsonl")


class Clock:
    """Stands still, but for a second that a batch of the decoder takes."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


class Ticking(RecordingRuntime):
    def __init__(self, tokenizer, clock):
        super().__init__(tokenizer)
        self.clock = clock

    def generate(self, inputs):
        self.clock.now += 1
        return super().generate(inputs)


def test_what_is_done_when_the_time_is_up_is_a_sample_of_the_whole_file(tokenizer):
    gmsa = Gmsa(RecordingRuntime(tokenizer), 1)
    scores, records = evaluate_questions(gmsa, QUESTIONS, "gmsa", 4, limit=TimeLimit(1e-9))
    assert (scores["n"], scores["of"]) == (2, 20)
    numbers = [int(record["id"][1:]) for record in records]
    assert numbers == sorted(numbers) != [0, 1]


def test_nothing_is_cut_or_compressed_when_the_time_is_up(tokenizer, monkeypatch):
    monkeypatch.setattr(questions, "_CUT_TOGETHER", 1)
    clock = Clock()
    runtime = Ticking(tokenizer, clock)
    gmsa, cut = Gmsa(runtime, 1), []
    original = gmsa.cutter.cut

    def counted(texts):
        texts = list(texts)
        cut.extend(texts)
        return original(texts)

    monkeypatch.setattr(gmsa.cutter, "cut", counted)
    scores, _ = evaluate_questions(gmsa, QUESTIONS, "gmsa", 4, limit=TimeLimit(5, clock))
    # A chunk is two questions of one context, in two batches: three chunks end after six seconds.
    assert scores["n"] == 6 and clock.now == 6
    assert len(runtime.compressed) == len(set(cut)) == 3


def test_time_that_was_used_before_the_first_question_counts(tokenizer):
    clock = Clock()
    limit = TimeLimit(5, clock)
    clock.now = 4
    scores, _ = evaluate_questions(Gmsa(Ticking(tokenizer, clock), 1), QUESTIONS, "gmsa", 4, limit=limit)
    assert scores["n"] == 2


@pytest.mark.parametrize("mode", ["gmsa", "full", "truncated", "bm25", "closed"])
def test_chunks_of_any_size_give_the_same_records(tokenizer, monkeypatch, mode):
    several, whole = RecordingRuntime(tokenizer), RecordingRuntime(tokenizer)
    found = evaluate_questions(Gmsa(several, 1), QUESTIONS, mode, 4)
    expected = evaluate_questions(Gmsa(whole, 100), QUESTIONS, mode, 4)
    assert found == expected
    assert sorted(several.compressed) == sorted(whole.compressed)


def test_long_contexts_make_chunks_of_fewer_questions(tokenizer):
    runtime = RecordingRuntime(tokenizer)
    asked = [question(i, f"Text number {i}. " + "The old house. " * (400 if i % 2 else 1)) for i in range(12)]
    runtime.max_positions, gmsa = 2000, Gmsa(runtime, 4)
    sizes = [sum(len(asked[i].context) for i in chunk) for chunk in questions._chunks(asked, (), gmsa)]
    numbers = [len(chunk) for chunk in questions._chunks(asked, (), gmsa)]
    assert sum(numbers) == 12 and max(numbers) <= 8 and len(numbers) > 2
    assert max(sizes) <= 2 * 2000 * questions.CHARACTERS_PER_TOKEN
    runtime.max_positions = 10  # a context over that is a chunk of its own
    assert len(questions._chunks(asked, (), gmsa)) >= 6


def test_the_order_of_what_is_left_does_not_depend_on_what_is_done(tokenizer):
    gmsa = Gmsa(RecordingRuntime(tokenizer), 1)
    order = [number for chunk in questions._chunks(QUESTIONS, (), gmsa) for number in chunk]
    left = [number for chunk in questions._chunks(QUESTIONS, set(order[:7]), gmsa) for number in chunk]
    assert left == order[7:]


def test_a_restoration_stops_after_the_batch_in_which_the_time_is_up(tokenizer):
    clock = Clock()
    runtime = Ticking(tokenizer, clock)
    documents = [Document(f"Chapter {i}. " + "The red house stands by the river. " * 9, "books") for i in range(9)]
    scores, records = evaluate_restoration(Gmsa(runtime, 2), documents, 48, 2, time_limit=TimeLimit(1.5, clock))
    assert (scores["n"], scores["of"], len(runtime.compressed)) == (4, 9, 4)
    every, expected = evaluate_restoration(Gmsa(RecordingRuntime(tokenizer), 9), documents, 48, 2)
    assert every["n"] == every["of"] == 9 and all(record in expected for record in records)
    assert [record["text"] for record in records] != [record["text"] for record in expected[:4]]
