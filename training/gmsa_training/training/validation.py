"""Fixed batches of text that is never trained on."""

from __future__ import annotations

import random

from gmsa_training.data.sample_maker import SampleMaker
from gmsa_training.data.packed_batch import PackedBatch
from gmsa_training.data.packing import Sample
from gmsa_training.data.questions.source import Questions, unanswered

_SAMPLES = 64
_ROWS = 64  # of a batch


def validation_batches(maker: SampleMaker) -> dict[str, list[PackedBatch]]:
    """By objective and rate, such as `qa/4`; `refusal` are questions about a text that does not hold the answer."""
    draw = random.Random(1)
    config, data = maker.config, maker.data
    texts = data.heldout_prose
    length = min(512, config.segment_length)
    windows = [texts.draw(draw, length) for _ in range(_SAMPLES)] if texts else []
    questions: list[Questions] = [item for source, _ in data.questions for item in source.validation]
    questions = draw.sample(questions, min(4 * _SAMPLES, len(questions)))
    refused = unanswered(questions, draw) if config.refusal and questions else []
    batches: dict[str, list[PackedBatch]] = {}
    for rate in config.rates:
        restored = [maker.autoencoding(text, length, rate) for text in windows]
        groups: dict[str, list[Sample]] = {
            "autoencoding": [sample for sample in restored if sample],
            "qa": [maker.questions(item, rate) for item in questions],
            "refusal": [maker.questions(item, rate) for item in refused],
        }
        for objective, samples in groups.items():
            found = [maker.pack(samples[i : i + _ROWS], objective) for i in range(0, len(samples), _ROWS)]
            if found:
                batches[f"{objective}/{rate}"] = found
    return batches
