"""Who takes which slot of the beam."""

from collections.abc import Iterator

from hypothesis import given
from hypothesis import strategies as st

from bytelm.searching.beam import Child, Hypothesis, fill
from decoding.byte_models import scripted

PARENT = Hypothesis(b"", (), 0.0, scripted(b"").prefill(b""))

families = st.lists(st.lists(st.integers(-9, 0), max_size=4).map(lambda some: sorted(some, reverse=True)), max_size=5)


def children(family: list[int], slot: int) -> Iterator[Child]:
    return iter([Child(PARENT, 10 * slot + place, 0.0, float(value)) for place, value in enumerate(family)])


def filled(some: list[list[int]], beams: int) -> list[int | None]:
    found = fill([children(family, slot) for slot, family in enumerate(some)], beams)
    return [None if child is None else child.byte for child in found]


def obvious(some: list[list[int]], beams: int) -> list[int | None]:
    """The best of all that is left of the families so far; of equals the first."""
    pool: list[tuple[int, int]] = []
    found: list[int | None] = []
    for slot in range(beams):
        if slot < len(some):
            pool += [(-value, 10 * slot + place) for place, value in enumerate(some[slot])]
        found.append(pool.pop(pool.index(min(pool)))[1] if pool else None)
    return found


@given(families, st.integers(1, 7))
def test_slots_are_filled_as_documented(some: list[list[int]], beams: int) -> None:
    assert filled(some, beams) == obvious(some, beams)


@given(families, st.integers(1, 6))
def test_a_slot_does_not_depend_on_those_behind_it(some: list[list[int]], beams: int) -> None:
    assert filled(some, beams + 1)[:beams] == filled(some[:beams], beams)


def test_by_hand() -> None:
    assert filled([[-1, -4], [-2], [-3, -3]], 4) == [0, 10, 20, 21]
    assert filled([[-5], [-1, -2, -3]], 3) == [0, 10, 11]
    assert filled([[], [-1]], 3) == [None, 10, None]
