import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bytelm.engines.windows import UNLIMITED, Windows
from engines.tiny_networks import chain


def test_the_windows_of_a_small_context() -> None:
    windows = Windows((9,), 5)
    heads = chain(8, np.random.default_rng(0))
    tokens = heads[-1].tokens()
    starts = [0, 0, 0, 0, 0, 2, 2, 4, 4]
    assert [windows.input_of(head) for head in heads] == [
        [9, *tokens[start:depth]] for depth, start in enumerate(starts)
    ]


@given(st.integers(1, 5), st.integers(1, 40), st.integers(0, 300))
def test_every_window_fits_and_shows_something(begin: int, room: int, depth: int) -> None:
    windows = Windows((0,) * begin, begin + room)
    index = windows.index(depth)
    seen = depth - windows.start(index)
    assert seen <= room
    assert index == 0 or seen > room - windows.stride
    assert index == 0 or depth - windows.start(index - 1) > room, "an earlier window would have done"


def test_without_a_limit_there_is_one_window() -> None:
    assert Windows((0,), UNLIMITED).index(10**9) == 0


def test_bad_windows_are_refused() -> None:
    with pytest.raises(ValueError, match="a begin token is needed"):
        Windows((), 8)
    with pytest.raises(ValueError, match=r"context of 2 tokens leaves no room behind 2 begin token"):
        Windows((0, 1), 2)
