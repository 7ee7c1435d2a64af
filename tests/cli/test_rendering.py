import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bytelm.cli.outputs import wants_colour
from bytelm.cli.progress import ProgressLine, progress_text
from bytelm.protocol import END, SYMBOLS
from bytelm.rendering import WIDTH, columns, last_columns, pieces, render_next, symbol_name, visible
from cli.fake_loading import Cover

VOCABULARY = [b"An", b" apple", b" a", b" day", b"", b"|", "日本".encode(), b"\xf0\x9f"]


def worked_example() -> np.ndarray:
    logprobs = np.full(SYMBOLS, -np.inf)
    logprobs[[100, 0x20, 0xE2, END]] = np.log([0.6, 0.25, 0.1, 0.05])
    return logprobs


def test_a_picture_verified_by_hand() -> None:
    logprobs = worked_example()
    covers = [Cover((0, 1, 2), b" d", -7.25, True), Cover((0, 1, 2, 3), b"", -10.1987, False)]
    bounds = (logprobs - 1e-7, logprobs + 1e-7)
    found = render_next(logprobs, bounds, covers, VOCABULARY.__getitem__, b"An apple a d", 3, logprob=-7.25)
    expected = """\
after  An·apple·a·d▏   log P = -7.2500 nats

next byte                                                  probability        nats
  d      ████████████████████████████▊                         60.00 %     -0.5108
  ·      ████████████                                          25.00 %     -1.3863
  \\xe2   ████▊                                                 10.00 %     -2.3026
  254 others                                                    5.00 %
  certified: each probability is known to within 1.2e-07

2 live covers: share, nats, tokens, and the bytes after them
    100.00 %     -7.2500   An|·apple|·a|·d
≤     5.24 %    -10.1987   An|·apple|·a|·day|  (pending)"""
    assert found == expected


@given(
    st.binary(max_size=200),
    st.lists(st.tuples(st.lists(st.integers(0, 7), max_size=150), st.binary(max_size=150)), max_size=12),
    st.integers(0, 300),
    st.sampled_from([None, -1e6]),
)
def test_no_line_is_too_long(tail: bytes, heads: list[tuple[list[int], bytes]], k: int, logprob: float | None) -> None:
    logprobs = worked_example()
    covers = [Cover(tuple(tokens), rest, -20.0, False) for tokens, rest in heads]
    token_bytes = VOCABULARY.__getitem__
    found = render_next(logprobs, (logprobs, logprobs), covers, token_bytes, tail, k, logprob=logprob)
    assert max(columns(line) for line in found.split("\n")) <= WIDTH


@given(st.binary(max_size=10), st.binary(max_size=10))
def test_visible_is_one_printable_line_and_loses_nothing(one: bytes, other: bytes) -> None:
    assert (visible(one) == visible(other)) == (one == other)
    assert visible(one).isprintable()
    assert " " not in visible(one)


def test_visible() -> None:
    assert visible(b"a b\n\t\r|\\") == "a·b↵⇥\\r\\|\\\\"
    assert visible("é日·\u200b\U000e0001\x00".encode()) == "é日\\u00b7\\u200b\\U000e0001\\x00"
    assert visible(b"\xe2\x82") == "\\xe2\\x82"


def test_symbol_names_are_short_and_different() -> None:
    names = [symbol_name(symbol) for symbol in range(SYMBOLS)]
    assert len(set(names)) == SYMBOLS
    assert max(map(columns, names)) == 5
    assert (names[0x7C], names[0x5C], names[END]) == ("|", "\\", "⟨end⟩")


def test_pieces() -> None:
    assert pieces([0, 4, 5, 7], b"x", VOCABULARY.__getitem__) == ["An", "⟨4⟩", "\\|", "\\xf0\\x9f", "x"]


def test_the_end_of_what_is_too_long_is_kept() -> None:
    assert last_columns(["ab", "cd", "ef"], "|", 8) == "…|cd|ef"
    assert last_columns(["ab", "cd", "ef"], "|", 20) == "ab|cd|ef"
    assert last_columns(["abcdef"], "|", 4) == "…def"
    assert last_columns(["日本日本"], "|", 4) == "…本"


def test_what_is_certain() -> None:
    logprobs = worked_example()

    def note(lower: float, upper: float, dropped: float = 0.0) -> str:
        bounds = (logprobs - lower, logprobs + upper)
        text = render_next(logprobs, bounds, [], VOCABULARY.__getitem__, b"", 2, dropped=dropped)
        return text.splitlines()[-1].strip()

    assert note(0, 0) == "exact"
    assert note(1e-3, 0) == "certified: each probability is known to within 6.0e-04"
    assert note(0, 0, 0.02) == "not certified: posterior mass dropped so far 0.02, the expected relative shortfall"


def test_covers_that_do_not_fit_are_counted() -> None:
    logprobs = worked_example()
    covers = [Cover((0,), b"", -3.0, True)] * 11
    text = render_next(logprobs, (logprobs, logprobs), covers, VOCABULARY.__getitem__, b"", 1)
    assert text.splitlines()[-1] == "  and 3 more with 27.27 % together"


def test_colours_change_nothing_else() -> None:
    logprobs = worked_example()
    covers = [Cover((0, 1), b" d", -0.1, True), Cover((0,), b"", -3.0, False)]

    def render(colour: bool) -> str:
        bounds = (logprobs, logprobs)
        return render_next(logprobs, bounds, covers, VOCABULARY.__getitem__, b"An", 3, logprob=-1.0, colour=colour)

    plain = render(True)
    for code in ("0", "1", "2", "4", "36"):
        plain = plain.replace(f"\x1b[{code}m", "")
    assert plain == render(False)
    assert "\x1b" in render(True)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("environment", "expected"),
    [({"TERM": "xterm"}, True), ({"NO_COLOR": "1"}, False), ({"NO_COLOR": ""}, True), ({"TERM": "dumb"}, False)],
)
def test_colours_only_where_they_are_wanted(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], expected: bool
) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert wants_colour(Terminal()) is expected
    assert wants_colour(io.StringIO()) is False


def progress_written(stream: io.StringIO, enabled: bool) -> str:
    times = iter([0.0, 0.1, 1.0, 1.1, 2.0])
    with ProgressLine(stream, enabled, clock=lambda: next(times)) as line:
        for done in (1, 10, 11, 20):
            line.update(done, 40)
    return stream.getvalue()


def test_progress_is_shown_a_few_times_a_second() -> None:
    ten, twenty = "10 of 40 bytes (25 %), 10 bytes/s, 3 s left", "20 of 40 bytes (50 %), 10 bytes/s, 2 s left"
    assert progress_written(io.StringIO(), True) == f"{ten}\n{twenty}\n"
    assert progress_written(Terminal(), True) == f"\r\x1b[K{ten}\r\x1b[K{twenty}\r\x1b[K"
    assert progress_written(Terminal(), False) == ""


def test_progress_of_nothing() -> None:
    assert progress_text(0, 0, 0.0) == "0 of 0 bytes (100 %), 0 bytes/s"
