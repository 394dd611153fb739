import json
import random

import pytest

from gmsa_training.config import DataConfig
from gmsa_training.data.questions.opening import open_questions
from gmsa_training.data.questions.source import Context, Questions, Wanted, unanswered

WORDS = ["amber", "birch", "cedar", "delta", "ember", "fjord", "glade", "heron", "inlet", "jetty"]


def paragraphs(path, config: DataConfig):
    """Four articles of 25 paragraphs of some 60 tokens, two questions each; answers are numbers of their own."""
    rows = []
    for i in range(100):
        text = f"Ship {1000 + i} sank off {WORDS[i % 10]} in {3000 + i}. " + "The sea was calm and the wind was low. " * 6
        qas = [
            {"question": f"When did ship {1000 + i} sink?", "answers": [f"{3000 + i}"]},
            {"question": f"Which ship sank in {3000 + i}?", "answers": [f"Ship {1000 + i}"]},
        ]
        rows.append({"title": f"Article {i // 25}", "text": text, "qas": qas})
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return open_questions(path, config)


def answer_of(question: str) -> str:
    number = int(question.rstrip("?").split()[3 if question.startswith("When") else -1])
    return str(number + 2000) if question.startswith("When") else f"Ship {number - 2000}"


@pytest.fixture()
def source(tmp_path):
    return paragraphs(tmp_path / "x.train.jsonl", DataConfig(validation_paragraphs=0, questions_per_context=2, max_context_tokens=4000))


def test_questions_without_an_answer_come_in_their_share_and_their_context_never_holds_it(source):
    draw, counts = random.Random(0), [0, 0]
    for _ in range(300):
        item = source.draw(draw, Wanted(unanswerable=0.3))
        for question, answer in item.turns:
            counts[answer is None] += 1
            held = Context(item.passages).holds([answer_of(question)])
            assert held == (answer is not None)
            assert answer in (None, answer_of(question))
    assert counts[1] / sum(counts) == pytest.approx(0.3, abs=0.05)


def test_without_a_share_every_question_has_its_answer(source):
    draw = random.Random(0)
    assert all(answer for _ in range(100) for _, answer in source.draw(draw, Wanted()).turns)


