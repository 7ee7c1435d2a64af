"""Circles of slots against a dictionary from positions to values."""

from itertools import chain, pairwise

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from bytelm.blt.rings import Ring, Where, held_positions, sight

Written = dict[int, float]
"""What is remembered of a row: by position."""


@given(st.lists(st.integers(0, 40), min_size=1, max_size=4), st.integers(1, 12), st.data())
def test_held_positions(written: list[int], slots: int, data: st.DataObject) -> None:
    """Each slot holds the last position that was written to it."""
    used = data.draw(st.integers(1, slots))
    found = held_positions(np.array(written), slots, used)
    assert found.shape == (len(written), used)
    for line, count in zip(found.tolist(), written, strict=True):
        for slot, held in enumerate(line):
            there = [position for position in range(count) if position % slots == slot]
            assert held == there[-1] if there else held < 0


@st.composite
def sights(draw: st.DrawFn) -> tuple[list[list[int]], list[list[int]], int | None, list[list[int]] | None]:
    """What slots hold, positions, a window, and the first positions seen."""
    texts, used, count = draw(st.integers(1, 3)), draw(st.integers(1, 6)), draw(st.integers(1, 4))

    def lines(length: int, least: int) -> list[list[int]]:
        return [[draw(st.integers(least, 12)) for _ in range(length)] for _ in range(texts)]

    first = draw(st.none() | st.just(True))
    return lines(used, -5), lines(count, 0), draw(st.none() | st.integers(1, 9)), first and lines(count, 0)


@given(sights())
def test_sight(case: tuple[list[list[int]], list[list[int]], int | None, list[list[int]] | None]) -> None:
    held, positions, window, first = case
    found = sight(np.array(held), np.array(positions), window, None if first is None else np.array(first))
    expected = [
        [
            [
                0 <= slot <= position
                and (window is None or slot > position - window)
                and (first is None or slot >= first[text][step])
                for slot in held[text]
            ]
            for step, position in enumerate(positions[text])
        ]
        for text in range(len(held))
    ]
    if np.array(expected).all():
        assert found is None
    else:
        assert found is not None
        assert found.tolist() == expected


