"""Asking questions and scoring the answers. What the decoder reads in the place of a context, by mode:

    gmsa       its soft tokens
    full       its own tokens (the original prompt)
    closed     nothing
    truncated  its first tokens, as many as it has soft tokens at the rate
    bm25       sentences that BM25 selects by the question, up to as many tokens
    quotes, both, whole   as of `gmsa_training.data.readings`: quotes, soft tokens and quotes, a text as it stands
    auto       a short text whole; of another the quotes, and where they give a refusal, both"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from tqdm import tqdm

from gmsa_training.data.evaluation_data import EvaluationQuestion
from gmsa_training.data.readings import Quotable, reader_text
from gmsa_training.data.questions.source import CHARACTERS_PER_TOKEN
from gmsa_training.evaluation import metrics
from gmsa_training.evaluation.hard_compression import SentenceIndex, soft_token_count
from gmsa_training.evaluation.inference import DecoderInput, Gmsa, InferenceError
from gmsa_training.evaluation.metrics import mean_with_interval

QUOTING_MODES = ("quotes", "both", "whole", "auto")
MODES = ("gmsa", "full", "closed", "truncated", "bm25", *QUOTING_MODES)
_CHUNK_BATCHES = 8  # full batches, by rows as by positions, of the questions that are read together


@dataclass(frozen=True)
class Reading:
    """A decoder's input; tokens: of the context; read: of what stands in its place."""

    input: DecoderInput
    tokens: int
    read: int


def readings(
    gmsa: Gmsa, questions: Sequence[EvaluationQuestion], mode: str, rate: int, chat: bool = False, quoted: int = 0
) -> list[Reading]:
    """What the decoder reads of each question. A context of several questions is cut and compressed once.

    chat: through the chat template of the tokenizer instead of the model's own template; not for soft tokens. quoted: tokens
    of quotes, at most."""
    contexts = dict.fromkeys(one.context for one in questions) if mode != "closed" else {}
    segments = {text: [segment.ids for segment in gmsa.segments(text)] for text in contexts}
    soft: dict[str, list[Any]] = {}
    if mode in ("gmsa", "both"):
        compressed = iter(gmsa.compress([ids for one in segments.values() for ids in one], rate))
        soft = {text: [next(compressed) for _ in one] for text, one in segments.items()}
    indices = {text: SentenceIndex(text, gmsa.encode) for text in contexts if mode == "bm25"}
    found = []
    for one in questions:
        own = segments.get(one.context, [])
        whole = [token for ids in own for token in ids]
        budget = soft_token_count(own, rate)
        match mode:
            case "full":
                ids = whole
            case "truncated":
                ids = whole[:budget]
            case "bm25":
                ids = indices[one.context].select(one.question, budget)
            case _:
                ids = []
        if mode in QUOTING_MODES:
            quotes = _quotes(gmsa, one, mode, quoted)
            asked = gmsa.question_input(one.question, soft.get(one.context, ()), quotes=quotes)
            softs = budget if mode == "both" else 0
            found.append(Reading(asked, len(whole), softs + (len(gmsa.encode([quotes])[0]) if quotes else 0)))
            continue
        if chat:
            asked = gmsa.chat_input(one.question, None if mode == "closed" else ids)
        else:
            asked = gmsa.question_input(one.question, soft.get(one.context, ()), ids)
        found.append(Reading(asked, len(whole), budget if mode == "gmsa" else len(ids)))
    return found


def _quotes(gmsa: Gmsa, one: EvaluationQuestion, mode: str, quoted: int) -> str:
    context = reader_text(one.context)
    if mode == "whole":
        return context.rstrip()
    return Quotable(context, gmsa.encode).quotes(reader_text(one.question), quoted)


def _record(gmsa: Gmsa, one: EvaluationQuestion, token_ids: list[int]) -> dict[str, Any]:
    prediction = metrics.first_line(gmsa.decode(token_ids))
    refused = metrics.refused(prediction, gmsa.config.refusal)
    # Where the text holds no answer, the refusal is the right one (as SQuAD 2.0 counts).
    score = (lambda metric: metric(prediction, one.answers)) if one.answers else (lambda _: refused)
    return {
        "id": one.id,
        "question": one.question,
        "answers": list(one.answers),
        "prediction": prediction,
        "token_ids": token_ids,
        "em": score(metrics.exact_match),
        "f1": score(metrics.f1),
        "accuracy": score(metrics.accuracy),
        "refused": refused,
    }


