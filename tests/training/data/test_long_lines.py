"""A line that is read in chunks means what it means when it is parsed at once."""

import io
import json
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bytelm.training.data import long_lines
from bytelm.training.data.json_texts import Taken, take
from bytelm.training.data.long_lines import Spooled, chunks_of, take_long

PIECES = [
    "a", "é", "€", "😀", " ", r"\n", r"\"", r"\\", r"\/", r"\u00e9", r"\ud83d\ude00", r"\ud83d", r"\ude00", r"\\u",
    r"\\ud83d", r"\u0000", "plain text that is longer", r"\\\ud83d\ude00", "u", "d83d",
]  # fmt: skip
WRONG_PIECES = [*PIECES, "\n", "\t", r"\x", r"\u12", r"\uZZZZ", "\\", '"', "\0"]

strings = st.lists(st.sampled_from(PIECES), max_size=20).map(lambda pieces: '"' + "".join(pieces) + '"')
odd_strings = st.lists(st.sampled_from(WRONG_PIECES), max_size=8).map(lambda pieces: '"' + "".join(pieces) + '"')
others = st.sampled_from(["1", "-0.5e3", "null", "true", "[]", '["x", {"text": "inner"}]', "{}", "NaN", "[1,", "}", ""])
names = st.sampled_from(['"text"', '"a"', r'"te\u0078t"', '"a very long name of a field"', '"text'])
pairs = st.tuples(names, st.one_of(strings, strings, odd_strings, others)).map(": ".join)
records = st.lists(pairs, max_size=4).map(lambda found: "{" + ", ".join(found) + "}")
json_lines = st.one_of(records, records, strings, others, records.map(lambda found: found[:-1])).map(str.encode)
damaged_lines = st.tuples(
    json_lines, st.integers(0, 200), st.sampled_from([b"\xff", b"\xe2\x82", b"\xed\xa0\x80"])
).map(lambda found: found[0][: found[1]] + found[2] + found[0][found[1] :])


def chunks(line: bytes, sizes: list[int]) -> Iterator[bytes]:
    """The line in chunks of these sizes, by turns."""
    place = turn = 0
    while place < len(line):
        size = sizes[turn % len(sizes)]
        yield line[place : place + size]
        place += size
        turn += 1


def take_in_chunks(line: bytes, sizes: list[int], short: int) -> Taken:
    """What ``take`` gives; the words of a complaint may be others."""
    spool = io.BytesIO()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(long_lines, "SHORT", short)
        patch.setattr(long_lines, "CHUNK", 5)
        found = take_long(chunks(line, sizes), "text", spool)
        if isinstance(found, Spooled):
            text = b"".join(chunks_of(spool, found))
            return Taken(text, "surrogates" if found.repaired else "", found.repaired)
    return found


@settings(max_examples=400)
@given(
    line=st.one_of(json_lines, json_lines, damaged_lines),
    sizes=st.lists(st.integers(1, 30), min_size=1, max_size=4),
    short=st.sampled_from([10, 30]),
)
def test_it_means_the_same(line: bytes, sizes: list[int], short: int) -> None:
    expected = take(line, "text")
    found = take_in_chunks(line, sizes, short)
    assert (found.text, found.kind) == (expected.text, expected.kind)
    if expected.kind == "surrogates":
        assert found.what == expected.what


def test_the_figures_of_a_placeholder_are_a_text_as_well() -> None:
    line = json.dumps({"a": "x" * 50, "text": "00000"}).encode()
    assert take_in_chunks(line, [7], 4).text == b"00000"
    assert take_in_chunks(line, [7], 5).text == b"00000"
    line = json.dumps({"text": "000000000000", "b": "x" * 50}).encode()
    assert take_in_chunks(line, [7], 4).text == b"000000000000"


def test_many_long_strings() -> None:
    """Only the one that is asked for is given."""
    found = {f"field {number}": f"{number}" * 10 for number in range(30)}
    line = json.dumps({**found, "text": "the text that is meant", "z": "y" * 20}).encode()
    assert take_in_chunks(line, [11], 8).text == b"the text that is meant"


def test_too_much_beside_the_texts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(long_lines, "REMAINDER", 100)
    monkeypatch.setattr(long_lines, "SHORT", 10)
    line = json.dumps({"text": "x" * 10_000, "numbers": list(range(100))}).encode()
    given_chunks = chunks(line, [50])
    assert take_long(given_chunks, "text", io.BytesIO()) == Taken(
        None, "too_large", "more than 100 bytes beside its texts"
    )
    assert next(given_chunks), "the rest is not read"
    line = json.dumps({"text": "x" * 10_000}).encode()
    assert isinstance(take_long(chunks(line, [50]), "text", io.BytesIO()), Spooled)


def test_a_cut_never_splits_an_escape() -> None:
    """Every place of a string with all kinds of escapes is the end of a chunk once."""
    inside = "".join(PIECES) * 2
    line = f'{{"text": "{inside}"}}'.encode()
    expected = take(line, "text")
    assert expected.text is not None
    for first in range(1, len(line)):
        assert take_in_chunks(line, [first, 1, 2, len(line)], 4).text == expected.text
