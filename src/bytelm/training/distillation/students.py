"""Students: networks over bytes that learn from a teacher, whatever they are made of.

Rows are in the ids of `bytelm.blt.vocabulary`. Shapes: R rows, N positions, V ids of the student's vocabulary, D width.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple, Protocol

from torch import Tensor, nn


class Predictions(NamedTuple):
    """What a student makes of rows.

    Attributes:
        logits_RNV: of what comes behind each position.
        hidden_RND: hidden states behind the final norm; ``None`` where nobody asked for them.
    """

    logits_RNV: Tensor
    hidden_RND: Tensor | None


class Student(Protocol):
    """A network over bytes."""

    @property
    def network(self) -> nn.Module:
        """The network; its parameters may be spread over processes."""
        ...

    @property
    def trained(self) -> list[nn.Parameter]:
        """The parameters that learn."""
        ...

    @property
    def last_block(self) -> nn.Module:
        """The last block of the network."""
        ...

    @property
    def byte_ids(self) -> Tensor:
        """The id of each byte, int64 ``(256,)``, on the device of the network."""
        ...

    @property
    def end_id(self) -> int:
        """The id that ends a text."""
        ...

    @property
    def boundary_V(self) -> Tensor:
        """Which ids start with a blank, or are special: bool ``(V,)``, on the device of the network."""
        ...

    def ids_of(self, ids_RN: Tensor) -> Tensor:
        """The student's ids for those of rows, int64."""
        ...

    def read(self, ids_RN: Tensor, first_RN: Tensor, hidden: bool) -> Predictions:
        """Read rows of documents.

        Args:
            ids_RN: int64.
            first_RN: the first position of the document of each position, int64.
            hidden: whether hidden states are wanted.

        Raises:
            ValueError: it has no hidden states to give.
        """
        ...

    def export(self, weights: Mapping[str, Tensor], out: Path) -> None:
        """Write the finished model into the directory of a run.

        Args:
            weights: all parameters of the network by name, whole.
            out: the directory.
        """
        ...
