"""What stretches of a long lane see, against all that its positions see."""

import numpy as np
import pytest
import torch

from bytelm.engines.sights import Sight, stretched
from bytelm.engines.slots import Slots


@pytest.mark.parametrize("window", [None, 1, 7, 40, 1000])
@pytest.mark.parametrize("first", [0, 30, 90])
def test_a_stretch_sees_what_its_positions_see_in_the_window(first: int, window: int | None) -> None:
    rng = np.random.default_rng(first)
    parents = [-1, *range(60), *(int(rng.integers(60, slot)) for slot in range(61, 120))]
    positions = [0]
    for parent in parents[1:]:
        positions.append(positions[parent] + 1)
    slots = Slots()
    slots.add(np.array(parents), np.array(positions), np.zeros(120, dtype=np.int64))
    sight = Sight(0, 0, first, slots.visible(first), slots.positions)
    back = slots.positions[first:, None] - slots.positions
    expected = sight.visible & (back < (1000 if window is None else window))
    for start in range(0, 120 - first, 16):
        queries = slice(start, start + 16)
        found = stretched(sight, queries, window, 1, torch.zeros(1))
        assert found.mask is not None
        seen = (found.mask[0, 0] == 0).numpy()
        everything = np.zeros((len(seen), 120), dtype=bool)
        place = (
            slice(None) if found.slots is None else slice(found.slots) if isinstance(found.slots, int) else found.slots
        )
        everything[:, place] = seen
        np.testing.assert_array_equal(everything, expected[queries])
