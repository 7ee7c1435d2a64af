"""Pieces and packed rows: what must hold for any documents, and a few plain examples."""

import threading
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from bytelm.blt.vocabulary import BOS, EOS, OFFSET, PADDING
from bytelm.training.data.rows import Batch
from bytelm.training.distillation.pieces import PackedRows, Pieces, Text, predicted, texts_of


class Documents:
    """Documents in memory."""

    def __init__(self, texts: Sequence[bytes]) -> None:
        self._texts = texts
        self.sizes = np.array([len(text) for text in texts], np.int64)

    def document(self, index: int, /) -> NDArray[np.uint8]:
        return np.frombuffer(self._texts[index], np.uint8)


characters = st.text(st.sampled_from("ab \n\té漢🜚")).map(str.encode)
documents = st.lists(st.one_of(st.binary(max_size=150), characters), min_size=1, max_size=8)
valid = st.lists(st.text(st.sampled_from("ab \né漢🜚"), max_size=200).map(str.encode), min_size=1, max_size=4)
lengths = st.integers(16, 80)
seeds = st.integers(0, 2**64 - 1)


def joined(pieces: Pieces) -> list[bytes]:
    """The pieces, each document's one behind the other."""
    found = [b""]
    for number in range(len(pieces)):
        piece = pieces.piece(number)
        found[-1] += piece.data.tobytes()
        if piece.ends:
            found.append(b"")
    assert found.pop() == b"", "the last piece ends its document"
    return found


def rows_by_hand(rows: PackedRows, row: int) -> tuple[list[int], list[int], list[Text]]:
    """The ids of a row, where the text of each begins, and the texts, written out piece by piece."""
    ids: list[int] = []
    first: list[int] = []
    texts = []
    for number in rows.numbers(row):
        piece = rows.pieces.piece(number)
        texts.append(Text(number, 0, len(ids), piece.data.tobytes(), piece.ends))
        own = [BOS, *(byte + OFFSET for byte in piece.data.tolist()), *([EOS] if piece.ends else [])]
        first += [len(ids)] * len(own)
        ids += own
    padded = rows.length + 1 - len(ids)
    return ids + [PADDING] * padded, first + [len(ids)] * padded, texts


@given(texts=documents, length=lengths)
def test_pieces_are_the_documents(texts: list[bytes], length: int) -> None:
    pieces = Pieces(Documents(texts), length)
    assert joined(pieces) == texts
    sizes = [len(pieces.piece(number).data) for number in range(len(pieces))]
    assert pieces.bounds.shape == (len(pieces),)
    assert all(size + 2 <= bound <= length for size, bound in zip(sizes, pieces.bounds.tolist(), strict=True))
    assert all(size for size, text in zip(sizes, texts, strict=False) if text and len(sizes) == len(texts))


@given(texts=valid, length=lengths)
def test_characters_stay_whole(texts: list[bytes], length: int) -> None:
    pieces = Pieces(Documents(texts), length)
    for number in range(len(pieces)):
        pieces.piece(number).data.tobytes().decode()


def test_cuts_before_words() -> None:
    """Within the last eighth of a row, a piece begins at the blank before a word."""
    pieces = Pieces(Documents([b"abcd efg hij klm nop qrs tuv wxyz"]), 24)
    assert [pieces.piece(number).data.tobytes() for number in range(len(pieces))] == [
        b"abcd efg hij klm",
        b" nop qrs tuv wxyz",
    ]


@given(texts=documents, length=lengths, seed=seeds)
def test_every_piece_is_in_one_row_of_each_epoch(texts: list[bytes], length: int, seed: int) -> None:
    rows = PackedRows(Pieces(Documents(texts), length), length, seed, epochs=2)
    assert rows.count == 2 * rows.rows_per_epoch
    for epoch in range(2):
        own = range(epoch * rows.rows_per_epoch, (epoch + 1) * rows.rows_per_epoch)
        found = [number for row in own for number in rows.numbers(row)]
        assert sorted(found) == list(range(len(rows.pieces)))


