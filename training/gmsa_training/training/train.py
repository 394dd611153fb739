"""Trains a model as a configuration says:

    gmsa-train train --config configs/restoration.yaml --data DATA --out RUNS/restoration
    accelerate launch --num_processes 3 -m gmsa_training train …

An interrupted run goes on from its last checkpoint when it is started again with the same --out."""

import argparse
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from accelerate.utils import broadcast_object_list
from accelerate.utils.imports import is_tensorboard_available, is_wandb_available
from torch import Tensor
from torch.optim.swa_utils import AveragedModel

from gmsa_training.config import ConfigError, Stage, TrainConfig, load_config
from gmsa_training.data.batches import batch_weight
from gmsa_training.data.jsonl import DataError
from gmsa_training.data.loading import StageLoaders
from gmsa_training.data.packed_batch import PackedBatch
from gmsa_training.data.samples import SampleMaker
from gmsa_training.data.training_data import load_training_data
from gmsa_training.model.base_model import BaseModelError, load_base
from gmsa_training.model.checkpoint import save_packed
from gmsa_training.model.gmsa_model import GmsaModel
from gmsa_training.training.averaging import mix, moving_average, swap_with_average
from gmsa_training.training.distillation import Teacher
from gmsa_training.export.reload import load_initial_weights
from gmsa_training.training.loss_meter import LossMeter
from gmsa_training.training.masters import Masters
from gmsa_training.training.validation import validation_batches

_TRACKERS = {"tensorboard": is_tensorboard_available, "wandb": is_wandb_available}
_PLACE = ("step", "stage_number", "stage_step", "stage_elapsed")  # where a run is


def learning_rate(stage: Stage, step: int, elapsed: float) -> float:
    """Warm-up, constant, and a linear fall to the final value over the last `decay` of the stage, by steps or by seconds."""
    progress = max(step / stage.steps if stage.steps else 0.0, elapsed / stage.seconds if stage.seconds else 0.0)
    warmup = min(1.0, (step + 1) / max(1, stage.warmup_steps))
    if stage.decay <= 0 or progress <= 1 - stage.decay:
        return stage.learning_rate * warmup
    left = max(0.0, (1 - progress) / stage.decay)
    return warmup * (stage.final_learning_rate + (stage.learning_rate - stage.final_learning_rate) * left)


