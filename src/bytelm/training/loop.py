"""Training from the newest checkpoint to a finished model, and telling how it goes."""

import contextlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final, Protocol

from bytelm.training.checkpoints import Checkpoints
from bytelm.training.inputs import Data
from bytelm.training.metrics import StepReport
from bytelm.training.reporting.sinks import Sinks, open_sinks
from bytelm.training.run import Run
from bytelm.training.run_config import RunConfig
from bytelm.training.spreading import release
from bytelm.training.task import Task
from bytelm.training.world import World

CHECKPOINTS: Final = "checkpoints"


class Watcher(Protocol):
    """Who is told how a run goes, and says when it is to stop. Only the first process tells; each one asks."""

    def step(self, report: StepReport, /) -> None:
        """A step was made."""
        ...

    def validation(self, step: int, found: Mapping[str, float], /) -> None:
        """What was found on texts that it does not learn from; ``bits_per_byte`` is what the model needs for them."""
        ...

    def sample(self, step: int, text: bytes, /) -> None:
        """What the model writes."""
        ...

    def stopped(self) -> bool:
        """Whether the run is to end here, for now."""
        ...


def train(
    config: RunConfig,
    data: Data,
    world: World,
    watcher: Watcher,
    make_task: Callable[[], Task] | None = None,
) -> Run:
    """Train, from the newest checkpoint on where there is one, and leave the finished model in ``config.out``.

    Args:
        config: what is trained.
        data: what it learns from.
        world: the processes that train together; all of them call this.
        watcher: told of each step; where that of any process says so, the run stops behind a step and is saved.
        make_task: makes what is trained; by default the model of a `TrainConfig`.

    Raises:
        ValueError: something lacks in the configuration, or what is in ``config.out`` is of another run.
        FloatingPointError: the loss is no number any more.
        OSError: a checkpoint cannot be written.
    """
    config.check_runnable()
    out = Path(config.out)
    out.mkdir(parents=True, exist_ok=True)
    checkpoints = Checkpoints(out / CHECKPOINTS, config.keep, world)
    task = None if make_task is None else make_task()
    run = Run(config, data.rows, world, checkpoints.newest(), task)
    with contextlib.ExitStack() as stack:
        sinks = stack.enter_context(open_sinks(config, out, run.step)) if world.speaks else None
        telling = None if sinks is None else _Telling(sinks, watcher)
        for report in run.steps():
            if telling is not None:
                telling.step(report)
            _evaluate(run, data, telling)
            if _due(config.checkpoint_every, run):
                if sinks is not None:
                    sinks.flush()
                checkpoints.save(run.step, run.tensors(), run.facts)
            if world.any(watcher.stopped()):
                break
        # Before the sinks are closed, which may have to wait for a network.
        if run.step not in checkpoints.steps():
            checkpoints.save(run.step, run.tensors(), run.facts)
    if run.step == config.steps:
        weights = run.weights()
        if world.speaks:
            run.task.export(weights, out)
    return run


class _Telling:
    """Writes down what it tells (mutable)."""

    def __init__(self, sinks: Sinks, watcher: Watcher) -> None:
        self._sinks = sinks
        self._watcher = watcher

    def step(self, report: StepReport) -> None:
        self._sinks.write("step", report)
        self._watcher.step(report)

    def validation(self, step: int, found: Mapping[str, float]) -> None:
        self._sinks.write("validation", {"step": step, **found})
        self._watcher.validation(step, found)

    def sample(self, step: int, text: bytes) -> None:
        self._sinks.write("sample", {"step": step, "text": text.decode("utf-8", "replace")})
        self._watcher.sample(step, text)


def _evaluate(run: Run, data: Data, telling: _Telling | None) -> None:
    """Validate and sample where it is time to; all processes compute, one tells."""
    if run.stage != "model":
        return
    if data.validation is not None and _due(run.config.validate_every, run):
        found = run.task.validated(data.validation)
        release(run.network)
        if telling is not None:
            telling.validation(run.step, found)
    if _due(run.config.sample_every, run):
        text = run.task.sampled()
        release(run.network)
        if telling is not None:
            telling.sample(run.step, text)


def _due(every: int, run: Run) -> bool:
    return every > 0 and (run.step % every == 0 or run.step == run.config.steps)
