import random

import pytest
from export_models import tiny_tokenizer
from tiny_run import tiny_config, write_data

from gmsa_training.data.questions.source import Questions, Wanted
from gmsa_training.data.questions.typed import as_typed, typed
from gmsa_training.data.training_data import load_training_data


@pytest.mark.parametrize(
    "question, expected",
    [
        ("Who won in 1998?", "who won in 1998"),
        ('Who wrote "Soak Up the Sun", and when?', "who wrote soak up the sun and when"),
        ("What's the co-founder's share of 3.5 %?", "what's the co-founder's share of 3.5"),
        ("In the U.S., who (if anyone) paid?", "in the u.s who if anyone paid"),
        ("???", "???"),
        ("Où est l'île?", "où est l'île"),
    ],
)
def test_a_question_as_typed_has_its_words_alone(question, expected):
    assert typed(question) == expected


def test_a_share_of_the_questions_is_typed_and_answers_and_passages_stay():
    item = Questions([(f"Who is {i}?", None if i % 7 == 0 else f"Ann {i}") for i in range(400)], ["Ann?"])
    found = as_typed(item, 0.3, random.Random(0))
    assert 0.2 < sum(question.startswith("who") for question, _ in found.turns) / 400 < 0.4
    assert [answer for _, answer in found.turns] == [answer for _, answer in item.turns] and found.passages == ["Ann?"]


def test_training_draws_typed_questions_and_validation_keeps_both_out_of_it(tmp_path):
    folder = write_data(tmp_path)
    tokenizer = tiny_tokenizer().backend_tokenizer
    encode = lambda texts: [one.ids for one in tokenizer.encode_batch(texts, add_special_tokens=False)]  # noqa: E731
    config = tiny_config("unused").data
    for share, expected in ((0.0, 0), (1.0, 20)):
        data = load_training_data(folder, config.model_copy(update={"typed": share}), encode)
        draw = random.Random(0)
        drawn = [data.draw_questions(draw, Wanted()) for _ in range(20)]
        assert sum(all(question.startswith("what colour") for question, _ in item.turns) for item in drawn) == expected
        assert all(question.endswith("?") for source, _ in data.questions for one in source.validation for question, _ in one.turns)