class Trainer:
    """Runs the stages of a configuration on one model."""

    def __init__(self, config: TrainConfig, data_folder: Path, out: Path, init_from: Path | None = None) -> None:
        if config.tracker and not _TRACKERS[config.tracker]():
            raise ConfigError(f"The tracker {config.tracker!r} is not installed; run `pip install {config.tracker}`.")
        self.config, self.out = config, out
        self.out.mkdir(parents=True, exist_ok=True)
        self.accelerator = Accelerator(cpu=not torch.cuda.is_available(), log_with=config.tracker, project_dir=out)
        self.device = self.accelerator.device
        torch.manual_seed(config.seed)
        torch.set_float32_matmul_precision("high")
        # cuDNN's attention plans a graph for every new shape, and nearly every batch has one.
        torch.backends.cuda.enable_cudnn_sdp(False)
        base, tokenizer = load_base(config.base)
        self.model = GmsaModel(base, base.config, config.model)
        for stage in config.stages:
            self.model.set_trainable(stage.trainable)  # an unknown part is refused now, not after the stages before
        if init_from is not None:
            self.log(kind="start", start=str(init_from), **load_initial_weights(self.model, init_from))
        self.model.to(self.device)
        self.teacher: Teacher | None = None
        if config.distillation is not None:
            self.teacher = Teacher.load(config.distillation, self.model, self.device, getattr(torch, config.dtype))
            mix(self.model.decoder, self.teacher.model.decoder, config.distillation.initial_share)
        backend = tokenizer.backend_tokenizer
        backend.encode_special_tokens = True  # texts are data: "<|im_end|>" in one must not end a turn
        encode = lambda texts: [e.ids for e in backend.encode_batch_fast(texts, add_special_tokens=False)]  # noqa: E731
        self.maker = SampleMaker(load_training_data(data_folder, config.data, encode), config.model)
        self.step = 0  # over all stages
        self.stage_number = self.stage_step = 0
        self.stage_elapsed = self.saved_at = 0.0
        self.started = time.monotonic()
        self.trainable: list[int] = []
        # Made when a stage begins.
        self.masters: Masters
        self.averaged: AveragedModel
        self.optimizer: torch.optim.AdamW
        self.validation: dict[str, list[PackedBatch]] = {}

    def train_step(self, stage: Stage, batches: list[PackedBatch], meter: LossMeter) -> Tensor:
        """Gives the norm of the gradient."""
        rate = learning_rate(stage, self.stage_step, self.stage_elapsed)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        for batch in batches:
            if self.teacher is not None and batch.uncompressed is not None:
                found = self.teacher.loss(self.model, batch)
                loss, losses = found.total, found.losses
                rows = batch.uncompressed
                meter.add("divergence", batch.sample_rates[batch.label_sample[rows.labels]], found.divergence)
                if found.states is not None:
                    meter.add("states", batch.sample_rates[batch.turn_tokens.sample[rows.turn_tokens]], found.states)
            else:
                losses = self.model(batch)
                loss = losses.mean()
            self.accelerator.backward(loss * batch_weight(stage, batch.objective))
            meter.add(batch.objective, batch.sample_rates[batch.label_sample], losses)
        self.masters.take_gradients()
        if self.accelerator.num_processes > 1:
            self.masters.gradients.copy_(self.accelerator.reduce(self.masters.gradients, "mean"))
        norm = torch.nn.utils.clip_grad_norm_(self.masters.trained, self.config.max_gradient_norm)
        self.optimizer.step()
        self.averaged.update_parameters(self.masters.as_module)
        self.step += 1
        self._write_masters()
        return norm

    def _write_masters(self, dtype: torch.dtype | None = None) -> None:
        """dtype: other than the configured one."""
        quantization = self.config.model.quantization
        active = self.step >= quantization.from_step
        self.model.set_quantization(active and self.config.model.encoder_lora is not None)
        dtype = getattr(torch, self.config.dtype) if dtype is None else dtype
        self.masters.write(dtype, active and quantization.linear, active and quantization.embedding)

    def _swap_averaged(self) -> None:
        """Exchanges weights and average, in the model as well; called twice, it changes nothing."""
        swap_with_average(self.masters.trained, self.averaged)
        self._write_masters()

    @torch.no_grad()
    def validate(self) -> dict[str, float]:
        """Mean loss of the averaged weights, on their grids, by objective and rate."""
        if not self.validation:
            self.validation = validation_batches(self.maker, self.config.stages)
        self._swap_averaged()
        found = {}
        for name, batches in self.validation.items():
            found[name] = torch.cat([self.model(batch.to(self.device)) for batch in batches]).mean().item()
        self._swap_averaged()
        return found

    def save(self) -> None:
        """Everything that is needed to go on, replacing the last checkpoint only once it is whole, and packed weights."""
        if not self.accelerator.is_main_process:
            return
        self.masters.write(torch.float32, linear_grid=False, embedding_grid=False)
        parts = {"model": self.model, "optimizer": self.optimizer, "averaged": self.averaged}
        state = {name: part.state_dict() for name, part in parts.items()} | {name: getattr(self, name) for name in _PLACE}
        partial = self.out / "checkpoint.pt.partial"
        torch.save(state, partial)
        os.replace(partial, self.out / "checkpoint.pt")
        swap_with_average(self.masters.trained, self.averaged)
        self._write_masters(torch.float32)
        save_packed(self.model, self.out / "packed", self.config.base)
        self._swap_averaged()

    def _resume(self) -> dict[str, Any] | None:
        path = self.out / "checkpoint.pt"
        if not path.is_file():
            return None
        state = torch.load(path, map_location=self.device, weights_only=True)
        self.model.load_state_dict(state["model"])
        for name in _PLACE:
            setattr(self, name, state[name])
        return state

    def log(self, **entry: Any) -> None:
        """Adds a line to metrics.jsonl; losses go to the tracker as well, if there is one."""
        if not self.accelerator.is_main_process:
            return
        line = json.dumps({key: round(value, 5) if isinstance(value, float) else value for key, value in entry.items()})
        with open(self.out / "metrics.jsonl", "a", encoding="utf-8") as file:
            file.write(line + "\n")
        print(line, flush=True)
        if "loss" in entry:
            values = {f"{entry['kind']}/{name}": value for name, value in entry["loss"].items()}
            values |= {name: value for name, value in entry.items() if isinstance(value, float)}
            self.accelerator.log(values, step=entry["step"])

    def run(self) -> None:
        resumed = self._resume()
        if self.accelerator.is_main_process:
            (self.out / "config.json").write_text(self.config.model_dump_json(indent=2) + "\n")
        self.accelerator.init_trackers(self.config.name, {"config": self.config.model_dump_json()})
        taught = self.teacher.reads() if self.teacher else None
        self.loaders = StageLoaders(
            self.maker, self.config.stages, self.config.seed, self.config.workers, taught, self.accelerator.process_index
        )
        for number in range(self.stage_number, len(self.config.stages)):
            stage = self.config.stages[number]
            if number > self.stage_number:
                self.stage_number, self.stage_step, self.stage_elapsed = number, 0, 0.0
            self._begin(stage, resumed)
            resumed = None
            self._run_stage(stage)
        self.save()
        self.accelerator.end_training()

    def _begin(self, stage: Stage, resumed: dict[str, Any] | None) -> None:
        parameters = self.model.set_trainable(stage.trainable)
        if [id(p) for p in parameters] != self.trainable:
            if self.trainable:
                swap_with_average(self.masters.trained, self.averaged)  # what this stage freezes keeps its averaged values
                self.masters.write(torch.float32, linear_grid=False, embedding_grid=False)
            self.trainable = [id(p) for p in parameters]
            self.masters = Masters(self.model, parameters)
            self.averaged = moving_average(self.masters.trained, self.config.ema_decay)
            decayed, plain = self.masters.decayed()
            self.optimizer = torch.optim.AdamW(
                [{"params": decayed, "weight_decay": self.config.weight_decay}, {"params": plain, "weight_decay": 0.0}],
                lr=stage.learning_rate,
                betas=self.config.betas,
                fused=self.device.type == "cuda",
            )
        if resumed and self.stage_step:
            self.optimizer.load_state_dict(resumed["optimizer"])
            self.averaged.load_state_dict(resumed["averaged"])
        self._write_masters()

    def _run_stage(self, stage: Stage) -> None:
        names = [*stage.objectives, *(["divergence", "states"] if self.teacher else [])]
        meter = LossMeter(names, stage.all_rates(), self.accelerator)
        started, offset = time.monotonic(), self.stage_elapsed
        logged_at, positions, sources = started, 0, 0
        steps = self.loaders.steps(self.stage_number, self.stage_step)
        while not self._ended(stage):
            batches = next(steps).to(self.device)
            positions += sum(batch.shape[0] * batch.shape[1] for batch in batches)
            sources += sum(batch.source_tokens for batch in batches)
            norm = self.train_step(stage, batches, meter)
            self.stage_step += 1
            self._take_time(offset + time.monotonic() - started)
            if self.stage_step % self.config.log_every == 0 or self._ended(stage):
                loss, norm_now = meter.take(), norm.item()  # waits for the device
                now = time.monotonic()
                self.log(
                    **self._place("train", stage),
                    lr=learning_rate(stage, self.stage_step, self.stage_elapsed),
                    gradient_norm=norm_now,
                    source_tokens_per_second=sources / (now - logged_at),
                    decoder_positions_per_second=positions / (now - logged_at),
                    loss=loss,
                )
                logged_at, positions, sources = now, 0, 0
            if self.stage_step % self.config.validate_every == 0 or self._ended(stage):
                self.log(**self._place("validation", stage), loss=self.validate())
            if time.monotonic() - self.started - self.saved_at > self.config.save_every_seconds:
                self.saved_at = time.monotonic() - self.started
                self.save()
        steps.close()

    def _place(self, kind: str, stage: Stage) -> dict[str, Any]:
        return {"kind": kind, "step": self.step, "stage": stage.name, "seconds": time.monotonic() - self.started}

    def _take_time(self, elapsed: float) -> None:
        """Sets how long the stage has run. Several processes take the time of the first one, so that all have the same
        learning rate and end together; asking for it waits for the device, so they do when losses are logged."""
        if self.accelerator.num_processes == 1:
            self.stage_elapsed = elapsed
        elif self.stage_step % self.config.log_every == 0:
            (self.stage_elapsed,) = broadcast_object_list([elapsed])

    def _ended(self, stage: Stage) -> bool:
        by_steps = stage.steps is not None and self.stage_step >= stage.steps
        return by_steps or (stage.seconds is not None and self.stage_elapsed >= stage.seconds)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="gmsa-train train", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--config", type=Path, required=True, help="a YAML file, such as configs/restoration.yaml")
    parser.add_argument("--data", type=Path, required=True, help="folder of the data files that the configuration names")
    parser.add_argument("--out", type=Path, required=True, help="folder for metrics, checkpoint and packed weights")
    parser.add_argument("--init-from", type=Path, help="starts from these weights: packed weights or a model folder")
    parser.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", help="overrides a key, such as model.encoder_layers=8; may be repeated"
    )
    options = parser.parse_args(arguments)
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    try:
        trainer = Trainer(load_config(options.config, options.set), options.data, options.out, options.init_from)
    except (BaseModelError, ConfigError, DataError, OSError, ValueError) as error:
        print(f"train: {error}", file=sys.stderr)
        return 1
    trainer.run()
    return 0
