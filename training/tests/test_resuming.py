"""Evaluations that are interrupted or run out of time."""

from __future__ import annotations

import pytest
from export_models import tiny_tokenizer
from recording_runtime import RecordingRuntime, question

from gmsa_training.evaluation.inference import Gmsa
from gmsa_training.evaluation.questions import evaluate_questions
from gmsa_training.evaluation.record_file import RecordFile

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
    assert len(file.records) == 8  # two chunks of four
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


def test_what_is_done_when_the_time_is_up_is_a_sample_of_the_whole_file(tokenizer):
    scores, records = evaluate_questions(Gmsa(RecordingRuntime(tokenizer), 1), QUESTIONS, "gmsa", 4, seconds=1e-9)
    assert (scores["n"], scores["of"]) == (4, 20)
    numbers = [int(record["id"][1:]) for record in records]
    assert numbers == sorted(numbers) != [0, 1, 2, 3]
