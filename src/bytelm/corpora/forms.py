"""The forms that results are written in: what a part of them is, and how parts become one file."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Protocol

from bytelm.corpora.kinds import Kinds
from bytelm.corpora.records import Fields
from bytelm.corpora.rows import Row, Totals


@dataclass(frozen=True)
class Header:
    """What a part says of itself.

    Attributes:
        chunk: the index of the chunk.
        checksum: that of the chunk's records.
        totals: what its rows add up to.
        kinds: for each field that is copied, the kinds of values in it.
    """

    chunk: int
    checksum: int
    totals: Totals
    kinds: Kinds

    def to_json(self) -> bytes:
        """The header on one line."""
        return json.dumps(asdict(self), allow_nan=False).encode("ascii")

    @staticmethod
    def from_json(data: bytes) -> "Header":
        """The header that ``to_json`` wrote."""
        found = json.loads(data)
        kinds = {name: tuple(kinds) for name, kinds in found["kinds"].items()}
        return Header(found["chunk"], found["checksum"], Totals(**found["totals"]), kinds)


class Form(Protocol):
    """How results are written. Nothing of it changes."""

    @property
    def suffix(self) -> str:
        """What names of such files end with."""
        ...

    def pack(self, header: Header, rows: Sequence[Row], fields: Fields, per_byte: bool) -> bytes:
        """A whole part."""
        ...

    def header(self, path: Path) -> Header:
        """The header of a part."""
        ...

    def join(self, parts: Iterable[Path], kinds: Kinds, target: IO[bytes]) -> None:
        """Write the rows of all parts as one file. Memory holds few of them."""
        ...