def question_scores(gmsa: Gmsa, records: list[dict[str, Any]], unanswerable: bool) -> dict[str, Any]:
    """Means with intervals; mean tokens of the contexts, and of what was read in their place."""
    names = [] if unanswerable else ["em", "f1", "accuracy"]
    names += ["refused"] if gmsa.config.refusal else []
    scores: dict[str, Any] = {name: asdict(mean_with_interval([one[name] for one in records])) for name in names}
    for name in ("tokens", "read"):
        scores[f"mean_{name}"] = sum(one[name] for one in records) / len(records)
    return scores | {"n": len(records)}


def evaluate_questions(
    gmsa: Gmsa,
    questions: list[EvaluationQuestion],
    mode: str,
    rate: int,
    *,
    chat: bool = False,
    unanswerable: bool = False,
    quoted: int | None = None,
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Gives scores and one record a question, in order.

    unanswerable: no context holds its answer, so only refusals are scored."""
    if unanswerable and not gmsa.config.refusal:
        raise InferenceError("The model has no refusal: it was not trained to say that a text does not hold the answer.")
    if mode == "gmsa" and chat:
        raise InferenceError("Soft tokens are read through the model's own template, not through the chat template.")
    if mode in QUOTING_MODES and not gmsa.config.quote_template:
        raise InferenceError("The model has no quote template: it was not trained to read quotes.")
    quoted = quoted or gmsa.config.quote_tokens
    if mode == "auto":
        return _arbitrated(gmsa, questions, rate, unanswerable, quoted)
    places: dict[str, int] = {}
    for number, one in enumerate(questions):
        places.setdefault(one.context, number)
    order = sorted(range(len(questions)), key=lambda number: places[questions[number].context])
    # So many positions that a device is kept busy and memory stays bounded.
    room = _CHUNK_BATCHES * gmsa.runtime.max_positions * CHARACTERS_PER_TOKEN
    size = max(1, min(_CHUNK_BATCHES * gmsa.batch_size, int(room / max(1, *map(len, places)))))
    records: dict[int, dict[str, Any]] = {}
    for start in tqdm(range(0, len(order), size), "chunks of questions", mininterval=5):
        chunk = order[start : start + size]
        found = readings(gmsa, [questions[number] for number in chunk], mode, rate, chat, quoted)
        generated = gmsa.generate([one.input for one in found])
        for number, reading, output in zip(chunk, found, generated, strict=True):
            sizes = {"tokens": reading.tokens, "read": reading.read}
            records[number] = _record(gmsa, questions[number], output.token_ids) | sizes
    ordered = [records[number] for number in sorted(records)]
    return question_scores(gmsa, ordered, unanswerable), ordered


def _arbitrated(
    gmsa: Gmsa, questions: list[EvaluationQuestion], rate: int, unanswerable: bool, quoted: int
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Mode `auto`: several readings, one after the other; each record says which one it is from."""
    sizes = [len(ids) for ids in gmsa.encode([reader_text(one.context) for one in questions])]
    whole = [number for number, size in enumerate(sizes) if size <= gmsa.config.whole_text_tokens]
    long = sorted(set(range(len(questions))) - set(whole))
    records: dict[int, dict[str, Any]] = {}

    def ask(numbers: list[int], mode: str) -> list[int]:
        """Gives those that were refused."""
        if not numbers:
            return []
        asked = [questions[number] for number in numbers]
        _, found = evaluate_questions(gmsa, asked, mode, rate, unanswerable=unanswerable, quoted=quoted)
        records.update({number: record | {"reading": mode} for number, record in zip(numbers, found, strict=True)})
        return [number for number, record in zip(numbers, found) if record["refused"]]

    ask(whole, "whole")
    ask(ask(long, "quotes"), "both")
    ordered = [records[number] for number in range(len(questions))]
    return question_scores(gmsa, ordered, unanswerable), ordered
