"""The characters of a text that need not be valid UTF-8, and of which kind each is: white space, of a word, or other.

A byte that belongs to no character stands for itself. Where the kind of the next character is asked for before all of
its bytes are known, ``kinds_within`` says which kinds are left.
"""

import unicodedata
from enum import IntEnum
from functools import cache

import numpy as np
from numpy.typing import NDArray

from bytelm.utf8 import completions, unfinished

_ESCAPED = range(0xDC80, 0xDD00)
_EMPTY = (0xF1, 0xF2, 0xF4)
"""First bytes of planes where nothing is assigned, but for private use: 4 to 11, and 16."""


class Kind(IntEnum):
    """What a character is to the words of a text."""

    SPACE = 0
    WORD = 1
    OTHER = 2


def kind_of(character: str) -> Kind:
    """The kind of a character: of a word are letters, marks, numbers and connectors such as ``_``."""
    if character.isspace():
        return Kind.SPACE
    category = unicodedata.category(character)
    return Kind.WORD if category[0] in "LMN" or category == "Pc" else Kind.OTHER


def character_starts(text: bytes) -> NDArray[np.int64]:
    """Where the characters of ``text`` begin, int64, and last its length. A stray byte is a character by itself."""
    return np.cumsum([0, *map(_length, text.decode("utf-8", "surrogateescape"))], dtype=np.int64)


def character_kinds(text: bytes) -> list[Kind]:
    """The kind of each character of ``text``.

    A stray byte that begins characters has the kind that all of these have, else it is ``OTHER``. One that can only
    go on with a character is of the kind of what stands before it: so where a word ends, the next byte alone decides
    whether it is one of these.
    """
    kinds: list[Kind] = []
    for character in text.decode("utf-8", "surrogateescape"):
        if ord(character) not in _ESCAPED:
            kinds.append(kind_of(character))
        elif is_continuation(byte := ord(character) - 0xDC00):
            kinds.append(kinds[-1] if kinds else Kind.OTHER)
        else:
            kinds.append(stray_kind(byte))
    return kinds


def is_continuation(byte: int) -> bool:
    """Whether a byte can only go on with a character that has begun."""
    return 0x80 <= byte < 0xC0


@cache
def stray_kind(byte: int) -> Kind:
    """The kind of a byte that is no continuation, where no character comes of it."""
    kinds = kinds_within(bytes([byte])) if begins(bytes([byte])) else frozenset({Kind.OTHER})
    return next(iter(kinds)) if len(kinds) == 1 else Kind.OTHER


def begins(partial: bytes) -> bool:
    """Whether ``partial`` is the beginning of a character, and not the whole of one."""
    return 0 < len(partial) == unfinished(partial)


@cache
def kinds_within(partial: bytes) -> frozenset[Kind]:
    """The kinds of the characters that begin with ``partial``, of which bytes are missing."""
    if partial[0] in _EMPTY:
        return frozenset({Kind.OTHER})
    return frozenset(kind_of(chr(code)) for code in completions(partial))


def _length(character: str) -> int:
    """The bytes of a character."""
    code = ord(character)
    if code < 0x80 or code in _ESCAPED:
        return 1
    return 2 if code < 0x800 else 3 if code < 0x10000 else 4
