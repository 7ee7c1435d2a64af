"""What layers remember of the last positions of several texts, in circles of slots.

Position ``p`` of a text is in slot ``p mod slots``. A circle has more slots than a window has positions, so a text can
go on from some positions back: what was written since has taken the place of nothing that is still seen from there.
"""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bytelm.blt.vocabulary import IdArray


class Where:
    """The positions of several texts that a pass writes.

    Args:
        rows: the row of each text in the circles.
        positions: int64 ``(texts, positions)``, counted without gaps.

    Attributes:
        index: the rows, int64 ``(texts, 1)``.
        positions: as given.
    """

    def __init__(self, rows: Sequence[int], positions: Tensor) -> None:
        self.index = torch.tensor(rows, device=positions.device)[:, None]
        self.positions = positions
        self._rows = rows
        self._slots: dict[int, Tensor] = {}

    def parts(self) -> list[tuple[slice, slice | Tensor]]:
        """Which texts are read together, and their rows in the circles.

        Rows that stand side by side are read where they are. A processor reads the others apart; an accelerator,
        for which every call is dear, copies them together.
        """
        breaks = [text for text in range(1, len(self._rows)) if self._rows[text] != self._rows[text - 1] + 1]
        if breaks and self.positions.is_cuda:
            return [(slice(0, len(self._rows)), self.index[:, 0])]
        runs = pairwise([0, *breaks, len(self._rows)])
        return [(slice(begin, end), slice(self._rows[begin], self._rows[end - 1] + 1)) for begin, end in runs]

    def slots(self, count: int) -> Tensor:
        """The slots of the positions in a circle of ``count``, int64 ``(texts, positions)``."""
        if count not in self._slots:
            self._slots[count] = self.positions % count
        return self._slots[count]


class Ring:
    """Tensors of the last positions of several rows, for several layers (mutable).

    Args:
        layers: how many layers remember something.
        shape: of what a layer remembers of a position.
        slots: how many positions are remembered.
        dtype, device: of the tensor.
    """

    def __init__(
        self, layers: int, shape: tuple[int, ...], slots: int, dtype: torch.dtype, device: torch.device
    ) -> None:
        self.data = torch.zeros(layers, 0, slots, *shape, dtype=dtype, device=device)

    @property
    def layers(self) -> int:
        """How many layers remember something."""
        return self.data.shape[0]

    @property
    def slots(self) -> int:
        """How many positions of a row are remembered."""
        return self.data.shape[2]

    def write(self, layer: int, where: Where, values: Tensor) -> None:
        """Remember ``values``, ``(texts, positions, …)``."""
        self.data[layer].index_put_((where.index, where.slots(self.slots)), values)

    def put(self, layer: int, rows: Tensor, positions: Tensor, values: Tensor) -> None:
        """Remember ``values``, ``(many, …)``, of single positions of rows, int64 ``(many,)`` each."""
        self.data[layer].index_put_((rows, positions % self.slots), values)

    def take(self, layer: int, rows: Tensor, positions: Tensor) -> Tensor:
        """What is remembered of single positions of rows, int64 of one shape: that shape and ``(…)``."""
        return self.data[layer, rows, positions % self.slots]

    def read(self, layer: int, rows: slice | Tensor, used: int) -> Tensor:
        """The first ``used`` slots of some rows, ``(texts, used, …)``."""
        return self.data[layer, rows, :used]

    def copy_row(self, source: int, target: int) -> None:
        """Give one row what another one has."""
        self.data[:, target].copy_(self.data[:, source])

    def add_rows(self, count: int) -> None:
        """More rows, at the end."""
        more = self.data.new_zeros(self.data.shape[0], count, *self.data.shape[2:])
        self.data = torch.cat([self.data, more], dim=1)

    def add_slots(self, slots: int, written: NDArray[np.int64]) -> None:
        """More slots for all rows, of which ``written`` positions were written so far, int64 ``(rows,)``."""
        grown = self.data.new_zeros(*self.data.shape[:2], slots, *self.data.shape[3:])
        held = held_positions(written, self.slots, self.slots)
        rows, old = np.nonzero(held >= 0)
        index = torch.from_numpy(rows).to(self.data.device)
        source = torch.from_numpy(old).to(self.data.device)
        target = torch.from_numpy(held[rows, old] % slots).to(self.data.device)
        grown[:, index, target] = self.data[:, index, source]
        self.data = grown


def held_positions(written: NDArray[np.int64], slots: int, used: int) -> IdArray:
    """The position that each of the first ``used`` slots holds, int64 ``(rows, used)``; below 0 where none was written.

    ``written`` is the number of positions that were ever written to each row, int64 ``(rows,)``.
    """
    last = written[:, None] - 1
    return last - (last - np.arange(used)) % slots


def sight(
    held: IdArray, positions: IdArray, window: int | None, first: IdArray | None = None
) -> NDArray[np.bool_] | None:
    """Which slots positions see, bool ``(texts, positions, used)``; ``None`` where all see all.

    Args:
        held: the position that each slot holds, int64 ``(texts, used)``.
        positions: int64 ``(texts, positions)``.
        window: how many positions a position sees, itself included; ``None`` for all.
        first: the first position that a position sees, int64 ``(texts, positions)``; ``None`` for 0.
    """
    low = np.zeros_like(positions) if first is None else first
    if window is not None:
        low = np.maximum(low, positions - window + 1)
    seen: NDArray[np.bool_] = (held[:, None] >= low[..., None]) & (held[:, None] <= positions[..., None])
    return None if seen.all() else seen
