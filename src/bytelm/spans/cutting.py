"""From what a user says about parts to byte ranges of a text."""

import re
from collections.abc import Sequence
from numbers import Integral
from typing import Any, Literal

from bytelm.spans.characters import character_starts
from bytelm.spans.words import word_ends

By = Literal["byte", "character", "word", "spaced", "line"] | re.Pattern[str] | re.Pattern[bytes]
"""How to cut a text into parts that tile it."""

Range = tuple[int, int]
"""A part of a text: where it begins and where it ends, in bytes."""

NAMES = ("byte", "character", "word", "spaced", "line")


def ranges(text: bytes, by: By | Sequence[Range]) -> list[Range]:
    """The byte ranges of the parts of ``text``.

    Args:
        text: the text; it need not be valid UTF-8.
        by: one of ``NAMES``; a compiled regular expression of ``str`` or ``bytes``, whose matches are parts, as is
            what lies between them; or the ranges themselves.

    Raises:
        ValueError: an unknown name, a regular expression that is not compiled, or a range that is not in the text.
    """
    if isinstance(by, str):
        return _tiles(_ends(text, by))
    if isinstance(by, re.Pattern):
        return _tiles(_match_ends(text, by))
    if not isinstance(by, Sequence):
        raise _unknown(by)
    return [_checked(one, len(text)) for one in by]


def line_ends(text: bytes) -> list[int]:
    """Where the lines of ``text`` end, each with its newline."""
    ends = [match.end() for match in re.finditer(rb"\n", text)]
    return ends if text.endswith(b"\n") or not text else [*ends, len(text)]


def _ends(text: bytes, by: str) -> list[int]:
    """Where the parts of ``text`` end."""
    if by == "byte":
        return list(range(1, len(text) + 1))
    if by == "character":
        return [int(start) for start in character_starts(text)[1:]]
    if by in ("word", "spaced"):
        return word_ends(text, by == "spaced")[0]
    if by == "line":
        return line_ends(text)
    raise _unknown(by)


def _unknown(by: object) -> ValueError:
    hint = f" (re.compile({by!r}))" if isinstance(by, str) else ""
    return ValueError(
        f"by is {by!r}; expected one of {', '.join(NAMES)}, a compiled regular expression{hint}, or a list of "
        "(start, end) in bytes"
    )


def _match_ends(text: bytes, pattern: re.Pattern[Any]) -> list[int]:
    """Where the matches of a pattern begin and end, and the end of the text."""
    if isinstance(pattern.pattern, bytes):
        places = {place for match in pattern.finditer(text) for place in match.span()}
    else:
        starts = character_starts(text)
        found = pattern.finditer(text.decode("utf-8", "surrogateescape"))
        places = {int(starts[place]) for match in found for place in match.span()}
    return sorted((places | {len(text)}) - {0})


def _tiles(ends: Sequence[int]) -> list[Range]:
    return list(zip([0, *ends[:-1]], ends, strict=True)) if ends else []


def _checked(given: object, length: int) -> Range:
    """A range of a text of ``length`` bytes.

    Raises:
        ValueError: it is none.
    """
    places = list(given) if isinstance(given, Sequence) else []
    whole = [int(place) for place in places if not isinstance(place, bool) and isinstance(place, Integral)]
    if len(whole) != len(places) or len(whole) != 2 or not 0 <= whole[0] <= whole[1] <= length:
        raise ValueError(
            f"a span is {given!r}; expected (start, end) in bytes with 0 <= start <= end <= {length}, the bytes of the "
            "text; for places in characters, take the bytes of what stands before each"
        )
    return whole[0], whole[1]
