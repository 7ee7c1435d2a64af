"""Which documents a shard holds."""

from pathlib import Path
from zlib import crc32

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from bytelm.training.data.parts import Part
from bytelm.training.data.sharding import Kept, ShardPlan, first_ones, plan_shards

documents = st.lists(st.lists(st.binary(min_size=1, max_size=9), max_size=8), max_size=6)


class Parts(Part):
    """A part whose documents are in memory."""

    texts: tuple[bytes, ...] = ()

    def sizes(self, split: str) -> np.ndarray:
        return np.array([len(text) for text in self.texts], np.int64)

    def hashes(self, split: str) -> np.ndarray:
        return np.array([(len(text), crc32(text) & 3) for text in self.texts], np.uint64).reshape(-1, 2)


def parts_of(documents: list[list[bytes]]) -> list[Part]:
    found: list[Part] = []
    for number, texts in enumerate(documents):
        part = Parts(Path(f"{number}"))
        object.__setattr__(part, "texts", tuple(texts))
        found.append(part)
    return found


def read(plan: ShardPlan, documents: list[list[bytes]]) -> bytes:
    """What the runs of a plan hold."""
    data = {Path(f"{number}/train.bin"): b"".join(texts) for number, texts in enumerate(documents)}
    assert all(run.begin < run.end for run in plan.runs)
    return b"".join(data[run.path][run.begin : run.end] for run in plan.runs)


def greedy(texts: list[bytes], limit: int) -> list[list[bytes]]:
    """The shards by the obvious loop."""
    found: list[list[bytes]] = []
    size = limit + 1
    for text in texts:
        if size + len(text) > limit:
            found.append([])
            size = 0
        found[-1].append(text)
        size += len(text)
    return found


@given(documents=documents, limit=st.integers(1, 30))
def test_as_many_as_fit(documents: list[list[bytes]], limit: int) -> None:
    plans = list(plan_shards("train", parts_of(documents), None, limit))
    expected = greedy([text for texts in documents for text in texts], limit)
    assert [plan.sizes.tolist() for plan in plans] == [[len(text) for text in shard] for shard in expected]
    assert [read(plan, documents) for plan in plans] == [b"".join(shard) for shard in expected]
    assert [plan.number for plan in plans] == list(range(len(plans)))
    assert all(len(plan.runs) <= len(documents) for plan in plans)


@given(documents=documents, limit=st.integers(1, 30))
def test_a_file_is_gone_when_no_later_shard_needs_it(documents: list[list[bytes]], limit: int) -> None:
    gone: set[Path] = set()
    for plan in plan_shards("train", parts_of(documents), None, limit):
        assert not gone & {run.path for run in plan.runs}
        gone.update(plan.last_of)
    assert gone == {Path(f"{number}/train.bin") for number, texts in enumerate(documents) if texts}


@given(documents=documents, limit=st.integers(1, 30))
def test_duplicates(documents: list[list[bytes]], limit: int) -> None:
    """The first one of its kind stays."""
    parts = parts_of(documents)
    kept = Kept("train", parts) if parts else None
    plans = list(plan_shards("train", parts, kept, limit))
    first: dict[tuple[int, int], bytes] = {}
    for text in (text for texts in documents for text in texts):
        first.setdefault((len(text), crc32(text) & 3), text)
    expected = greedy(list(first.values()), limit)
    assert [read(plan, documents) for plan in plans] == [b"".join(shard) for shard in expected]
    assert kept is None or kept.duplicates == sum(map(len, documents)) - len(first)


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), max_size=40))
def test_first_ones(rows: list[tuple[int, int]]) -> None:
    hashes = np.array(rows, np.uint64).reshape(-1, 2)
    assert first_ones(hashes).tolist() == [row not in rows[:index] for index, row in enumerate(rows)]
