import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from bytelm.engines.slots import NOTHING, Slots


class NaiveSlots:
    """Slots as (name, parent's name) pairs; ancestors by climbing."""

    def __init__(self) -> None:
        self.parents: dict[int, int] = {}
        self.order: list[int] = []

    def add(self, name: int, parent: int) -> None:
        self.parents[name] = parent
        self.order.append(name)

    def ancestors(self, name: int) -> set[int]:
        found = set()
        while name != NOTHING:
            found.add(name)
            name = self.parents[name]
        return found

    def keep(self, leaves: list[int]) -> list[int]:
        """Keeps the leaves' ancestors; returns their places before."""
        wanted = set().union(*(self.ancestors(leaf) for leaf in leaves)) if leaves else set()
        places = [place for place, name in enumerate(self.order) if name in wanted]
        self.order = [self.order[place] for place in places]
        return places

    def visible(self) -> np.ndarray:
        return np.array(
            [[other in self.ancestors(name) for other in self.order] for name in self.order], dtype=bool
        ).reshape(len(self.order), len(self.order))


@given(st.data())
def test_slots_agree_with_climbing_the_tree(data: st.DataObject) -> None:
    slots, naive = Slots(), NaiveSlots()
    names = 0
    for _ in range(data.draw(st.integers(1, 5))):
        first = slots.count
        parents = []
        for slot in range(first, first + data.draw(st.integers(0, 30))):
            parents.append(data.draw(st.integers(NOTHING, slot - 1)))
            naive.add(names, naive.order[parents[-1]] if parents[-1] != NOTHING else NOTHING)
            names += 1
        slots.add(np.array(parents, dtype=np.int64), np.array([names] * len(parents), dtype=np.int64))
        np.testing.assert_array_equal(slots.visible(first), naive.visible()[first:])
        if data.draw(st.booleans()):
            leaves = data.draw(st.lists(st.sampled_from(naive.order))) if naive.order else []
            slots.keep(np.array(naive.keep(leaves), dtype=np.int64))
    np.testing.assert_array_equal(slots.visible(0), naive.visible())


def test_a_long_chain_grows_past_the_room_reserved() -> None:
    slots = Slots()
    slots.add(np.arange(-1, 199), np.arange(200))
    slots.add(np.array([99]), np.array([100]))
    np.testing.assert_array_equal(slots.visible(0)[:200, :200], np.tri(200, dtype=bool))
    np.testing.assert_array_equal(np.flatnonzero(slots.visible(200)), [*range(100), 200])


def test_positions_and_parents_move_with_their_slots() -> None:
    slots = Slots()
    slots.add(np.array([NOTHING, 0, 0, 2]), np.array([0, 1, 1, 2]))
    slots.keep(np.array([0, 2, 3]))
    np.testing.assert_array_equal(slots.parents, [NOTHING, 0, 1])
    np.testing.assert_array_equal(slots.positions, [0, 1, 2])
