"""Known values are the official SQuAD v1.1 script's (evaluate-v1.1.py), run by hand on these strings."""

from __future__ import annotations

import pytest
import sacrebleu

from gmsa_training.evaluation.metrics import (
    accuracy,
    exact_match,
    f1,
    first_line,
    mean_with_interval,
    normalise_answer,
    prefix_match,
    text_bleu,
    token_bleu,
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The  Cat,\tsat!", "cat sat"),
        ("a an the theatre", "theatre"),
        ("US$3.50", "us350"),
        ("the-end", "theend"),  # punctuation goes before articles, as in the script
        ("l’été", "l’été"),  # only ASCII punctuation goes
        ("An apple a day", "apple day"),
    ],
)
def test_normalises_like_the_squad_script(text, expected):
    assert normalise_answer(text) == expected


def test_exact_match_takes_the_best_reference():
    assert exact_match("the Denver Broncos.", ["Carolina Panthers", "Denver Broncos"]) == 1
    assert exact_match("Denver", ["Denver Broncos"]) == 0


@pytest.mark.parametrize(
    ("prediction", "references", "expected"),
    [
        ("Denver Broncos", ["Denver Broncos"], 1.0),
        ("Denver", ["Denver Broncos"], 2 / 3),
        ("the the Denver", ["Denver Broncos"], 2 / 3),
        ("one two two", ["two two two three"], 2 * (2 / 3) * (2 / 4) / (2 / 3 + 2 / 4)),
        ("Boston", ["Denver Broncos", "Boston, Massachusetts"], 2 / 3),
        ("", ["Denver"], 0.0),
        ("the", ["a"], 0.0),  # both normalise to nothing: EM 1, but the script's F1 is 0
    ],
)
def test_f1_is_the_best_over_the_references(prediction, references, expected):
    assert f1(prediction, references) == pytest.approx(expected)


def test_accuracy_asks_whether_an_answer_occurs_in_the_output():
    assert accuracy("It was the Denver Broncos who won.", ["Panthers", "Denver Broncos"]) == 1
    assert accuracy("It was Denver.", ["Denver Broncos"]) == 0
    assert accuracy("anything", ["the"]) == 0  # normalises to nothing, which occurs everywhere


def test_the_first_line_is_what_is_scored():
    assert first_line("\n Denver Broncos \nQuestion: next") == "Denver Broncos"
    assert first_line("") == ""


def test_token_bleu_counts_ngrams_of_ids():
    reference = [5, 6, 7, 8, 9, 10]
    corpus, each = token_bleu([reference, [5, 6, 7, 8, 9, 11]], [reference, reference])
    assert each[0] == 1.0
    # Of six tokens the last is wrong: 5/6 unigrams, 4/5 bigrams, 3/4 trigrams, 2/3 4-grams, no brevity penalty.
    assert each[1] == pytest.approx((5 / 6 * 4 / 5 * 3 / 4 * 2 / 3) ** 0.25)
    assert corpus == pytest.approx((11 / 12 * 9 / 10 * 7 / 8 * 5 / 6) ** 0.25)


def test_token_bleu_of_a_short_text_that_is_right_is_one():
    assert token_bleu([[4, 5]], [[4, 5]])[1] == [1.0]


def test_text_bleu_is_that_of_sacrebleu():
    predictions = ["The cat sat on the mat.", "A dog barked at a tall man."]
    references = ["The cat sat on a mat.", "The dog barked at the tall man."]
    assert text_bleu(predictions, references) == pytest.approx(
        sacrebleu.corpus_bleu(predictions, [references]).score / 100
    )
    assert text_bleu(references, references) == pytest.approx(1)


def test_prefix_match_stops_at_the_first_difference():
    assert prefix_match([1, 2, 9, 4], [1, 2, 3, 4]) == 0.5
    assert prefix_match([1, 2], [1, 2, 3, 4]) == 0.5
    assert prefix_match([1, 2, 3, 4, 5], [1, 2, 3, 4]) == 1


def test_an_interval_holds_its_mean_and_narrows_with_more_values():
    few, many = mean_with_interval([0, 1] * 10), mean_with_interval([0, 1] * 500)
    assert few.low < few.value == 0.5 < few.high
    # The normal approximation for a share of one half of n values is +-1.96 * 0.5 / sqrt(n).
    assert many.high - many.low == pytest.approx(2 * 1.96 * 0.5 / 1000**0.5, rel=0.1)
    assert mean_with_interval([1.0] * 5).low == 1
    with pytest.raises(ValueError, match="no values"):
        mean_with_interval([])
