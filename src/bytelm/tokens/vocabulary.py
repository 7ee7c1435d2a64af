"""The vocabulary as one array of tokens sorted by their bytes.

Every node of the trie of token bytes is a contiguous range ``[low, high)`` of this array and a depth; its
children are sub-ranges. There are no node objects. Tokens with equal bytes stand next to each other.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bytelm.protocol import FloatArray

_EDGES = 2**12
"""How many nodes' children are remembered."""


class Narrowed(NamedTuple):
    """The node that a byte string leads to: tokens ``[low, exact)`` end there, ``[exact, high)`` are longer."""

    low: int
    exact: int
    high: int


class Vocabulary:
    """Token byte strings, sorted.

    Args:
        token_bytes: the bytes of every token by id.

    Attributes:
        token_bytes: the bytes of every token by id; ``b""`` for tokens that stand for no bytes.
        order: int64 ``(size,)``, the ids of the tokens that have bytes, sorted by their bytes, then by id.
        index: int64 ``(len(token_bytes),)``, where each id stands in ``order``; -1 for tokens without bytes.
        size: how many tokens have bytes.
        words: their bytes, sorted.
    """

    def __init__(self, token_bytes: Sequence[bytes]) -> None:
        self.token_bytes = tuple(token_bytes)
        ids = [i for i, data in enumerate(self.token_bytes) if data]
        if not ids:
            raise ValueError("no token of the vocabulary has bytes")
        ids.sort(key=self.token_bytes.__getitem__)
        self.words = [self.token_bytes[i] for i in ids]
        lengths = np.fromiter(map(len, self.words), dtype=np.int64, count=len(ids))
        self._arrange(np.array(ids, dtype=np.int64), np.frombuffer(b"".join(self.words), dtype=np.uint8), lengths)

    @classmethod
    def restored(cls, arrays: Mapping[str, NDArray[Any]]) -> "Vocabulary":
        """The vocabulary that :meth:`arrays` described."""
        vocabulary = cls.__new__(cls)
        joined, order, lengths = arrays["joined"].tobytes(), arrays["order"], arrays["lengths"]
        ends = np.cumsum(lengths)
        starts = (ends - lengths).tolist()
        vocabulary.words = [joined[start:end] for start, end in zip(starts, ends.tolist(), strict=True)]
        spelled = [b""] * int(arrays["ids"])
        for token, data in zip(order.tolist(), vocabulary.words, strict=True):
            spelled[token] = data
        vocabulary.token_bytes = tuple(spelled)
        vocabulary._arrange(order, arrays["joined"], lengths)
        return vocabulary

    def arrays(self) -> dict[str, NDArray[Any]]:
        """All of it, to be kept, by name."""
        lengths = np.diff(self._offsets, append=len(self._blob))
        return {"joined": self._blob, "lengths": lengths, "order": self.order, "ids": np.array(len(self.token_bytes))}

    def _arrange(self, order: NDArray[np.int64], joined: NDArray[np.uint8], lengths: NDArray[np.int64]) -> None:
        self.order = order
        self.size = len(order)
        self.index = np.full(len(self.token_bytes), -1, dtype=np.int64)
        self.index[self.order] = np.arange(self.size)
        self._blob = joined
        self._offsets = np.cumsum(lengths) - lengths
        self._remembered_edges = lru_cache(maxsize=_EDGES)(self._edges)

    @property
    def first_bytes(self) -> NDArray[np.uint8]:
        """The first byte of every token, uint8 ``(size,)``."""
        first: NDArray[np.uint8] = self._blob[self._offsets]
        return first

    def bytes_within(self, indices: NDArray[np.int64], depths: NDArray[np.int64]) -> NDArray[np.uint8]:
        """Of the tokens at these indices the byte at each one's depth, uint8 ``(n,)``; all are longer than that."""
        found: NDArray[np.uint8] = self._blob[self._offsets[indices] + depths]
        return found

    def bytes_at(self, index: int) -> bytes:
        """The bytes of the token at ``index`` of the sorted array."""
        return self.words[index]

    def find(self, data: bytes) -> range:
        """The indices of the tokens whose bytes are exactly ``data``."""
        return range(bisect_left(self.words, data), bisect_right(self.words, data))

    def narrow(self, low: int, high: int, prefix: bytes) -> Narrowed:
        """The tokens of ``[low, high)`` whose bytes start with ``prefix``."""
        first = bisect_left(self.words, prefix, low, high)
        exact = bisect_right(self.words, prefix, first, high)
        after = _successor(prefix)
        last = high if after is None else bisect_left(self.words, after, exact, high)
        return Narrowed(first, exact, last)

    def next_bytes(self, low: int, high: int, depth: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """The children of a node whose tokens are all longer than ``depth``.

        Returns:
            the distinct bytes at ``depth`` in order, int64 ``(n,)``, and where each one's tokens start, ``(n,)``.
        """
        return self._remembered_edges(low, high, depth)

    def byte_masses(self, masses: NDArray[Any], low: int, high: int, depth: int) -> FloatArray:
        """The sums of the masses of ``[low, high)`` by the token's byte at ``depth``: float64 ``(256,)``."""
        sums = np.zeros(256)
        self.add_byte_masses(sums, 1.0, masses, low, high, depth)
        return sums

    def add_byte_masses(
        self, into: FloatArray, factor: float, masses: NDArray[Any], low: int, high: int, depth: int, offset: int = 0
    ) -> None:
        """Add the masses of ``[low, high)`` by the token's byte at ``depth``, times ``factor``.

        Each range is summed by itself: differences of one long cumulative sum would lose the small masses.

        Args:
            into: float64, at least 256; what is added to (mutates).
            factor: of all masses.
            masses: float32 or float64, of the tokens from ``offset`` on.
            low, high, depth: the node, whose tokens are all longer than ``depth``.
            offset: at most ``low``.
        """
        if low < high:
            symbols, starts = self.next_bytes(low, high, depth)
            # Of the range alone: reduceat converts all that it is given.
            into[symbols] += factor * np.add.reduceat(
                masses[low - offset : high - offset], starts - low, dtype=np.float64
            )

    def _edges(self, low: int, high: int, depth: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        column = self._blob[self._offsets[low:high] + depth]
        starts = np.flatnonzero(np.concatenate(([True], column[1:] != column[:-1])))
        return column[starts].astype(np.int64), starts + low


def _successor(prefix: bytes) -> bytes | None:
    """The smallest byte string after every string that starts with ``prefix``; ``None`` if there is none."""
    kept = prefix.rstrip(b"\xff")
    return kept[:-1] + bytes([kept[-1] + 1]) if kept else None
