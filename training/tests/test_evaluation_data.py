from __future__ import annotations

import gzip
import json
import lzma

import pytest

from gmsa_training.data.evaluation_data import read_documents, read_questions
from gmsa_training.data.jsonl import DataError

QA_ROW = {
    "id": "q1",
    "question": "Who?",
    "answers": ["Anna", "Ann"],
    "passages": [
        {"title": "A title", "text": "Anna did."},
        {"title": "", "text": "No title."},
        {"text": "None at all."},
    ],
}
SQUAD_ROW = {
    "title": "An article",
    "text": "A paragraph.",
    "qas": [{"id": "s1", "question": "What?", "answers": ["a"]}, {"id": "s2", "question": "Where?", "answers": ["b"]}],
}


def write(path, *rows):
    text = "\n".join(row if isinstance(row, str) else json.dumps(row) for row in rows)
    opener = {".gz": gzip.open, ".xz": lzma.open}.get(path.suffix, open)
    with opener(path, "wt", encoding="utf-8") as file:
        file.write(text + "\n")
    return path


@pytest.mark.parametrize("suffix", ["", ".gz", ".xz"])
def test_passages_are_joined_by_a_blank_line_each_after_its_title(tmp_path, suffix):
    (question,) = read_questions(write(tmp_path / f"rows.jsonl{suffix}", QA_ROW))
    assert question.context == "A title\nAnna did.\n\nNo title.\n\nNone at all."
    assert (question.id, question.question, question.answers) == ("q1", "Who?", ("Anna", "Ann"))


def test_a_question_without_an_id_is_named_by_its_place(tmp_path):
    nameless = [{"id": None, "question": "What?", "answers": ["a"]}, {"question": "Where?", "answers": ["b"]}]
    path = write(tmp_path / "rows.jsonl", QA_ROW, {**QA_ROW, "id": None}, {**SQUAD_ROW, "qas": nameless})
    found = [question.id for question in read_questions(path)]
    assert found == ["q1", "line 2, question 1", "line 3, question 1", "line 3, question 2"]


def test_gold_passages_are_numbers_of_passages(tmp_path):
    path = write(tmp_path / "rows.jsonl", {**QA_ROW, "gold": 2}, {**QA_ROW, "gold": [0, 1]}, QA_ROW)
    assert [question.gold for question in read_questions(path)] == [(2,), (0, 1), ()]
    assert [len(question.passages) for question in read_questions(path)] == [3, 3, 3]
    with pytest.raises(DataError, match="line 1, has a `gold`"):
        read_questions(write(tmp_path / "bad.jsonl", {**QA_ROW, "gold": 3}))


def test_questions_of_squad_are_flattened_and_the_title_is_left_out(tmp_path):
    path = write(tmp_path / "squad.jsonl", SQUAD_ROW, "", {**SQUAD_ROW, "text": "Next."})
    assert [(q.id, q.context) for q in read_questions(path, limit=3)] == [
        ("s1", "A paragraph."),
        ("s2", "A paragraph."),
        ("s1", "Next."),
    ]


def test_a_limit_does_not_read_what_comes_after(tmp_path):
    path = write(tmp_path / "squad.jsonl", SQUAD_ROW, "not json")
    assert len(read_questions(path, limit=1)) == 1


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ("{oops", r"line 3, is not JSON"),
        ("[1]", r"line 3, is not a JSON object"),
        ({**QA_ROW, "answers": "Anna"}, r"line 3, answers: Input should be a valid list"),
        ({**QA_ROW, "id": 7}, r"line 3, id: Input should be a valid string"),
        ({**QA_ROW, "passages": ["text"]}, r"line 3, passages.0: "),
        ({"title": "t", "qas": []}, r"line 3, has neither a text nor passages"),
        ({"text": "t", "qas": {}}, r"line 3, qas: Input should be a valid list"),
        ({"text": "t", "qas": ["q"]}, r"line 3, qas.0: "),
    ],
)
def test_a_malformed_line_is_named_with_its_file(tmp_path, bad, message):
    path = write(tmp_path / "rows.jsonl", QA_ROW, "", bad)  # a blank line counts as a line
    with pytest.raises(DataError, match=message) as raised:
        read_questions(path)
    assert str(path) in str(raised.value)


def test_a_missing_an_empty_and_a_truncated_file_are_errors(tmp_path):
    with pytest.raises(DataError, match="no data file"):
        read_questions(tmp_path / "absent.jsonl")
    with pytest.raises(DataError, match="holds no questions"):
        read_questions(write(tmp_path / "empty.jsonl"))
    whole = write(tmp_path / "rows.jsonl.gz", QA_ROW)
    whole.write_bytes(whole.read_bytes()[:-12])
    with pytest.raises(DataError, match="cannot be read"):
        read_questions(whole)
    not_utf8 = tmp_path / "latin.jsonl"
    not_utf8.write_bytes(b'{"text": "\xe9"}\n')
    with pytest.raises(DataError, match="cannot be read"):
        list(read_documents(not_utf8))


def test_documents_keep_their_source(tmp_path):
    path = write(tmp_path / "prose.jsonl.gz", {"title": "t", "text": "One.", "source": "books"}, {"text": "Two."})
    assert [(d.text, d.source) for d in read_documents(path)] == [("One.", "books"), ("Two.", "")]
    with pytest.raises(DataError, match="line 1, has no text"):
        list(read_documents(write(tmp_path / "bad.jsonl", {"title": "t"})))


def test_a_question_without_answers_is_one_that_the_text_does_not_answer(tmp_path):
    (found,) = read_questions(write(tmp_path / "rows.jsonl", {**QA_ROW, "answers": []}))
    assert found.answers == ()
