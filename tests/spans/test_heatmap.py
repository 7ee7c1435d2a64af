import io
import itertools
import math
import re
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bytelm.spans.colours import IMPOSSIBLE, colour_of, top_of
from bytelm.spans.cutting import NAMES
from bytelm.spans.heatmap import Heatmap, heatmap, heatmap_of
from bytelm.spans.measuring import surprisal, word_surprisal
from bytelm.spans.picture import boxes, place
from bytelm.spans.showing import glyphs
from decoding.byte_models import markov

LM = markov(1)
TEXTS = st.binary(max_size=30) | st.text("aé .\n\t“字<&\"'", max_size=20).map(str.encode)
HOSTILE = "<script>alert('&')</script>\n\t\"x\" \x00\u202e end"


class Shown(HTMLParser):
    """What a page shows in its ``pre``, and all tags and attributes (mutable)."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.text = ""
        self.tags: list[str] = []
        self.titles: list[str] = []
        self.attributes: set[str] = set()
        self._open: list[str] = []
        self.feed(html)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes |= {name for name, _ in attrs}
        self.titles += [value or "" for name, value in attrs if name == "title"]
        if tag != "meta":
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "pre" in self._open:
            self.text += data


def shown(text: bytes) -> str:
    """What is to be seen of a text: a newline first, which ``pre`` swallows; marks before line ends and tabs."""
    behind = {"↵": "\n", "⇥": "\t"}
    return "\n" + "".join(one.text + (behind.get(one.text, "") if one.mark else "") for one in glyphs(text))


@given(TEXTS, st.sampled_from([*NAMES, re.compile(r"\w"), re.compile(rb"[\x80-\xff]+")]))
def test_a_page_shows_the_text(text: bytes, by: Any) -> None:
    page = Shown(heatmap(LM, text, by).html())
    assert page.text == shown(text)
    assert set(page.tags) <= {"html", "head", "meta", "title", "style", "body", "div", "pre", "span", "i"}
    assert page.attributes <= {"lang", "charset", "class", "style", "title"}  # so nothing is loaded or run


@given(TEXTS, st.data())
def test_runs_are_the_text_and_all_spans(text: bytes, data: st.DataObject) -> None:
    ends = sorted({0, len(text), *data.draw(st.lists(st.integers(0, len(text))))})
    pairs = [pair for pair in itertools.pairwise(ends) if data.draw(st.booleans())]
    heat = heatmap(LM, text, pairs)
    runs = heat.runs()
    assert b"".join(run.text for run in runs) == text
    seen = [span for run in runs for span in run.spans]
    assert list(dict.fromkeys(seen)) == list(heat.table)
    start = 0
    for run in runs:
        end = start + len(run.text)
        assert all(span.start < end and start < span.end for span in run.spans)
        covered = [span for span in heat.table if span.start < end and start < span.end]
        assert list(run.spans) == covered
        start = end


def test_bytes_of_one_character_share_its_place() -> None:
    page = heatmap(LM, "é", "byte").html()
    assert page.count('<span style="background:linear-gradient(90deg,') == 1
    (title,) = Shown(page).titles
    assert title.splitlines()[0].startswith("\\xc3  ")
    assert title.splitlines()[1].startswith("\\xa9  ")


def test_a_page_says_what_it_adds_up_to() -> None:
    heat = heatmap(LM, HOSTILE, "word", title="<one> & two")
    page = heat.html()
    bits = -math.fsum(LM.score(HOSTILE)) / math.log(2)
    rate = LM.bits_per_byte(HOSTILE)
    assert f"{bits:,.1f} bits, {rate:.2f} bits per byte" in page
    assert "<h1>&lt;one&gt; &amp; two</h1>" in page
    assert "<title>&lt;one&gt; &amp; two</title>" in page
    assert f"≥ {heat.top:g} bits" in page
    assert "<script" not in page
    assert (
        Shown(page)
        .titles[0]
        .endswith(f"{heat.table[0].surprisal:.2f} bits, log P = {heat.table[0].logprob:.4f} nats, bytes 0 to 1")
    )


def test_notebooks_show_the_same() -> None:
    heat = heatmap(LM, HOSTILE)
    assert heat._repr_html_() in heat.html()
    assert "<html" not in heat._repr_html_()
    assert repr(heat) == f"Heatmap of {heat.summary}; save it as .html or .png"
    assert heat.summary.startswith(f"{len(HOSTILE.encode())} bytes by byte: ")


def test_what_is_impossible_is_shown_apart() -> None:
    heat = heatmap(markov(0, b"ab "), "ab cd ba", "word")
    page = heat.html()
    assert heat.impossible
    assert page.count(IMPOSSIBLE.css()) == 2  # in the style of the legend, and of the word
    assert '<span class="zero">impossible</span>' in page
    assert "parts have probability zero" in page
    assert any(title.startswith("·cd  probability zero") for title in Shown(page).titles)
    assert "impossible</span>" not in heatmap(LM, "ab").html()
    assert math.isfinite(heat.top)


@pytest.mark.parametrize("by", NAMES)
def test_no_text(by: Any) -> None:
    heat = heatmap(LM, "", by)
    assert heat.summary == f"0 bytes by {'spaced word' if by == 'spaced' else by}: 0.0 bits"
    assert Shown(heat.html()).text == "\n"
    assert heat.png().startswith(b"\x89PNG")


def test_the_measure() -> None:
    by_bits, by_rate = (heatmap(LM, "a bcdefgh", "word", measure=one) for one in ("surprisal", "bits_per_byte"))
    assert by_bits.value(by_bits.table[1]) == by_bits.table[1].surprisal
    assert by_rate.value(by_rate.table[1]) == by_rate.table[1].bits_per_byte
    assert "bits per byte</div>" in by_rate.html()
    with pytest.raises(ValueError, match="measure is 'nats'; expected one of surprisal, bits_per_byte"):
        heatmap(LM, "a", measure="nats")  # type: ignore[arg-type]


def test_overlaps_are_errors() -> None:
    expected = r"every byte once, but the span from 2 to 4 overlaps one that ends at 3; leave out one of them, or use"
    with pytest.raises(ValueError, match=expected):
        heatmap(LM, "abcdef", [(2, 4), (0, 3)])


def test_a_table_becomes_a_heat_map() -> None:
    text = "ab ba"
    heat = heatmap_of(word_surprisal(LM, text), text, title="words")
    assert isinstance(heat, Heatmap)
    assert [run.text for run in heat.runs()] == [b"ab", b" ba"]
    with pytest.raises(ValueError, match="the table is of another text: bytes 0 to 2 are not b'ab'"):
        heatmap_of(surprisal(LM, text), "xy ba")


def test_it_is_saved_by_the_ending_of_the_name(tmp_path: Path) -> None:
    heat = heatmap(LM, HOSTILE)
    heat.save(tmp_path / "a.html")
    heat.save(str(tmp_path / "a.png"))
    assert (tmp_path / "a.html").read_text("utf-8") == heat.html()
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")
    with pytest.raises(ValueError, match=r"a heat map is saved as \.html or \.png; got 'a\.jpg'"):
        heat.save("a.jpg")


def picture(data: bytes) -> Any:
    from PIL import Image

    return Image.open(io.BytesIO(data)).convert("RGB")


def test_a_picture_has_the_colours() -> None:
    image = picture(heatmap(markov(0, b"ab\n"), "a" * 60 + "\ncc", "line").png())
    colours = {colour for _, colour in image.getcolors(10**6)}
    assert any(max(map(abs, (r - 129, g - 92, b - 186))) < 12 for r, g, b in colours)  # the impossible one on white
    assert (255, 255, 255) in colours
    assert any(max(colour) < 60 for colour in colours)  # ink
    wide, narrow = (picture(heatmap(LM, "word " * 40).png(columns)) for columns in (80, 40))
    assert wide.width > narrow.width
    assert wide.height < narrow.height


def test_pictures_are_small() -> None:
    assert len(heatmap(LM, "def main(argv=None):\n    return 0\n" * 20).png()) < 100_000


@settings(max_examples=25)
@given(TEXTS)
def test_any_text_can_be_drawn(text: bytes) -> None:
    """Characters that the font lacks are boxes; there are no warnings, which would be errors here."""
    assert picture(heatmap(LM, text).png()).height > 50


@given(TEXTS, st.integers(4, 30))
def test_wrapped_characters_do_not_overlap(text: bytes, columns: int) -> None:
    placed = list(place(heatmap(LM, text), columns))
    assert [one.text for one in placed] == [one.text for one in glyphs(text)]
    for one, after in itertools.pairwise(placed):
        same = after.line == one.line and after.column == one.column + one.width
        below = after.line == one.line + 1 and after.column == 0
        assert same or below
        assert (one.text == "↵" and one.mark) <= below
    assert all(one.column + one.width <= max(columns, one.width) for one in placed)


@given(TEXTS, st.sampled_from(NAMES))
def test_boxes_cover_every_column_once(text: bytes, by: Any) -> None:
    placed = list(place(heatmap(LM, text, by), 20))
    found = boxes(placed)
    assert sum(box.width for box in found) == pytest.approx(sum(one.width for one in placed))
    for one, after in itertools.pairwise(found):
        assert (after.line, after.left) >= (one.line, one.left + one.width - 1e-9)


def test_tabs_go_to_the_next_stop() -> None:
    placed = list(place(heatmap(LM, "a\tb\t\tc"), 40))
    assert [one.column for one in placed] == [0, 1, 4, 5, 8, 12]


def test_pictures_have_limits() -> None:
    with pytest.raises(ValueError, match="columns is 10; a picture has at least 40"):
        heatmap(LM, "a").png(columns=10)
    with pytest.raises(ValueError, match="the text takes 1,200 lines of 88 columns, and a picture at most 1,000"):
        heatmap(LM, "\n" * 1200).png()


def test_matplotlib_may_be_missing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    expected = r"a picture needs matplotlib, which is not installed: pip install 'bytelm\[plot\]'"
    with pytest.raises(ValueError, match=expected):
        heatmap(LM, "a").save(tmp_path / "a.png")
    assert not (tmp_path / "a.png").exists()


@given(st.floats(0, 100), st.floats(0, 100), st.floats(1, 50))
def test_more_bits_are_never_paler(one: float, other: float, top: float) -> None:
    less, more = sorted((one, other))
    assert colour_of(less, top).opacity <= colour_of(more, top).opacity
    assert colour_of(more + top, top) == colour_of(top, top)
    assert colour_of(math.inf, top) == IMPOSSIBLE != colour_of(top, top)


def test_the_end_of_the_scale() -> None:
    assert top_of([]) == top_of([0.1, math.inf]) == 1
    assert top_of([3.2]) == 4
    assert top_of([1.0] * 999 + [50.0]) == 1
