"""What reading gives, one after the other: documents, and troubles."""

from collections.abc import Callable, Iterator
from typing import NamedTuple, TypeAlias

from bytelm.training.data.troubles import Trouble

LARGE = 1 << 24
"""A document of more bytes is not held in memory, but passed on in chunks."""

CHUNK = 1 << 20


class Streamed(NamedTuple):
    """A document that is too large to be held.

    Attributes:
        where: the file, and the place in it.
        chunks: its bytes, to be taken before the next document is asked for; a ``ReadingError`` says that they end
            before the document does.
    """

    where: str
    chunks: Iterator[bytes]


Item: TypeAlias = bytes | memoryview | Streamed | Trouble
"""A document, or a trouble. A view is good until the next one is asked for."""

To: TypeAlias = Callable[[int], None]
"""Told how far the reading of a piece has come, bytes of input."""


class ReadingError(ValueError):
    """An input cannot be read, or not any further."""

    def __init__(self, kind: str, what: str) -> None:
        """``kind`` is that of the trouble; ``what`` is wrong."""
        super().__init__(what)
        self.kind = kind
        self.what = what

    def at(self, where: str) -> Trouble:
        """The trouble to count."""
        return Trouble(self.kind, where, self.what)


def unreadable(error: OSError) -> ReadingError:
    """For a file that cannot be opened."""
    return ReadingError("unreadable", error.strerror or str(error))


def damaged(error: Exception) -> ReadingError:
    """For a file in whose middle reading fails."""
    return ReadingError("damaged", getattr(error, "strerror", None) or str(error) or type(error).__name__)
