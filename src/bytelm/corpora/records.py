"""One record of a corpus: what it is called, and the document in it."""

import datetime
import decimal
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

OWN_FIELDS = ("file", "record", "bytes", "logprob", "bits_per_byte", "logprobs")
"""The fields that results bring along; a field that is copied cannot be called so."""


@dataclass(frozen=True)
class Fields:
    """Which field holds the text, and which are copied to the results.

    Raises:
        ValueError: a field to copy has a name that the results use themselves, or is named twice.
    """

    text: str = "text"
    keep: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name in self.keep:
            if name in OWN_FIELDS:
                raise ValueError(
                    f"a field called {name!r} cannot be copied: the results have one of their own "
                    f"({', '.join(OWN_FIELDS)}); leave it out, or give it another name in the input"
                )
            if self.keep.count(name) > 1:
                raise ValueError(f"the field {name!r} is to be copied twice; name it once")


@dataclass(frozen=True)
class Document:
    """The text of a record, with what identifies it in the results.

    Attributes:
        file: the input as it was named.
        record: its place among the records of that input, from 0.
        text: its bytes; empty where the record holds an empty text, or null.
        kept: the fields that are copied, in the order asked for, as JSON values.
    """

    file: str
    record: int
    text: bytes
    kept: tuple[object, ...] = ()


class Record(Protocol):
    """A record as it was read, not yet looked into: passing over it is cheap."""

    @property
    def size(self) -> int:
        """The bytes it takes of a chunk."""
        ...

    @property
    def place(self) -> int:
        """How many bytes of its file have been read behind it; of a compressed file, of the compressed bytes."""
        ...

    @property
    def checksum(self) -> int:
        """What tells it from another one at the same place, where the input has no date; else 0."""
        ...

    def document(self, fields: Fields) -> Document:
        """The document in it.

        Raises:
            ValueError: there is none; the message names the file and the record.
        """
        ...


def wrong_text(where: str, fields: Fields, found: Mapping[str, object]) -> ValueError:
    """The error for a record of these fields that has no text where it should."""
    name = fields.text
    if name not in found:
        there = ", ".join(repr(other) for other in found) or "none at all"
        return ValueError(f"{where} has no field {name!r}; its fields are {there}: name the text's with --field")
    kind = type(found[name]).__name__
    return ValueError(f"{where}: the field {name!r} is of type {kind}; expected a text: name its field with --field")


def plain(value: object) -> object:
    """``value`` as JSON can hold it: dates as ISO 8601, decimals as text, numbers that are not finite as null.

    Raises:
        ValueError: JSON has nothing for its type.
    """
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, datetime.date | datetime.time):
        return value.isoformat()
    if isinstance(value, decimal.Decimal):
        return str(value)
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    if isinstance(value, dict):
        return {str(key): plain(one) for key, one in value.items()}
    raise ValueError(f"a value of type {type(value).__name__} cannot be copied: JSON has nothing for it; leave it out")
