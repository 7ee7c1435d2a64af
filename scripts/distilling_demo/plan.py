"""What is compared: losses, each for the same seconds from the same seeds."""

import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from bytelm.training.distillation.config import DistillConfig
from bytelm.training.run_config import OptimizerConfig

TEACHER: Final = "bundled:code"
PREPARED: Final = "data"
HELD_OUT: Final = "held-out"
STUDENT: Final = "student"

EXACT: Final = "exact"
PATH: Final = "path"
ALM: Final = "alm+sft"
SFT: Final = "sft"

TITLES: Final = {
    EXACT: "exact next-byte distributions",
    PATH: "distributions along the path",
    ALM: "likelihoods of chunks, and texts",
    SFT: "texts alone",
}
"""The losses, in the order in which they are trained."""

_ENDLESS: Final = 1_000_000
"""Steps of a run that is ended by the clock."""


@dataclass(frozen=True)
class Plan:
    """The demonstration.

    Attributes:
        seconds: of training for each run; measuring does not count.
        seeds: of the order of the data; each loss has a run from each.
        rate: the highest learning rate, which stays after its warm-up, so that a run has no end that it aims at.
        warmup: steps.
        rows: of a batch.
        length: ids of a row.
        every: so many steps a student is measured.
        measured: held-out rows that it is measured on.
        files: the most files; ``None`` for all.
    """

    seconds: float = 75.0
    seeds: tuple[int, ...] = (1, 2)
    rate: float = 1e-3
    warmup: int = 20
    rows: int = 4
    length: int = 256
    every: int = 25
    measured: int = 48
    files: int | None = None

    def run_in(self, work: Path, name: str, seed: int) -> DistillConfig:
        """The run of a loss in a working folder; it writes nothing there."""
        losses: tuple[str, ...] = ("alm", "sft") if name == ALM else (name,)
        return DistillConfig(
            data=str(work / PREPARED),
            out=str(work),
            teacher=TEACHER,
            student=str(work / STUDENT),
            losses=losses,
            mixing="gradients" if len(losses) > 1 else "fixed",
            steps=_ENDLESS,
            seed=seed,
            rows=self.rows,
            length=self.length,
            optimizer=OptimizerConfig(rate=self.rate, decay=0.0, schedule="constant", warmup=self.warmup),
        )

    def limited(self, seconds: float | None, seeds: int | None, rate: float | None) -> "Plan":
        """The same with other seconds, so many seeds, and another rate; ``None`` for what it has.

        Raises:
            ValueError: the seconds or the seeds are none; and whatever makes no sense for a run, when it is made.
        """
        if seconds is not None and not 0 < seconds < math.inf:
            raise ValueError(f"--seconds must be above 0, got {seconds:g}")
        if seeds is not None and seeds < 1:
            raise ValueError(f"--seeds must be at least 1, got {seeds}")
        own = self.seeds if seeds is None else tuple(range(1, seeds + 1))
        return replace(
            self,
            seconds=self.seconds if seconds is None else seconds,
            seeds=own,
            rate=self.rate if rate is None else rate,
        )


FULL: Final = Plan()

QUICK: Final = Plan(seconds=0.5, seeds=(1,), warmup=2, rows=2, length=64, every=1, measured=3, files=30)
"""A few steps on a few files: does all of it run?"""
