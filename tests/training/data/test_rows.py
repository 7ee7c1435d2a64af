"""Rows against the obvious: the stream written out as a list."""

import random
import threading
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from bytelm.blt.vocabulary import BOS, EOS, OFFSET, PADDING
from bytelm.training.data.ahead import batches_ahead
from bytelm.training.data.order import shuffled
from bytelm.training.data.rows import Rows


class Texts:
    """Documents in memory."""

    def __init__(self, texts: Sequence[bytes]) -> None:
        self._texts = texts
        self.sizes = np.array([len(text) for text in texts], np.int64)

    def document(self, index: int, /) -> NDArray[np.uint8]:
        return np.frombuffer(self._texts[index], np.uint8)


def stream(texts: Sequence[bytes], seed: int, epochs: int) -> tuple[list[int], list[int]]:
    """The ids of so many epochs, and for each the place at which its document begins."""
    ids: list[int] = []
    begins: list[int] = []
    for epoch in range(epochs):
        for index in shuffled(len(texts), seed, epoch).tolist():
            begin = len(ids)
            ids += [BOS, *(byte + OFFSET for byte in texts[index]), EOS]
            begins += [begin] * (len(ids) - begin)
    return ids, begins


texts = st.lists(st.binary(max_size=12), min_size=1, max_size=8)


