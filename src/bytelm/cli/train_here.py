"""Training in this process, alone or as one of several that were started together."""

import sys
from typing import TYPE_CHECKING, NamedTuple

from bytelm.cli.progress import ProgressLine

if TYPE_CHECKING:
    from bytelm.training.config import TrainConfig
    from bytelm.training.inputs import Data
    from bytelm.training.stopping import StopSign
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


def train_here(config: "TrainConfig", device: str | None, quiet: bool, sign: "StopSign") -> Trained:
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
    from bytelm.training.config import check_runnable
    from bytelm.training.reporting.sinks import check_reporters
    from bytelm.training.world import joined

    check_runnable(config)
    check_reporters(config)
    with joined(device, config.tensor_parallel, group=config.dtype != "float32") as world:
        # The run is gone before its processes part.
        return _trained(config, world, quiet or not world.speaks, sign)


def _trained(config: "TrainConfig", world: "World", quiet: bool, sign: "StopSign") -> Trained:
    from bytelm.cli.train_showing import Showing
    from bytelm.training.loop import train

    between = 0.25 if sys.stderr.isatty() else 10.0
    with ProgressLine(sys.stderr, enabled=not quiet, between=between) as line:
        run = train(config, _opened(config, world, line), world, Showing(config, line, quiet, sign))
    return Trained(run.step, run.bits_per_byte, world.speaks)


def _opened(config: "TrainConfig", world: "World", line: ProgressLine) -> "Data":
    """The data; the first process prepares them where that is to be done, and the others wait for it."""
    from bytelm.training.inputs import open_data

    if not world.speaks:
        world.wait()
        return open_data(config)
    data = open_data(config, line.update)
    world.wait()
    return data
