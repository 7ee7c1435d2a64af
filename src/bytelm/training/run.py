"""A training run on one process: the same weights, to the last bit, whether it was cut off or not."""

import math
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, Protocol

import numpy as np
import torch
from torch import Tensor

from bytelm.blt.config import BltConfig
from bytelm.blt.model import Blt
from bytelm.blt.weights.reading import open_checkpoint
from bytelm.training.checkpoints import Checkpoint, Checkpoints
from bytelm.training.config import TrainConfig, check_runnable
from bytelm.training.data.ahead import batches_ahead
from bytelm.training.data.rows import Batch, Rows
from bytelm.training.evaluating import sampled, validated
from bytelm.training.export import export
from bytelm.training.inputs import Data
from bytelm.training.metrics import METRICS, Metrics, StepReport
from bytelm.training.networks import ByteTransformer, build
from bytelm.training.optimizer import make_optimizers, set_rate
from bytelm.training.schedule import rate_factor
from bytelm.training.settings import settings_of
from bytelm.training.stages import SAMPLE, Stage, calibrated, entropy_steps, loss_of, trained_parts

CHECKPOINTS: Final = "checkpoints"

FREE: Final = ("steps", "out", "checkpoint_every", "keep", "validate_every", "sample_every")
"""What may differ where a run is taken up again."""


class Run:
    """A training run (mutable): its network, its optimizers, and how many steps were made.

    ``bits_per_byte`` is that of the last steps, a mean that forgets a tenth at each.

    Args:
        config: what is trained.
        rows: the data; row ``step * config.rows`` is the first one of a step.
        device: where it runs.
        checkpoint: what it goes on from; ``None`` to begin.

    Raises:
        ValueError: the checkpoint is of another run.
    """

    def __init__(
        self, config: TrainConfig, rows: Rows, device: torch.device, checkpoint: Checkpoint | None = None
    ) -> None:
        self.config = config
        self.step = 0
        self.bits_per_byte = math.nan
        self._rows = rows
        self._first = entropy_steps(config) if checkpoint is None else int(checkpoint.facts["entropy_steps"])
        self.device = device
        self.network: Blt | ByteTransformer = build(config).to(device)
        if isinstance(self.network, Blt) and config.entropy_model:
            _take_entropy_model(self.network, Path(config.entropy_model))
        if checkpoint is None:
            self._enter(self.stage, fresh=True)
        else:
            self._resume(checkpoint)

    @property
    def stage(self) -> Stage:
        """What the next step trains."""
        return self._stage_at(self.step)

    def checkpoint(self) -> Checkpoint:
        """Where the run stands."""
        threshold = self.network.config.patching.threshold if isinstance(self.network, Blt) else None
        facts = {"config": _plain(self.config), "threshold": threshold, "entropy_steps": self._first}
        optimizers = [optimizer.state_dict() for optimizer in self._optimizers]
        return Checkpoint(self.step, self.network.state_dict(), optimizers, facts)

    def steps(self) -> Iterator[StepReport]:
        """Make the steps that are left, and tell of each one."""
        count = self.config.rows
        numbers = (range(step * count, (step + 1) * count) for step in range(self.step, self.config.steps))
        for batch in batches_ahead(self._rows, numbers):
            yield self._make_step(batch)

    def _make_step(self, batch: Batch) -> StepReport:
        begun, stage = time.perf_counter(), self.stage
        if stage != self._stage:
            self._enter(stage, fresh=True)
        for optimizer in self._optimizers:
            optimizer.zero_grad(set_to_none=True)
        targets = int(batch.weights.sum())
        nats = 0.0
        for part in _parts(batch, self.config.accumulate):
            cost = loss_of(self.network, stage, part, self.device)
            torch.autograd.backward(cost.nats / targets)
            nats += float(cost.nats.detach())
        bits = nats / targets / math.log(2)
        if not math.isfinite(bits):
            raise FloatingPointError(
                f"the loss of step {self.step + 1} is {bits} bits a byte; go on from the last checkpoint with a lower "
                f"optimizer.rate, or a smaller optimizer.clip"
            )
        norm = float(torch.nn.utils.clip_grad_norm_(self._parameters, self.config.optimizer.clip or math.inf))
        rate = self._rate()
        set_rate(self._optimizers, rate)
        for optimizer in self._optimizers:
            optimizer.step()
        self.step += 1
        self.bits_per_byte = bits if math.isnan(self.bits_per_byte) else 0.9 * self.bits_per_byte + 0.1 * bits
        return StepReport(self.step, stage, bits, rate, norm, targets, time.perf_counter() - begun)

    def _stage_at(self, step: int) -> Stage:
        """What a step trains; more steps in all do not make the first stage longer once it has begun."""
        return "entropy" if step < self._first else "model"

    def _rate(self) -> float:
        """The learning rate of the next step: each stage has a schedule of its own."""
        first = self._first
        own, many = (self.step, first) if self.stage == "entropy" else (self.step - first, self.config.steps - first)
        return self.config.optimizer.rate * rate_factor(self.config.optimizer, own, many)

    def _enter(self, stage: Stage, fresh: bool) -> None:
        """Begin a stage: its parameters, its optimizers, and the threshold of patches that it takes (mutates)."""
        self._stage: Stage = stage
        for parameter in self.network.parameters():
            parameter.requires_grad_(False)
        parts = trained_parts(self.network, stage)
        self._parameters = [parameter for part in parts for parameter in part.parameters()]
        for parameter in self._parameters:
            parameter.requires_grad_(True)
        self._optimizers = make_optimizers(self.network, self.config.optimizer)
        mean = self.config.mean_patch
        if fresh and stage == "model" and mean is not None and isinstance(self.network, Blt):
            sample = self._rows.batch(range(SAMPLE))
            self.network.config = calibrated(self.network, sample, mean, self.device)

    def _resume(self, checkpoint: Checkpoint) -> None:
        _check_same(self.config, checkpoint.facts["config"])
        self.network.load_state_dict(dict(checkpoint.weights))
        threshold = checkpoint.facts["threshold"]
        if isinstance(self.network, Blt):
            patching = replace(self.network.config.patching, threshold=threshold)
            self.network.config = replace(self.network.config, patching=patching)
        self.step = checkpoint.step
        # The stage of the last step made: a stage that begins with the next step begins there.
        self._enter(self._stage_at(max(0, self.step - 1)), fresh=False)
        for optimizer, state in zip(self._optimizers, checkpoint.optimizers, strict=True):
            optimizer.load_state_dict(dict(state))


