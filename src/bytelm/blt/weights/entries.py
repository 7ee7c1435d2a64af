"""What a file of tensors is to hold, before any of it is there."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch

from bytelm.blt.weights.names import Piece


@dataclass(frozen=True)
class Entry:
    """A tensor of a file.

    Attributes:
        piece: its name, its shape, and where it stands in which parameter.
        dtype: of its numbers.
    """

    piece: Piece
    dtype: torch.dtype

    @property
    def size(self) -> int:
        """How many bytes its numbers take."""
        return math.prod(self.piece.shape) * self.dtype.itemsize


Chunks = Callable[[Entry], Iterator[memoryview]]
"""The bytes of a tensor, from its first row on."""
