"""Training: `python -m gmsa_training train --config configs/smollm2-135m.yaml --data DIR --out DIR`, or through
`accelerate launch` on several processes. An interrupted run goes on from its last checkpoint when started again with
the same --out."""

from __future__ import annotations

import argparse
import copy
import dataclasses
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from accelerate import Accelerator
from torch import Tensor

from gmsa_training.config import ConfigError, Stage, TrainConfig, config_to_dict, load_config
from gmsa_training.data.batches import batch_weight
from gmsa_training.data.jsonl import DataError
from gmsa_training.data.loading import StageLoaders
from gmsa_training.data.packed_batch import PackedBatch
from gmsa_training.data.sample_maker import SampleMaker
from gmsa_training.data.training_data import TrainingData, load_training_data
from gmsa_training.model.base_model import BaseModelError, load_base
from gmsa_training.model.checkpoint import save_packed
from gmsa_training.model.fused_layer import compile_layers
from gmsa_training.model.gmsa_model import GmsaModel
from gmsa_training.training.distillation import DistilledLoss, Teacher
from gmsa_training.training.loss_meter import LossMeter
from gmsa_training.training.loss_plot import plot_losses
from gmsa_training.training.masters import Masters
from gmsa_training.training.optimisation import Averaged, learning_rate
from gmsa_training.training.start import blend, start_from
from gmsa_training.training.validation import validation_batches


