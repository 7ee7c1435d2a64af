from hypothesis import given
from hypothesis import strategies as st

from bytelm.decoding.characters import whole_characters
from bytelm.utf8 import unfinished

# Bytes that begin, continue and spoil characters, more often than uniform ones would.
tricky = st.lists(
    st.sampled_from([0x41, 0x80, 0x90, 0x9F, 0xA0, 0xBF, 0xC0, 0xC3, 0xE0, 0xE2, 0xED, 0xF0, 0xF4, 0xF5, 0xFF])
).map(bytes)
anything = st.one_of(st.binary(max_size=12), tricky, st.text(max_size=8).map(str.encode))


def can_become_a_character(data: bytes) -> bool:
    """By trial: whether some character has ``data`` as a proper beginning."""
    for length in range(1, 4 - len(data) + 1):
        for first in range(0x80, 0xC0):
            try:
                if len((data + bytes([first]) + b"\x80" * (length - 1)).decode()) == 1:
                    return True
            except UnicodeDecodeError:
                continue
    return False


def slow_unfinished(data: bytes) -> int:
    return next((k for k in (3, 2, 1) if k <= len(data) and can_become_a_character(data[-k:])), 0)


def character_spans(data: bytes) -> list[tuple[int, int]]:
    """The (start, end) of every valid character of more than one byte, read from the left."""
    spans, at = [], 0
    for c in data.decode("utf-8", "surrogateescape"):
        width = 1 if 0xDC80 <= ord(c) <= 0xDCFF else len(c.encode())
        if width > 1:
            spans.append((at, at + width))
        at += width
    return spans


@given(anything)
def test_unfinished_agrees_with_trial(data: bytes) -> None:
    assert unfinished(data) == slow_unfinished(data)


@given(anything, st.lists(st.integers(1, 4)))
def test_no_piece_breaks_a_character_and_nothing_is_lost(data: bytes, cuts: list[int]) -> None:
    pieces, rest = [], data
    for cut in cuts:
        pieces.append(rest[:cut])
        rest = rest[cut:]
    found = list(whole_characters([*pieces, rest]))
    assert b"".join(found) == data[: len(data) - unfinished(data)]
    assert all(found)
    ends = {sum(map(len, found[:i])) for i in range(len(found) + 1)}
    assert not any(start < end < stop for start, stop in character_spans(data) for end in ends)


@given(st.text(max_size=10))
def test_each_character_of_a_valid_text_comes_alone(text: str) -> None:
    single = [bytes([byte]) for byte in text.encode()]
    assert list(whole_characters(single)) == [c.encode() for c in text]


def test_invalid_bytes_are_released_once_they_can_no_longer_become_a_character() -> None:
    stream = whole_characters(bytes([b]) for b in b"\xff\xe2\x82A\xf0\x9f\xed\xa0")
    assert list(stream) == [b"\xff", b"\xe2\x82A", b"\xf0\x9f", b"\xed\xa0"]


def test_what_is_unfinished_at_the_end_is_left_out() -> None:
    assert list(whole_characters([b"a\xe2\x82"])) == [b"a"]
    assert list(whole_characters([])) == []


@given(anything, st.text(max_size=6), st.integers(0, 8))
def test_characters_begun_in_the_text_before_are_finished_in_one_piece(before: bytes, text: str, cut: int) -> None:
    whole = before + text.encode()
    cut = min(cut, len(whole))
    found = list(whole_characters((bytes([b]) for b in whole[cut:]), whole[:cut]))
    kept = len(whole) - unfinished(whole)
    assert b"".join(found) == whole[cut : max(cut, kept)]
    ends = {cut + sum(map(len, found[: i + 1])) for i in range(len(found))}
    assert not any(start < end < stop for start, stop in character_spans(whole) for end in ends)
