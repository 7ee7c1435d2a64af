"""A heat map as a picture: the text in a monospaced font over its colours, drawn by matplotlib."""

import io
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from bytelm.rendering import columns as columns_of
from bytelm.spans.colours import IMPOSSIBLE, Colour, colour_of
from bytelm.spans.extras import needed
from bytelm.spans.page import UNITS
from bytelm.spans.showing import TAB, glyphs

if TYPE_CHECKING:
    from bytelm.spans.heatmap import Heatmap

COLUMNS = 88
"""Where lines are wrapped."""

MOST_LINES = 1000
FONT, SIZE = "DejaVu Sans Mono", 10.0
"""matplotlib brings this font with it. Sizes are in points, 1/72 inch."""

WIDTH, HEIGHT = 0.60205 * SIZE, 1.55 * SIZE
"""Of one column and of one line."""

MARGIN, TITLE, FOOTER = 1.6 * SIZE, 2.0 * SIZE, 4.2 * SIZE
LEAST_COLUMNS = 40
DOTS = 144

_INK, _GREY, _FAINT, _PAPER = "#1b1b1b", "#555555", "#9a9a9a", "#ffffff"
_BOX = "▯"
_BAR = 14
"""The columns of the scale, each of one colour."""


class Placed(NamedTuple):
    """One character where it stands.

    Attributes:
        line, column: from 0; a wide character takes two columns.
        width: the columns it covers.
        text: what is drawn; marks may take several characters.
        mark: whether that stands for the character.
        colours: of the spans it stands in, side by side.
    """

    line: int
    column: int
    width: int
    text: str
    mark: bool
    colours: tuple[Colour, ...]


class Box(NamedTuple):
    """A stretch of one colour, in columns and lines."""

    line: int
    left: float
    width: float
    colour: Colour


def png(heat: "Heatmap", columns: int = COLUMNS) -> bytes:
    """The picture as the bytes of a PNG file.

    Args:
        heat: what to draw.
        columns: where lines are wrapped, at least ``LEAST_COLUMNS``.

    Raises:
        ValueError: matplotlib is not installed, the columns are too few, or the text has too many lines.
    """
    if columns < LEAST_COLUMNS:
        raise ValueError(f"columns is {columns}; a picture has at least {LEAST_COLUMNS}")
    placed = list(place(heat, columns))
    lines = 1 + max((one.line for one in placed), default=0)
    if lines > MOST_LINES:
        raise ValueError(
            f"the text takes {lines:,} lines of {columns} columns, and a picture at most {MOST_LINES:,}; "
            "save it as .html, or a part of it"
        )
    captions = (columns_of(heat.title), columns_of(heat.summary))
    wide = max([LEAST_COLUMNS, *(one.column + one.width for one in placed), *(min(one, columns) for one in captions)])
    figure, axes = _sheet(wide, lines, TITLE if heat.title else 0.0)
    _draw_boxes(axes, boxes(placed))
    _draw_text(axes, placed)
    if heat.title:
        _draw_strings(axes, [(0.0, -1.0 * SIZE, heat.title)], _INK)
    _draw_footer(axes, heat, lines * HEIGHT)
    return _file(figure)


def place(heat: "Heatmap", columns: int) -> Iterator[Placed]:
    """The characters of a text where they stand, wrapped."""
    line = column = 0
    for run in heat.runs():
        colours = tuple(colour_of(heat.value(span), heat.top) for span in run.spans)
        for text, mark in glyphs(run.text):
            width = TAB - column % TAB if text == "⇥" and mark else columns_of(text)
            if column + width > columns and column:
                line, column = line + 1, 0
            yield Placed(line, column, width, text, mark, colours)
            column += width
            if text == "↵" and mark:
                line, column = line + 1, 0


def boxes(placed: Sequence[Placed]) -> list[Box]:
    """What is coloured; neighbours of one colour are one box, so that no seams show."""
    found: list[Box] = []
    for one in placed:
        for index, colour in enumerate(one.colours):
            width = one.width / len(one.colours)
            box = Box(one.line, one.column + index * width, width, colour)
            last = found[-1] if found else None
            if last and last.line == box.line and last.colour == colour and last.left + last.width == box.left:
                found[-1] = last._replace(width=last.width + width)
            else:
                found.append(box)
    return found


