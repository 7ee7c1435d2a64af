"""A text with every part coloured by its surprisal."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from os import PathLike
from pathlib import Path
from typing import Any, Literal, NamedTuple

from bytelm.decoding.texts import text_of
from bytelm.model import ByteLM, Progress
from bytelm.prompts import Prompt, Text, as_prompt
from bytelm.spans.characters import character_starts
from bytelm.spans.colours import top_of
from bytelm.spans.cutting import By, Range
from bytelm.spans.measuring import surprisal
from bytelm.spans.page import fragment, page
from bytelm.spans.picture import COLUMNS, png
from bytelm.spans.table import Span, SpanTable

Measure = Literal["surprisal", "bits_per_byte"]
"""What the colour of a span says: its bits, or its bits per byte."""

MEASURES = ("surprisal", "bits_per_byte")


class Run(NamedTuple):
    """Characters that are shown in one piece.

    Attributes:
        text: their bytes.
        spans: the span that they stand in, none where there is none; of a single character that several spans share,
            all of them, in order.
    """

    text: bytes
    spans: tuple[Span, ...]


@dataclass(frozen=True, repr=False)
class Heatmap:
    """A text coloured by surprisal. Frozen; shows itself in notebooks.

    Attributes:
        table: the spans, in the order of the text; they do not overlap.
        text: the whole text.
        measure: what the colours say, bits or bits per byte.
        title: for people; may be empty.
    """

    table: SpanTable
    text: bytes
    measure: Measure = "surprisal"
    title: str = ""

    @property
    def top(self) -> float:
        """The end of the colour scale, bits or bits per byte."""
        return top_of(self.value(span) for span in self.table)

    @property
    def impossible(self) -> bool:
        """Whether some span has probability zero."""
        return any(math.isinf(span.logprob) for span in self.table)

    @property
    def summary(self) -> str:
        """What all spans add up to, in one line."""
        if math.isinf(self.table.surprisal):
            return f"{self.table.caption}: parts have probability zero"
        rate = "" if math.isnan(self.table.bits_per_byte) else f", {self.table.bits_per_byte:.2f} bits per byte"
        return f"{self.table.caption}: {self.table.surprisal:,.1f} bits{rate}"

    def value(self, span: Span) -> float:
        """What the colour of a span says: its bits, or its bits per byte."""
        return span.surprisal if self.measure == "surprisal" else span.bits_per_byte

    def runs(self) -> list[Run]:
        """The text in pieces to be shown, in order."""
        return _runs(self.text, [span for span in self.table if span.text])

    def html(self) -> str:
        """A page by itself: coloured text with bits as tooltips, a legend, and what all of it adds up to."""
        return page(self)

    def png(self, columns: int = COLUMNS) -> bytes:
        """The same as a picture, the bytes of a PNG file; characters that the font lacks are boxes.

        Args:
            columns: where lines are wrapped.

        Raises:
            ValueError: matplotlib is not installed, the text has too many lines for a picture, or the columns are
                too few.
        """
        return png(self, columns)

    def save(self, path: str | PathLike[str]) -> None:
        """Write the page or the picture, by the ending of the name: ``.html`` or ``.png``.

        Raises:
            ValueError: another ending, or as ``png``.
        """
        target = Path(path)
        if target.suffix == ".html":
            target.write_text(self.html(), encoding="utf-8")
        elif target.suffix == ".png":
            target.write_bytes(self.png())
        else:
            raise ValueError(f"a heat map is saved as .html or .png; got {str(path)!r}")

    def _repr_html_(self) -> str:
        return fragment(self)

    def __repr__(self) -> str:
        return f"Heatmap of {self.summary}; save it as .html or .png"


def heatmap(
    lm: ByteLM[Any],
    text: Text | Prompt,
    by: By | Sequence[Range] = "byte",
    *,
    measure: Measure = "surprisal",
    title: str = "",
    progress: Progress | None = None,
) -> Heatmap:
    """A text with every part coloured by its surprisal.

    Args:
        lm: any byte model.
        text: one text, as of ``bytelm.surprisal``.
        by: how it is cut, as there; ranges may leave gaps, which stay white, but not overlap.
        measure: what the colours say, ``"surprisal"`` in bits or ``"bits_per_byte"``.
        title: stands above the text.
        progress: called during long work with the bytes done and the bytes in all.

    Raises:
        ValueError: an unknown measure, ranges that overlap, or as ``bytelm.surprisal``.
        TypeError: ``text`` is no single text.
    """
    if measure not in MEASURES:
        raise ValueError(f"measure is {measure!r}; expected one of {', '.join(MEASURES)}")
    table = surprisal(lm, text, by, progress=progress)
    return heatmap_of(table, text_of(as_prompt(text)), measure=measure, title=title)


def heatmap_of(table: SpanTable, text: Text, *, measure: Measure = "surprisal", title: str = "") -> Heatmap:
    """The heat map of a table that is there already, such as that of ``bytelm.word_surprisal``.

    Args:
        table: spans of ``text``.
        text: the text.
        measure: what the colours say.
        title: stands above the text.

    Raises:
        ValueError: spans overlap, or are not those of the text.
    """
    data = text_of(as_prompt(text))
    rows = tuple(sorted(table.rows, key=lambda row: (row.start, row.end)))
    end = 0
    for row in rows:
        if row.start < end:
            raise ValueError(
                f"a heat map shows every byte once, but the span from {row.start} to {row.end} overlaps one that ends "
                f"at {end}; leave out one of them, or use bytelm.surprisal for a table"
            )
        if data[row.start : row.end] != row.text:
            raise ValueError(f"the table is of another text: bytes {row.start} to {row.end} are not {row.text!r}")
        end = row.end
    return Heatmap(SpanTable(rows, table.caption), data, measure, title)


def _runs(text: bytes, spans: Sequence[Span]) -> list[Run]:
    """The text in runs.

    Args:
        text: the text.
        spans: in order, none empty, without overlaps.
    """
    starts = character_starts(text).tolist()
    begun: list[tuple[int, tuple[Span, ...]]] = []
    first = 0
    for start, end in pairwise(starts):
        while first < len(spans) and spans[first].end <= start:
            first += 1
        last = first
        while last < len(spans) and spans[last].start < end:
            last += 1
        own = tuple(spans[first:last])
        if not begun or len(own) > 1 or begun[-1][1] != own:
            begun.append((start, own))
    ends = [*(start for start, _ in begun[1:]), len(text)]
    return [Run(text[start:end], own) for (start, own), end in zip(begun, ends, strict=False)]
