"""Guesses of what comes next from what came last time."""

from hypothesis import given
from hypothesis import strategies as st

from bytelm.covers.guessing import COMPARED, LONGEST, MEMORY, SHORTEST, Repeats


def naive(text: bytes, size: int) -> bytes:
    """Byte by byte: the one that followed the last time that the text ended with its last ``size`` bytes."""
    length = LONGEST if size == COMPARED[0] else 2 * SHORTEST
    guess = b""
    places = [i for i in range(len(text) - size) if text[i : i + size] == text[-size:]]
    while places and len(guess) < length:
        grown = text + guess
        guess += grown[places[-1] + size + len(guess) :][:1]
    return guess


@given(st.text("ab", max_size=12).map(lambda part: part * 6).map(str.encode), st.text("ab", max_size=3).map(str.encode))
def test_guesses_follow_the_last_time(text: bytes, likely: bytes) -> None:
    long, short = COMPARED
    right = naive(text, long) or likely + (naive(text + likely, long) or naive(text + likely, short))
    assert Repeats(text).guess(likely) == right


def test_nothing_is_guessed_where_nothing_repeats() -> None:
    assert Repeats(bytes(range(100))).guess() == b""
    assert Repeats(b"").guess() == b""


def test_a_period_goes_on() -> None:
    assert Repeats(b"-" * 20).guess() == b"-" * 2 * SHORTEST
    assert Repeats(b"abc" * 6).guess() == (b"abc" * 6)[: 2 * SHORTEST]


def test_a_long_agreement_is_trusted_at_once() -> None:
    assert Repeats(b"-" * 30).guess() == b"-" * LONGEST


def test_guesses_grow_while_they_come_true_and_shrink_when_they_fail() -> None:
    seen = Repeats(b"x" * 20)
    for _ in range(10 * LONGEST):
        seen.came_true()
    assert len(seen.guess()) == LONGEST
    for _ in range(10):
        seen.failed()
    assert len(seen.guess()) == SHORTEST


def test_memory_is_bounded() -> None:
    seen = Repeats(b"the beginning, which is forgotten" + bytes(MEMORY))
    for _ in range(100):
        seen.append(b"y" * 1000)
    assert len(seen._text) <= 2 * MEMORY + 1000
    seen.append(b"the beginning, which is")
    assert seen.guess() == b""