def _sheet(columns: int, lines: int, header: float) -> tuple[Any, Any]:
    """A figure and its axes, whose units are points from the upper left corner of the text, downwards."""
    width, height = columns * WIDTH + 2 * MARGIN, lines * HEIGHT + header + FOOTER + 2 * MARGIN
    figure = needed("matplotlib", "a picture", "matplotlib.figure").Figure((width / 72, height / 72), dpi=DOTS)
    figure.set_facecolor(_PAPER)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_xlim(-MARGIN, width - MARGIN)
    axes.set_ylim(height - MARGIN - header, -MARGIN - header)
    axes.axis("off")
    return figure, axes


def _draw_boxes(axes: Any, found: Sequence[Box]) -> None:
    rectangle = needed("matplotlib", "a picture", "matplotlib.patches").Rectangle
    shapes = [rectangle((x * WIDTH, y * HEIGHT), wide * WIDTH, 0.94 * HEIGHT) for y, x, wide, _ in found]
    collection = needed("matplotlib", "a picture", "matplotlib.collections").PatchCollection
    axes.add_collection(
        collection(shapes, facecolors=[box.colour.fractions() for box in found], linewidths=0, antialiased=False)
    )


def _draw_text(axes: Any, placed: Sequence[Placed]) -> None:
    """The characters over their colours, marks fainter."""
    inks: dict[str, list[tuple[float, float, str]]] = {}
    for one in placed:
        ink = _PAPER if IMPOSSIBLE in one.colours else _FAINT if one.mark else _INK
        inks.setdefault(ink, []).append((one.column * WIDTH, (one.line + 0.68) * HEIGHT, one.text))
    for ink, strings in inks.items():
        _draw_strings(axes, strings, ink)


def _draw_footer(axes: Any, heat: "Heatmap", top: float) -> None:
    """The scale, and what all adds up to."""
    rectangle = needed("matplotlib", "a picture", "matplotlib.patches").Rectangle
    for step in range(_BAR):
        colour = colour_of(heat.top * (step + 0.5) / _BAR, heat.top).fractions()
        corner = ((2 + step) * WIDTH, top + 1.1 * SIZE)
        axes.add_patch(rectangle(corner, WIDTH, 0.9 * SIZE, facecolor=colour, linewidth=0, antialiased=False))
    line = top + 1.9 * SIZE
    end = f"≥ {heat.top:g} {UNITS[heat.measure]}"
    strings = [(0.0, line, "0"), ((_BAR + 3) * WIDTH, line, end), (0.0, line + 1.7 * SIZE, heat.summary)]
    _draw_strings(axes, strings, _GREY)


def _draw_strings(axes: Any, strings: Sequence[tuple[float, float, str]], ink: str) -> None:
    """Strings at ``(left, baseline)``, a column for each character: their outlines as one shape.

    Outlines fall where the columns are; text proper would be moved to whole pixels.
    """
    path = needed("matplotlib", "a picture", "matplotlib.path").Path
    outlines = _Outlines()
    shapes = []
    for left, baseline, string in strings:
        column = 0
        for character in string:
            if not character.isspace():
                outline = outlines.of(character)
                vertices = outline.vertices * (1, -1) + (left + column * WIDTH, baseline)
                shapes.append(path(vertices, outline.codes))
            column += columns_of(character)
    if shapes:
        patch = needed("matplotlib", "a picture", "matplotlib.patches").PathPatch
        axes.add_patch(patch(path.make_compound_path(*shapes), facecolor=ink, linewidth=0))


class _Outlines:
    """The outlines of characters, each made once (mutable)."""

    def __init__(self) -> None:
        manager = needed("matplotlib", "a picture", "matplotlib.font_manager")
        self._text_path = needed("matplotlib", "a picture", "matplotlib.textpath").TextPath
        self._properties = manager.FontProperties(family=FONT)
        self._font = manager.get_font(manager.findfont(self._properties))
        self._known: dict[str, Any] = {}

    def of(self, character: str) -> Any:
        """The outline of a character at the origin; a box for one that the font lacks."""
        if character not in self._known:
            drawn = character if self._font.get_char_index(ord(character)) else _BOX
            self._known[character] = self._text_path((0, 0), drawn, size=SIZE, prop=self._properties, usetex=False)
        return self._known[character]


def _file(figure: Any) -> bytes:
    """The figure as a PNG file of 256 colours, which make it small."""
    image = needed("matplotlib", "a picture", "PIL.Image")
    drawn = io.BytesIO()
    figure.savefig(drawn, format="png", dpi=DOTS)
    small = io.BytesIO()
    image.open(drawn).convert("RGB").quantize(256).save(small, format="PNG", optimize=True)
    return small.getvalue()