class Watcher(Protocol):
    """Who is told how a run goes, and says when it is to stop."""

    def step(self, report: StepReport, /) -> None:
        """A step was made."""
        ...

    def validation(self, step: int, bits_per_byte: float, /) -> None:
        """What the model needs for texts that it does not learn from, bits a byte."""
        ...

    def sample(self, step: int, text: bytes, /) -> None:
        """What the model writes."""
        ...

    def stopped(self) -> bool:
        """Whether the run is to end here, for now."""
        ...


def train(config: TrainConfig, data: Data, device: torch.device, watcher: Watcher) -> Run:
    """Train, from the newest checkpoint on where there is one, and leave the finished model in ``config.out``.

    Args:
        config: what is trained.
        data: the rows.
        device: where it runs.
        watcher: is told of each step, and may stop the run behind one; it is saved then.

    Returns:
        the run; ``run.step`` is less than ``config.steps`` where it was stopped.

    Raises:
        ValueError: something lacks in the configuration, or what is in ``config.out`` is of another run.
        FloatingPointError: the loss is no number any more.
    """
    check_runnable(config)
    out = Path(config.out)
    out.mkdir(parents=True, exist_ok=True)
    checkpoints = Checkpoints(out / CHECKPOINTS, config.keep)
    run = Run(config, data.rows, device, checkpoints.newest())
    metrics = Metrics(out / METRICS, run.step)
    for report in run.steps():
        metrics.write("step", report)
        watcher.step(report)
        if _due(config.validate_every, run) and data.validation is not None and run.stage == "model":
            bits = validated(run.network, data.validation, device)
            metrics.write("validation", {"step": run.step, "bits_per_byte": bits})
            watcher.validation(run.step, bits)
        if _due(config.sample_every, run) and run.stage == "model" and isinstance(run.network, Blt):
            text = sampled(run.network, config.seed)
            metrics.write("sample", {"step": run.step, "text": text.decode("utf-8", "replace")})
            watcher.sample(run.step, text)
        if _due(config.checkpoint_every, run):
            checkpoints.save(run.checkpoint())
        if watcher.stopped():
            break
    if run.step not in checkpoints.steps():
        checkpoints.save(run.checkpoint())
    if run.step == config.steps and isinstance(run.network, Blt):
        export(run.network, out)
    return run


def _due(every: int, run: Run) -> bool:
    return every > 0 and (run.step % every == 0 or run.step == run.config.steps)


def _parts(batch: Batch, many: int) -> Iterator[Batch]:
    """A batch in equal parts."""
    for ids, first, weights in zip(*(np.split(array, many) for array in batch), strict=True):
        yield Batch(ids, first, weights)


def _plain(config: TrainConfig) -> dict[str, Any]:
    """A configuration as plain values, by dotted keys."""
    return {key: list(value) if isinstance(value, tuple) else value for key, value in settings_of(config).items()}


def _check_same(config: TrainConfig, before: Mapping[str, Any]) -> None:
    now = _plain(config)
    for key in sorted(now.keys() | before.keys()):
        if key not in FREE and now.get(key) != before.get(key):
            raise ValueError(
                f"{config.out} holds a run with {key}={before.get(key)}, not {now.get(key)}; "
                f"name another out=DIRECTORY, or the same settings"
            )


def _take_entropy_model(network: Blt, directory: Path) -> None:
    """Give a network the trained entropy model of another one (mutates)."""
    checkpoint = open_checkpoint(directory)
    assert isinstance(network.config, BltConfig)
    if checkpoint.config.entropy != network.config.entropy:
        raise ValueError(
            f"the entropy model in {directory} is {checkpoint.config.entropy}, and the configuration has "
            f"{network.config.entropy}; set model.entropy to that"
        )
    with torch.no_grad():
        own: dict[str, Tensor] = dict(network.named_parameters())
        for name in checkpoint.names:
            if name.startswith("patcher."):
                own[name].copy_(checkpoint[name])
