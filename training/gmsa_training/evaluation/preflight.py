"""What would make rows of the plan fail, found before the first is measured."""

from __future__ import annotations

from gmsa_training.evaluation.inference import Gmsa
from gmsa_training.evaluation.plan import PROMPT_POSITIONS, Row


def why_not(row: Row, gmsa: Gmsa) -> str | None:
    """Why a model cannot be measured so, or None."""
    asked, config = row.arguments, gmsa.config
    mode = "gmsa" if asked.get("restore") else asked["mode"]
    if mode == "gmsa" and config.method == "full":
        return "the model compresses nothing"
    if mode == "gmsa" and asked["rate"] not in config.rates:
        return f"the model was trained for rates {', '.join(map(str, config.rates))}"
    if asked.get("unanswerable") and not config.refusal:
        return "the model was not trained to refuse"
    if asked.get("prompt") == "chat" and not gmsa.runtime.tokenizer.chat_template:
        return "the tokenizer has no chat template"
    read = asked.get("fill", 0) / (1 if mode == "full" else asked.get("rate", 1))
    if read + PROMPT_POSITIONS > config.window:
        return f"the decoder reads {config.window} positions at most"
    return None
