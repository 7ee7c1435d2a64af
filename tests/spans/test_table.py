import csv
import io
import math
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bytelm.rendering import columns
from bytelm.spans.measuring import surprisal
from bytelm.spans.table import COLUMNS, SpanTable
from bytelm.spans.table_rendering import SHOWN, shortened
from decoding.byte_models import markov

LM = markov(1)
HOSTILE = 'x <b>&"\n=1,"\t“\x00' + "w" * 60


class Cells(HTMLParser):
    """The rows of a table, and all tags (mutable)."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self.tags: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_data(self, data: str) -> None:
        if self.rows and self.rows[-1]:
            self.rows[-1][-1] += data


def read(table: SpanTable) -> list[dict[str, str]]:
    written = io.StringIO()
    table.csv(written)
    return list(csv.DictReader(io.StringIO(written.getvalue(), newline="")))


@given(st.binary(max_size=40) | st.text("a é,\"'\n\r", max_size=20).map(str.encode), st.sampled_from(["word", "byte"]))
def test_csv_can_be_read_again(text: bytes, by: Any) -> None:
    table = surprisal(LM, text, by)
    found = read(table)
    assert len(found) == len(table)
    for line, row in zip(found, table, strict=True):
        assert tuple(line) == COLUMNS
        assert (int(line["start"]), int(line["end"])) == (row.start, row.end)
        assert line["text"] == row.text.decode("utf-8", "backslashreplace")
        assert float(line["logprob"]) == row.logprob
        assert float(line["surprisal"]) == row.surprisal
        assert float(line["bits_per_byte"]) == row.bits_per_byte


def test_csv_of_what_is_infinite_and_of_what_is_undefined() -> None:
    (impossible, empty) = read(surprisal(markov(0, b"ab"), "c", [(0, 1), (1, 1)]))
    assert (impossible["logprob"], impossible["surprisal"]) == ("-inf", "inf")
    assert (empty["surprisal"], empty["bits_per_byte"]) == ("0.0", "nan")


def test_csv_to_a_path(tmp_path: Path) -> None:
    table = surprisal(LM, "é\nb", "line")
    for path in (tmp_path / "a.csv", str(tmp_path / "b.csv")):
        table.csv(path)
        assert [one["text"] for one in csv.DictReader(io.StringIO(Path(path).read_text("utf-8")))] == ["é\n", "b"]


def test_pandas() -> None:
    table = surprisal(LM, HOSTILE)
    frame = table.pandas()
    assert tuple(frame.columns) == COLUMNS
    assert frame["surprisal"].sum() == pytest.approx(table.surprisal)
    assert frame["text"].tolist() == [row.text.decode() for row in table]
    assert frame["start"].dtype == "int64"
    assert len(surprisal(LM, "").pandas()) == 0


def test_pandas_may_be_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    expected = r"a data frame needs pandas, which is not installed: pip install 'bytelm\[pandas\]'"
    with pytest.raises(ValueError, match=expected):
        surprisal(LM, "a").pandas()


@given(st.text("a é字.\n\t\x00😀", max_size=300), st.sampled_from(["word", "byte", "line"]))
def test_no_line_is_too_wide(text: str, by: Any) -> None:
    lines = repr(surprisal(LM, text, by)).split("\n")
    assert max(map(columns, lines)) <= 100
    assert len(lines) <= SHOWN + 5


def test_the_text_table() -> None:
    table = surprisal(markov(0, b"ab "), "ab a c", "word")
    first, second, third = table.rows
    assert repr(table).split("\n") == [
        "6 bytes by word",
        "",
        "   start     end  text                                        nats     bits  per byte",
        f"       0       2  ab                                    {first.logprob:>10.4f}{first.surprisal:>9.3f}"
        f"{first.bits_per_byte:>10.3f}  {'█' * round(13 * first.surprisal / max(first.surprisal, second.surprisal))}",
        f"       2       4  ·a                                    {second.logprob:>10.4f}{second.surprisal:>9.3f}"
        f"{second.bits_per_byte:>10.3f}  {'█' * round(13 * second.surprisal / max(first.surprisal, second.surprisal))}",
        f"       4       6  ·c                                          -inf      inf       inf  {'█' * 13}",
        "       3 spans                                                -inf      inf       inf",
    ]
    assert third.logprob == -math.inf


def test_the_middle_of_a_long_table_is_left_out() -> None:
    table = surprisal(LM, "a b " * 100)
    text, html = repr(table), table._repr_html_()
    assert text.count("…") == html.count("…") == 1
    assert "     400 " in text
    assert len(Cells(html).rows) == SHOWN + 3
    assert len(Cells(table.html()).rows) == len(table) + 2


@given(st.text("<b>&\"' é\n", max_size=20) | st.just(HOSTILE))
def test_html_is_escaped(text: str) -> None:
    table = surprisal(LM, text, "word")
    found = Cells(table.html())
    assert set(found.tags) <= {"style", "table", "caption", "thead", "tbody", "tfoot", "tr", "td", "th", "div"}
    assert [row[2] for row in found.rows[1:-1]] == [shortened(row.text, 10**6) for row in table]
    assert "http" not in table.html()


def test_shortened() -> None:
    assert shortened(b"a b\n", 8) == "a·b↵"
    assert shortened(b"abcdefgh", 8) == "abcdefgh"
    assert shortened(b"abcdefghi", 8) == "abcdefg…"
    assert shortened("字字字字字".encode(), 8) == "字字字…"
    assert shortened(b"a" * 1000, 8) == "aaaaaaa…"


def test_tables_are_frozen_sequences() -> None:
    table = surprisal(LM, "a b")
    assert len(table) == 2
    assert list(table) == [table[0], table[1]] == list(table.rows)
    with pytest.raises(AttributeError):
        table.rows = ()  # type: ignore[misc]
