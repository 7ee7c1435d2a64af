"""Pieces of documents, each a text of its own, and rows of whole pieces.

A teacher that cuts texts into tokens needs their beginnings: rows that begin anywhere in a document would show it torn
words. So documents are cut into pieces that fit a row, before a word if there is one near; each begins with BOS, and
the last one of a document ends with EOS. Rows hold whole pieces, one behind the other, and padding.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bytelm.blt.vocabulary import BOS, EOS, OFFSET, PADDING
from bytelm.training.data.order import shuffled
from bytelm.training.data.rows import Batch, Documents

_NEAR: Final = 32
"""How many bytes a cut may be moved back to the beginning of a word."""

_BLANKS: Final = np.isin(np.arange(256), np.frombuffer(b" \n\t\r", np.uint8))


class Piece(NamedTuple):
    """A text to learn from.

    Attributes:
        data: its bytes, uint8 ``(size,)``.
        ends: whether its document ends with it.
    """

    data: NDArray[np.uint8]
    ends: bool


class Pieces:
    """The pieces of some documents.

    Args:
        documents: at least one.
        length: how many ids a row has; no piece has more with its BOS and EOS.

    Raises:
        ValueError: the rows are too short, or there is no document.
    """

    def __init__(self, documents: Documents, length: int) -> None:
        if length < 16:
            raise ValueError(f"rows of texts for a teacher need a length of at least 16 ids, got {length}")
        if not len(documents.sizes):
            raise ValueError("there is no document to make pieces of; prepare data, or a larger share for validation")
        self._documents = documents
        self._near = max(3, min(_NEAR, length // 8))
        self._most = length - 2 - self._near
        counts = np.maximum(-(-documents.sizes // self._most), 1)
        self._ends = np.cumsum(counts)

    def __len__(self) -> int:
        return int(self._ends[-1])

    @property
    def bounds(self) -> NDArray[np.int64]:
        """How many ids each piece has at most, BOS and EOS included, int64 ``(pieces,)``."""
        sizes = self._documents.sizes
        counts = np.diff(self._ends, prepend=0)
        document = np.repeat(np.arange(len(sizes)), counts)
        within = np.arange(len(document)) - (self._ends - counts)[document]
        nominal = np.minimum(sizes[document] - within * self._most, self._most)
        bounds: NDArray[np.int64] = nominal + np.where(within > 0, self._near, 0) + 2
        return bounds

    def piece(self, number: int) -> Piece:
        """The piece of a number.

        Raises:
            IndexError: there is none.
        """
        if not 0 <= number < len(self):
            raise IndexError(f"piece {number}; there are {len(self)}, the first one is 0")
        document = int(np.searchsorted(self._ends, number, side="right"))
        first = int(self._ends[document - 1]) if document else 0
        data = self._documents.document(document)
        begin, end = (number - first) * self._most, (number - first + 1) * self._most
        ends = end >= len(data)
        return Piece(data[self._cut(data, begin) : None if ends else self._cut(data, end)], ends)

    def _cut(self, data: NDArray[np.uint8], place: int) -> int:
        """Where a cut is moved: back to the last beginning of a word that is near, else to that of a character."""
        if place == 0:
            return 0
        near = data[place - self._near - 1 : place + 1]
        blank = _BLANKS[near]
        words = np.flatnonzero(blank[1:] & ~blank[:-1])
        if not len(words):
            words = np.flatnonzero((near[1:] & 0xC0) != 0x80)
        return place - self._near + int(words[-1]) if len(words) else place


class PackedRows:
    """Rows of whole pieces, each a function of its number alone.

    Which pieces share a row is decided once, by the seed; every epoch has these rows in another order. Any number of
    threads may ask.

    Args:
        pieces: of rows of this length.
        length: how many inputs a row has.
        seed: of the order; from 0 to 2^64 - 1.
        epochs: how many there are; ``None`` for no end.

    Raises:
        ValueError: the seed is out of range.
    """

    def __init__(self, pieces: Pieces, length: int, seed: int, epochs: int | None = None) -> None:
        if not 0 <= seed < 2**64:
            raise ValueError(f"seed is {seed}; expected a whole number from 0 to 2^64 - 1")
        self.pieces = pieces
        self.length = length
        self.seed = seed
        self._order = shuffled(len(pieces), seed, 0)
        self._starts = _packed(pieces.bounds[self._order], length)
        self._kept: tuple[int, NDArray[np.int64]] | None = None
        self.count = None if epochs is None else epochs * self.rows_per_epoch

    @property
    def rows_per_epoch(self) -> int:
        """How many rows hold all pieces."""
        return len(self._starts)

    def numbers(self, row: int) -> list[int]:
        """The pieces of a row by their numbers, in order.

        Raises:
            IndexError: there is no such row.
        """
        if row < 0 or (self.count is not None and row >= self.count):
            there = "" if self.count is None else f", and there are {self.count}"
            raise IndexError(f"row {row}; the first is 0{there}")
        epoch, within = divmod(int(row), self.rows_per_epoch)
        own = int(self._epoch(epoch)[within])
        begin = self._starts[own]
        end = self._starts[own + 1] if own + 1 < len(self._starts) else len(self._order)
        return [int(number) for number in self._order[begin:end]]

    def batch(self, numbers: Sequence[int]) -> Batch:
        """The rows of these numbers, in this order; at least one.

        Raises:
            IndexError: one of them is not there.
        """
        shape = (len(numbers), self.length + 1)
        ids, first = np.full(shape, PADDING, np.int64), np.empty(shape, np.int64)
        begun = np.full(shape, -1, np.int64)
        for line, row in enumerate(numbers):
            place = 0
            for number in self.numbers(row):
                piece = self.pieces.piece(number)
                end = place + 1 + len(piece.data)
                ids[line, place] = BOS
                begun[line, place] = number
                ids[line, place + 1 : end] = piece.data
                ids[line, place + 1 : end] += OFFSET
                if piece.ends:
                    ids[line, end] = EOS
                    end += 1
                first[line, place:end] = place
                place = end
            first[line, place:] = place
        targets = ids[:, 1:]
        return Batch(ids, first[:, :-1], (targets >= OFFSET) | (targets == EOS), pieces=begun[:, :-1])

    def _epoch(self, number: int) -> NDArray[np.int64]:
        """The order of the rows in an epoch, which is kept until another one is asked for."""
        kept = self._kept
        if kept is None or kept[0] != number:
            kept = self._kept = (number, shuffled(self.rows_per_epoch, self.seed, number + 1))
        return kept[1]


class Text(NamedTuple):
    """A piece in a batch of rows.

    Attributes:
        number: of the piece.
        row: of the batch.
        begin: the position of its BOS; the byte ``i`` of it is at ``begin + 1 + i``.
        data: its bytes.
        ends: whether EOS stands behind it.
    """

    number: int
    row: int
    begin: int
    data: bytes
    ends: bool


def texts_of(batch: Batch) -> list[Text]:
    """The pieces in a batch of packed rows, in order."""
    assert batch.pieces is not None, "rows of documents have no pieces"
    found = []
    for row, (ids, numbers) in enumerate(zip(batch.ids, batch.pieces, strict=True)):
        begins = np.flatnonzero(numbers >= 0)
        edges = np.append(np.flatnonzero(ids < OFFSET), len(ids))
        for begin in begins.tolist():
            end = int(edges[np.searchsorted(edges, begin, side="right")])
            data = (ids[begin + 1 : end] - OFFSET).astype(np.uint8).tobytes()
            found.append(Text(int(numbers[begin]), row, begin, data, end < len(ids) and int(ids[end]) == EOS))
    return found


def predicted(text: Text, batch: Batch) -> NDArray[np.int64]:
    """The places of a text, 0 before its first byte, behind which something in the batch is to be predicted."""
    within = batch.weights[text.row, text.begin : text.begin + len(text.data) + 1]
    return np.flatnonzero(within)


def _packed(bounds: NDArray[np.int64], length: int) -> NDArray[np.int64]:
    """At which pieces rows begin, each with as many as surely fit."""
    starts, filled = [0], 0
    for place, bound in enumerate(bounds.tolist()):
        if filled + bound > length + 1 and filled:
            starts.append(place)
            filled = 0
        filled += bound
    return np.array(starts, dtype=np.int64)
