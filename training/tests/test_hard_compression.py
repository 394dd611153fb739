"""The lexical and the truncating baseline, and what the decoder reads in each mode."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from export_models import tiny_tokenizer
from recording_runtime import RecordingRuntime, question

from gmsa_training.evaluation.hard_compression import SentenceIndex, sentences, soft_token_count
from gmsa_training.evaluation.inference import Gmsa, InferenceError
from gmsa_training.evaluation.questions import evaluate_questions, readings

TEXT = (
    "The harbour was quiet in the morning. Fishing boats lay at the quay. The lighthouse was built in 1874 by Ada Ferrin. "
    "Gulls circled above the market.\n\nA second paragraph speaks of bread. The lighthouse has a red lamp."
)


@pytest.fixture(scope="module")
def tokenizer():
    return tiny_tokenizer()


@pytest.fixture
def gmsa(tokenizer):
    return Gmsa(RecordingRuntime(tokenizer), 8)


def test_sentences_end_at_sentence_ends_and_lines_and_make_up_the_text():
    found = sentences(TEXT)
    assert "".join(found) == TEXT and len(found) == 6
    assert found[2] == " The lighthouse was built in 1874 by Ada Ferrin."
    assert sentences("") == []


def test_sentences_of_the_question_come_first_and_stand_in_the_order_of_the_text(gmsa):
    index = SentenceIndex(TEXT, gmsa.encode)
    lengths = [len(ids) for ids in index.ids]
    both = index.select("Who built the lighthouse?", lengths[2] + lengths[5])
    assert gmsa.decode(both) == " The lighthouse was built in 1874 by Ada Ferrin. The lighthouse has a red lamp."
    assert gmsa.decode(index.select("Who built the lighthouse?", lengths[2])).strip().startswith("The lighthouse was built")


@pytest.mark.parametrize("budget", [0, 1, 7, 40, 10_000])
def test_the_budget_is_used_up_and_never_passed(gmsa, budget):
    index = SentenceIndex(TEXT, gmsa.encode)
    assert len(index.select("Who built the lighthouse?", budget)) == min(budget, sum(map(len, index.ids)))


def test_a_question_without_a_word_in_common_keeps_the_beginning(gmsa):
    index = SentenceIndex(TEXT, gmsa.encode)
    for asked in ("Zebra?", "What is the?", "", "?"):
        assert gmsa.decode(index.select(asked, 12)) == gmsa.decode([i for ids in index.ids for i in ids][:12])
    assert SentenceIndex("", gmsa.encode).select("What?", 5) == []
    assert SentenceIndex("… …", gmsa.encode).select("What?", 50)


def test_hard_compressions_read_as_many_tokens_as_there_are_soft_tokens(gmsa):
    long = TEXT * 3
    asked = [question(1, long), question(2, long), question(3, "Short.")]
    soft = readings(gmsa, asked, "gmsa", 4)
    for mode in ("truncated", "bm25"):
        found = readings(gmsa, asked, mode, 4)
        assert [(one.tokens, one.read) for one in found] == [(one.tokens, one.read) for one in soft]
        assert all(len(one.input.before) == 1 + one.read and not one.input.soft_tokens for one in found)
        assert all(one.input.after == other.input.after for one, other in zip(found, soft))
    assert soft_token_count([[0] * 9, [0] * 4], 4) == 4


def test_truncation_keeps_the_beginning_and_the_question(gmsa):
    (one,) = readings(gmsa, [question(7, TEXT)], "truncated", 2)
    assert TEXT.startswith(gmsa.decode(one.input.before[1:]))
    assert gmsa.decode(one.input.after) == "\n\nQuestion: What is 7?\nAnswer:"


CHAT = "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n{% endfor %}{{ '<|im_start|>assistant\n' }}"


def test_the_chat_prompt_is_the_template_around_the_tokens_of_the_context(tokenizer):
    tokenizer = tiny_tokenizer()
    tokenizer.chat_template = CHAT
    gmsa = Gmsa(RecordingRuntime(tokenizer), 8)
    (full,), (closed,) = (readings(gmsa, [question(7, "The door.")], mode, 4, chat=True) for mode in ("full", "closed"))
    instruction = "in as few words as possible.\nQuestion: What is 7?<|im_end|>\n<|im_start|>assistant\n"
    assert tokenizer.decode(full.input.before) == "<|im_start|>user\nThe door."
    assert tokenizer.decode(full.input.after) == "\n\nAnswer the question about the text above " + instruction
    assert tokenizer.decode([*closed.input.before, *closed.input.after]) == "<|im_start|>user\nAnswer the question " + instruction
    assert full.input.before[0] == tokenizer.bos_token_id  # a special token, not its letters


def test_a_tokenizer_without_a_chat_template_and_chat_with_soft_tokens_are_refused(gmsa):
    with pytest.raises(InferenceError, match="no chat template"):
        evaluate_questions(gmsa, [question(1, TEXT)], "full", 4, chat=True)
    with pytest.raises(InferenceError, match="not through the chat template"):
        evaluate_questions(gmsa, [question(1, TEXT)], "gmsa", 4, chat=True)


def test_nothing_that_may_take_the_gpus_memory_is_imported_before_it_is_needed():
    script = """
import sys
import gmsa_training.evaluation.evaluate
assert "bm25s" not in sys.modules
from gmsa_training.evaluation.hard_compression import SentenceIndex
SentenceIndex("A cat. A dog.", lambda texts: [[1]] * len(texts))
import os
assert "bm25s" in sys.modules and os.environ["JAX_PLATFORMS"] == "cpu"
"""
    environment = {name: value for name, value in os.environ.items() if name != "JAX_PLATFORMS"}
    subprocess.run([sys.executable, "-c", script], check=True, env=environment, cwd=Path(__file__).parents[1])
