"""A training run: the same weights, to the last bit, whether it was cut off or not."""

import math
import time
from collections.abc import Iterator, Mapping
from typing import Any, Final

import torch

from bytelm.training.byte_task import ByteTask
from bytelm.training.checkpoints import Saved
from bytelm.training.clipping import clip
from bytelm.training.config import TrainConfig
from bytelm.training.data.ahead import batches_ahead
from bytelm.training.data.rows import Batch
from bytelm.training.metrics import StepReport
from bytelm.training.optimizer import make_optimizers, set_rate
from bytelm.training.run_config import RunConfig
from bytelm.training.schedule import rate_factor
from bytelm.training.settings import settings_of
from bytelm.training.spreading import whole
from bytelm.training.state import make_room, state_of
from bytelm.training.task import RowSource, Stage, Task
from bytelm.training.world import World

FREE: Final = (
    *("steps", "out", "checkpoint_every", "keep", "validate_every", "sample_every", "report_to", "change_optimizer"),
    *("accumulate", "checkpoint_activations", "compile", "tensor_parallel"),
)
"""What may differ where a run is taken up again; the second line changes rounding alone."""


class Run:
    """A training run (mutable): its task, its optimizers, and how many steps were made.

    ``bits_per_byte`` is that of the last steps, a mean that forgets a tenth at each.

    Args:
        config: how it is trained.
        rows: the data; row ``step * config.rows`` is the first one of a step.
        world: the processes that train together, each with its own run.
        saved: what it goes on from; ``None`` to begin.
        task: what is trained; by default the model of a `TrainConfig`.

    Raises:
        ValueError: the checkpoint is of another run, or the rows cannot be shared among so many processes.
    """

    def __init__(
        self, config: RunConfig, rows: RowSource, world: World, saved: Saved | None = None, task: Task | None = None
    ) -> None:
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
        self.task = _byte_task(config, world) if task is None else task
        self.network = self.task.network
        if saved is None:
            self._enter(self.stage, fresh=True)
        else:
            self._resume(saved)

    @property
    def stage(self) -> Stage:
        """What the next step trains."""
        return self.task.stage_at(self.step)

    @property
    def facts(self) -> dict[str, Any]:
        """What the run goes on from besides its tensors."""
        return {"config": _plain(self.config), **self.task.facts}

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
        nats, losses = self._gradients(batch, stage, targets)
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
        seconds = time.perf_counter() - begun
        return StepReport(self.step, stage, bits, rate, norm, int(targets), seconds, losses)

    def _gradients(self, batch: Batch, stage: Stage, targets: float) -> tuple[float, dict[str, float]]:
        """Compute the gradients of a batch, of which this replica has a share (mutates).

        Returns:
            the nats of the targets of all replicas; and by name what the loss is made of, a mean over the targets.
        """
        for optimizer in self._optimizers:
            optimizer.zero_grad(set_to_none=True)
        # Replicas take the mean of their gradients, so each gives its share of the sum times their number.
        share = targets / self.world.replicas
        sums: dict[str, float] = {"": 0.0}
        for part in batch.parts(self.config.accumulate):
            cost = self.task.cost(part, stage)
            torch.autograd.backward(cost.total / share)
            for name, value in {"": cost.nats, **cost.losses}.items():
                sums[name] = sums.get(name, 0.0) + float(value)
        nats, *others = self.world.sum(*sums.values())
        return nats, {name: value / targets for name, value in zip([*sums][1:], others, strict=True)}

    def _rate(self) -> float:
        """The learning rate of the next step."""
        first, many = self.task.span(self.stage)
        return self.config.optimizer.rate * rate_factor(self.config.optimizer, self.step - first, many)

    def _enter(self, stage: Stage, fresh: bool) -> None:
        """Begin a stage: its parameters and its optimizers (mutates)."""
        self._stage: Stage = stage
        self._parameters = self.task.enter(stage, self._rows if fresh else None)
        self._optimizers = make_optimizers(self.network, self.config.optimizer, self._parameters)

    def _resume(self, saved: Saved) -> None:
        _check_same(self.config, saved.facts["config"])
        self.task.restore(saved.facts)
        self.step = saved.step
        # The stage of the last step made: a stage that begins with the next step begins there.
        self._enter(self.task.stage_at(max(0, self.step - 1)), fresh=False)
        make_room(self.network, self._optimizers, saved.shapes())
        saved.read(self.tensors(), self.world)


def _byte_task(config: RunConfig, world: World) -> Task:
    assert isinstance(config, TrainConfig), "other configurations come with their task"
    return ByteTask(config, world)


def _plain(config: RunConfig) -> dict[str, Any]:
    """A configuration as plain values, by dotted keys."""
    return {key: list(value) if isinstance(value, tuple) else value for key, value in settings_of(config).items()}


def _check_same(config: RunConfig, before: Mapping[str, Any]) -> None:
    now = _plain(config)
    for key in sorted(now.keys() | before.keys()):
        changed = config.change_optimizer and key.startswith("optimizer.") and key != "optimizer.name"
        if key not in FREE and not changed and now.get(key) != before.get(key):
            raise ValueError(
                f"{config.out} holds a run with {key}={before.get(key)}, not {now.get(key)}; "
                f"name another out=DIRECTORY, or the same settings"
            )
