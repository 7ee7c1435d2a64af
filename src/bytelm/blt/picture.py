"""A picture of where patches start: the entropies of a text byte by byte, as figure 4 of the paper, by matplotlib.

Sizes are in inches. A column is the place of one byte; long texts go on in further panels.
"""

import io
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bytelm.protocol import FloatArray
from bytelm.spans.extras import needed
from bytelm.spans.showing import glyphs

COLUMNS = 80
"""How many bytes a panel has."""

MOST_BYTES = 4000
"""A picture of more would be too high for most programs."""

COLUMN, PANEL, BARE = 0.135, 1.7, 0.28
"""The width of a byte, and the height of a panel with entropies and without."""

LEFT, RIGHT, LABELS, HEADER, FOOTER = 0.75, 0.95, 0.42, 0.42, 0.4
"""The margins, what letters below a panel take, and what is above and below all."""

LEAST_COLUMNS = 50
"""What is written above and below all takes as much."""

DOTS = 144
FONT = "DejaVu Sans Mono"
"""matplotlib brings this font with it."""

BORDER, CURVE, START, THRESHOLD, RISE = "border", "curve", "start", "threshold", "rise"
"""The ids of what is drawn, such as those of elements in an .svg file."""

_INKS = ("#174a7c", "#8a3b12")
_SHADES = ("#ffffff", "#f1ead9")
_GREY, _FAINT, _LINE, _ACCENT = "#666666", "#a5a5a5", "#4878a8", "#c4392d"
_BOX = "▯"


class Letter(NamedTuple):
    """What stands below a panel for one character.

    Attributes:
        place: the middle of its bytes.
        first: its first byte.
        text: what is drawn.
        mark: whether that stands for the character.
    """

    place: float
    first: int
    text: str
    mark: bool


class Curve(NamedTuple):
    """The entropies of a text, and what they are compared with.

    Attributes:
        values: about each byte, given those before it, nats.
        threshold: of the entropy, nats; ``None`` where it is compared with nothing.
        rise: the threshold of the rise, nats; ``None`` where that does not count.
    """

    values: FloatArray
    threshold: float | None
    rise: float | None


def image(
    text: bytes,
    starts: NDArray[np.bool_],
    entropies: FloatArray | None = None,
    *,
    threshold: float | None = None,
    rise: float | None = None,
    title: str = "",
    first: int = 0,
    form: str = "png",
) -> bytes:
    """The picture as the bytes of a file; see `draw`.

    Args:
        form: ``"png"``, ``"svg"`` or ``"pdf"``.
    """
    figure = draw(text, starts, entropies, threshold=threshold, rise=rise, title=title, first=first)
    written = io.BytesIO()
    figure.savefig(written, format=form, dpi=DOTS)
    return written.getvalue()


def draw(
    text: bytes,
    starts: NDArray[np.bool_],
    entropies: FloatArray | None = None,
    *,
    threshold: float | None = None,
    rise: float | None = None,
    title: str = "",
    first: int = 0,
    columns: int = COLUMNS,
) -> Any:
    """The figure of matplotlib.

    Args:
        text: the text, or a stretch of one.
        starts: whether a patch starts at each byte, bool ``(len(text),)``.
        entropies: how uncertain each byte is, given those before it, ``(len(text),)``, nats; without them there are
            borders alone.
        threshold: of the entropy, nats; drawn as a line.
        rise: the threshold of its rise, nats; steps that exceed it and start a patch are drawn bold.
        title: stands above.
        first: the number of the first byte.
        columns: how many bytes a panel has.

    Raises:
        ValueError: matplotlib is not installed, the text is empty or too long, or the arrays are not as long as it.
    """
    _check(text, starts, entropies)
    curve = None if entropies is None else Curve(np.asarray(entropies, dtype=np.float64), threshold, rise)
    panels = range(0, len(text), columns)
    height = (BARE if curve is None else PANEL) + LABELS
    wide = max(min(columns, len(text)), LEAST_COLUMNS)
    sheet = _Sheet(LEFT + wide * COLUMN + RIGHT, HEADER + len(panels) * height + FOOTER)
    letters, glyph = _letters(text), _Glyphs()
    patches: NDArray[np.int64] = np.cumsum(starts, dtype=np.int64)
    for line, begin in enumerate(panels):
        end = min(begin + columns, len(text))
        top = HEADER + line * height
        axes = sheet.axes(LEFT, top, (end - begin) * COLUMN, height - LABELS)
        axes.set_xlim(begin - 0.5, end - 0.5)
        _shade(axes, patches, begin, end)
        _draw_borders(axes, starts, begin, end)
        if curve is None:
            axes.set_yticks([])
        else:
            _draw_curve(axes, curve, starts, begin, end)
        _draw_letters(axes, [one for one in letters if begin <= one.first < end], patches, glyph)
        sheet.write(LEFT - 0.08, top + height - LABELS + 0.06, f"{first + begin:,}", _FAINT, 7, "right")
    sheet.write(LEFT, HEADER - 0.32, glyph.known(title), "#1b1b1b", 10)
    sheet.write(LEFT, sheet.height - FOOTER, _caption(curve), _GREY, 8)
    return sheet.figure


def _check(text: bytes, starts: NDArray[np.bool_], entropies: FloatArray | None) -> None:
    if not text:
        raise ValueError("there is nothing to draw: 0 bytes; give a text that is not empty")
    if len(text) > MOST_BYTES:
        raise ValueError(f"a picture shows at most {MOST_BYTES:,} bytes, got {len(text):,}; draw a part of the text")
    for what, array in (("starts", starts), ("entropies", entropies)):
        if array is not None and np.shape(array) != (len(text),):
            raise ValueError(f"expected {what} of shape ({len(text)},), one for each byte, got {np.shape(array)}")


