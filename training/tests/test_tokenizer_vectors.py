"""What looks like a special token in a text is text (src/workers/runtime/tokenizer.ts)."""

from __future__ import annotations

import json

from scripts.shared_vectors import TOKENIZER, TOKENIZER_FILE, tokenizer_vectors
from tokenizers import Tokenizer


def test_the_shared_vectors_are_those_that_their_script_writes():
    assert json.loads(TOKENIZER.read_text(encoding="ascii"))["cases"] == tokenizer_vectors()


def test_no_text_has_a_special_token_and_every_text_comes_back():
    tokenizer = Tokenizer.from_file(str(TOKENIZER_FILE))
    special = set(tokenizer.get_added_tokens_decoder())
    for case in tokenizer_vectors():
        assert not special & set(case["ids"])
        assert tokenizer.decode(case["ids"], skip_special_tokens=True) == case["text"]
