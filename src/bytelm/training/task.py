"""What a run is asked to do: which network learns what at a step, what its predictions cost, and what becomes of it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple, Protocol

from torch import Tensor, nn

from bytelm.training.data.ahead import Batches
from bytelm.training.data.rows import Batch

Stage = Literal["entropy", "model"]
"""What a step trains: an entropy model first, where one is trained along, and then the model."""


class RowSource(Batches, Protocol):
    """Rows of which it is known how many there are."""

    @property
    def count(self) -> int | None:
        """How many there are; ``None`` for no end."""
        ...


class Cost(NamedTuple):
    """What the predictions of some rows cost; sums over their targets, so that those of parts of a batch add up.

    Attributes:
        total: what is to become less, ``()``, with its graph.
        nats: the cross entropy of the targets, float64 ``()``.
        losses: what the total is made of, by name, each ``()`` without a graph; empty where it is the cross entropy.
    """

    total: Tensor
    nats: Tensor
    losses: Mapping[str, Tensor] = {}


class Task(Protocol):
    """A network and what it is to learn. ``enter`` and ``restore`` change it; the others do not."""

    @property
    def network(self) -> nn.Module:
        """The network; its parameters may be spread over processes."""
        ...

    @property
    def facts(self) -> Mapping[str, Any]:
        """What the task goes on from besides tensors: plain values."""
        ...

    def stage_at(self, step: int) -> Stage:
        """What a step trains."""
        ...

    def span(self, stage: Stage) -> tuple[int, int]:
        """The first step of a stage, and how many it has; each has a schedule of its own."""
        ...

    def enter(self, stage: Stage, rows: RowSource | None) -> list[nn.Parameter]:
        """Begin a stage (mutates); the parameters that it trains. ``rows`` is ``None`` where it goes on with one."""
        ...

    def restore(self, facts: Mapping[str, Any]) -> None:
        """Go on from the facts of a checkpoint (mutates)."""
        ...

    def cost(self, batch: Batch, stage: Stage) -> Cost:
        """What the predictions of some rows cost."""
        ...

    def validated(self, rows: RowSource) -> Mapping[str, float]:
        """What is found on rows that were held out, by name, with ``bits_per_byte``; all processes must ask."""
        ...

    def sampled(self) -> bytes:
        """What the model writes; all processes must ask."""
        ...

    def export(self, weights: Mapping[str, Tensor], out: Path) -> None:
        """Write the finished model into the directory of the run.

        Args:
            weights: all parameters of the network by name, whole.
            out: the directory.
        """
        ...
