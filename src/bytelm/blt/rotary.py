"""Rotary position embeddings over neighbouring pairs (Su et al. 2021, "RoFormer", section 3.2)."""

from typing import NamedTuple

import torch
from torch import Tensor, nn


class Rotation(NamedTuple):
    """What turns the pairs of a head by the angles of its position.

    With ``flip`` for the two of each pair exchanged, ``x cos + flip(x) sin`` turns them: the sign is in ``sin``.

    Attributes:
        cos, sin: ``(rows or 1, positions, 1, head width)``.
        turn: the same as complex numbers, one for each pair; ``None`` where that is not the quickest way.
    """

    cos: Tensor
    sin: Tensor
    turn: Tensor | None

    def __call__(self, x: Tensor) -> Tensor:
        """``x``, ``(rows, positions, heads, head width)``, turned."""
        pairs = x.view(*x.shape[:-1], -1, 2)
        if self.turn is None or torch.compiler.is_compiling():
            return torch.addcmul(x * self.cos, pairs.flip(-1).flatten(-2), self.sin)
        return torch.view_as_real(torch.view_as_complex(pairs) * self.turn).flatten(-2)


class Rotary(nn.Module):
    """The rotations of all positions, made as far as they are asked for.

    Args:
        width: of a head, even.
        theta: the base of the frequencies.
    """

    def __init__(self, width: int, theta: float) -> None:
        super().__init__()
        self._width = width
        self._theta = theta
        self._table = torch.empty(2, 0, 1, width)

    def upto(self, count: int, like: Tensor) -> Rotation:
        """The rotations of the positions 0 to ``count - 1``, in the dtype and on the device of ``like``."""
        return _rotation(self._reaching(count, like)[:, None, :count])

    def at(self, positions: Tensor, count: int, like: Tensor) -> Rotation:
        """The rotations of some positions, int64 ``(rows, positions)``, all below ``count``."""
        return _rotation(self._reaching(count, like)[:, positions])

    def _reaching(self, count: int, like: Tensor) -> Tensor:
        """A table of at least ``count`` positions: ``(2, positions, 1, head width)``."""
        table = self._table
        if table.shape[1] < count or table.dtype != like.dtype or table.device != like.device:
            reach = max(count, 2 * table.shape[1])
            with torch.inference_mode(False):  # training goes on with a table that a reader made
                self._table = table = self._made(reach, like.device).to(like.dtype)
        return table

    def _made(self, count: int, device: torch.device) -> Tensor:
        powers = torch.arange(0, self._width, 2, dtype=torch.float32, device=device) / self._width
        angles = torch.arange(count, dtype=torch.float32, device=device)[:, None] * (1 / self._theta**powers)
        cos, sin = angles.cos(), angles.sin()
        pairs = torch.stack([torch.stack([cos, cos], -1), torch.stack([-sin, sin], -1)])
        return pairs.flatten(-2).unsqueeze(2)


def _rotation(table: Tensor) -> Rotation:
    """The rotations of a table, ``(2, rows or 1, positions, 1, head width)``."""
    cos, sin = table
    complex_is_quick = not table.is_cuda and table.dtype in (torch.float32, torch.float64)
    return Rotation(cos, sin, torch.complex(cos[..., ::2], sin[..., 1::2]) if complex_is_quick else None)
