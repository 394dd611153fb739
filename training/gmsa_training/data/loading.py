"""Batches from worker processes."""

from collections.abc import Iterator

import torch
from torch.utils.data import DataLoader, IterableDataset, get_worker_info

from gmsa_training.config import Stage
from gmsa_training.data.batches import Taught, step_batches
from gmsa_training.data.packed_batch import FlatBatches
from gmsa_training.data.samples import SampleMaker


class StepDataset(IterableDataset):
    """Endless optimiser steps; every worker process draws its own. process: as of `step_batches`."""

    def __init__(self, maker: SampleMaker, stage: Stage, seed: int, taught: Taught | None = None, process: int = 0) -> None:
        self.maker, self.stage, self.seed, self.taught, self.process = maker, stage, seed, taught, process

    def __iter__(self) -> Iterator[FlatBatches]:
        worker = get_worker_info()
        # A worker has one core: PyTorch's own threads would only wait for each other.
        if worker:
            torch.set_num_threads(1)
        seed = self.seed * 1009 + (worker.id if worker else 0)
        for batches in step_batches(self.maker, self.stage, seed, self.taught, self.process):
            yield FlatBatches.of(batches)


class StageLoaders:
    """The steps of each stage. Workers of a stage start while the stage before runs: reading its first batches takes
    them seconds, which the device would wait."""

    def __init__(
        self, maker: SampleMaker, stages: list[Stage], seed: int, workers: int, taught: Taught | None = None, process: int = 0
    ) -> None:
        self.maker, self.stages, self.seed, self.workers, self.taught, self.process = maker, stages, seed, workers, taught, process
        self.started: dict[int, Iterator[FlatBatches]] = {}

    def _start(self, number: int, step: int) -> Iterator[FlatBatches]:
        # A resumed stage must not see its first batches again.
        seed = self.seed + 31 * (step + 1_000_003 * number)
        dataset = StepDataset(self.maker, self.stages[number], seed, self.taught, self.process)
        if not self.workers:
            return iter(dataset)
        loader = DataLoader(
            dataset, batch_size=None, num_workers=self.workers, prefetch_factor=4, pin_memory=torch.cuda.is_available()
        )
        return iter(loader)

    def steps(self, number: int, step: int) -> Iterator[FlatBatches]:
        """The steps of a stage, endlessly, from worker processes if there are any. Closing the iterator ends them."""
        steps = self.started.pop(number) if number in self.started else self._start(number, step)
        yield next(steps)
        if self.workers and number + 1 < len(self.stages):
            self.started[number + 1] = self._start(number + 1, 0)
        yield from steps
