"""Batches from worker processes."""

from collections.abc import Callable, Iterator
from functools import partial

import torch
from torch.utils.data import DataLoader, IterableDataset, get_worker_info

from gmsa_training.config import Stage
from gmsa_training.data.batches import Taught, step_batches
from gmsa_training.data.packed_batch import FlatBatches, PackedBatch
from gmsa_training.data.samples import SampleMaker


class StepDataset(IterableDataset):
    """Endless optimiser steps; every worker process draws its own. steps: gives those of a seed."""

    def __init__(self, steps: Callable[[int], Iterator[list[PackedBatch]]], seed: int) -> None:
        self.steps, self.seed = steps, seed

    def __iter__(self) -> Iterator[FlatBatches]:
        worker = get_worker_info()
        # A worker has one core: PyTorch's own threads would only wait for each other.
        if worker:
            torch.set_num_threads(1)
        return map(FlatBatches.of, self.steps(self.seed * 1009 + (worker.id if worker else 0)))


class StageLoaders:
    """The steps of each stage. Workers of a stage start while the stage before runs: reading its first batches takes
    them seconds, which the device would wait. taught, process: as of `step_batches`."""

    def __init__(
        self, maker: SampleMaker, stages: list[Stage], seed: int, workers: int, taught: Taught | None = None, process: int = 0
    ) -> None:
        self.stages = [partial(step_batches, maker, stage, taught=taught, process=process) for stage in stages]
        self.seed, self.workers = seed, workers
        self.started: dict[int, Iterator[FlatBatches]] = {}

    def _start(self, number: int, step: int) -> Iterator[FlatBatches]:
        # A resumed stage must not see its first batches again.
        dataset = StepDataset(self.stages[number], self.seed + 31 * (step + 1_000_003 * number))
        if not self.workers:
            return iter(dataset)
        return iter(DataLoader(dataset, None, num_workers=self.workers, prefetch_factor=4, pin_memory=torch.cuda.is_available()))

    def steps(self, number: int, step: int) -> Iterator[FlatBatches]:
        """The steps of a stage, endlessly, from worker processes if there are any. Closing the iterator ends them."""
        steps = self.started.pop(number) if number in self.started else self._start(number, step)
        yield next(steps)
        if self.workers and number + 1 < len(self.stages):
            self.started[number + 1] = self._start(number + 1, 0)
        yield from steps