@given(texts=texts, length=st.integers(1, 40), seed=st.integers(0, 2**64 - 1), data=st.data())
def test_a_row_is_a_window_of_the_stream(texts: list[bytes], length: int, seed: int, data: st.DataObject) -> None:
    rows = Rows(Texts(texts), length, seed)
    ids, begins = stream(texts, seed, 4)
    assert rows.ids_per_epoch * 4 == len(ids)
    if len(ids) <= length:
        return
    for number in data.draw(st.permutations(range((len(ids) - 1) // length))):
        place = number * length
        row = rows.row(number)
        assert row.ids.tolist() == ids[place : place + length + 1]
        assert row.first.tolist() == [max(0, begin - place) for begin in begins[place : place + length]]
        assert row.weights.tolist() == [one != BOS for one in ids[place + 1 : place + length + 1]]
        assert (row.ids.dtype, row.first.dtype, row.weights.dtype) == (np.int64, np.int64, np.bool_)
        assert rows.epoch(number) == pytest.approx(4 * place / len(ids))


@given(texts=texts, length=st.integers(1, 40), epochs=st.integers(1, 3))
def test_an_end(texts: list[bytes], length: int, epochs: int) -> None:
    """Every id is an input once, and every byte and every EOS a target once."""
    rows = Rows(Texts(texts), length, 5, epochs)
    ids, _ = stream(texts, 5, epochs)
    assert rows.count is not None
    batch = rows.batch(range(rows.count))
    inputs = batch.ids[:, :-1].ravel()
    assert inputs[: len(ids)].tolist() == ids
    assert set(inputs[len(ids) :].tolist()) <= {PADDING}
    assert len(inputs) - len(ids) < length
    targets = batch.ids[:, 1:][batch.weights]
    assert sorted(targets.tolist()) == sorted(one for one in ids if one != BOS)
    padded = batch.ids[-1, :-1] == PADDING
    assert set(batch.first[-1][padded].tolist()) <= {int(np.flatnonzero(padded)[0])} if padded.any() else True
    with pytest.raises(IndexError, match=rf"row {rows.count}; the first is 0, and there are {rows.count}"):
        rows.row(rows.count)


def test_a_batch_is_its_rows() -> None:
    rows = Rows(Texts([b"abc", b"", b"defgh"]), 5, 0)
    numbers = [3, 0, 3, 11]
    batch = rows.batch(numbers)
    assert (batch.ids.shape, batch.first.shape, batch.weights.shape) == ((4, 6), (4, 5), (4, 5))
    for index, number in enumerate(numbers):
        row = rows.row(number)
        for one, other in zip(row[:3], batch[:3], strict=True):
            assert (one == other[index]).all()
        assert row.entropies is batch.entropies is None


def test_parts_of_a_batch() -> None:
    rows = Rows(Texts([b"abc", b"", b"defgh"]), 5, 0)
    batch = rows.batch(range(6))
    parts = list(batch.parts(3))
    for number, part in enumerate(parts):
        wanted = rows.batch([2 * number, 2 * number + 1])
        assert all((one == other).all() for one, other in zip(part[:3], wanted[:3], strict=True))
        assert part.entropies is None
    assert (batch.rows_of(slice(4, 6)).ids == parts[2].ids).all()
    with pytest.raises(ValueError, match="6 rows cannot be cut into 4 equal parts; give a number that divides"):
        next(batch.parts(4))


def test_by_hand() -> None:
    """Two documents, in their order in this epoch: b"b" is 102, "a" is 101."""
    rows = Rows(Texts([b"bb", b"a"]), 4, 0)
    assert shuffled(2, 0, 0).tolist() in ([0, 1], [1, 0])
    first = [0, 0, 0, 0] if shuffled(2, 0, 0).tolist() == [0, 1] else [0, 0, 0, 3]
    assert rows.row(0).first.tolist() == first
    assert rows.ids_per_epoch == 7
    assert rows.count is None


def test_threads() -> None:
    """Rows of different epochs, asked for by several threads at once."""
    made = random.Random(0)
    rows = Rows(Texts([made.randbytes(made.randrange(50)) for _ in range(40)]), 64, 3)
    numbers = list(range(60))
    expected = rows.batch(numbers)
    wrong: list[int] = []

    def ask(seed: int) -> None:
        order = random.Random(seed).sample(numbers, len(numbers))
        wrong.extend(number for number in order if (rows.row(number).ids != expected.ids[number]).any())

    threads = [threading.Thread(target=ask, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


@pytest.mark.parametrize("ahead", [1, 2, 5])
def test_batches_ahead(ahead: int) -> None:
    rows = Rows(Texts([b"abc", b"", b"defgh"]), 5, 0)
    numbers = [[2 * step, 2 * step + 1] for step in range(7)]
    found = list(batches_ahead(rows, numbers, ahead))
    assert len(found) == 7
    assert all((batch.ids == rows.batch(some).ids).all() for batch, some in zip(found, numbers, strict=True))
    assert list(batches_ahead(rows, [], ahead)) == []
    endless = batches_ahead(rows, ([step] for step in range(1 << 40)), ahead)
    assert (next(endless).ids[0] == rows.row(0).ids).all()
    endless.close()
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("bytelm-rows")]


def test_batches_ahead_of_the_end() -> None:
    """The error comes where its batch would be."""
    rows = Rows(Texts([b"abc"]), 2, 0, epochs=1)
    found = batches_ahead(rows, [[0], [1], [2], [3]], 3)
    assert [len(next(found).ids) for _ in range(3)] == [1, 1, 1]
    with pytest.raises(IndexError, match="row 3; the first is 0, and there are 3"):
        next(found)
    with pytest.raises(ValueError, match="ahead is 0; expected a number of batches, at least 1"):
        next(batches_ahead(rows, [[0]], 0))


def test_what_cannot_be() -> None:
    documents = Texts([b"abc"])
    with pytest.raises(ValueError, match="length is 0; expected a number of ids, at least 1"):
        Rows(documents, 0, 0)
    for seed in (-1, 2**64):
        with pytest.raises(ValueError, match=rf"seed is {seed}; expected a whole number from 0 to 2\^64 - 1"):
            Rows(documents, 1, seed)
    with pytest.raises(ValueError, match="epochs is 0; expected at least 1, or None for no end"):
        Rows(documents, 1, 0, 0)
    with pytest.raises(ValueError, match="there is no document to make rows of; prepare data, or a larger share for"):
        Rows(Texts([]), 1, 0)
    with pytest.raises(IndexError, match=r"row -1; the first is 0$"):
        Rows(documents, 1, 0).row(-1)
