"""The committed test fixture, and the script that makes it."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest
import torch

from gmsa_training.evaluation.inference import Gmsa
from gmsa_training.evaluation.onnx_runtime import OnnxRuntime
from gmsa_training.evaluation.torch_runtime import TorchRuntime
from scripts.make_fixture import LEAST_MARGIN, FixtureError, choose_examples, train_fixture
from scripts.toy_language import draw_text, draw_word_salad

FIXTURE = Path(__file__).parents[2] / "models" / "fixture"


@pytest.fixture(scope="module")
def gmsa():
    return Gmsa(OnnxRuntime(FIXTURE, "fp32"), batch_size=8)


@pytest.fixture(scope="module")
def known():
    return json.loads((FIXTURE / "examples.json").read_text(encoding="utf-8"))


def test_the_committed_fixture_answers_all_its_examples_by_a_clear_margin(gmsa, known):
    assert len(known["examples"]) >= 10
    for example in known["examples"]:
        soft = gmsa.compress([segment.ids for segment in gmsa.segments(example["text"])], known["rate"])
        (output,) = gmsa.generate([gmsa.question_input(example["question"], soft)])
        assert gmsa.decode(output.token_ids).strip() == example["answer"]
        assert output.margin >= LEAST_MARGIN


def test_the_committed_fixture_restores_all_its_texts_by_a_clear_margin(gmsa, known):
    counts = []
    for text in known["restore"]:
        segments = gmsa.segments(text)
        counts.append(len(segments))
        soft = gmsa.compress([segment.ids for segment in segments], known["rate"])
        outputs = gmsa.generate([gmsa.restore_input(one, len(segment.ids)) for one, segment in zip(soft, segments)])
        assert "".join(gmsa.decode(output.token_ids) for output in outputs) == text
        assert min(output.margin for output in outputs) >= LEAST_MARGIN
    assert sum(count > 1 for count in counts) >= 4


def test_its_answers_come_from_the_soft_tokens(gmsa, known):
    """The answers of one text's soft tokens are not those of another's: nothing is known by heart."""
    example, other = (
        known["examples"][0],
        next(one for one in known["examples"] if one["answer"] != known["examples"][0]["answer"]),
    )
    changed = example["text"].replace(example["answer"], other["answer"])
    same_kind = other["question"].split()[0] == example["question"].split()[0]
    text = changed if same_kind else other["text"]
    question, answer = (example["question"], other["answer"]) if same_kind else (other["question"], other["answer"])
    soft = gmsa.compress([segment.ids for segment in gmsa.segments(text)], known["rate"])
    (with_text, without) = gmsa.generate([gmsa.question_input(question, soft), gmsa.question_input(question)])
    assert gmsa.decode(with_text.token_ids).strip() == answer
    assert gmsa.decode(without.token_ids).strip() != answer


def test_no_two_facts_of_a_text_answer_the_same_question():
    draw = random.Random(0)
    for sentences in range(1, 13):
        toy = draw_text(draw, sentences)
        assert len({fact.question for fact in toy.facts}) == len(toy.facts) == sentences
        assert all(fact.sentence in toy.text and fact.answer in fact.sentence for fact in toy.facts)
    words = draw_word_salad(draw, 24).split()
    assert len(set(words)) == 24


@pytest.fixture(scope="module")
def short_run(tmp_path_factory):
    work = tmp_path_factory.mktemp("fixture")
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        return work, *train_fixture(work, texts=300, copying_steps=60, language_steps=2)
    finally:
        torch.set_num_threads(threads)


def test_the_loss_falls_in_the_first_steps(short_run):
    work = short_run[0]
    lines = [json.loads(line) for line in (work / "copying" / "metrics.jsonl").read_text().splitlines()]
    first, *_, last = [line["loss"] for line in lines if line["kind"] == "train"]
    assert all(last[key] < first[key] - 0.5 for key in ("autoencoding/1", "autoencoding/2", "autoencoding/4"))


def test_a_model_that_has_not_learnt_is_refused(short_run, capsys):
    _, model, tokenizer = short_run
    with pytest.raises(FixtureError, match="not written; train it longer"):
        choose_examples(Gmsa(TorchRuntime(model, tokenizer), batch_size=64))
    assert "0.0%" in capsys.readouterr().out
