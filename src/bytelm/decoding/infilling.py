"""Filling a gap between two texts, and where that ends: at the model's own mark, or where it meets the suffix."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple, Protocol

import numpy as np

from bytelm.decoding.checks import check_whole
from bytelm.decoding.generation import Plan
from bytelm.decoding.sampling import Sampling
from bytelm.decoding.stopping import stop_strings
from bytelm.decoding.texts import Texts, as_texts
from bytelm.prompts import Special, Text, is_batch

ENDS = ("mark", "suffix")

MEETS = 8
"""How many bytes that are no white space the output must share with the text behind the gap, to have met it."""


class Gap(NamedTuple):
    """The texts before and behind a gap."""

    prefix: bytes
    suffix: bytes


class GapFormat(NamedTuple):
    """How a model that was trained to fill gaps is asked to; what is ``None`` it chooses itself.

    Attributes:
        order: of prefix, suffix and middle: ``"psm"`` or ``"spm"``.
        tokens: the special tokens before prefix, suffix and middle.
        moved: how many bytes of the prefix go with the middle.
    """

    order: str | None = None
    tokens: Sequence[str | Special] | None = None
    moved: int | None = None


class GapModel(Protocol):
    """A byte model, as far as filling gaps needs it; ``ByteLM`` is one."""

    def marks_gaps(self, form: GapFormat) -> bool:
        """Whether the model reads what stands behind a gap, and says itself where its filling ends."""
        ...

    def gap_symbols(
        self,
        gaps: Sequence[Gap],
        form: GapFormat,
        sampling: Sampling,
        rngs: Sequence[np.random.Generator],
        most: int,
    ) -> list[Iterator[int]]:
        """The symbols of each filling, as ``ByteLM.symbols`` gives those behind prompts."""
        ...


def fillings(
    model: GapModel, gaps: Sequence[Gap], form: GapFormat, plan: Plan, end: str | None, match: int | None
) -> list[Iterator[bytes]]:
    """The filling of each gap, piece by piece, as it is made.

    Raises:
        ValueError: as `meeting` says; or the model does not know the format.
    """
    marks = model.marks_gaps(form)
    stops = [meeting(gap.suffix, end, match, marks) for gap in gaps]
    streams = model.gap_symbols(gaps, form, plan.sampling, plan.rngs(len(gaps)), plan.max_bytes)
    return [
        replace(plan, stops=stop_strings([*plan.stops, *own])).ended([symbols])[0]
        for symbols, own in zip(streams, stops, strict=True)
    ]


def as_gaps(prefix: Text | Texts, suffix: Text | Texts) -> list[Gap]:
    """The gaps between prefixes and suffixes; one suffix serves all prefixes.

    Raises:
        ValueError: there are not as many of one as of the other.
    """
    prefixes = as_texts(prefix)
    suffixes = as_texts(suffix) if is_batch(suffix) else as_texts(suffix) * len(prefixes)
    if len(prefixes) != len(suffixes):
        raise ValueError(f"got {len(prefixes)} prefixes and {len(suffixes)} suffixes; give one suffix for each prefix")
    return [Gap(*pair) for pair in zip(prefixes, suffixes, strict=True)]


def meeting(suffix: bytes, end: str | None, match: int | None, marks: bool) -> tuple[bytes, ...]:
    """The stop strings of a filling.

    Args:
        suffix: the text behind the gap.
        end: ``"mark"``: the model says where its filling ends. ``"suffix"``: so does the beginning of the suffix, where
            the output repeats it. By default the mark, if the model has one.
        match: how many bytes of the suffix are its beginning; by default its first lines that have ``MEETS`` bytes
            which are no white space.
        marks: whether the model has a mark.

    Raises:
        ValueError: an unknown end; a match where nothing is matched, or one out of range; a mark where there is none.
    """
    if end is not None and end not in ENDS:
        raise ValueError(f"unknown end {end!r} of a filling; choose one of {', '.join(ENDS)}")
    if end == "mark" and not marks:
        raise ValueError(
            'the model has no tokens for filling gaps, so nothing marks the end; use end="suffix", or name the tokens'
        )
    if end == "mark" or (end is None and marks):
        if match is not None:
            raise ValueError('match= is how much of the suffix the output must meet; it goes with end="suffix"')
        return ()
    if match is not None:
        check_whole("match", match, "how many bytes of the suffix the output must meet")
        if not 0 < match <= max(1, len(suffix)):
            raise ValueError(f"match is from 1 to the {len(suffix)} bytes of the suffix; got {match}")
    begins = suffix[: _beginning(suffix) if match is None else match]
    return (begins,) if begins else ()


def _beginning(suffix: bytes) -> int:
    """How long the beginning is that an output would not repeat by chance."""
    seen = 0
    for line in suffix.splitlines(keepends=True):
        seen += len(line)
        if len(b"".join(suffix[:seen].split())) >= MEETS:
            return len(suffix[:seen].rstrip())
    return len(suffix)
