"""Cloze questions on prose: a span of a sentence is replaced by a question word (Lewis et al. 2019, "Unsupervised Question
Answering by Cloze Translation"). There are as many as there is prose, so none is learnt by heart."""

import random
import re
from dataclasses import dataclass, replace
from pathlib import Path

import yaml

from gmsa_training.data.jsonl import DataError
from gmsa_training.data.prose import ProseSource
from gmsa_training.data.questions.answer_kinds import MONTHS
from gmsa_training.data.questions.source import Questions, QuestionSource, Wanted, mix_unanswerable
from gmsa_training.evaluation.metrics import normalise_answer

_WINDOW = (5, 14)  # words kept of a sentence, the question word aside
_CONTEXT_TRIES = 1000
_SENTENCE_WORDS = (8, 60)
_CLEAR = 3  # words of five letters or more that a question must keep
_FRONTED, _THINNED = 0.5, 0.2  # shares of the questions that begin with the question word, and that lack a word
_DATA = yaml.safe_load(Path(__file__).with_suffix(".yaml").read_text(encoding="utf-8"))
_SKIPPED = frozenset([*_DATA["skipped"], *MONTHS.split("|")])
_PREPOSITIONS = _DATA["prepositions"]
_DANGLING = frozenset([*_PREPOSITIONS, *_DATA["dangling"]])
_WORDS = _DATA["question_words"]
_ABBREVIATION = "".join(rf"(?<!\b{word}\.)" for word in _DATA["abbreviations"])
_END = re.compile(rf"(?<=[.!?\"”]){_ABBREVIATION}\s+(?=[A-Z\"“])|\n+")
_CODE = re.compile(r"[{}<>|=\\]|/\S*/|::|\w[./_]\w+[./_]\w")  # sentences that are not prose
_PARTS = _DATA["parts"] | {"MONTH": MONTHS}
_SPANS = re.compile("|".join(re.sub("|".join(_PARTS), lambda part: _PARTS[part[0]], span) for span in _DATA["spans"]))
_AFTER_NAME = re.compile("|".join(_DATA["after_name"]))
# What goes on is the same name: Dancing with the Stars.
_NAME_GOES_ON = re.compile(r" (?:and|of|with|for|in|on|&) (?:the )?[A-Z]")
_VERB = re.compile(r"(?:is|was|are|were|has|had|have|will|would|can|could|\w{3,}ed)$")
_GLUED = re.compile(r"[^\w\s]*")  # what stands behind a span without a space
_BEGINNING = re.compile(r"(?:The|A|An|In|On|At|It|He|She|They|We|This|These|Those|There|His|Her|Their|Its|After|When|While|As|For|By|From)\b")


@dataclass(frozen=True)
class Span:
    kind: str
    start: int
    end: int


def answer_spans(sentence: str) -> list[Span]:
    """What of a sentence can be asked for: names, dates, years, counts, amounts, shares and quoted titles."""
    found = []
    for match in _SPANS.finditer(sentence):
        kind = match.lastgroup or ""
        start, end = match.span(kind)
        text = match.group(kind)
        if kind == "name":
            before = sentence[:start].rsplit(maxsplit=2)[-1:] or [""]
            if text.split()[0] in _SKIPPED or len(text) < 4 or not _AFTER_NAME.match(sentence, end):
                continue
            if _NAME_GOES_ON.match(sentence, end) or (before[0] == "the" and re.match(r" \w+ed\b", sentence[end:])):
                continue
            if before[0].lower() in ("a", "an") or before[0][-1] in ".!?" or before[0][0].isupper():
                continue
        if kind != "date" and re.match(r"[-–/]\w|[°²]|\.\d", sentence[end : end + 2]):
            continue
        found.append(Span(kind, start, end))
    return found


def _question_word(span: Span, before: str, draw: random.Random) -> str:
    if span.kind != "name":
        return draw.choice(_WORDS[span.kind])
    if before in ("in", "at", "near", "on"):
        return draw.choice(["what", "which place or thing", "where or what"])
    return draw.choice(["whom or what", "what or whom"] if before in _PREPOSITIONS else ["who or what", "who or what", "what"])


