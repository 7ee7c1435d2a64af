"""Texts that part, are left and taken up again: places stay as they were, and rows nobody refers to are free again."""

import gc
from collections.abc import Sequence

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from blt.networks import difference, ids_of_text
from blt.readers import Case, case
from bytelm.blt.memory import SLACK
from bytelm.blt.reader import Read, Reader
from bytelm.blt.rows import Place
from bytelm.blt.vocabulary import BOS, IdArray

CLOSE = 1e-10
"""In float64, so that no entropy is so near to the threshold that rounding counts."""

WAYS = pytest.mark.parametrize(
    "way",
    [
        "entropy",
        "both",
        "newlines",
        "longest",
        "static",
        "long patches",
        "byte",
        "no windows",
        "a window of patches",
        "tokenizer",
    ],
)


class Judge:
    """Reads texts, and compares all that is read with one pass over the whole text."""

    def __init__(self, made: Case) -> None:
        self.made = made
        self.reader: Reader = made.reader()
        self._known: dict[bytes, Tensor] = {}

    def open(self, texts: Sequence[IdArray]) -> list[Place]:
        return self._checked([0] * len(texts), self.reader.open(texts), texts)

    def read(self, places: Sequence[Place], texts: Sequence[IdArray]) -> list[Place]:
        """The places behind the texts; the old ones are as before."""
        whole = [np.concatenate([place.row.ids(place.length), text]) for place, text in zip(places, texts, strict=True)]
        reads = self.reader.read(places, texts)
        return self._checked([place.length for place in places], reads, whole)

    def _checked(self, begins: Sequence[int], reads: list[Read], texts: Sequence[IdArray]) -> list[Place]:
        for begin, read, ids in zip(begins, reads, texts, strict=True):
            assert difference(read.logits_NV, self._wanted(ids)[begin:]) < CLOSE
            np.testing.assert_array_equal(read.place.row.ids(read.place.length), ids)
        return [read.place for read in reads]

    def _wanted(self, ids: IdArray) -> Tensor:
        key = ids.tobytes()
        if key not in self._known:
            self._known[key] = self.made.judged(ids)
        return self._known[key]


def judge_of(way: str) -> Judge:
    return Judge(case(way, dtype=torch.float64))


READS = st.lists(st.tuples(st.integers(0, 99), st.integers(1, 90), st.integers(0, 9)), min_size=1, max_size=3)
"""Texts that go on in one pass: from which place, by how many bytes, and which ones."""


@WAYS
@given(st.lists(st.integers(1, 80), min_size=1, max_size=3), st.lists(READS | st.integers(0, 99), max_size=10))
@settings(max_examples=7)
def test_any_order_of_reading(way: str, lengths: list[int], plan: list[list[tuple[int, int, int]] | int]) -> None:
    """A step of the plan reads on from old places, also from one place in several ways; or it forgets a place."""
    judge = judge_of(way)
    pool = judge.open([ids_of_text(length, seed) for seed, length in enumerate(lengths)])
    for step in plan:
        if isinstance(step, int):
            del pool[step % len(pool)]
            pool = pool or judge.open([np.array([BOS])])
        else:
            places = [pool[which % len(pool)] for which, _, _ in step]
            pool += judge.read(places, [ids_of_text(length, seed + 20) for _, length, seed in step])
    judge.read(pool, [ids_of_text(1 + index % 3, index) for index in range(len(pool))])


@WAYS
@pytest.mark.parametrize("far", [1, SLACK - 1, SLACK, SLACK + 1, 3 * SLACK])
def test_a_place_left_behind(way: str, far: int) -> None:
    """The circles hold just so much: what is read from the old place is the most that a pass may have."""
    judge = judge_of(way)
    ids = ids_of_text(100 + far, seed=3)
    (place,) = judge.open([ids[:100]])
    (after,) = judge.read([place], [ids[100:]])
    assert after.row is place.row
    (other,) = judge.read([place], [ids_of_text(SLACK, seed=4)])
    assert other.row is not place.row
    judge.read([place, after, other, place], [ids_of_text(5, seed) for seed in range(4)])


@WAYS
def test_places_in_the_middle_of_a_pass(way: str) -> None:
    """A pass gives the place behind each id, and all of them can be read on from."""
    judge = judge_of(way)
    (place,) = judge.open([ids_of_text(90)])
    ids = ids_of_text(SLACK, seed=1)
    ((trail, logits),) = judge.reader.verify([place], [ids])
    assert (len(trail), len(logits)) == (SLACK, SLACK)
    assert [one.length for one in trail] == list(range(91, 91 + SLACK))
    judge.read(trail[::9], [ids_of_text(4, seed) for seed in range(len(trail[::9]))])
    judge.read([place, trail[40]], [ids, ids_of_text(SLACK, seed=2)])


def test_only_what_is_lost_is_read_again(monkeypatch: pytest.MonkeyPatch) -> None:
    judge = judge_of("entropy")
    lengths: list[int] = []
    usual = Reader._again

    def counted(self: Reader, place: Place) -> Place:
        lengths.append(place.length)
        return usual(self, place)

    monkeypatch.setattr(Reader, "_again", counted)
    (place,) = judge.open([ids_of_text(100)])
    (near,) = judge.read([place], [ids_of_text(SLACK, seed=1)])
    judge.read([place], [ids_of_text(9, seed=2)])
    assert lengths == []
    judge.read([near], [ids_of_text(1, seed=3)])
    judge.read([place], [ids_of_text(9, seed=4)])
    assert lengths == [100]


def test_a_short_text_beside_a_long_one_is_not_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the pass writes behind a short text counts for nothing."""
    monkeypatch.setattr(Reader, "_again", None)
    judge = judge_of("entropy")
    short, long = judge.open([ids_of_text(100), ids_of_text(101, seed=1)])
    for seed in range(5):
        short, long = judge.read([short, long], [ids_of_text(1, seed), ids_of_text(SLACK, seed)])


def test_rows_are_free_again() -> None:
    """Branches that are left cost no memory."""
    judge = judge_of("entropy")
    (place,) = judge.open([ids_of_text(90)])
    sizes = []
    for seed in range(200):
        judge.reader.read([place, place], [ids_of_text(1 + seed % 40, seed), ids_of_text(2, seed)])
        sizes.append(judge.reader._memory.encoder.keys.data.shape[1])
    assert max(sizes) <= 8
    held = [judge.reader.read([place], [ids_of_text(2, seed)])[0].place for seed in range(20)]
    assert judge.reader._memory.encoder.keys.data.shape[1] >= 20
    judge.read(held, [ids_of_text(3, seed) for seed in range(20)])


def test_a_reader_lets_everything_go() -> None:
    """No place is kept by what was read from it, nor by the reader."""
    judge = judge_of("entropy")
    places = judge.open([ids_of_text(50), ids_of_text(60)])
    rows = judge.reader._memory._rows
    (after,) = judge.read(places[:1], [ids_of_text(70)])
    assert rows.count - len(rows._free) == 2
    del places, after
    gc.collect()
    assert len(rows._free) == rows.count


def test_places_are_frozen() -> None:
    judge = judge_of("longest")
    (place,) = judge.open([ids_of_text(77)])
    before = (place.length, place.closed, place.opened, place.patching, place.newline)
    ids = place.row.ids(77).copy()
    judge.read([place, place], [ids_of_text(80, 1), ids_of_text(90, 2)])
    assert (place.length, place.closed, place.opened, place.patching, place.newline) == before
    np.testing.assert_array_equal(place.row.ids(77), ids)
    with pytest.raises(AttributeError):
        place.length = 3  # type: ignore[misc]
