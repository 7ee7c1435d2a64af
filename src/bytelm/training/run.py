"""A training run: the same weights, to the last bit, whether it was cut off or not."""

import math
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import torch

from bytelm.blt.config import BltConfig, StackConfig
from bytelm.blt.model import Blt
from bytelm.training.checkpoints import Saved
from bytelm.training.clipping import clip
from bytelm.training.config import TrainConfig
from bytelm.training.data.ahead import batches_ahead
from bytelm.training.data.rows import Batch, Rows
from bytelm.training.entropy_models import take_entropy_model
from bytelm.training.metrics import StepReport
from bytelm.training.optimizer import make_optimizers, set_rate
from bytelm.training.schedule import rate_factor
from bytelm.training.settings import settings_of
from bytelm.training.spreading import build, release, whole
from bytelm.training.stages import SAMPLE, Stage, calibrated, entropy_steps, loss_of, trained_parts
from bytelm.training.state import make_room, state_of
from bytelm.training.world import World

FREE: Final = (
    *("steps", "out", "checkpoint_every", "keep", "validate_every", "sample_every", "report_to", "change_optimizer"),
    *("accumulate", "checkpoint_activations", "compile", "tensor_parallel"),
)
"""What may differ where a run is taken up again; the second line changes rounding alone."""


class Run:
    """A training run (mutable): its network, its optimizers, and how many steps were made.

    ``bits_per_byte`` is that of the last steps, a mean that forgets a tenth at each.

    Args:
        config: what is trained.
        rows: the data; row ``step * config.rows`` is the first one of a step.
        world: the processes that train together, each with its own run.
        saved: what it goes on from; ``None`` to begin.

    Raises:
        ValueError: the checkpoint is of another run, or the rows cannot be shared among so many processes.
    """

    def __init__(self, config: TrainConfig, rows: Rows, world: World, saved: Saved | None = None) -> None:
        if config.rows % (config.accumulate * world.replicas):
            raise ValueError(
                f"the {config.rows} rows of a batch cannot be shared by {world.replicas} replicas in "
                f"{config.accumulate} equal parts each; make rows a multiple of {config.accumulate * world.replicas}"
            )
        self.config = config
        self.step = 0
        self.bits_per_byte = math.nan
        self.world = world
        self._rows = rows
        self._first = entropy_steps(config) if saved is None else int(saved.facts["entropy_steps"])
        self.network = build(config, world)
        if isinstance(self.network, Blt) and config.entropy_model:
            take_entropy_model(self.network, Path(config.entropy_model))
        if saved is None:
            self._enter(self.stage, fresh=True)
        else:
            self._resume(saved)

    @property
    def stage(self) -> Stage:
        """What the next step trains."""
        return self._stage_at(self.step)

    @property
    def model(self) -> BltConfig | StackConfig:
        """The shape of the network; that of a Byte Latent Transformer with the threshold that was calibrated."""
        return self.network.config

    @property
    def facts(self) -> dict[str, Any]:
        """What the run goes on from besides its tensors."""
        threshold = self.network.config.patching.threshold if isinstance(self.network, Blt) else None
        return {"config": _plain(self.config), "threshold": threshold, "entropy_steps": self._first}

    def tensors(self) -> dict[str, torch.Tensor]:
        """What it has learned, of which this process may hold a part; see `bytelm.training.state`."""
        return state_of(self.network, self._optimizers)

    def weights(self) -> dict[str, torch.Tensor]:
        """All parameters of the network, whole, on the CPU; empty but for the first process. All of them must ask."""
        found = {}
        for name, parameter in self.network.named_parameters():
            full = whole(parameter)
            if self.world.speaks:
                found[name] = full.cpu()
        return found

    def steps(self) -> Iterator[StepReport]:
        """Make the steps that are left, and tell of each one."""
        count, own = self.config.rows, self.config.rows // self.world.replicas
        firsts = (step * count + self.world.replica * own for step in range(self.step, self.config.steps))
        for batch in batches_ahead(self._rows, (range(first, first + own) for first in firsts)):
            yield self._make_step(batch)

    def _make_step(self, batch: Batch) -> StepReport:
        begun, stage = time.perf_counter(), self.stage
        if stage != self._stage:
            self._enter(stage, fresh=True)
        (targets,) = self.world.sum(int(batch.weights.sum()))
        (nats,) = self.world.sum(self._gradients(batch, stage, targets))
        bits = nats / targets / math.log(2)
        if not math.isfinite(bits):
            raise FloatingPointError(
                f"the loss of step {self.step + 1} is {bits} bits a byte; go on from the last checkpoint with "
                f"change_optimizer=true and a lower optimizer.rate, or a smaller optimizer.clip"
            )
        norm = clip(self._parameters, self.config.optimizer.clip)
        rate = self._rate()
        set_rate(self._optimizers, rate)
        for optimizer in self._optimizers:
            optimizer.step()
        self.step += 1
        self.bits_per_byte = bits if math.isnan(self.bits_per_byte) else 0.9 * self.bits_per_byte + 0.1 * bits
        return StepReport(self.step, stage, bits, rate, norm, int(targets), time.perf_counter() - begun)

    def _gradients(self, batch: Batch, stage: Stage, targets: float) -> float:
        """Compute the gradients of a batch, of which this replica has a share (mutates); its nats."""
        for optimizer in self._optimizers:
            optimizer.zero_grad(set_to_none=True)
        # Replicas take the mean of their gradients, so each gives its share of the sum times their number.
        share = targets / self.world.replicas
        nats = 0.0
        for part in batch.parts(self.config.accumulate):
            cost = loss_of(self.network, stage, part, self.world.device)
            torch.autograd.backward(cost.nats / share)
            nats += float(cost.nats.detach())
        return nats

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
        parts = trained_parts(self.network, stage)
        self._parameters = [parameter for part in parts for parameter in part.parameters()]
        self._optimizers = make_optimizers(self.network, self.config.optimizer, self._parameters)
        mean = self.config.mean_patch
        if fresh and stage == "model" and mean is not None and isinstance(self.network, Blt):
            # Every process calibrates on the same rows, so all cut alike.
            sample = self._rows.batch(range(SAMPLE))
            self.network.config = calibrated(self.network, sample, mean, self.world.device)
            release(self.network)

    def _resume(self, saved: Saved) -> None:
        _check_same(self.config, saved.facts["config"])
        if isinstance(self.network, Blt):
            patching = replace(self.network.config.patching, threshold=saved.facts["threshold"])
            self.network.config = replace(self.network.config, patching=patching)
        self.step = saved.step
        # The stage of the last step made: a stage that begins with the next step begins there.
        self._enter(self._stage_at(max(0, self.step - 1)), fresh=False)
        make_room(self.network, self._optimizers, saved.shapes())
        saved.read(self.tensors(), self.world)


def _plain(config: TrainConfig) -> dict[str, Any]:
    """A configuration as plain values, by dotted keys."""
    return {key: list(value) if isinstance(value, tuple) else value for key, value in settings_of(config).items()}


def _check_same(config: TrainConfig, before: Mapping[str, Any]) -> None:
    now = _plain(config)
    for key in sorted(now.keys() | before.keys()):
        changed = config.change_optimizer and key.startswith("optimizer.") and key != "optimizer.name"
        if key not in FREE and not changed and now.get(key) != before.get(key):
            raise ValueError(
                f"{config.out} holds a run with {key}={before.get(key)}, not {now.get(key)}; "
                f"name another out=DIRECTORY, or the same settings"
            )
