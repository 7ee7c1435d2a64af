"""What the positions of a pass see: by lane, by the pool that lanes stand in, and by stretches of a long lane."""

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import torch

from bytelm.engines.keyvalues import Pool
from bytelm.engines.masks import additive
from bytelm.engines.slots import BoolArray, IntArray

STRETCH = 128
"""How many positions of a lane attend together: fewer see less in vain, more take fewer calls."""

FEWER = 0.85
"""A stretch that sees more of the slots than this is given all of them."""

TOGETHER = 32
"""Lanes with more positions than this in a pass have calls of attention of their own."""

_ALL = slice(None)


@dataclass(eq=False)
class Sight:
    """What the positions of one lane see.

    Attributes:
        row: the lane's row in its pool.
        at: where in the pass its positions begin.
        first: the slot of the first of them.
        visible: bool ``(k, n)``: which of the lane's slots each position sees.
        positions: ``(n,)``, the place of each slot in its text.
        chain: whether the lane is one chain that begins in this pass, so that each position sees those before it.
    """

    row: int
    at: int
    first: int
    visible: BoolArray
    positions: IntArray
    chain: bool = False

    @property
    def size(self) -> int:
        """How many positions it has in the pass."""
        return len(self.visible)

    @cached_property
    def whole(self) -> bool:
        """Whether every position sees every slot."""
        return bool(self.visible.all())

    def within(self, window: int | None, queries: slice = _ALL, slots: IntArray | slice = _ALL) -> BoolArray:
        """``visible``, no further back than ``window`` positions, the own one included.

        Args:
            window: how far back.
            queries: of these positions alone.
            slots: of these slots alone.
        """
        visible = self.visible[queries][:, slots]
        if window is None:
            return visible
        back = self.positions[self.first :][queries, None] - self.positions[slots]
        return visible & (back < window)

    def near(self, window: int | None, queries: slice) -> IntArray | slice:
        """The slots that some of the positions may see: those no further back than ``window`` from any of them."""
        if window is None:
            return _ALL
        furthest = self.positions[self.first :][queries].min() - window
        return np.flatnonzero(self.positions > furthest)


@dataclass(eq=False)
class Group:
    """The lanes of a pass whose rows stand in one pool, and share a call of attention if there are several."""

    pool: Pool
    sights: list[Sight] = field(default_factory=list)
    _indices: dict[torch.device, torch.Tensor] = field(default_factory=dict, init=False)

    def index(self, device: torch.device) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
        """For every position: its row, its slot, its number among the row's new ones, its place in the pass."""
        if device not in self._indices:
            self._indices[device] = self._columns.to(device)
        rows, slots, numbers, places = self._indices[device].unbind(1)
        return rows, slots, numbers, places

    @cached_property
    def _columns(self) -> torch.Tensor:
        columns: list[tuple[int, int, int, int]] = [
            (sight.row, sight.first + number, number, sight.at + number)
            for sight in self.sights
            for number in range(sight.size)
        ]
        return torch.tensor(columns)

    @property
    def stacks(self) -> bool:
        """Whether one call for all rows from the first to the last is better than one for each lane."""
        rows = self.rows.stop - self.rows.start
        return 2 * len(self.sights) > rows > 1 and self.longest[0] <= TOGETHER

    @cached_property
    def rows(self) -> slice:
        """The rows of the pool from the first to the last lane's, with those of others between."""
        numbers = [sight.row for sight in self.sights]
        return slice(min(numbers), max(numbers) + 1)

    @property
    def longest(self) -> tuple[int, int]:
        """The most new positions, and the most slots, of a lane."""
        return max(s.size for s in self.sights), max(s.visible.shape[1] for s in self.sights)


@dataclass(eq=False)
class Stretch:
    """Some positions of a lane.

    Attributes:
        queries: which of the lane's positions in the pass.
        slots: what they see: the first so many slots, or certain ones, or ``None`` for all.
        mask: additive ``(1, 1, shared · k, slots)``; ``None`` where every position sees all of them.
    """

    queries: slice
    slots: torch.Tensor | int | None
    mask: torch.Tensor | None

    def seen(self, held: torch.Tensor) -> torch.Tensor:
        """The keys or values that the positions see, ``(1, heads, slots, size)``."""
        if self.slots is None:
            return held
        return held[:, :, : self.slots] if isinstance(self.slots, int) else held.index_select(2, self.slots)


def stretched(sight: Sight, queries: slice, window: int | None, shared: int, query: torch.Tensor) -> Stretch:
    """Some positions of a lane with no more slots than they see.

    Args:
        sight: the lane's.
        queries: which positions.
        window: how far back the layer looks.
        shared: how many query heads share keys and values.
        query: of the layer, for its type and device.
    """
    count = sight.visible.shape[1]
    near = sight.near(window, queries)
    visible = sight.within(window, queries, near)
    used = visible.any(axis=0)
    slots = np.arange(count)[near][used]
    chosen: torch.Tensor | int | None = None
    if len(slots) > FEWER * count:
        visible = sight.within(window, queries)
    else:
        visible = visible[:, used]
        leading = slots[-1] + 1 == len(slots)
        chosen = len(slots) if leading else torch.from_numpy(slots).to(query.device)
    mask = additive(torch.from_numpy(visible).repeat(shared, 1), query.dtype, query.device)
    return Stretch(queries, chosen, mask)
