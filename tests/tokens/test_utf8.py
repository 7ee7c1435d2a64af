import codecs
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bytelm.utf8 import completions, split_tail

CHARACTERS = [code for code in range(0x110000) if not 0xD800 <= code < 0xE000]
EDGES = bytes.fromhex("00 41 7f 80 8f 90 9f a0 bf c0 c1 c2 df e0 e1 ec ed ee ef f0 f1 f3 f4 f5 ff")


@pytest.fixture(scope="module")
def codes_of() -> dict[bytes, list[int]]:
    """The code points whose UTF-8 starts with each proper prefix that any character has."""
    found: dict[bytes, list[int]] = {}
    for code in CHARACTERS[0x80:]:
        data = chr(code).encode()
        for end in range(1, len(data)):
            found.setdefault(data[:end], []).append(code)
    return found


def test_completions_are_exactly_the_code_points_that_start_so(codes_of: dict[bytes, list[int]]) -> None:
    assert len(codes_of) > 17_000
    for partial, codes in codes_of.items():
        assert completions(partial) == range(codes[0], codes[-1] + 1)
        missing = [code for code in completions(partial) if 0xD800 <= code < 0xE000]
        assert len(codes) + len(missing) == len(completions(partial))
        assert not missing, "surrogates are no characters"


def test_split_tail_on_all_short_strings_of_edge_bytes(codes_of: dict[bytes, list[int]]) -> None:
    for length in range(1, 5):
        for data in map(bytes, product(EDGES[:: 1 if length < 4 else 2], repeat=length)):
            check_split(data, codes_of)


@given(st.binary(max_size=12) | st.text(max_size=6).map(lambda text: text.encode()[:-1]))
def test_split_tail_agrees_with_pythons_decoder(codes_of: dict[bytes, list[int]], data: bytes) -> None:
    check_split(data, codes_of)


def check_split(data: bytes, codes_of: dict[bytes, list[int]]) -> None:
    """Naively: some cut leaves whole characters before it and the beginning of one behind it, or nothing."""
    expected = None
    for end in range(len(data), max(-1, len(data) - 4), -1):
        if end == len(data) or data[end:] in codes_of:
            try:
                expected = (data[:end].decode(), data[end:])
                break
            except UnicodeDecodeError:
                pass
    assert split_tail(data) == expected
    decoder = codecs.getincrementaldecoder("utf-8")()
    if expected is not None:
        assert decoder.decode(data) == expected[0]
