"""A run measured on its way: it is stopped at a few steps, measured on held-out texts, and goes on."""

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final, Protocol

from bytelm.blt.vocabulary import IdArray
from bytelm.corpora.files import complete_file

from .measuring import Logits, nats_of

CURVE: Final = "curve.json"


class Stopped(Exception):
    """Somebody asked for the end, and all that was done is on the disk."""


@dataclass(frozen=True)
class Reached:
    """Where a run stands.

    Attributes:
        step: how many steps were made.
        seconds: all steps took together.
        logits: the model.
    """

    step: int
    seconds: float
    logits: Logits


class Runner(Protocol):
    """A training run."""

    def reach(self, step: int, /) -> Reached:
        """Train on to a step; where the run is there already, or further, no more.

        Raises:
            Stopped: somebody asked for the end; the run is saved.
        """
        ...


@dataclass(frozen=True)
class Point:
    """What a model was after some steps.

    Attributes:
        step: how many.
        seconds: they took.
        nats: of each held-out text.
        measuring: seconds that it took to find out.
    """

    step: int
    seconds: float
    nats: tuple[float, ...]
    measuring: float


def follow(
    runner: Runner,
    steps: Sequence[int],
    texts: Sequence[IdArray],
    length: int,
    folder: Path,
    tell: Callable[[Point], None],
) -> list[Point]:
    """Train a model and measure it behind some steps, or go on where that was cut off.

    Args:
        runner: trains it.
        steps: ascending; the last one is the last of the run.
        texts: the held-out ones, as ids of the model.
        length: the most ids that the model sees.
        folder: of the run, where the points are kept.
        tell: called with each point, also with those that were there.

    Raises:
        Stopped: somebody asked for the end.
    """
    points = _kept(folder / CURVE)
    for point in points:
        tell(point)
    for step in steps:
        if points and points[-1].step >= step:
            continue
        reached = runner.reach(step)
        begun = time.perf_counter()
        nats = tuple(nats_of(texts, length, reached.logits))
        points.append(Point(reached.step, reached.seconds, nats, time.perf_counter() - begun))
        with complete_file(folder / CURVE) as file:
            file.write(json.dumps([asdict(point) for point in points], indent=1).encode("ascii"))
        tell(points[-1])
    return points


def _kept(path: Path) -> list[Point]:
    if not path.is_file():
        return []
    return [Point(**{**point, "nats": tuple(point["nats"])}) for point in json.loads(path.read_bytes())]
