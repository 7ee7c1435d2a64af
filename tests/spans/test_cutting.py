import re

import pytest
import regex
from hypothesis import given
from hypothesis import strategies as st

from bytelm.spans.cutting import NAMES, ranges

TEXTS = st.text(st.sampled_from("aé_1 .,\n\t“字́"), max_size=20)
BYTES = st.binary(max_size=20) | TEXTS.map(str.encode)
PATTERNS = [re.compile(r"\w+"), re.compile(r"\b"), re.compile("é"), re.compile(rb"[\x80-\xff]"), re.compile(rb"$^")]


def pieces(text: bytes, by: object) -> list[bytes]:
    return [text[start:end] for start, end in ranges(text, by)]  # type: ignore[arg-type]


@given(BYTES, st.sampled_from([*NAMES, *PATTERNS]))
def test_parts_tile_the_text(text: bytes, by: object) -> None:
    found = ranges(text, by)  # type: ignore[arg-type]
    assert b"".join(text[start:end] for start, end in found) == text
    assert all(start < end for start, end in found)
    assert [start for start, _ in found] == [0, *(end for _, end in found)][: len(found)]


@given(TEXTS)
def test_words_are_what_a_pattern_finds(text: str) -> None:
    """The slow twin: the classes written out for another engine."""
    word = r"[\p{L}\p{M}\p{N}\p{Pc}]"
    expected = regex.findall(rf"\s*(?:{word}+|(?:(?!{word})\S)+)|\s+$", text)
    assert pieces(text.encode(), "word") == [one.encode() for one in expected]
    assert pieces(text.encode(), "spaced") == [one.encode() for one in re.findall(r"\s*\S+|\s+$", text)]


@given(TEXTS)
def test_lines_and_characters_are_pythons(text: str) -> None:
    assert pieces(text.encode(), "character") == [one.encode() for one in text]
    assert pieces(text.encode(), "line") == text.encode().splitlines(keepends=True)
    assert pieces(text.encode(), "byte") == [bytes([byte]) for byte in text.encode()]


@pytest.mark.parametrize(
    ("by", "expected"),
    [
        ("word", ["def", " f", "(", "self", "):", "\n\treturn", " it", "’", "s", " ok", " "]),
        ("spaced", ["def", " f(self):", "\n\treturn", " it’s", " ok", " "]),
        ("line", ["def f(self):\n", "\treturn it’s ok "]),
        (re.compile("f"), ["de", "f", " ", "f", "(sel", "f", "):\n\treturn it’s ok "]),
        (re.compile("’s"), ["def f(self):\n\treturn it", "’s", " ok "]),
        (re.compile(rb"\n"), ["def f(self):", "\n", "\treturn it’s ok "]),
    ],
)
def test_by_hand(by: object, expected: list[str]) -> None:
    assert pieces("def f(self):\n\treturn it’s ok ".encode(), by) == [one.encode() for one in expected]


def test_stray_bytes_are_characters() -> None:
    assert pieces(b"a\xff\xc3\xa9\xe2\x80b", "character") == [b"a", b"\xff", b"\xc3\xa9", b"\xe2", b"\x80", b"b"]
    # One that can only go on belongs to what stands before it.
    assert pieces(b"a\x80b \xff\xe2\x80b", "word") == [b"a\x80b", b" \xff\xe2\x80", b"b"]


def test_given_ranges_are_taken_as_they_are() -> None:
    assert ranges(b"abcdef", [(4, 6), (0, 5), (2, 2)]) == [(4, 6), (0, 5), (2, 2)]
    assert ranges(b"abcdef", []) == []


@pytest.mark.parametrize("wrong", [(-1, 2), (3, 2), (0, 7), (0,), (0, 1, 2), (0.0, 1), (True, 2), "ab", 3])
def test_ranges_outside_of_the_text_are_errors(wrong: object) -> None:
    expected = rf"a span is {re.escape(repr(wrong))}; expected \(start, end\) in bytes with 0 <= start <= end <= 6"
    with pytest.raises(ValueError, match=expected):
        ranges(b"abcdef", [(0, 1), wrong])  # type: ignore[list-item]


def test_unknown_names_are_errors() -> None:
    expected = r"by is '\\\\w\+'; expected one of byte, .*, a compiled regular expression \(re.compile\('\\\\w\+'\)\)"
    with pytest.raises(ValueError, match=expected):
        ranges(b"ab", r"\w+")  # type: ignore[arg-type]


def test_what_is_no_way_to_cut_is_an_error() -> None:
    with pytest.raises(ValueError, match="by is 3; expected one of byte, character, word, spaced, line, a compiled"):
        ranges(b"ab", 3)  # type: ignore[arg-type]
