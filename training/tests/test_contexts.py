"""Questions without their answer, and long contexts."""

from __future__ import annotations

from dataclasses import replace

import pytest
from export_models import tiny_tokenizer
from recording_runtime import RecordingRuntime, question

from gmsa_training.data.evaluation_data import EvaluationQuestion
from gmsa_training.data.jsonl import DataError
from gmsa_training.evaluation.contexts import fill_contexts, make_unanswerable
from gmsa_training.evaluation.inference import Generated, Gmsa, InferenceError
from gmsa_training.evaluation.metrics import holds_answer, refused
from gmsa_training.evaluation.questions import evaluate_questions


def row(number: int, answers: tuple[str, ...], passages: tuple[str, ...], gold: tuple[int, ...] = ()) -> EvaluationQuestion:
    return EvaluationQuestion(f"q{number}", "Who?", answers, "\n\n".join(passages), passages, gold)


def encode(texts: list[str]) -> list[list[int]]:
    return [list(range(len(text.split()))) for text in texts]


def test_an_answer_is_held_as_whole_words_and_yes_and_no_nowhere():
    assert holds_answer("It was Anna, the painter.", ["anna the Painter"])
    assert not holds_answer("Annapolis is old.", ["Anna"])
    assert not holds_answer("No, yes.", ["no", "yes", ""])


def test_gold_passages_and_all_that_hold_an_answer_are_taken_away():
    one = row(1, ("Anna",), ("Anna did.", "Bert slept.", "The gold one.", "So said anna."), (2,))
    (found,) = make_unanswerable([one], [one])
    assert found.passages == ("Bert slept.",) and found.context == "Bert slept."
    assert (found.id, found.answers, found.gold) == ("q1", ("Anna",), ())


def test_a_single_passage_is_replaced_by_that_of_the_next_row_without_an_answer():
    rows = [row(i, (answer,), (text,)) for i, (answer, text) in enumerate(
        [("Anna", "Anna did."), ("Bert", "Anna and Bert."), ("Carl", "Carl slept."), ("yes", "It rained.")]
    )]
    found = make_unanswerable(rows, rows)
    assert [one.context for one in found] == ["Carl slept.", "Carl slept.", "It rained.", "Anna did."]
    with pytest.raises(DataError, match="No context is without an answer to question 'q0'"):
        make_unanswerable(rows[:1], rows[:1])


def test_contexts_are_filled_with_passages_of_others_that_hold_no_answer():
    others = [row(i, ("x",), (f"passage number {i} of " + "five words " * 4,)) for i in range(2, 60)]
    bad = row(60, ("x",), ("Anna was here " * 4,))
    one = row(1, ("Anna",), ("Anna did it.", "Bert slept."), (0,))
    (found,) = fill_contexts([one], [one, bad, *others], 300, encode)
    assert set(one.passages) < set(found.passages) and bad.passages[0] not in found.passages
    assert len(set(found.passages)) == len(found.passages)
    assert 285 <= sum(len(text.split()) for text in found.passages) <= 300
    assert fill_contexts([one], [one, bad, *others], 300, encode) == [found]
    (other,) = fill_contexts([one], [one, bad, *others], 300, encode, seed=1)
    assert other.passages != found.passages
    places = {
        fill_contexts([replace(one, id=f"id{i}")], [one, *others], 300, encode)[0].passages.index("Anna did it.")
        for i in range(12)
    }
    assert len(places) > 4  # anywhere
    with pytest.raises(DataError, match="fill .* of 5000 tokens"):
        fill_contexts([one], [one, bad, *others], 5000, encode)


class Refusing(RecordingRuntime):
    def generate(self, inputs):
        (ids,) = self.tokenizer.backend_tokenizer.encode_batch([" The text does not say.\nMore"], add_special_tokens=False)
        return [Generated(ids.ids, 1.0) for _ in inputs]


def test_refusals_are_counted_of_answerable_and_of_unanswerable_questions():
    assert refused("the text does not say", "The text does not say.") == 1
    assert refused("The text says.", "The text does not say.") == refused("", "") == 0
    gmsa = Gmsa(Refusing(tiny_tokenizer()), 4)
    asked = [question(1, "The door."), question(2, "The roof.")]
    wrongly, _ = evaluate_questions(gmsa, asked, "gmsa", 4)
    assert wrongly["refused"]["value"] == 1 and wrongly["f1"]["value"] == 0
    rightly, _ = evaluate_questions(gmsa, asked, "gmsa", 4, unanswerable=True)
    assert rightly["refused"]["value"] == 1 and "f1" not in rightly


def test_a_model_without_a_refusal_is_not_asked_unanswerable_questions():
    runtime = RecordingRuntime(tiny_tokenizer())
    runtime.config.refusal = ""
    with pytest.raises(InferenceError, match="has no refusal"):
        evaluate_questions(Gmsa(runtime, 4), [question(1, "The door.")], "gmsa", 4, unanswerable=True)
