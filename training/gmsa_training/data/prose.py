"""Windows of prose."""

import bisect
import itertools
import random
from collections.abc import Sequence

from gmsa_training.data.jsonl import DataError
from gmsa_training.data.questions.source import CHARACTERS_PER_TOKEN

_TRIES = 8  # for a document that is long enough
_BREAK = "\n\n"


class ProseSource:
    """Draws windows of text, every document weighted by its length. titles: of the texts, where they are needed."""

    def __init__(self, texts: Sequence[str], titles: Sequence[str] | None = None) -> None:
        if not texts:
            raise DataError("There is no prose to draw from.")
        self.texts, self.titles = texts, titles
        self.ends = list(itertools.accumulate(len(text) for text in texts))

    def _number(self, draw: random.Random) -> int:
        return bisect.bisect_right(self.ends, draw.randrange(self.ends[-1]))

    def document(self, draw: random.Random) -> str:
        return self.texts[self._number(draw)]

    def draw(self, draw: random.Random, tokens: int) -> str:
        """A piece of one document with a little more than `tokens` tokens, unless the document ends before."""
        return self._window(self.document(draw), draw, int(tokens * CHARACTERS_PER_TOKEN * 1.5) + 64)

    def draw_long(self, draw: random.Random, characters: int) -> str:
        """A piece of one document with so many characters, or nearly so many where documents of this length are rare."""
        longest = ""
        for _ in range(_TRIES):
            longest = max(longest, self.document(draw), key=len)
            if len(longest) >= characters:
                break
        return self._window(longest, draw, characters)

    @staticmethod
    def _window(text: str, draw: random.Random, characters: int) -> str:
        if len(text) <= characters:
            return text
        start = draw.randrange(-characters // 2, len(text) - characters // 2)
        start = max(0, min(start, len(text) - characters))
        space = text.find(" ", start, start + 40) if start else 0
        return text[max(start, space) : start + characters]

    def passages(self, draw: random.Random, characters: float) -> list[str]:
        """Neighbouring paragraphs of documents, about so many characters in all; each passage is of one document. What
        is cut ends at a word."""
        found: list[str] = []
        while characters > 0 and (len(found) < 2 or characters > 200):
            _, piece = self.titled_passage(draw, characters)
            characters -= max(len(piece), 1)
            if piece:
                found.append(piece)
        return found

    def titled_passage(self, draw: random.Random, characters: float) -> tuple[str, str]:
        """A title, or "" without titles, and neighbouring paragraphs of its text, about so many characters."""
        number = self._number(draw)
        text, title = self.texts[number], self.titles[number] if self.titles else ""
        start = draw.randrange(len(text))
        # From the beginning of a paragraph; near the end of a document from its beginning.
        start = text.rfind(_BREAK, 0, start) + len(_BREAK) if start and _BREAK in text[:start] else 0
        end = start + int(characters)
        if end < len(text):
            paragraph = text.rfind(_BREAK, start + int(0.6 * characters), end)
            end = paragraph if paragraph > 0 else max(text.rfind(" ", start, end), start + 1)
        return title, text[start:end].strip()
