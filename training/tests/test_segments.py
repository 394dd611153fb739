"""The rules are in docs/formats/segmentation.md; the browser's suite reads the same vectors."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gmsa_training.data.segments import boundary_hash, cut_segments, find_boundaries, normalise
from scripts.shared_vectors import SEGMENTS, encode_code_points, segment_vectors

CASES = json.loads(SEGMENTS.read_text(encoding="utf-8"))["cases"]

# Words, sentence ends, and white space of every kind, so that every rule meets its cases.
PIECES = st.sampled_from(
    [
        "word",
        "a",
        "river",
        "Is it? ",
        "End. ",
        'said." ',
        "。",
        "！」",
        "\n",
        "\r\n",
        "\n\n",
        " ",
        "\u3000",
        "x" * 300,
        "😀",
        "\ud83d",
        "\x00",
    ]
)
TEXTS = st.one_of(
    st.text(max_size=400), st.lists(PIECES, max_size=120).map("".join), st.lists(PIECES, max_size=120).map(" ".join)
)
LIMITS = st.integers(min_value=128, max_value=300)


def sentences(low: int, high: int) -> st.SearchStrategy[list[str]]:
    word = st.text("abcdefghij", min_size=1, max_size=9)
    return st.lists(
        st.lists(word, min_size=1, max_size=8).map(lambda words: " ".join(words) + "."), min_size=low, max_size=high
    )


def test_the_shared_vectors_are_those_that_their_script_writes():
    assert segment_vectors() == CASES


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_gives_the_segments_of_the_shared_vectors(case):
    found = cut_segments(case["text"], encode_code_points, case["segment_length"])
    assert [segment.text for segment in found] == case["segments"]


@given(TEXTS, LIMITS)
def test_segments_joined_are_the_normalised_text_and_none_is_over_the_limit(text, limit):
    found = cut_segments(text, encode_code_points, limit)
    assert "".join(segment.text for segment in found) == normalise(text)
    assert all(0 < len(segment.ids) <= limit for segment in found)
    assert all(segment.ids == [ord(c) for c in segment.text] for segment in found)


@given(TEXTS)
def test_boundaries_stand_inside_the_text_in_order_and_once(text):
    text = normalise(text)
    positions = [position for position, _ in find_boundaries(text)]
    assert positions == sorted(set(positions))
    assert all(0 < position < len(text) for position in positions)


@settings(max_examples=60, deadline=None)
@given(sentences(40, 90), sentences(1, 3), st.integers(min_value=0, max_value=39), st.sampled_from([" ", "\n\n"]))
def test_an_insertion_moves_no_cut_that_is_more_than_two_segments_away(before, inserted, place, joint):
    limit = 100
    after = before[:place] + inserted + before[place:]

    def cuts_from_end(parts: list[str]) -> list[int]:
        text = joint.join(parts)
        lengths = [len(segment.text) for segment in cut_segments(text, encode_code_points, limit)]
        return [len(text) - sum(lengths[:i]) for i in range(1, len(lengths))]

    # Cuts that the tail, which is the same in both, decides alone; counted from the end of the text.
    unchanged = len(joint.join(before[place:])) - 2 * limit
    tail = [[cut for cut in cuts_from_end(parts) if cut <= unchanged] for parts in (before, after)]
    assert tail[0] == tail[1]


@settings(max_examples=60, deadline=None)
@given(sentences(40, 90), st.lists(st.text("klmnop", min_size=1, max_size=9), min_size=1, max_size=6))
def test_a_text_appended_moves_no_cut_far_before_it(before, words):
    limit = 100

    def cuts(text: str) -> list[int]:
        lengths = [len(segment.text) for segment in cut_segments(text, encode_code_points, limit)]
        return [sum(lengths[:i]) for i in range(1, len(lengths))]

    text = " ".join(before)
    far = len(text) - 2 * limit
    assert [cut for cut in cuts(text) if cut <= far] == [
        cut for cut in cuts(text + " " + " ".join(words)) if cut <= far
    ]


def test_the_hash_is_fnv_1a_over_code_points():
    # Published FNV-1a values of "" and "a" (ASCII code points are their own bytes).
    assert boundary_hash("x ", 1) == 0x811C9DC5
    assert boundary_hash("x a", 1) == 0xE40C292C
    assert boundary_hash("x foobar", 1) == 0xBF9CF968


def test_the_tokens_of_a_segment_are_those_of_its_sentences_one_by_one():
    asked: list[str] = []

    def encode(texts: list[str]) -> list[list[int]]:
        asked.extend(texts)
        return [[len(text)] for text in texts]

    (segment,) = cut_segments("One here. Two there.\nThree.", encode, 16)
    assert asked == ["One here.", " Two there.", "\nThree."]
    assert segment.ids == [9, 11, 7]
