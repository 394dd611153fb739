"""Fixed batches of text that is never trained on."""

import random
from collections.abc import Sequence

from gmsa_training.config import OBJECTIVES, Stage
from gmsa_training.data.batches import prose_sample
from gmsa_training.data.packed_batch import PackedBatch
from gmsa_training.data.packing import Sample
from gmsa_training.data.questions.source import Questions, Wanted, unanswered
from gmsa_training.data.questions.typed import as_typed
from gmsa_training.data.samples import SampleMaker

_SAMPLES = 64
_ROWS = 64  # of a batch
_CONTEXTS = {"cloze": 500, "facts": 2000}  # tokens of a context


def _made(maker: SampleMaker, objective: str, rate: int) -> list[Sample]:
    """Rows of an objective that is made of prose, the same at every rate."""
    draw, data, config = random.Random(2), maker.data, maker.config
    length = min(512, config.segment_length)
    if objective in data.heldout_made:
        wanted = Wanted(0.0, {min(_CONTEXTS[objective], config.window // 2): 1.0})
        return [maker.questions(data.heldout_made[objective].draw(draw, wanted), rate) for _ in range(_SAMPLES // 2)]
    if data.heldout_prose is None:
        return []
    found = [prose_sample(objective, maker, data.heldout_prose, draw, length, rate) for _ in range(_SAMPLES)]
    return [sample for sample in found if sample]


def validation_batches(maker: SampleMaker, stages: Sequence[Stage] = ()) -> dict[str, list[PackedBatch]]:
    """By objective and rate, such as `qa/4`; `typed` are the same questions as people type them, `refusal` questions about
    a text that does not hold the answer.
    stages: which of the objectives that are made of prose are trained."""
    draw = random.Random(1)
    config, data = maker.config, maker.data
    texts = data.heldout_prose
    length = min(512, config.segment_length)
    windows = [texts.draw(draw, length) for _ in range(_SAMPLES)] if texts else []
    questions: list[Questions] = [item for source, _ in data.questions for item in source.validation]
    questions = draw.sample(questions, min(4 * _SAMPLES, len(questions)))
    typed = [as_typed(item, 1.0, draw) for item in questions] if data.config.typed else []
    refused = unanswered(questions, draw) if config.refusal and questions else []
    trained = {objective for stage in stages for objective in stage.objectives}
    made = [objective for objective in OBJECTIVES if objective in trained - {"autoencoding", "qa", "asking"}]
    batches: dict[str, list[PackedBatch]] = {}
    for rate in config.rates:
        restored = [maker.autoencoding(text, length, rate) for text in windows]
        groups: dict[str, list[Sample]] = {
            "autoencoding": [sample for sample in restored if sample],
            "qa": [maker.questions(item, rate) for item in questions],
            "typed": [maker.questions(item, rate) for item in typed],
            "asking": [sample for item in questions if (sample := maker.asking(item, rate))] if "asking" in trained else [],
            "refusal": [maker.questions(item, rate) for item in refused],
        } | {objective: _made(maker, objective, rate) for objective in made}
        for objective, samples in groups.items():
            found = [maker.pack(samples[i : i + _ROWS], objective) for i in range(0, len(samples), _ROWS)]
            if found:
                batches[f"{objective}/{rate}"] = found
    return batches
