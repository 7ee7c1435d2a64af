"""Programs for jobs that run in processes of their own."""

import os
import signal
from pathlib import Path
from typing import NamedTuple

from bytelm.cli.train_here import Trained, train_here
from bytelm.training.config import TrainConfig
from bytelm.training.launching.sign import JobSign

STEP = 5
"""Behind which step `interrupted` is interrupted."""


class Ended(NamedTuple):
    step: int


class Interrupting:
    """A sign that sends its own process a signal when it is asked the fifth time (mutable)."""

    def __init__(self, sign: JobSign, number: int) -> None:
        self._sign = sign
        self._number = number
        self._asked = 0

    @property
    def asked(self) -> bool:
        self._asked += 1
        if self._asked == STEP:
            os.kill(os.getpid(), self._number)
        return self._sign.asked


def interrupted(config: TrainConfig, device: str | None, quiet: bool, sign: JobSign) -> Trained:
    """Train; where no checkpoint is yet, the process is told by submitit's signal that time is up."""
    begins = not (Path(config.out) / "checkpoints").is_dir()
    return train_here(config, device, quiet, Interrupting(sign, signal.SIGUSR2) if begins else sign)


def told(config: TrainConfig, device: str | None, quiet: bool, sign: JobSign) -> Ended:
    """Write down what the process was told about itself."""
    names = ("RANK", "LOCAL_RANK", "WORLD_SIZE", "LOCAL_WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")
    out = Path(config.out)
    (out / f"told-{os.environ['RANK']}").write_text(" ".join(os.environ[name] for name in names))
    return Ended(config.steps)
