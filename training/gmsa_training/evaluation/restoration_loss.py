"""How improbable a segment's own tokens are when it is restored."""

from __future__ import annotations

import torch

from gmsa_training.data.packing import Sample, pack
from gmsa_training.evaluation.inference import Gmsa, batches_by_length
from gmsa_training.evaluation.torch_runtime import TorchRuntime


@torch.inference_mode()
def restoration_losses(gmsa: Gmsa, segments: list[list[int]], rate: int) -> list[float]:
    """Mean negative log-likelihood a token of each segment's tokens, given its soft tokens at a rate and the
    instruction to restore; the end token does not count. gmsa: over a TorchRuntime."""
    runtime = gmsa.runtime
    assert isinstance(runtime, TorchRuntime)
    gmsa.check_rate(rate)
    (instruction,) = gmsa.encode([gmsa.config.restore_instruction])
    samples = [Sample([ids], rate, [(instruction, ids)]) for ids in segments]
    lengths = [sample.decoder_length(len(gmsa.config.prefix_ids)) for sample in samples]
    found = [0.0] * len(samples)
    for numbers in batches_by_length(lengths, gmsa.batch_size, runtime.max_positions):
        batch = pack([samples[i] for i in numbers], "autoencoding", gmsa.config.prefix_ids).to(runtime.device)
        losses = runtime.model(batch).double()
        sums = losses.new_zeros(len(numbers)).index_add(0, batch.label_sample, losses)
        for i, total in zip(numbers, sums.tolist()):
            found[i] = total / len(segments[i])
    return found
