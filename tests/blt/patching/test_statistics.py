import math
import statistics
from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from blt.patching.reference import as_arrays, draw_entropies, draw_ids, draw_patching
from bytelm.blt.patching.options import Patching
from bytelm.blt.patching.statistics import PatchSizes, patch_sizes
from bytelm.blt.patching.whole import patch_starts
from bytelm.blt.vocabulary import OFFSET, document


def slowly(ids: list[int], starts: list[bool]) -> list[int]:
    """The bytes of each patch that has any."""
    patches: list[list[int]] = []
    for id, start in zip(ids, starts[:-1], strict=True):
        if start:
            patches.append([])
        patches[-1].append(id)
    return [size for patch in patches if (size := sum(id >= OFFSET for id in patch))]


@given(st.integers(0, 2**32))
def test_sizes_are_counted(seed: int) -> None:
    random = Random(seed)
    several = [draw_ids(random) for _ in range(3)]
    found, expected = [], []
    for ids in several:
        arrays = as_arrays(ids, draw_entropies(random, len(ids)))
        starts = patch_starts(draw_patching(random), *arrays)
        found.append(patch_sizes(arrays[0], starts))
        expected += slowly(ids, starts.tolist())
        assert found[-1].bytes == sum(id >= OFFSET for id in ids)
    total = sum(found, PatchSizes())
    assert [size for size, count in total.histogram for _ in range(count)] == sorted(expected)
    assert (total.patches, total.bytes) == (len(expected), sum(expected))
    if expected:
        assert total.mean == pytest.approx(statistics.mean(expected))
        assert total.median == statistics.median(expected)
        assert total.largest == max(expected)


def test_by_hand() -> None:
    ids = document(b"one two three", ended=True)
    sizes = patch_sizes(ids, patch_starts(Patching("space"), ids))
    assert sizes == PatchSizes(((4, 2), (5, 1)))
    assert (sizes.patches, sizes.bytes, sizes.median, sizes.largest) == (3, 13, 4, 5)
    assert sizes + sizes == PatchSizes(((4, 4), (5, 2)))


def test_nothing_has_no_mean() -> None:
    ids = document(b"", ended=True)
    sizes = patch_sizes(ids, patch_starts(Patching("byte"), ids))
    assert sizes == PatchSizes()
    assert (sizes.patches, sizes.bytes, sizes.largest) == (0, 0, 0)
    assert math.isnan(sizes.mean)
    assert math.isnan(sizes.median)


def test_starts_are_one_more_than_ids() -> None:
    with pytest.raises(ValueError, match=r"expected 4 starts, one for each of the 3 ids .*, got .* shape \(3,\)"):
        patch_sizes(document(b"ab"), np.ones(3, dtype=bool))
