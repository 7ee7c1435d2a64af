"""A table of spans with their probabilities, and how it leaves Python."""

import csv
import math
from collections.abc import Iterator
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any, TextIO

from bytelm.spans.extras import needed
from bytelm.spans.table_rendering import render_table, render_table_html

COLUMNS = (
    "start",
    "end",
    "character_start",
    "character_end",
    "text",
    "logprob",
    "surprisal",
    "bits_per_byte",
)
"""The columns of ``SpanTable.pandas`` and ``SpanTable.csv``."""


@dataclass(frozen=True, slots=True)
class Span:
    """A part of a text, and how probable it is there. Frozen.

    Attributes:
        start, end: where it begins and ends, in bytes.
        text: its bytes.
        logprob: its log-probability given what stands before it, nats.
        character_start, character_end: where it begins and ends in characters; one that has begun counts.
    """

    start: int
    end: int
    text: bytes
    logprob: float
    character_start: int
    character_end: int

    @property
    def surprisal(self) -> float:
        """``-log2 P``, bits; infinite for what is impossible."""
        return bits(self.logprob)

    @property
    def bits_per_byte(self) -> float:
        """The surprisal over the number of bytes; NaN of a span without bytes."""
        return _rate(self.surprisal, len(self.text))


@dataclass(frozen=True, repr=False)
class SpanTable:
    """Spans of one text. Frozen; prints as a table, in notebooks as well.

    Attributes:
        rows: the spans, in the order in which they were asked for.
        caption: what they are, for people.
    """

    rows: tuple[Span, ...]
    caption: str

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[Span]:
        return iter(self.rows)

    def __getitem__(self, index: int) -> Span:
        return self.rows[index]

    @property
    def logprob(self) -> float:
        """The sum over the rows, nats; of spans that tile a text, the log-probability of the text."""
        return math.fsum(row.logprob for row in self.rows)

    @property
    def surprisal(self) -> float:
        """The sum over the rows, bits."""
        return bits(self.logprob)

    @property
    def bits_per_byte(self) -> float:
        """All surprisal over all bytes; NaN where there are no bytes."""
        return _rate(self.surprisal, sum(len(row.text) for row in self.rows))

    def pandas(self) -> Any:
        """A ``pandas.DataFrame`` with the columns ``COLUMNS``; ``text`` as in ``csv``.

        Raises:
            ValueError: pandas is not installed.
        """
        frame = needed("pandas", "a data frame").DataFrame
        return frame({column: [_cell(row, column) for row in self.rows] for column in COLUMNS})

    def csv(self, target: str | PathLike[str] | TextIO) -> None:
        r"""Write the table as comma-separated values, UTF-8, with a line of names first.

        Bytes of ``text`` that are no UTF-8 are written ``\xff``; ``start`` and ``end`` tell them from these four
        characters. What is infinite is written ``inf``, what is undefined ``nan``.

        Args:
            target: a path, or a file opened for text.
        """
        if isinstance(target, str | PathLike):
            with Path(target).open("w", encoding="utf-8", newline="") as file:
                self.csv(file)
            return
        # Quoted, all of it: the writer takes a carriage return for harmless, and readers do not.
        writer = csv.writer(target, lineterminator="\n", quoting=csv.QUOTE_NONNUMERIC)
        target.write(",".join(COLUMNS) + "\n")
        writer.writerows([_cell(row, column) for column in COLUMNS] for row in self.rows)

    def html(self) -> str:
        """The whole table as a piece of HTML that needs nothing else."""
        return render_table_html(self, len(self.rows))

    def _repr_html_(self) -> str:
        return render_table_html(self)

    def __repr__(self) -> str:
        return render_table(self)


def bits(logprob: float) -> float:
    """Nats of log-probability as bits of surprisal; no minus sign in front of zero."""
    return -logprob / math.log(2) + 0.0


def _rate(surprisal: float, length: int) -> float:
    return surprisal / length if length else math.nan


def _cell(row: Span, column: str) -> object:
    value = getattr(row, column)
    return value.decode("utf-8", "backslashreplace") if isinstance(value, bytes) else value
