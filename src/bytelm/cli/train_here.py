"""Training in this process, alone or as one of several that were started together."""

import sys
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from bytelm.cli.progress import ProgressLine

if TYPE_CHECKING:
    from collections.abc import Callable

    from bytelm.training.inputs import Data
    from bytelm.training.run_config import RunConfig
    from bytelm.training.stopping import StopSign
    from bytelm.training.task import Task
    from bytelm.training.world import World


class Trained(NamedTuple):
    """How far a run came.

    Attributes:
        step: after how many steps it ended.
        bits_per_byte: of the last steps.
        speaks: whether this process is the one to tell.
    """

    step: int
    bits_per_byte: float
    speaks: bool


def train_here(config: "RunConfig", device: str | None, quiet: bool, sign: "StopSign") -> Trained:
    """Train, with progress on standard error; torchrun's variables say whether there are other processes.

    Args:
        config: what is trained.
        device: "cpu", "cuda", …; by default CUDA where there is one.
        quiet: whether nothing is shown.
        sign: ends the run behind a step.

    Raises:
        ValueError: the configuration cannot be trained here.
        OSError: something cannot be read or written.
        FloatingPointError: the loss is no number any more.
    """
    from bytelm.training.reporting.sinks import check_reporters
    from bytelm.training.world import joined

    config.check_runnable()
    check_reporters(config)
    with joined(device, config.tensor_parallel, group=config.dtype != "float32") as world:
        # The run is gone before its processes part.
        return _trained(config, world, quiet or not world.speaks, sign)


def _trained(config: "RunConfig", world: "World", quiet: bool, sign: "StopSign") -> Trained:
    from bytelm.cli.train_showing import Showing
    from bytelm.training.loop import train

    between = 0.25 if sys.stderr.isatty() else 10.0
    with ProgressLine(sys.stderr, enabled=not quiet, between=between) as line:
        data, make_task = _opened(config, world, line)
        run = train(config, data, world, Showing(config, line, quiet, sign), make_task)
    return Trained(run.step, run.bits_per_byte, world.speaks)


def _opened(config: "RunConfig", world: "World", line: ProgressLine) -> "tuple[Data, Callable[[], Task] | None]":
    """The data; the first process prepares them where that is to be done, and the others wait for it."""
    if not world.speaks:
        world.wait()
        return _data_and_task(config, world, None)
    found = _data_and_task(config, world, line.update)
    world.wait()
    return found


def _data_and_task(
    config: "RunConfig", world: "World", progress: "Callable[[int, int, str], None] | None"
) -> "tuple[Data, Callable[[], Task] | None]":
    from bytelm.training.config import TrainConfig

    if isinstance(config, TrainConfig):
        from bytelm.training.inputs import open_data

        return open_data(config, progress), None
    from bytelm.training.distillation.config import DistillConfig
    from bytelm.training.distillation.opening import make_task, open_distillation_data

    assert isinstance(config, DistillConfig), "there are two kinds of runs"
    data, place = open_distillation_data(config, progress)
    return data, partial(make_task, config, world, place)
