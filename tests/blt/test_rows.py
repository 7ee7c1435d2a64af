"""Rows that are free or not, and texts in them that grow."""

import gc

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from bytelm.blt.rows import Row, Rows


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 99), st.integers(1, 4)), max_size=30))
def test_rows_are_claimed_side_by_side_and_freed(plan: list[tuple[bool, int, int]]) -> None:
    """Against a list of who has which row: what is found is free and side by side, and nothing is missed."""
    rows = Rows()
    taken: dict[int, Row] = {}
    for wants, which, count in plan:
        if not wants:
            if taken:
                del taken[sorted(taken)[which % len(taken)]]
            continue
        free = set(range(rows.count)) - set(taken)
        found = rows.find(count)
        runs = [list(range(low, low + count)) for low in range(rows.count) if free >= set(range(low, low + count))]
        assert found == (runs[0] if runs else None)
        if found is None:
            rows.add(count)
        else:
            taken.update({index: rows.claim(index, written=which) for index in found})
    assert all(row.index == index for index, row in taken.items())


def test_a_row_is_free_when_nobody_refers_to_it() -> None:
    rows = Rows()
    rows.add(1)
    row, again = rows.claim(0, 5, 6), None
    again = row
    assert (row.index, row.length, row.written, row.written_patches) == (0, 0, 5, 6)
    del row
    assert rows.find(1) is None
    del again
    gc.collect()
    assert rows.find(1) == [0]


@given(st.lists(st.lists(st.tuples(st.integers(0, 259), st.booleans()), min_size=1, max_size=90), max_size=6))
def test_a_text_grows_at_its_end(parts: list[list[tuple[int, bool]]]) -> None:
    """Views of what was there before stay as they were."""
    row, ids, starts = Row(0), [], [True]
    views = []
    for part in parts:
        row.append(np.array([id for id, _ in part]), np.array([start for _, start in part]))
        ids += [id for id, _ in part]
        starts += [start for _, start in part]
        views.append((row.ids(row.length), row.starts(row.length + 1)))
        assert row.length == len(ids)
    for known, flags in views:
        assert known.tolist() == ids[: len(known)]
        assert flags.tolist() == starts[: len(flags)]