def _ask(sentence: str, span: Span, draw: random.Random) -> str | None:
    """The question whose answer is a span of the sentence; None if too little is left to tell what is asked."""
    glued = _GLUED.match(sentence, span.end)
    assert glued is not None
    if sentence[glued.end() : glued.end() + 1].isalnum():
        return None
    left, right = sentence[: span.start].rstrip("\"“'(").split(), sentence[glued.end() :].split()
    words_before = len(left)
    if span.kind == "name" and left and left[-1] in ("the", "The"):
        left.pop()
    subject = span.kind == "name" and not glued.group() and right and _VERB.match(right[0]) and not (left and left[-1].lower() in _PREPOSITIONS)
    fronted = draw.random() < _FRONTED
    if fronted and subject:
        left = []  # what stands before the subject is another clause
    size = draw.randint(*_WINDOW)
    most_left = min(len(left), size)
    kept_left = draw.randint(max(0, size - len(right)), most_left) if size - len(right) <= most_left else most_left
    left, right = left[len(left) - kept_left :], right[: size - kept_left]
    while right and right[-1].lower().strip(",;:") in _DANGLING:
        right.pop()
    if left and kept_left >= words_before - 1 and _BEGINNING.match(left[0]):
        left[0] = left[0][0].lower() + left[0][1:]
    before = left[-1].lower() if left else ""
    word = _question_word(span, before, draw)
    if draw.random() < _THINNED:
        for side in draw.sample((left, right), 2):
            # Not what stands next to the span, nor before its preposition.
            far = range(len(side) - 2) if side is left else range(2, len(side))
            places = [i for i in far if len(side[i]) > 4 and side[i].islower()]
            if places:
                side.pop(draw.choice(places))
                break
    listed = before in ("and", "or") or (right and (right[0] in ("and", "or") or (glued.group() == "," and right[0][0].isupper())))
    if fronted and not listed:
        # The question word leads, with its preposition; of a count with what is counted.
        lead = [left.pop()] if before in _PREPOSITIONS else []
        if span.kind == "count" and right:
            stop = next((i for i, one in enumerate(right[:2]) if re.match(r"[a-z]+s\b", one)), 0)
            counted, right = right[: stop + 1], right[stop + 1 :]
            words = [*lead, word, *(one.strip(",.;:") for one in counted), *left, *right]
        elif span.kind == "date" and lead and word.startswith(("when", "on")):
            words = [word, *left, *right]
        else:
            words = [*lead, word, *left, *right]
    else:
        if span.kind == "date" and before in ("on", "in"):
            left.pop()
        words = [*left, word + (glued.group() if glued.group() in (",", ";", ":") else ""), *right]
    text = " ".join(words).strip(" ,;:.!?-–—\"“”()[]'")
    if sum(len(one) > 4 for one in [*left, *right]) < _CLEAR or len(left) + len(right) < _WINDOW[0] - 1:
        return None
    return _balanced(text[0].upper() + text[1:]) + "?"


def _balanced(text: str) -> str:
    """Without the brackets and quotes of which one half was left out."""
    for opening, closing in ("()", "[]", "“”", '""'):
        if text.count(opening) != text.count(closing) or (opening == closing and text.count(opening) % 2):
            text = text.replace(opening, "").replace(closing, "")
    return text


def make_cloze(sentence: str, draw: random.Random) -> tuple[str, str] | None:
    """A question and its answer, which stands in the sentence once; None where nothing can be asked for."""
    spans = answer_spans(sentence)
    # Names are frequent: the other kinds come first, half of the time.
    rare = [span for span in spans if span.kind != "name"]
    if rare and draw.random() < 0.5:
        spans = rare
    if not spans:
        return None
    span = draw.choice(spans)
    answer = sentence[span.start : span.end]
    asked = _ask(sentence, span, draw)
    if asked is None or f" {normalise_answer(answer)} " in f" {normalise_answer(sentence[:span.start] + ' ' + sentence[span.end:])} ":
        return None
    held = set(normalise_answer(asked).split())
    if any(part in held for part in normalise_answer(answer).split() if len(part) > 2 or part.isdigit()):
        return None
    return asked, answer


def sentences_of(text: str) -> list[str]:
    """The sentences of prose that are whole and neither very short nor very long."""
    found = []
    for one in _END.split(text):
        if _SENTENCE_WORDS[0] <= one.count(" ") + 1 <= _SENTENCE_WORDS[1] and one[0].isupper() and one[-1] in ".!?" and not _CODE.search(one):
            found.append(one)
    return found


class ClozeSource(QuestionSource):
    """Questions on passages of prose."""

    def __init__(self, prose: ProseSource, most: int = 6) -> None:
        """most: questions of one context."""
        self.prose, self.most = prose, most

    def draw(self, draw: random.Random, wanted: Wanted) -> Questions:
        for _ in range(_CONTEXT_TRIES):
            passages = self.prose.passages(draw, wanted.characters(draw))
            sentences = [one for passage in passages for one in sentences_of(passage)]
            draw.shuffle(sentences)
            found: dict[str, tuple[str, str]] = {}
            for sentence in sentences:
                if len(found) == self.most:
                    break
                if (asked := make_cloze(sentence, draw)) is not None:
                    found.setdefault(asked[1], asked)
            if found:
                break
        else:
            raise DataError("No sentence of the prose can be asked for.")
        asked = mix_unanswerable(Questions(list(found.values()), passages), wanted.unanswerable, draw, lambda: self._foreign(draw))
        draw.shuffle(passages)
        return replace(asked, passages=passages)

    def _foreign(self, draw: random.Random) -> tuple[str, str] | None:
        """A question on another text."""
        sentences = sentences_of(self.prose.draw(draw, 200))
        return make_cloze(draw.choice(sentences), draw) if sentences else None