def test_unanswerable_questions_are_often_of_the_same_article(source):
    draw, near = random.Random(1), []
    for _ in range(200):
        item = source.draw(draw, Wanted(unanswerable=0.5))
        asked = {answer is None: int(answer_of(question).split()[-1]) % 1000 // 25 for question, answer in item.turns}
        if len(asked) == 2:
            near.append(asked[True] == asked[False])
    assert 0.25 < sum(near) / len(near) < 0.9


def test_contexts_are_filled_up_to_lengths_drawn_from_the_distribution_with_the_paragraph_anywhere(source):
    draw, places, characters = random.Random(0), set(), []
    wanted = Wanted(context_tokens={100: 0.5, 2000: 0.5})
    for _ in range(60):
        item = source.draw(draw, wanted)
        characters.append(sum(map(len, item.passages)))
        place = next(i for i, passage in enumerate(item.passages) if Context([passage]).holds([answer_of(item.turns[0][0])]))
        places.add(place / len(item.passages) // 0.25)
    short, long = [n for n in characters if n <= 420], [n for n in characters if n > 420]
    assert 15 < len(short) < 45 and all(2000 * 4.2 - 350 < n <= 2000 * 4.2 for n in long)
    assert places == {0, 1, 2, 3}


def test_a_context_is_never_over_the_largest_size(tmp_path):
    small = paragraphs(tmp_path / "x.train.jsonl", DataConfig(validation_paragraphs=0, max_context_tokens=300))
    draw = random.Random(0)
    for _ in range(30):
        assert sum(map(len, small.draw(draw, Wanted(context_tokens={4000: 1.0})).passages)) <= 300 * 4.2


def test_titles_stand_before_the_passages_of_their_share_of_contexts(tmp_path):
    source = paragraphs(tmp_path / "x.train.jsonl", DataConfig(validation_paragraphs=0, titled=0.5, distractors=[0.5, 0.5]))
    draw = random.Random(0)
    items = [source.draw(draw, Wanted()) for _ in range(200)]
    for alone in (True, False):
        titled = [{one.startswith("Article") for one in item.passages} for item in items if (len(item.passages) == 1) == alone]
        assert all(len(one) == 1 for one in titled) and 0.3 < titled.count({True}) / len(titled) < 0.7


def test_paragraphs_need_no_title(tmp_path):
    path = tmp_path / "x.train.jsonl"
    path.write_text('{"text": "Ship 1 sank.", "qas": [{"question": "Which ship sank?", "answers": ["Ship 1"]}]}\n')
    source = open_questions(path, DataConfig(validation_paragraphs=0, titled=1.0))
    assert source.draw(random.Random(0), Wanted()) == Questions([("Which ship sank?", "Ship 1")], ["Ship 1 sank."])


def test_an_answer_that_only_a_title_holds_is_not_refused(tmp_path):
    path = tmp_path / "x.train.jsonl"
    rows = [
        {"title": "Ship 1", "text": f"It sank in {year}.", "qas": [{"question": f"Which ship sank in {year}?", "answers": ["Ship 1"]}]}
        for year in (1901, 1902, 1903)
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    source = open_questions(path, DataConfig(validation_paragraphs=0, titled=1.0, distractors=[0.0, 1.0]))
    draw = random.Random(0)
    titled = [item for item in (source.draw(draw, Wanted(unanswerable=1.0)) for _ in range(50)) if len(item.passages) > 1]
    assert titled and all(answer == "Ship 1" for item in titled for _, answer in item.turns)


def rows(path, config: DataConfig, **changes):
    made = []
    for i in range(10):
        passages = [{"title": "", "text": f"{WORDS[(i + j) % 10]} lies {j} miles from the coast. " * 4} for j in range(4)]
        passages[i % 4]["text"] += f"Its keeper is Keeper{i}x."
        made.append({"id": "1", "question": f"Who keeps {i}?", "answers": [f"Keeper{i}x"], "passages": passages} | changes)
    path.write_text("".join(json.dumps(row) + "\n" for row in made))
    return open_questions(path, config)


def test_a_row_without_its_answer_keeps_its_distractors_or_takes_another_rows_passages(tmp_path):
    source = rows(tmp_path / "x.train.jsonl", DataConfig())
    draw, own, refused = random.Random(0), set(), 0
    for _ in range(200):
        item = source.draw(draw, Wanted(unanswerable=0.5))
        ((question, answer),) = item.turns
        wanted = f"Keeper{question[-2]}x"
        refused += answer is None
        assert (wanted in " ".join(item.passages)) == (answer is not None)
        if answer is None:
            own.add("Keeper" in " ".join(item.passages))
    assert 70 < refused < 130 and own == {True, False}


def test_passages_that_the_file_calls_gold_stay_and_are_left_out_of_a_refused_context(tmp_path):
    source = rows(tmp_path / "x.train.jsonl", DataConfig(max_context_tokens=130), gold=[2, 3])
    draw = random.Random(0)
    for _ in range(50):
        item = source.draw(draw, Wanted(context_tokens={130: 1.0}))
        assert sum("lies 2 miles" in one or "lies 3 miles" in one for one in item.passages) == 2
    for row in source.drawn:
        passages = source._without_answer(row, Wanted(), draw)
        assert passages is None or not set(passages) & {row.passages[i] for i in row.gold}


@pytest.mark.parametrize(("text", "held"), [("It was THE  Eiffel-Tower.", True), ("the eiffel bridge", False)])
def test_answers_are_found_whatever_their_case_and_punctuation(text, held):
    assert Context([text]).holds(["Eiffeltower", "an EiffelTower"]) == held


def test_validation_asks_about_texts_that_do_not_hold_the_answer():
    questions = [Questions([("a?", "one")], ["one two"]), Questions([("b?", "two")], ["two"]), Questions([("c?", "six")], ["six"])]
    found = [item for seed in range(20) for item in unanswered(questions, random.Random(seed))]
    assert {item.turns[0][1] for item in found} == {None}
    assert all(dict(zip("abc", ("one", "two", "six")))[item.turns[0][0][0]] not in item.passages[0] for item in found)
