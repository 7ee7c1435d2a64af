"""Running rivals by turns, so that a machine that drifts drifts for all of them."""

import gc
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from bytelm.engines.protocol import Effort

InputT = TypeVar("InputT")
OutputT = TypeVar("OutputT")

Json = dict[str, Any]
Say = Callable[[str], None]
"""Called with what is being done."""


@dataclass
class Rounds(Generic[OutputT]):
    """What one system did in each round: the seconds it took in all, and what came out for each input."""

    seconds: list[float] = field(default_factory=list)
    outputs: list[list[OutputT]] = field(default_factory=list)


def nothing() -> None:
    """What there is to wait for on a processor."""


def by_turns(
    systems: Mapping[str, Callable[[InputT], OutputT]],
    rounds: Sequence[Sequence[InputT]],
    say: Say,
    settle: Callable[[], None] = nothing,
) -> dict[str, Rounds[OutputT]]:
    """Every system on every input of every round; within a round input by input, and each round another one first.

    Before the clock is read garbage is collected and ``settle`` is called.
    """
    found: dict[str, Rounds[OutputT]] = {name: Rounds() for name in systems}
    names = list(systems)
    for number, inputs in enumerate(rounds):
        first = number % len(names)
        for kept in found.values():
            kept.seconds.append(0.0)
            kept.outputs.append([])
        for data in inputs:
            for name in names[first:] + names[:first]:
                say(f"round {number + 1} of {len(rounds)}, {name}")
                gc.collect()
                settle()
                begun = time.perf_counter()
                output = systems[name](data)
                settle()
                found[name].seconds[-1] += time.perf_counter() - begun
                found[name].outputs[-1].append(output)
    return found


def summary(values: Sequence[float]) -> Json:
    """The median and the spread of what was measured, and all of it, to five figures."""
    rounded = [float(f"{value:.5g}") for value in values]
    median = float(f"{statistics.median(values):.5g}")
    return {"median": median, "least": min(rounded), "most": max(rounded), "repeats": rounded}


def ratios(ours: Sequence[float], theirs: Sequence[float]) -> Json:
    """The summary of ``ours / theirs``, round by round."""
    return summary([one / other for one, other in zip(ours, theirs, strict=True)])


class Meter:
    """What a model does between its making and ``stop``, by the difference of its running counts (mutable)."""

    def __init__(self, effort: Effort) -> None:
        self._effort = effort
        self._before = dict(vars(effort))
        self._done: dict[str, int] = {}

    def stop(self) -> dict[str, int]:
        """The forward passes, evaluated heads and token positions since the meter was made (mutates)."""
        done = {name: count - self._before[name] for name, count in vars(self._effort).items()}
        self._done = {"passes": done["passes"], "heads": done["heads"], "positions": done["tokens"]}
        return self._done

    def read(self, units: Mapping[str, int], less: Mapping[str, int] | None = None) -> Json:
        """What was counted, ``less`` something, for each of the given units: ``{"per_byte": {...}, ...}``."""
        net = {name: count - (less or {}).get(name, 0) for name, count in self._done.items()}
        return {
            f"per_{unit}": {name: round(count / max(1, number), 4) for name, count in net.items()}
            for unit, number in units.items()
        }