class Trainer:
    """Runs the stages of a configuration on one model."""

    def __init__(self, config: TrainConfig, data_folder: Path, out: Path, resume_from: Path | None = None) -> None:
        self.config, self.out = config, out
        self.accelerator = Accelerator(cpu=not torch.cuda.is_available())
        self.device = self.accelerator.device
        # What processes agree on by the processor alone, so that no step waits for the device.
        self.agreeing = dist.new_group(backend="gloo") if self.accelerator.num_processes > 1 else None
        torch.manual_seed(config.seed)
        torch.set_float32_matmul_precision("high")
        # cuDNN's attention plans a graph for every new shape, and nearly every batch has one.
        torch.backends.cuda.enable_cudnn_sdp(False)
        if config.compile_layers:
            compile_layers()
        base, tokenizer = load_base(config.base)
        backend = tokenizer.backend_tokenizer
        self.model = GmsaModel(base, base.config, config.model)
        for stage in config.stages:
            self.model.set_trainable(stage.trainable)  # an unknown part is refused now, not after the stages before
        base_decoder = copy.deepcopy(self.model.decoder.state_dict()) if config.blend else {}
        if resume_from is not None:
            self.log(kind="start", start=str(resume_from), **start_from(self.model, resume_from))
        self.model.to(self.device)
        self.teacher: Teacher | None = None
        if config.distillation is not None:
            self.teacher = Teacher.load(config.distillation, self.model, self.device, getattr(torch, config.dtype))
        if config.blend:
            taught = self.teacher.model.decoder.state_dict() if self.teacher and config.blend.source == "teacher" else None
            blend(self.model.decoder, taught or base_decoder, config.blend.share)
        encode = lambda texts: [e.ids for e in backend.encode_batch_fast(texts, add_special_tokens=False)]  # noqa: E731
        self.data: TrainingData = load_training_data(data_folder, config.data, encode)
        self.maker = SampleMaker(self.data, self.config.model)
        self.taught = self.teacher.reads() if self.teacher else None
        self.step = 0  # over all stages
        self.stage_number = self.stage_step = 0
        self.stage_elapsed = self.saved_at = 0.0
        self.started = time.monotonic()
        self.optimizer: torch.optim.AdamW | None = None
        self.averaged: Averaged | None = None
        self.masters: Masters | None = None
        self.trainable: list[int] = []
        self.validation: dict[str, list[PackedBatch]] = {}

    # --- one step -----------------------------------------------------------------------------------------------

    def train_step(self, stage: Stage, batches: list[PackedBatch], meter: LossMeter) -> Tensor:
        assert self.optimizer is not None and self.averaged is not None and self.masters is not None
        rate = learning_rate(stage, self.stage_step, self.stage_elapsed)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        for batch in batches:
            if self.teacher is not None and batch.uncompressed is not None:
                found = self.teacher.loss(self.model, batch)
                loss, losses = found.total, found.losses
                self._meter_distillation(meter, batch, found)
            else:
                losses = self.model(batch)
                loss = losses.mean()
            (loss * batch_weight(stage, batch.objective)).backward()
            meter.add(batch.objective, batch.sample_rates[batch.label_sample], losses)
        self.masters.take_gradients()
        parameters = self.masters.trained
        if self.accelerator.num_processes > 1:
            for parameter in parameters:
                parameter.grad.copy_(self.accelerator.reduce(parameter.grad, "mean"))
        norm = torch.nn.utils.clip_grad_norm_(parameters, self.config.max_gradient_norm)
        self.optimizer.step()
        self.averaged.update()
        self.step += 1
        self._write_masters()
        return norm

    @staticmethod
    def _meter_distillation(meter: LossMeter, batch: PackedBatch, found: DistilledLoss) -> None:
        rows = batch.uncompressed
        assert rows is not None
        for name, values, samples in (
            ("divergence", found.divergence, batch.label_sample[rows.labels]),
            ("states", found.states, batch.turn_tokens.sample[rows.turn_tokens]),
            ("context", found.context, batch.context_tokens.sample[rows.soft_tokens]),
        ):
            if values is not None:
                meter.add(name, batch.sample_rates[samples], values)

    def _write_masters(self, dtype: torch.dtype | None = None) -> None:
        """dtype: other than the configured one."""
        assert self.masters is not None
        quantization = self.config.model.quantization
        active = self.step >= quantization.from_step
        self.model.set_quantization(active and self.config.model.encoder_lora is not None)
        dtype = getattr(torch, self.config.dtype) if dtype is None else dtype
        self.masters.write(dtype, active and quantization.linear, active and quantization.embedding)

    def _swap_averaged(self) -> None:
        """Exchanges weights and average, in the model as well; called twice, it changes nothing."""
        assert self.averaged is not None
        self.averaged.swap()
        self._write_masters()

    # --- validation ---------------------------------------------------------------------------------------------

    @torch.no_grad()
    def validate(self) -> dict[str, float]:
        """Mean loss of the averaged weights, on their grids, by objective and rate."""
        assert self.averaged is not None
        if not self.validation:
            self.validation = validation_batches(self.maker, self.config.stages)
        self._swap_averaged()
        try:
            found = {}
            for name, batches in self.validation.items():
                losses = [self.model(batch.to(self.device)) for batch in batches]
                if losses:
                    found[name] = torch.cat(losses).mean().item()
            return found
        finally:
            self._swap_averaged()

    # --- checkpoints --------------------------------------------------------------------------------------------

    def save(self) -> None:
        """Everything that is needed to go on, replacing the last checkpoint only once it is whole, and packed weights."""
        if not self.accelerator.is_main_process:
            return
        assert self.optimizer is not None and self.averaged is not None and self.masters is not None
        self.out.mkdir(parents=True, exist_ok=True)
        self.masters.write(torch.float32, linear_grid=False, embedding_grid=False)
        state = {
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "averaged": self.averaged.values,
            "averaged_steps": self.averaged.steps,
            "step": self.step,
            "stage_number": self.stage_number,
            "stage_step": self.stage_step,
            "stage_elapsed": self.stage_elapsed,
        }
        partial = self.out / "checkpoint.pt.partial"
        torch.save(state, partial)
        os.replace(partial, self.out / "checkpoint.pt")
        self._save_packed_average()

    def _resume(self) -> dict[str, Any] | None:
        path = self.out / "checkpoint.pt"
        if not path.is_file():
            return None
        state = torch.load(path, map_location=self.device, weights_only=True)
        self.model.load_state_dict(state["model"])
        self.step, self.stage_number = state["step"], state["stage_number"]
        self.stage_step, self.stage_elapsed = state["stage_step"], state["stage_elapsed"]
        return state

    def _save_packed_average(self) -> None:
        """The averaged weights, as an export takes them. In the end the model holds the masters as training uses them."""
        assert self.averaged is not None
        self.averaged.swap()
        self._write_masters(torch.float32)
        try:
            save_packed(self.model, self.out / "packed", self.config.base)
        finally:
            self._swap_averaged()

    def log(self, **entry: Any) -> None:
        if not self.accelerator.is_main_process:
            return
        self.out.mkdir(parents=True, exist_ok=True)
        line = json.dumps({key: round(value, 5) if isinstance(value, float) else value for key, value in entry.items()})
        with open(self.out / "metrics.jsonl", "a", encoding="utf-8") as file:
            file.write(line + "\n")
        print(line, flush=True)

    # --- stages -------------------------------------------------------------------------------------------------

    def run(self) -> None:
        resumed = self._resume()
        if self.accelerator.is_main_process:
            self.out.mkdir(parents=True, exist_ok=True)
            (self.out / "config.json").write_text(json.dumps(config_to_dict(self.config), indent=2) + "\n")
        self.loaders = StageLoaders(
            self.maker, self.config.stages, self.config.seed, self.config.workers, self.taught, self.accelerator.process_index
        )
        for number in range(self.stage_number, len(self.config.stages)):
            stage = self.config.stages[number]
            if number > self.stage_number:
                self.stage_number, self.stage_step, self.stage_elapsed = number, 0, 0.0
            self._begin(stage, resumed)
            resumed = None
            self._run_stage(stage)
        self.save()
        if self.accelerator.is_main_process:
            plot_losses(self.out / "metrics.jsonl", self.out / "loss.svg", self.config.name)

    def _begin(self, stage: Stage, resumed: dict[str, Any] | None) -> None:
        parameters = self.model.set_trainable(stage.trainable)
        if self.masters is None or [id(p) for p in parameters] != self.trainable:
            if self.averaged is not None:
                assert self.masters is not None
                self.averaged.swap()  # what this stage freezes keeps its averaged values
                self.masters.write(torch.float32, linear_grid=False, embedding_grid=False)
            self.trainable = [id(p) for p in parameters]
            self.masters = Masters(self.model, parameters)
            self.averaged = Averaged(self.masters.trained, self.config.ema_decay)
            decayed, plain = self.masters.decayed()
            self.optimizer = torch.optim.AdamW(
                [{"params": decayed, "weight_decay": self.config.weight_decay}, {"params": plain, "weight_decay": 0.0}],
                lr=stage.learning_rate,
                betas=tuple(self.config.betas),
                fused=self.device.type == "cuda",
            )
        if resumed and self.stage_step:
            assert self.optimizer is not None and self.averaged is not None
            self.optimizer.load_state_dict(resumed["optimizer"])
            self.averaged.values, self.averaged.steps = resumed["averaged"], resumed["averaged_steps"]
        self._write_masters()

    def _run_stage(self, stage: Stage) -> None:
        names = [*stage.objectives, *(["divergence", "states", "context"] if self.teacher else [])]
        meter = LossMeter(names, stage.all_rates(), self.device)
        started, offset = time.monotonic(), self.stage_elapsed
        logged_at, positions, sources = started, 0, 0
        steps = self.loaders.steps(self.stage_number, self.stage_step)
        while not self._ended(stage):
            batches = next(steps).to(self.device)
            positions += sum(batch.shape[0] * batch.shape[1] for batch in batches)
            sources += sum(batch.source_tokens for batch in batches)
            norm = self.train_step(stage, batches, meter)
            self.stage_step += 1
            self.stage_elapsed = self._agreed(offset + time.monotonic() - started)
            if self.stage_step % self.config.log_every == 0 or self._ended(stage):
                loss, norm_now = meter.take(), norm.item()  # waits for the device
                now = time.monotonic()
                self.log(
                    kind="train",
                    step=self.step,
                    stage=stage.name,
                    seconds=now - self.started,
                    lr=learning_rate(stage, self.stage_step, self.stage_elapsed),
                    gradient_norm=norm_now,
                    source_tokens_per_second=sources / (now - logged_at),
                    decoder_positions_per_second=positions / (now - logged_at),
                    loss=loss,
                )
                logged_at, positions, sources = now, 0, 0
            if self.stage_step % self.config.validate_every == 0 or self._ended(stage):
                self.log(kind="validation", step=self.step, stage=stage.name, seconds=time.monotonic() - self.started, loss=self.validate())
            if time.monotonic() - self.started - self.saved_at > self.config.save_every_seconds:
                self.saved_at = time.monotonic() - self.started
                self.save()
        steps.close()

    def _agreed(self, elapsed: float) -> float:
        """The elapsed time of the first process: all must end a stage at the same step."""
        if self.accelerator.num_processes == 1:
            return elapsed
        value = torch.tensor(elapsed, dtype=torch.float64)
        dist.broadcast(value, 0, group=self.agreeing)
        return value.item()

    def _ended(self, stage: Stage) -> bool:
        by_steps = stage.steps is not None and self.stage_step >= stage.steps
        return by_steps or (stage.seconds is not None and self.stage_elapsed >= stage.seconds)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m gmsa_training train", description=__doc__)
    parser.add_argument("--config", type=Path, required=True, help="a YAML file, such as configs/smollm2-135m.yaml")
    parser.add_argument("--data", type=Path, required=True, help="folder of the data files that the configuration names")
    parser.add_argument("--out", type=Path, required=True, help="folder for metrics, plot, checkpoint and packed weights")
    parser.add_argument("--base", help="overrides the configuration's base model")
    parser.add_argument("--encoder-layers", type=int, help="overrides the configuration's encoder depth")
    parser.add_argument("--resume-from", type=Path, help="starts from the weights of a packed checkpoint or a shipped model folder")
    parser.add_argument("--teacher", help="overrides the teacher of the configuration's distillation")
    parser.add_argument("--workers", type=int, help="overrides the number of data processes")
    options = parser.parse_args(arguments)
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    try:
        config = load_config(options.config)
        if options.base:
            config.base = options.base
        if options.encoder_layers:
            config.model = dataclasses.replace(config.model, encoder_layers=options.encoder_layers)
        if options.teacher:
            if config.distillation is None:
                parser.error("--teacher needs a configuration with distillation.")
            config.distillation = dataclasses.replace(config.distillation, teacher=options.teacher)
        if options.workers is not None:
            config.workers = options.workers
        trainer = Trainer(config, options.data, options.out, options.resume_from)
    except (BaseModelError, ConfigError, DataError, OSError, ValueError) as error:
        print(f"train: {error}", file=sys.stderr)
        return 1
    trainer.run()
    return 0


if __name__ == "__main__":
    sys.exit(main())
