"""Files of named tensors, of which some rows are read at a time."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

import torch

from bytelm.blt.weights.shapes import Shape

FLOATS: Final[tuple[torch.dtype, ...]] = (torch.float64, torch.float32, torch.float16, torch.bfloat16)
"""The types that weights may have."""


@dataclass(frozen=True)
class Stored:
    """What a file says of a tensor.

    Attributes:
        path: the file.
        shape: of the tensor.
        dtype: of its numbers, as the file names it.
    """

    path: Path
    shape: Shape
    dtype: str


class TensorFiles(Protocol):
    """Tensors in a file, or in several ones."""

    @property
    def path(self) -> Path:
        """The file that knows where all of them are."""

    @property
    def stored(self) -> Mapping[str, Stored]:
        """All tensors by their names."""

    def rows(self, name: str, first: int, last: int) -> torch.Tensor:
        """The rows from ``first`` to before ``last`` of a tensor of at least one dimension, in the file's dtype.

        Little of the file stays in memory but these.
        """


def float_dtype(name: str, stored: Stored) -> torch.dtype:
    """The torch dtype of a tensor of weights.

    Raises:
        ValueError: it does not hold floating-point numbers that torch computes with.
    """
    for dtype in FLOATS:
        if stored.dtype == dtype_name(dtype):
            return dtype
    raise ValueError(
        f"{stored.path}: {name} holds numbers of type {stored.dtype}, and weights must be of "
        f"{', '.join(dtype_name(dtype) for dtype in FLOATS)}; take a checkpoint that is not quantised"
    )


def dtype_name(dtype: torch.dtype) -> str:
    """What a dtype is called, such as ``"bfloat16"``."""
    return str(dtype).removeprefix("torch.")
