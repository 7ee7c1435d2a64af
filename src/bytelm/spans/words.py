"""Where words end, and what the next byte says about it.

A word is a run of word characters, or a run of characters that are neither that nor white space, with the white space
before it: ``if x:`` is ``if``, `` x``, ``:``. *Spaced* words are all that stands between white space: ``if``, `` x:``.
White space at the end of a text is a span by itself. So words tile the text, and whether one ends at a place depends
on the bytes before the place and on the next character, or the end of text.

By that a word can be an event: *this word, and then it ends*. See ``bytelm.spans.borders``.
"""

from functools import cache

import numpy as np
from numpy.typing import NDArray

from bytelm.protocol import END, SYMBOLS
from bytelm.spans.characters import (
    Kind,
    begins,
    character_kinds,
    character_starts,
    is_continuation,
    kind_of,
    kinds_within,
    stray_kind,
)

NO, YES, OPEN = 0, 1, 2
"""Whether a word ends where a symbol comes next; ``OPEN`` where more bytes of a character must be known."""


def word_ends(text: bytes, spaced: bool = False) -> tuple[list[int], list[Kind]]:
    """Where the words of ``text`` end, the last one at its end, and the kind of the character before each end."""
    starts = character_starts(text)
    kinds = [merged(kind, spaced) for kind in character_kinds(text)]
    ends, before = [], []
    for place, kind in enumerate(kinds, 1):
        if place == len(kinds) or parts(kind, kinds[place]):
            ends.append(int(starts[place]))
            before.append(kind)
    return ends, before


def merged(kind: Kind, spaced: bool) -> Kind:
    """The kind as far as it matters: where words are spaced, all that is no white space belongs to a word."""
    return Kind.WORD if spaced and kind is Kind.OTHER else kind


def parts(before: Kind, after: Kind) -> bool:
    """Whether a word ends between two characters of these kinds: white space belongs to the word behind it."""
    return before is not Kind.SPACE and before is not after


@cache
def answers(before: Kind, spaced: bool, partial: bytes = b"") -> NDArray[np.uint8]:
    """Whether a word ends at a place, for each next symbol: ``NO``, ``YES`` or ``OPEN``, uint8 ``(257,)``.

    Args:
        before: the kind of the character before the place, merged.
        spaced: whether words are spaced.
        partial: the bytes behind the place that are known already; the beginning of a character. The symbols are
            those behind them.
    """
    # What breaks a character off does so in one way, whichever symbol it is.
    broken = _answer(before, spaced, partial, END)
    found = np.full(SYMBOLS, broken, dtype=np.uint8)
    for symbol in range(0x80, 0xC0) if partial else range(END):
        found[symbol] = _answer(before, spaced, partial, symbol)
    found.flags.writeable = False
    return found


def _answer(before: Kind, spaced: bool, partial: bytes, symbol: int) -> int:
    if not partial and symbol == END:
        return YES
    if not partial and is_continuation(symbol):
        return NO
    verdicts = {int(parts(before, merged(kind, spaced))) for kind in _kinds(partial, symbol)}
    return verdicts.pop() if len(verdicts) == 1 else OPEN


def _kinds(partial: bytes, symbol: int) -> frozenset[Kind]:
    """The kinds that the character may have which begins with ``partial`` and a symbol, or with the symbol."""
    bytes_so_far = partial if symbol == END else partial + bytes([symbol])
    if symbol != END and begins(bytes_so_far):
        # It may also stay unfinished, and then its first byte is a stray one.
        return kinds_within(bytes_so_far) | {stray_kind(bytes_so_far[0])}
    try:
        return frozenset({kind_of(bytes_so_far.decode())})
    except UnicodeDecodeError:
        return frozenset({stray_kind(bytes_so_far[0])})
