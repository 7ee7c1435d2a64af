import numpy as np
import pytest
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

    def above(self, leaves: list[int]) -> list[int]:
        """The places of the leaves and their ancestors."""
        wanted = set().union(*(self.ancestors(leaf) for leaf in leaves)) if leaves else set()
        return [place for place, name in enumerate(self.order) if name in wanted]

    def visible(self) -> np.ndarray:
        return np.array(
            [[other in self.ancestors(name) for other in self.order] for name in self.order], dtype=bool
        ).reshape(len(self.order), len(self.order))


def fresh_order(data: st.DataObject, naive: NaiveSlots, places: list[int]) -> list[int]:
    """The places in an order of parents before children: ascending, or one chain first."""
    if not places or data.draw(st.booleans()):
        return places
    last = naive.order[data.draw(st.sampled_from(places))]
    chain = [place for place in places if naive.order[place] in naive.ancestors(last)]
    return chain + [place for place in places if place not in chain]


@given(st.data())
def test_slots_agree_with_climbing_the_tree(data: st.DataObject) -> None:
    slots, naive = Slots(), NaiveSlots()
    names = 0
    for _ in range(data.draw(st.integers(1, 5))):
        first = slots.count
        parents = []
        chain = data.draw(st.integers(0, 30))
        for slot in range(first, first + data.draw(st.integers(0, 30))):
            follows = len(parents) < chain
            parents.append(slot - 1 if follows else data.draw(st.integers(NOTHING, slot - 1)))
            naive.add(names, naive.order[parents[-1]] if parents[-1] != NOTHING else NOTHING)
            names += 1
        numbers = np.arange(names - len(parents), names)
        slots.add(np.array(parents, dtype=np.int64), 2 * numbers, 3 * numbers)
        agree(slots, naive, first, data)
        if data.draw(st.booleans()):
            leaves = data.draw(st.lists(st.sampled_from(naive.order))) if naive.order else []
            kept = fresh_order(data, naive, naive.above(leaves))
            naive.order = [naive.order[place] for place in kept]
            slots.keep(np.array(kept, dtype=np.int64))
            agree(slots, naive, 0, data)


def agree(slots: Slots, naive: NaiveSlots, first: int, data: st.DataObject) -> None:
    order = naive.order
    np.testing.assert_array_equal(slots.visible(first), naive.visible()[first:])
    np.testing.assert_array_equal(slots.positions, [2 * name for name in order])
    np.testing.assert_array_equal(slots.tokens, [3 * name for name in order])
    chained = [order[:1] == [name] or naive.parents[name] == order[place - 1] for place, name in enumerate(order)]
    chained[:1] = [naive.parents[name] == NOTHING for name in order[:1]]
    assert slots.trunk <= (chained.index(False) if False in chained else len(order))
    if order:
        slot = data.draw(st.integers(0, len(order) - 1))
        np.testing.assert_array_equal(slots.path(slot), np.flatnonzero(naive.visible()[slot]))
        some = data.draw(st.lists(st.integers(0, len(order) - 1)))
        np.testing.assert_array_equal(
            slots.above(np.array(some, dtype=np.int64)), np.flatnonzero(naive.visible()[some].any(0))
        )


def counted(parents: list[int]) -> Slots:
    slots = Slots()
    numbers = np.arange(len(parents))
    slots.add(np.array(parents), numbers, numbers)
    return slots


def test_a_long_chain_grows_past_the_room_reserved() -> None:
    slots = counted(list(range(-1, 199)))
    assert slots.trunk == 200
    assert slots._beside.size == 0, "a chain needs no bits"
    slots.add(np.array([99]), np.array([100]), np.array([0]))
    np.testing.assert_array_equal(slots.visible(0)[:200, :200], np.tri(200, dtype=bool))
    np.testing.assert_array_equal(np.flatnonzero(slots.visible(200)), [*range(100), 200])


def test_the_trunk_goes_on_while_nothing_is_beside_it() -> None:
    slots = counted([NOTHING, 0, 1])
    slots.add(np.array([2, 3, 3, 5]), np.array([3, 4, 4, 5]), np.zeros(4, dtype=np.int64))
    assert slots.trunk == 5
    slots.add(np.array([6]), np.array([6]), np.zeros(1, dtype=np.int64))
    assert slots.trunk == 5
    slots.keep(np.array([0, 1, 2, 3, 5, 6, 7]))
    assert slots.trunk == 7


def test_positions_tokens_and_parents_move_with_their_slots() -> None:
    slots = counted([NOTHING, 0, 0, 2])
    slots.keep(np.array([0, 2, 3]))
    np.testing.assert_array_equal(slots.parents, [NOTHING, 0, 1])
    np.testing.assert_array_equal(slots.positions, [0, 2, 3])
    np.testing.assert_array_equal(slots.tokens, [0, 2, 3])


def test_a_slot_is_not_kept_without_its_parent() -> None:
    with pytest.raises(AssertionError):
        counted([NOTHING, 0, 0, 2]).keep(np.array([0, 3]))