class Circles(RuleBasedStateMachine):
    """Rows are written forwards, also from the middle on; what is in reach is there."""

    @initialize(slots=st.integers(1, 6), layers=st.integers(1, 2))
    def begin(self, slots: int, layers: int) -> None:
        self.ring = Ring(layers, (2,), slots, torch.float64, torch.device("cpu"))
        self.rows: list[list[Written]] = []
        self.next = 0.0

    @rule(count=st.integers(1, 3))
    def add_rows(self, count: int) -> None:
        self.ring.add_rows(count)
        self.rows += [[{} for _ in range(self.ring.layers)] for _ in range(count)]

    @precondition(lambda self: self.rows)
    @rule(data=st.data())
    def write(self, data: st.DataObject) -> None:
        """Several rows in one pass, which goes on behind what each has, or overwrites its end."""
        chosen = data.draw(st.lists(st.sampled_from(range(len(self.rows))), unique=True, min_size=1, max_size=3))
        count = data.draw(st.integers(1, self.ring.slots))
        lengths = [self.length(row) for row in chosen]
        begins = [data.draw(st.integers(max(0, length - self.ring.slots), length)) for length in lengths]
        positions = torch.tensor([list(range(begin, begin + count)) for begin in begins])
        where = Where(chosen, positions)
        for layer in range(self.ring.layers):
            values = self.values(len(chosen) * count).view(len(chosen), count, 2)
            self.ring.write(layer, where, values)
            for row, line, own in zip(chosen, positions.tolist(), values.tolist(), strict=True):
                self.rows[row][layer].update({position: pair[0] for position, pair in zip(line, own, strict=True)})

    @precondition(lambda self: self.rows)
    @rule(data=st.data())
    def put(self, data: st.DataObject) -> None:
        """One position more of some rows."""
        chosen = data.draw(st.lists(st.sampled_from(range(len(self.rows))), unique=True, min_size=1, max_size=3))
        positions = [self.length(row) for row in chosen]
        for layer in range(self.ring.layers):
            values = self.values(len(chosen))
            self.ring.put(layer, torch.tensor(chosen), torch.tensor(positions), values)
            for row, position, pair in zip(chosen, positions, values.tolist(), strict=True):
                self.rows[row][layer][position] = pair[0]

    @precondition(lambda self: self.rows)
    @rule(one=st.integers(0, 99), other=st.integers(0, 99))
    def copy(self, one: int, other: int) -> None:
        one, other = one % len(self.rows), other % len(self.rows)
        self.ring.copy_row(one, other)
        self.rows[other] = [dict(known) for known in self.rows[one]]

    @precondition(lambda self: self.rows)
    @rule(more=st.integers(0, 5))
    def add_slots(self, more: int) -> None:
        before = self.ring.slots
        self.ring.add_slots(before + more, np.array([self.length(row) for row in range(len(self.rows))]))
        for known in self.rows:
            for layer in known:
                for position in list(layer):
                    if position < max(layer) + 1 - before:
                        del layer[position]

    @invariant()
    def what_is_in_reach_is_there(self) -> None:
        for row, known in enumerate(getattr(self, "rows", [])):
            for layer, written in enumerate(known):
                reach = [position for position in written if position >= self.length(row) - self.ring.slots]
                index = torch.full((len(reach),), row)
                found = self.ring.take(layer, index, torch.tensor(reach, dtype=torch.int64))
                assert found[:, 0].tolist() == [written[position] for position in reach]
                self.slots_hold_what_they_should(row, layer)

    def slots_hold_what_they_should(self, row: int, layer: int) -> None:
        """As `held_positions` says, and `read` gives them."""
        written = self.rows[row][layer]
        held = held_positions(np.array([self.length(row)]), self.ring.slots, self.ring.slots)[0]
        found = self.ring.read(layer, slice(row, row + 1), self.ring.slots)[0, :, 0]
        for position, value in zip(held.tolist(), found.tolist(), strict=True):
            if position in written:
                assert value == written[position]

    def length(self, row: int) -> int:
        return max(self.rows[row][0], default=-1) + 1

    def values(self, count: int) -> torch.Tensor:
        """Values that never were before, ``(count, 2)``."""
        found = self.next + torch.arange(count, dtype=torch.float64)
        self.next += count
        return torch.stack([found, -found], -1)


TestCircles = Circles.TestCase
TestCircles.settings = settings(max_examples=30, stateful_step_count=20)


@given(st.lists(st.integers(0, 9), unique=True, min_size=1, max_size=8))
def test_rows_that_stand_side_by_side_are_read_where_they_are(rows: list[int]) -> None:
    """The parts of a pass, one behind the other, are its texts; none could be joined with the next one."""
    where = Where(rows, torch.zeros(len(rows), 1, dtype=torch.int64))
    assert where.index.tolist() == [[row] for row in rows]
    texts, chosen = [], []
    for part, own in where.parts():
        assert isinstance(own, slice)
        texts.append(list(range(part.start, part.stop)))
        chosen.append(list(range(own.start, own.stop)))
    assert list(chain(*texts)) == list(range(len(rows)))
    assert list(chain(*chosen)) == rows
    assert [len(part) for part in texts] == [len(own) for own in chosen]
    assert all(one[-1] + 1 != other[0] for one, other in pairwise(chosen))


def test_reading_copies_nothing() -> None:
    ring = Ring(2, (), 3, torch.float32, torch.device("cpu"))
    ring.add_rows(4)
    for layer in range(2):
        ring.write(layer, Where([0, 1, 2, 3], torch.arange(2).repeat(4, 1)), 10 * layer + torch.arange(8.0).view(4, 2))
    found = ring.read(1, slice(1, 3), 2)
    assert found.tolist() == [[12, 13], [14, 15]]
    assert found.untyped_storage().data_ptr() == ring.data.untyped_storage().data_ptr()
    assert ring.read(1, torch.tensor([3, 1]), 1).tolist() == [[16], [12]]