@given(texts=documents, length=lengths, seed=seeds, data=st.data())
def test_rows_are_functions_of_their_number(texts: list[bytes], length: int, seed: int, data: st.DataObject) -> None:
    """In any order, from one of two of the same seed, they are as written out by hand."""
    pieces = Pieces(Documents(texts), length)
    one, other = PackedRows(pieces, length, seed), PackedRows(Pieces(Documents(texts), length), length, seed)
    for row in data.draw(st.permutations(range(min(3 * one.rows_per_epoch, 12)))):
        ids, first, expected = rows_by_hand(other, row)
        batch = one.batch([row])
        assert batch.ids[0].tolist() == ids
        assert batch.first[0].tolist() == first[:-1]
        assert batch.weights[0].tolist() == [target == EOS or target >= OFFSET for target in ids[1:]]
        assert texts_of(batch) == expected


@given(texts=documents, length=lengths, seed=seeds)
def test_texts_of_a_batch(texts: list[bytes], length: int, seed: int) -> None:
    """Each text once, with its place; what is predicted in it is its bytes, and its end where it is there."""
    rows = PackedRows(Pieces(Documents(texts), length), length, seed)
    batch = rows.batch(range(rows.rows_per_epoch))
    found = texts_of(batch)
    assert sorted(text.number for text in found) == list(range(len(rows.pieces)))
    for text in found:
        assert batch.ids[text.row, text.begin] == BOS
        behind = text.begin + 1 + len(text.data)
        assert (batch.ids[text.row, text.begin + 1 : behind] - OFFSET).tolist() == list(text.data)
        assert (batch.ids[text.row, behind : behind + 1].tolist() == [EOS]) == text.ends
        assert predicted(text, batch).tolist() == list(range(len(text.data) + text.ends))
    assert sum(len(predicted(text, batch)) for text in found) == batch.weights.sum()


def test_seeds_are_other_orders() -> None:
    pieces = Pieces(Documents([bytes([one]) * 30 for one in range(40)]), 40)
    orders = [[PackedRows(pieces, 40, seed).numbers(row)[0] for row in range(80)] for seed in (0, 1)]
    assert orders[0] != orders[1]
    assert orders[0][:40] != orders[0][40:], "each epoch has an order of its own"


def test_threads() -> None:
    pieces = Pieces(Documents([b"text"] * 50), 16)
    expected, rows = PackedRows(pieces, 16, 3), PackedRows(pieces, 16, 3)
    numbers = list(range(0, 200, 7))
    found: list[Batch] = []

    def ask() -> None:
        found.extend(rows.batch([number]) for number in numbers)

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 4 * len(numbers)
    wanted = {tuple(expected.numbers(number)) for number in numbers}
    assert {tuple(text.number for text in texts_of(batch)) for batch in found} == wanted


def test_mistakes() -> None:
    with pytest.raises(ValueError, match="rows of texts for a teacher need a length of at least 16 ids, got 15"):
        Pieces(Documents([b"a"]), 15)
    with pytest.raises(ValueError, match="there is no document to make pieces of; prepare data, or a larger share"):
        Pieces(Documents([]), 16)
    pieces = Pieces(Documents([b"a", b"b"]), 16)
    for number in (-1, 2):
        with pytest.raises(IndexError, match=f"piece {number}; there are 2, the first one is 0"):
            pieces.piece(number)
    with pytest.raises(ValueError, match="seed is -1; expected a whole number from 0 to 2"):
        PackedRows(pieces, 16, -1)
    with pytest.raises(IndexError, match=r"row -1; the first is 0$"):
        PackedRows(pieces, 16, 0).batch([-1])
    rows = PackedRows(pieces, 16, 0, epochs=1)
    with pytest.raises(IndexError, match=f"row {rows.count}; the first is 0, and there are {rows.count}"):
        rows.numbers(rows.count or 0)
