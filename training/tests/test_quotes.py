"""The browser's suite reads the same vectors (src/quotes/quotes.test.ts)."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gmsa_training.data.segments import normalise
from gmsa_quotes.bm25 import Index, fuse
from gmsa_quotes.reading_text import reading_text
from gmsa_quotes.selection import render, select
from gmsa_quotes.support import find_support
from gmsa_quotes.units import LONGEST, cut_units, narrow, wide
from gmsa_quotes.vectors import cases, tokens

ROOT = Path(__file__).parents[2]
VECTORS = json.loads((ROOT / "src" / "quotes" / "vectors.json").read_text(encoding="utf-8"))

PIECES = st.sampled_from(
    ["\n", "\n", "\n\n", " ", "  ", ". ", "? ", '! "', "word", "Word ", "The ", "U.S.", "1", "1. ", "- ", "# ", "|", " | "]
    + ["---", "\t", ",", ", ", ";", ": ", " = ", "```\n", "===\n", "\u00ad", "\u200b", "\u200d", "\ufb01", "\u00a0", "\r\n"]
    + ["😀", "\ud83d", "。", "長", "é", '"', "(", "....", "12:30", "1,234.50 ", "x" * 150, "a long clause of words, " * 12]
)
TEXTS = st.one_of(st.text(max_size=300), st.lists(PIECES, max_size=80).map("".join))


@pytest.mark.parametrize("kind", VECTORS)
def test_gives_the_shared_vectors(kind):
    assert json.loads(json.dumps(cases()[kind])) == VECTORS[kind]


@given(TEXTS)
def test_a_reading_text_has_nothing_more_to_change(source):
    read = reading_text(source).text
    assert reading_text(read).text == read
    assert normalise(read) == read


@given(TEXTS)
def test_places_in_the_source_are_in_order_and_hold_unchanged_characters(source):
    read = reading_text(source)
    before = 0
    for at, character in enumerate(read.text):
        start, end = read.to_source(at, at + 1)
        assert before <= start < end <= len(source)
        before = start
        if "!" <= source[start] <= "~":
            assert source[start] == character


def test_a_text_without_anything_to_change_is_the_same_object():
    source = "Nothing – to “change” here.\n"
    assert reading_text(source).text is source


@given(TEXTS)
def test_units_stand_in_order_and_are_not_too_long(source):
    text = wide(reading_text(source).text)
    units, last = cut_units(text), 0
    for start, end in zip(units.start, units.end, strict=True):
        assert last <= start < end <= min(len(text), start + LONGEST)
        assert text[start] not in " \n\t" and text[end - 1] not in " \n\t"
        last = end


@given(TEXTS, TEXTS, st.integers(min_value=1, max_value=200), st.booleans())
def test_quotes_keep_to_the_budget_and_stand_in_the_text(source, question, budget, fused):
    text = wide(reading_text(source).text)
    index = Index(text, cut_units(text))
    attention = [float(i * 7 % 5) for i in range(len(index.units.start))] if fused else None
    quotes, last = select(index, question, budget, tokens, attention), 0
    for quote in quotes:
        assert last <= quote.start < quote.end
        assert quote.text == narrow(text[quote.start : quote.end])
        last = quote.end
    assert tokens(render(quotes)) <= budget
    find_support(wide(question), text, [(quote.start, quote.end) for quote in quotes])


def test_quotes_keep_to_the_budget_in_tokens_of_the_model():
    tokenizers = pytest.importorskip("tokenizers")
    tokenizer = tokenizers.Tokenizer.from_file(str(ROOT / "models" / "gmsa-smollm2-135m" / "tokenizer.json"))

    def count(text: str) -> int:
        return len(tokenizer.encode(text, add_special_tokens=False).ids)

    text = wide(next(one["text"] for one in VECTORS["units"] if one["name"] == "everything"))
    index = Index(text, cut_units(text))
    for budget in (10, 20, 48, 96, 192):
        for question in ("How heavy is the Marlin?", "What is the price of flour, strong?", "one clause of many words"):
            assert 0 < count(render(select(index, question, budget, count))) <= budget


def test_a_question_without_a_word_in_the_text_gives_no_quotes_unless_there_is_attention():
    text = "Filler stands here and says little. " * 30 + "The kiln is in Hull. It is old."
    index = Index(text, cut_units(text))
    assert select(index, "Zebra?", 20, tokens) == []
    attention = [float(i == 30) for i in range(len(index.units.start))]
    assert [quote.text for quote in select(index, "Zebra?", 20, tokens, attention)] == ["The kiln is in Hull."]
    assert render(select(index, "Zebra?", 1000, tokens)) == text


def test_fuses_by_reciprocal_rank_and_gives_a_score_of_0_no_rank():
    assert fuse([3, 0, 5], [0, 1, 2]) == [1 / 12, 1 / 12, 1 / 11 + 1 / 11]
