"""The picture of entropies and borders, looked at through the figure's own parts."""

import io
import sys
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from bytelm.blt.picture import BORDER, COLUMNS, CURVE, MOST_BYTES, RISE, START, THRESHOLD, draw, image
from bytelm.protocol import FloatArray

TEXT = b"import json\n\ndef load(path):\n" * 6


def marked(length: int, seed: int = 0) -> tuple[NDArray[np.bool_], FloatArray]:
    """Starts, the first byte's among them, and entropies."""
    rng = np.random.default_rng(seed)
    starts = rng.random(length) < 0.3
    starts[0] = True
    return starts, 3 * rng.random(length)


def lines(figure: Any, gid: str) -> list[Any]:
    """The lines of one id on all panels."""
    return [line for axes in figure.axes for line in axes.lines if line.get_gid() == gid]


def labels(figure: Any) -> list[str]:
    """What is written below the panels, character by character."""
    return [
        text.get_text() for axes in figure.axes for text in axes.texts if text.get_fontfamily() == ["DejaVu Sans Mono"]
    ]


def test_a_line_stands_before_each_patch() -> None:
    starts, entropies = marked(len(TEXT))
    figure = draw(TEXT, starts, entropies, threshold=1.5)
    places = [line.get_xdata()[0] for line in lines(figure, BORDER)]
    assert places == (np.flatnonzero(starts) - 0.5).tolist()
    dots = [line.get_xydata() for line in lines(figure, START)]
    assert np.array_equal(np.concatenate(dots), np.stack([np.flatnonzero(starts), entropies[starts]], 1))


def test_the_curve_goes_on_from_panel_to_panel() -> None:
    starts, entropies = marked(len(TEXT))
    figure = draw(TEXT, starts, entropies)
    assert len(figure.axes) == -(-len(TEXT) // COLUMNS)
    for axes, curve in zip(figure.axes, lines(figure, CURVE), strict=True):
        left, right = axes.get_xlim()
        first, last = round(left + 0.5), round(right - 0.5)
        expected = np.arange(max(first - 1, 0), min(last + 2, len(TEXT)))
        assert np.array_equal(curve.get_xdata(), expected)
        assert np.array_equal(curve.get_ydata(), entropies[expected])
        low, high = axes.get_ylim()
        assert low == 0
        assert high > entropies.max()
        assert axes.get_ylabel() == "entropy (nats)"


def test_the_threshold() -> None:
    starts, entropies = marked(40)
    figure = draw(TEXT[:40], starts, entropies, threshold=5.0)
    (line,) = lines(figure, THRESHOLD)
    assert set(line.get_ydata()) == {5.0}
    assert "5.000 nats" in [text.get_text() for text in figure.axes[0].texts]
    assert figure.axes[0].get_ylim()[1] > 5
    assert lines(draw(TEXT[:40], starts, entropies), THRESHOLD) == []


def test_rises_that_start_a_patch_are_bold() -> None:
    entropies = np.array([1.0, 1.1, 2.0, 0.5, 2.5, 2.6])
    starts = np.array([True, True, True, False, True, False])
    bold = lines(draw(b"abcdef", starts, entropies, rise=0.5), RISE)
    assert [list(line.get_xdata()) for line in bold] == [[1, 2], [3, 4]]
    assert lines(draw(b"abcdef", starts, entropies), RISE) == []


def test_every_other_patch_is_shaded() -> None:
    starts, entropies = marked(len(TEXT))
    figure = draw(TEXT, starts, entropies, columns=30)
    colours = np.full(len(TEXT), None, dtype=object)
    for axes in figure.axes:
        for box in axes.patches:
            begin, end = round(box.get_x() + 0.5), round(box.get_x() + box.get_width() + 0.5)
            assert all(colours[begin:end] == None)  # noqa: E711 - of each element
            colours[begin:end] = [box.get_facecolor()] * (end - begin)
    changes = [one != before for before, one in pairwise(colours)]
    assert changes == starts[1:].tolist()


def test_borders_alone() -> None:
    starts, _ = marked(50)
    figure = draw(TEXT[:50], starts)
    assert len(lines(figure, BORDER)) == starts.sum()
    assert lines(figure, CURVE) == []
    assert figure.get_size_inches()[1] < draw(TEXT[:50], starts, np.ones(50)).get_size_inches()[1]


def test_characters_stand_below_their_bytes() -> None:
    data = "aé\t字 \x00\n".encode() + b"\xff"
    starts, entropies = marked(len(data))
    figure = draw(data, starts, entropies, first=1000)
    assert labels(figure) == ["a", "é", "⇥", "▯", "·", "\\x00", "↵", "\\xff"]
    places = [text.xy[0] for text in figure.axes[0].texts]
    assert places == [0, 1.5, 3, 5, 7, 8, 9, 10]
    assert "1,000" in [text.get_text() for text in figure.texts]


@settings(max_examples=20)
@given(st.binary(min_size=1, max_size=60) | st.text("$_^\\é字\u200b\n\t a", min_size=1, max_size=20).map(str.encode))
def test_any_text_can_be_drawn(data: bytes) -> None:
    """What the font lacks is a box, and no dollar begins a formula; warnings would be errors here."""
    starts, entropies = marked(len(data))
    assert image(data, starts, entropies, threshold=1, title=data.decode("utf-8", "replace")).startswith(b"\x89PNG")


def test_a_patch_that_was_begun_before() -> None:
    starts = np.array([False, False, True, False])
    figure = draw(b"abcd", starts, np.ones(4))
    assert [line.get_xdata()[0] for line in lines(figure, BORDER)] == [1.5]


@pytest.mark.parametrize(("form", "begins"), [("png", b"\x89PNG"), ("svg", b"<?xml"), ("pdf", b"%PDF")])
def test_forms(form: str, begins: bytes) -> None:
    starts, entropies = marked(20)
    assert image(TEXT[:20], starts, entropies, title="a title", form=form).startswith(begins)


def test_ids_are_in_svg_files() -> None:
    starts, entropies = marked(20)
    drawn = image(TEXT[:20], starts, entropies, threshold=1.0, form="svg")
    assert drawn.count(b'id="border"') == starts.sum()
    assert drawn.count(b'id="threshold"') == 1


def test_longer_texts_are_higher() -> None:
    from PIL import Image

    pictures = []
    for count in (COLUMNS, 3 * COLUMNS):
        data = (TEXT * 2)[:count]
        pictures.append(Image.open(io.BytesIO(image(data, *marked(count)))))
    assert pictures[0].width == pictures[1].width
    assert pictures[0].height < pictures[1].height


@pytest.mark.parametrize(
    ("length", "starts", "entropies", "message"),
    [
        (0, 0, 0, "there is nothing to draw: 0 bytes; give a text that is not empty"),
        (MOST_BYTES + 1, 1, 1, "a picture shows at most 4,000 bytes, got 4,001; draw a part of the text"),
        (5, 6, 5, r"expected starts of shape \(5,\), one for each byte, got \(6,\)"),
        (5, 5, 4, r"expected entropies of shape \(5,\), one for each byte, got \(4,\)"),
    ],
)
def test_refusals(length: int, starts: int, entropies: int, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        draw(b"x" * length, np.ones(starts, dtype=bool), np.ones(entropies))


def test_matplotlib_may_be_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(ValueError, match=r"a picture needs matplotlib, which is not installed: pip install"):
        draw(b"a", np.ones(1, dtype=bool))
