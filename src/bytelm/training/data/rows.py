"""Training rows: windows of one endless stream of documents, each a function of its number alone.

An epoch is all documents, each BOS, its bytes and EOS, in an order of its own; the stream is epoch 0, epoch 1 and so
on, with nothing between. Row k is the ids from k·length on. So every id of every epoch is the input of one row, at
one place; nothing is padded; and the last row of an epoch, unless it happens to fit, goes on into the next one.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from bytelm.blt.vocabulary import BOS, EOS, OFFSET, PADDING
from bytelm.training.data.order import shuffled


class Documents(Protocol):
    """What rows are made of; ``Shards`` is such."""

    @property
    def sizes(self) -> NDArray[np.int64]:
        """The bytes of each, int64 ``(documents,)``."""
        ...

    def document(self, index: int, /) -> NDArray[np.uint8]:
        """The bytes of one, uint8 ``(size,)``."""
        ...


class Entropies(Protocol):
    """How uncertain an entropy model is within documents; ``Uncertainties`` is such."""

    def document(self, index: int, /) -> NDArray[np.float16]:
        """The entropies behind BOS and behind each byte of one, float16 ``(size + 1,)``, nats."""
        ...


class Row(NamedTuple):
    """A row.

    Attributes:
        ids: int64 ``(length + 1,)``: the inputs, and one behind the other, each one's target.
        first: int64 ``(length,)``: where in the row the document of each input begins; 0 if before the row.
        weights: bool ``(length,)``: whether a target is a byte or EOS. A BOS cannot be known before it is there, so
            it is no target to learn from.
        entropies: float32 ``(length,)``, nats: how uncertain the entropy model is behind each input, which knows its
            document from the beginning, also where that is before the row. 0 behind EOS and padding, where no
            patching looks. ``None`` where none were given.
    """

    ids: NDArray[np.int64]
    first: NDArray[np.int64]
    weights: NDArray[np.bool_]
    entropies: NDArray[np.float32] | None = None


class Batch(NamedTuple):
    """Rows as arrays with one dimension more, the rows: ``(rows, length + 1)``, then ``(rows, length)``.

    Attributes:
        ids, first, weights, entropies: as in `Row`.
        pieces: int64 ``(rows, length)``: at a BOS, the number of what begins there, -1 elsewhere; ``None`` for rows
            of documents.
    """

    ids: NDArray[np.int64]
    first: NDArray[np.int64]
    weights: NDArray[np.bool_]
    entropies: NDArray[np.float32] | None = None
    pieces: NDArray[np.int64] | None = None

    def rows_of(self, some: slice) -> "Batch":
        """Some of the rows."""
        entropies = None if self.entropies is None else self.entropies[some]
        pieces = None if self.pieces is None else self.pieces[some]
        return Batch(self.ids[some], self.first[some], self.weights[some], entropies, pieces)

    def parts(self, many: int) -> "Iterator[Batch]":
        """So many equal parts, in order.

        Raises:
            ValueError: the rows are not so many parts.
        """
        size, left = divmod(len(self.ids), many)
        if left:
            raise ValueError(f"{len(self.ids)} rows cannot be cut into {many} equal parts; give a number that divides")
        for part in range(many):
            yield self.rows_of(slice(part * size, (part + 1) * size))


class _Blank(NamedTuple):
    """A row to write, each of its arrays ``(length + 1,)``; entropies are 0 until they are written."""

    ids: NDArray[np.int64]
    first: NDArray[np.int64]
    entropies: NDArray[np.float32] | None


class _Epoch(NamedTuple):
    """The order of the documents, and where in the epoch each ends, in that order; both int64 ``(documents,)``."""

    number: int
    order: NDArray[np.int64]
    ends: NDArray[np.int64]


class Rows:
    """All rows of some documents.

    The order of the epoch that was asked for last is kept, 16 bytes a document: rows in the order of their numbers
    cost microseconds, going to and fro between epochs costs a sort each time. Any number of threads may ask.
    """

    def __init__(
        self,
        documents: Documents,
        length: int,
        seed: int,
        epochs: int | None = None,
        uncertainties: Entropies | None = None,
    ) -> None:
        """Rows of some documents.

        Args:
            documents: at least one.
            length: how many inputs a row has.
            seed: of the order of the documents in each epoch; from 0 to 2^64 - 1.
            epochs: how many there are; then rows end too, and the last one is filled up with padding, which has no
                weight. ``None`` for no end.
            uncertainties: of the same documents; ``None`` for rows without entropies.

        Raises:
            ValueError: an argument makes no sense, or there is no document.
        """
        if length < 1:
            raise ValueError(f"length is {length}; expected a number of ids, at least 1")
        if not 0 <= seed < 2**64:
            raise ValueError(f"seed is {seed}; expected a whole number from 0 to 2^64 - 1")
        if epochs is not None and epochs < 1:
            raise ValueError(f"epochs is {epochs}; expected at least 1, or None for no end")
        if not len(documents.sizes):
            raise ValueError("there is no document to make rows of; prepare data, or a larger share for validation")
        self.length = length
        self.seed = seed
        self.epochs = epochs
        self._documents = documents
        self._uncertainties = uncertainties
        self._sizes = documents.sizes
        self._epoch_ids = int(self._sizes.sum()) + 2 * len(self._sizes)
        self._kept: _Epoch | None = None

    @property
    def ids_per_epoch(self) -> int:
        """The bytes of all documents, and two ids for each."""
        return self._epoch_ids

    @property
    def count(self) -> int | None:
        """How many rows there are; ``None`` for no end."""
        return None if self.epochs is None else -(-self.epochs * self._epoch_ids // self.length)

    def epoch(self, number: int) -> float:
        """How many epochs are behind the beginning of a row."""
        return number * self.length / self._epoch_ids

    def row(self, number: int) -> Row:
        """The row of a number.

        Raises:
            IndexError: there is none.
        """
        ids, first, weights, entropies, _ = self.batch([number])
        return Row(ids[0], first[0], weights[0], None if entropies is None else entropies[0])

    def batch(self, numbers: Sequence[int]) -> Batch:
        """The rows of these numbers, in this order; at least one.

        Raises:
            IndexError: one of them is not there.
        """
        ids = np.empty((len(numbers), self.length + 1), np.int64)
        first = np.empty((len(numbers), self.length + 1), np.int64)
        entropies = None if self._uncertainties is None else np.zeros((len(numbers), self.length + 1), np.float32)
        for index, number in enumerate(numbers):
            if number < 0 or (self.count is not None and number >= self.count):
                there = "" if self.count is None else f", and there are {self.count}"
                raise IndexError(f"row {number}; the first is 0{there}")
            blank = _Blank(ids[index], first[index], None if entropies is None else entropies[index])
            self._fill(int(number) * self.length, blank)
        targets = ids[:, 1:]
        known = None if entropies is None else entropies[:, :-1]
        return Batch(ids, first[:, :-1], (targets >= OFFSET) | (targets == EOS), known)

    def _fill(self, place: int, blank: _Blank) -> None:
        """Write the row that begins at a place of the stream."""
        ids, first, _ = blank
        filled = 0
        while filled < len(ids):
            epoch, within = divmod(place + filled, self._epoch_ids)
            if epoch == self.epochs:
                ids[filled:] = PADDING
                first[filled:] = filled
                return
            filled = self._fill_from(self._order(epoch), within, blank, filled)

    def _fill_from(self, epoch: _Epoch, within: int, blank: _Blank, filled: int) -> int:
        """Write as many ids of an epoch as there are from ``within`` on, or as fit; how many ids are written then."""
        ids, first, entropies = blank
        index = int(np.searchsorted(epoch.ends, within, side="right"))
        while filled < len(ids) and index < len(epoch.ends):
            document = int(epoch.order[index])
            end = int(epoch.ends[index])
            begin = end - int(self._sizes[document]) - 2
            count = min(end - within, len(ids) - filled)
            _write(self._documents.document(document), within - begin, ids[filled : filled + count])
            if entropies is not None:
                assert self._uncertainties is not None
                known = self._uncertainties.document(document)[within - begin : within - begin + count]
                entropies[filled : filled + len(known)] = known
            first[filled : filled + count] = max(0, filled - (within - begin))
            filled += count
            within = end
            index += 1
        return filled

    def _order(self, number: int) -> _Epoch:
        """An epoch, which is kept until another one is asked for."""
        kept = self._kept
        if kept is None or kept.number != number:
            order = shuffled(len(self._sizes), self.seed, number)
            ends = self._sizes[order]
            ends += 2
            kept = self._kept = _Epoch(number, order, np.cumsum(ends, out=ends))
        return kept


def _write(document: NDArray[np.uint8], begin: int, ids: NDArray[np.int64]) -> None:
    """Write ids of BOS, the bytes of a document and EOS, from ``begin`` on, as many as there is room for."""
    end = begin + len(ids)
    low, high = max(begin, 1), min(end, len(document) + 1)
    if begin == 0:
        ids[0] = BOS
    inner = ids[low - begin : high - begin]
    inner[:] = document[low - 1 : high - 1]
    inner += OFFSET
    if end == len(document) + 2:
        ids[-1] = EOS