class _Sheet:
    """A figure on which things are placed in inches from its upper left corner (mutable)."""

    def __init__(self, width: float, height: float) -> None:
        self.width, self.height = width, height
        self.figure = needed("matplotlib", "a picture", "matplotlib.figure").Figure((width, height), dpi=DOTS)
        self.figure.set_facecolor("#ffffff")

    def axes(self, left: float, top: float, width: float, height: float) -> Any:
        """The axes of a panel."""
        place = (left / self.width, 1 - (top + height) / self.height, width / self.width, height / self.height)
        axes = self.figure.add_axes(place)
        axes.set_xticks([])
        axes.tick_params(axis="y", labelsize=8, colors=_GREY, length=2)
        for side, spine in axes.spines.items():
            spine.set_visible(side in ("left", "bottom"))
            spine.set_color(_FAINT)
        return axes

    def write(self, left: float, top: float, text: str, ink: str, size: float, align: str = "left") -> None:
        """A line of text."""
        at = (left / self.width, 1 - top / self.height)
        self.figure.text(*at, text, color=ink, fontsize=size, ha=align, va="top", parse_math=False)


class _Glyphs:
    """What the font can draw (mutable only as a cache)."""

    def __init__(self) -> None:
        manager = needed("matplotlib", "a picture", "matplotlib.font_manager")
        self._font = manager.get_font(manager.findfont(manager.FontProperties(family=FONT)))

    def known(self, text: str) -> str:
        """The text with a box for each character that the font lacks."""
        return "".join(one if self._font.get_char_index(ord(one)) else _BOX for one in text)


def _letters(text: bytes) -> list[Letter]:
    """The characters of a text, in the middle of their bytes."""
    found, first = [], 0
    for character, shown in zip(text.decode("utf-8", "surrogateescape"), glyphs(text), strict=True):
        length = len(character.encode("utf-8", "surrogateescape"))
        blank = shown.text == " "
        found.append(Letter(first + (length - 1) / 2, first, "·" if blank else shown.text, shown.mark or blank))
        first += length
    return found


def _shade(axes: Any, patches: NDArray[np.int64], begin: int, end: int) -> None:
    """Every other patch on a ground of its own."""
    edges = [begin, *(begin + 1 + np.flatnonzero(np.diff(patches[begin:end]))).tolist(), end]
    for left, right in pairwise(edges):
        shade = _SHADES[int(patches[left]) % 2]
        axes.axvspan(left - 0.5, right - 0.5, facecolor=shade, linewidth=0, zorder=0)


def _draw_borders(axes: Any, starts: NDArray[np.bool_], begin: int, end: int) -> None:
    for place in (begin + np.flatnonzero(starts[begin:end])).tolist():
        axes.axvline(place - 0.5, color=_FAINT, linewidth=0.8, zorder=1, gid=BORDER)


def _draw_curve(axes: Any, curve: Curve, starts: NDArray[np.bool_], begin: int, end: int) -> None:
    """The entropies of a panel, joined to those of its neighbours."""
    values = curve.values
    axes.set_ylim(0, 1.08 * max(float(values.max()), curve.threshold or 0.0, 0.1))
    axes.set_ylabel("entropy (nats)", fontsize=8, color=_GREY)
    places = np.arange(max(begin - 1, 0), min(end + 1, len(values)))
    axes.plot(places, values[places], color=_LINE, linewidth=1.2, marker=".", markersize=3, zorder=3, gid=CURVE)
    begun = begin + np.flatnonzero(starts[begin:end])
    axes.plot(begun, values[begun], color=_ACCENT, linewidth=0, marker="o", markersize=3.5, zorder=4, gid=START)
    if curve.rise is not None:
        for place in begun[begun > 0]:
            if values[place] - values[place - 1] > curve.rise:
                step = [place - 1, place]
                axes.plot(step, values[step], color=_ACCENT, linewidth=2, zorder=3, gid=RISE)
    if curve.threshold is not None:
        axes.axhline(curve.threshold, color=_ACCENT, linewidth=1, linestyle="--", zorder=2, gid=THRESHOLD)
        axes.annotate(
            f"{curve.threshold:.3f} nats",
            (1, curve.threshold),
            (3, 0),
            xycoords=axes.get_yaxis_transform(),
            textcoords="offset points",
            color=_ACCENT,
            fontsize=8,
            va="center",
        )


def _draw_letters(axes: Any, letters: list[Letter], patches: NDArray[np.int64], glyph: _Glyphs) -> None:
    """The characters below their bytes, in the ink of their patch."""
    for one in letters:
        long = len(one.text) > 1
        ink = _FAINT if one.mark and not long else _INKS[int(patches[one.first]) % 2]
        axes.annotate(
            glyph.known(one.text),
            (one.place, 0),
            (0, -3),
            xycoords=axes.get_xaxis_transform(),
            textcoords="offset points",
            color=ink,
            fontsize=6 if long else 9.5,
            rotation=90 if long else 0,
            family=FONT,
            ha="center",
            va="top",
            annotation_clip=False,
            parse_math=False,
        )


def _caption(curve: Curve | None) -> str:
    if curve is None:
        return "Lines: a patch starts."
    bold = "; bold: rises beyond the threshold" if curve.rise is not None else ""
    return (
        "Entropy, nats: how uncertain the entropy model is about a byte, given those before it.\n"
        f"Lines and red dots: a patch starts{bold}."
    )
