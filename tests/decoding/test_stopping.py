import pytest
from hypothesis import given
from hypothesis import strategies as st

from bytelm.decoding.stopping import StopMatcher, stop_strings, until_stop
from bytelm.protocol import Text

texts = st.binary(max_size=12).map(lambda data: bytes(97 + byte % 3 for byte in data))
stops = st.lists(texts.filter(bool), max_size=4)


def singles(text: bytes) -> list[bytes]:
    return [text[i : i + 1] for i in range(len(text))]


def brute_force(text: bytes, stops: list[bytes]) -> bytes:
    """The shortest beginning of ``text`` that ends with a stop string, without the longest of these."""
    for end in range(len(text) + 1):
        matches = [stop for stop in stops if text[:end].endswith(stop)]
        if matches:
            return text[: end - max(map(len, matches))]
    return text


@given(texts, stops)
def test_the_output_is_that_of_brute_force(text: bytes, stops: list[bytes]) -> None:
    pieces = list(until_stop(singles(text), stop_strings(stops)))
    assert b"".join(pieces) == brute_force(text, stops)
    assert all(pieces)


@given(texts, stops)
def test_nothing_is_held_back_longer_than_needed(text: bytes, stops: list[bytes]) -> None:
    """After each byte, what is held back is the longest end of the output that may begin a stop string."""
    matcher = StopMatcher(stop_strings(stops))
    released = 0
    for done, byte in enumerate(singles(text), start=1):
        released += len(matcher.push(byte))
        if matcher.stopped:
            return
        may_begin = [k for k in range(done + 1) if any(s.startswith(text[done - k : done]) for s in stops)]
        assert done - released == max(may_begin, default=0)


def test_no_byte_is_taken_after_the_stop_string() -> None:
    source = iter(singles(b"abcd"))
    assert list(until_stop(source, (b"b",))) == [b"a"]
    assert list(source) == [b"c", b"d"]


def test_the_first_to_be_complete_wins_and_then_the_longest() -> None:
    assert list(until_stop(singles(b"xabc"), stop_strings([b"abc", b"b"]))) == [b"x", b"a"]
    assert list(until_stop(singles(b"xabc"), stop_strings([b"bc", b"abc", b"c"]))) == [b"x"]


def test_stop_strings_are_bytes_each_once_longest_first() -> None:
    mixed: list[Text] = ["b", b"a", bytearray(b"a"), "né"]
    assert stop_strings(mixed) == (b"n\xc3\xa9", b"a", b"b")
    assert stop_strings("\n\n") == (b"\n\n",)
    assert stop_strings(b"ab") == (b"ab",)
    assert stop_strings([]) == ()


@pytest.mark.parametrize("stop", ["", [b"a", b""]])
def test_an_empty_stop_string_is_an_error(stop: str | list[bytes]) -> None:
    with pytest.raises(ValueError, match="a stop string is empty and would end every output at once; leave it out"):
        stop_strings(stop)


def test_a_stop_string_of_another_type_is_an_error() -> None:
    with pytest.raises(TypeError, match="expected bytes or str, got int"):
        stop_strings([10])  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="expected bytes, str or a list of them, got int"):
        stop_strings(10)  # type: ignore[arg-type]
