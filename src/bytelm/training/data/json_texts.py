"""The text in a line of JSON, or what is wrong with it."""

import json
import re
from typing import NamedTuple

_HALVES = re.compile("[\ud800-\udfff]")
"""Halves of characters, which have no bytes."""


class Taken(NamedTuple):
    """What was taken from a line.

    Attributes:
        text: the document; ``None`` if there is none.
        kind: of the trouble with it; empty if there is none.
        what: is wrong, or was done.
    """

    text: bytes | None
    kind: str = ""
    what: str = ""


def take(line: bytes, field: str) -> Taken:
    """The text in the field of a line."""
    try:
        found = json.loads(line.decode().rstrip("\r\n"))
    except (ValueError, RecursionError) as error:
        return Taken(None, "corrupt", complaint(error))
    value = value_of(found, field)
    return encoded(value) if isinstance(value, str) else value


def complaint(error: ValueError | RecursionError) -> str:
    """What is wrong with a line that cannot be parsed."""
    if isinstance(error, UnicodeDecodeError):
        return f"not valid UTF-8 at byte {error.start} of the line"
    if isinstance(error, json.JSONDecodeError):
        return f"not valid JSON: {error.msg} at column {error.colno}"
    return f"cannot be read: {error}"  # a number of thousands of digits, lists in lists in lists


def value_of(found: object, field: str) -> str | Taken:
    """The text in the field of a record, or what is wrong with it."""
    if not isinstance(found, dict):
        return Taken(None, "corrupt", f"a {type(found).__name__}, where a JSON object was expected")
    if field not in found:
        there = ", ".join(repr(other) for other in list(found)[:10]) or "none at all"
        return Taken(None, "missing", f"no field {field!r}; its fields are {there}")
    value = found[field]
    if value is None:
        return Taken(None, "null", f"the field {field!r} is null")
    if not isinstance(value, str):
        return Taken(None, "not_text", f"the field {field!r} is of type {type(value).__name__}")
    return value


def encoded(text: str) -> Taken:
    """The bytes of a text, in which each half of a character is replaced."""
    try:
        return Taken(text.encode())
    except UnicodeEncodeError as error:
        what = f"U+{ord(text[error.start]):04X}, half of a character, was replaced"
        return Taken(_HALVES.sub("\ufffd", text).encode(), "surrogates", what)
