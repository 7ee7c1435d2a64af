"""A run that the clock ends, measured on its way; and the file of those that are finished."""

import json
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from bytelm.corpora.files import complete_file
from bytelm.training.distillation.config import DistillConfig
from bytelm.training.distillation.opening import make_task
from bytelm.training.run import Run
from bytelm.training.stopping import StopSign
from bytelm.training.task import RowSource
from bytelm.training.world import World

from .measuring import Found, HeldOut
from .plan import Plan

ALONE = World(torch.device("cpu"))


class Stopped(Exception):
    """Somebody asked for the end; runs that are finished are on the disk."""


@dataclass(frozen=True)
class Point:
    """A student on its way.

    Attributes:
        step: how many steps were made.
        seconds: all of them took, without what was spent on measuring.
        found: how good it is.
    """

    step: int
    seconds: float
    found: Found


Told = Callable[[int, float, float], None]
"""Told the step, the seconds so far, and the bits per byte of the last steps."""


def follow(
    config: DistillConfig, rows: RowSource, plan: Plan, held_out: HeldOut, sign: StopSign, told: Told
) -> list[Point]:
    """Train for the seconds of the plan, and measure every so many steps and at the end, which comes last.

    Args:
        config: the run.
        rows: to learn from.
        plan: says how long, and when to measure.
        held_out: to measure on.
        sign: ends it.
        told: how it goes.

    Raises:
        Stopped: somebody asked for the end.
        ValueError: there was too little time for the first measurement, so that nothing could be compared.
    """
    torch.manual_seed(config.seed)
    task = make_task(config, ALONE, Path(config.data))
    if config.needs_teacher:
        _ = task.teacher.targets.packs  # loading it, and trying what it takes, is no step of training
    run = Run(config, rows, ALONE, None, task)
    points: list[Point] = []
    seconds = 0.0
    with closing(run.steps()) as steps:
        while seconds < plan.seconds:
            begun = time.perf_counter()
            next(steps)
            seconds += time.perf_counter() - begun
            if sign.asked:
                raise Stopped
            told(run.step, seconds, run.bits_per_byte)
            if run.step % plan.every == 0 or seconds >= plan.seconds:
                points.append(Point(run.step, seconds, held_out.measured(task.student)))
    if run.step < plan.every:
        raise ValueError(
            f"{'+'.join(config.losses)} made {run.step} steps in {seconds:.0f} s, and runs are compared every "
            f"{plan.every} steps; give them more time: --seconds"
        )
    return points


class Finished:
    """Runs that are finished, kept in a file (mutable).

    Args:
        work: the folder of the demonstration.
        plan: of it; a file of another plan is not taken up.

    Raises:
        ValueError: the file is of another plan.
    """

    def __init__(self, work: Path, plan: Plan) -> None:
        self._path = work / "runs.json"
        self._plan = json.loads(json.dumps(asdict(plan)))
        self._runs: dict[str, Any] = {}
        if self._path.is_file():
            kept = json.loads(self._path.read_bytes())
            if kept["plan"] != self._plan:
                raise ValueError(f"{work} holds runs of another plan: {kept['plan']}, not {self._plan}")
            self._runs = kept["runs"]

    def points(self, name: str, seed: int) -> list[Point] | None:
        """What a run found; ``None`` where it is not finished."""
        kept = self._runs.get(f"{name}, {seed}")
        return kept and [Point(one["step"], one["seconds"], Found(**one["found"])) for one in kept]

    def add(self, name: str, seed: int, points: list[Point]) -> None:
        """Keep a run (mutates)."""
        self._runs[f"{name}, {seed}"] = [asdict(point) for point in points]
        with complete_file(self._path) as file:
            file.write(json.dumps({"plan": self._plan, "runs": self._runs}).encode("ascii"))


def student_as_it_begins(config: DistillConfig, held_out: HeldOut) -> Found:
    """How good the student of a run is before it learns."""
    return held_out.measured(make_task(config, ALONE, Path(config.data)).student)
