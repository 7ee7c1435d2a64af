"""Results as JSON Lines. A part has its header on the first line, and the rest as it will be in the end."""

import json
import math
import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import IO

from bytelm.corpora.forms import Header
from bytelm.corpora.kinds import Kinds
from bytelm.corpora.records import Fields
from bytelm.corpora.rows import Row


class JsonForm:
    """See ``Form``."""

    suffix = ".jsonl"

    def pack(self, header: Header, rows: Sequence[Row], fields: Fields, per_byte: bool) -> bytes:
        """The header and a line for each row."""
        return header.to_json() + b"\n" + row_lines(rows, fields, per_byte)

    def header(self, path: Path) -> Header:
        """The first line."""
        with path.open("rb") as file:
            return Header.from_json(file.readline())

    def join(self, parts: Iterable[Path], kinds: Kinds, target: IO[bytes]) -> None:
        """All lines but the headers."""
        for part in parts:
            with part.open("rb") as file:
                file.readline()
                shutil.copyfileobj(file, target, 1 << 20)


def row_lines(rows: Sequence[Row], fields: Fields, per_byte: bool) -> bytes:
    """A line for each row, in ASCII; null stands for minus infinity."""
    return b"".join(
        json.dumps(row_json(row, fields, per_byte), allow_nan=False).encode("ascii") + b"\n" for row in rows
    )


def row_json(row: Row, fields: Fields, per_byte: bool) -> dict[str, object]:
    """The fields of a row for JSON."""
    found: dict[str, object] = {"file": row.document.file, "record": row.document.record}
    found.update(zip(fields.keep, row.document.kept, strict=True))
    bits = row.bits_per_byte
    found["bytes"] = len(row.document.text)
    found["logprob"] = _finite(row.logprob)
    found["bits_per_byte"] = None if bits is None else _finite(bits)
    if per_byte:
        found["logprobs"] = [_finite(value) for value in row.logprobs.tolist()]
    return found


def _finite(number: float) -> float | None:
    return number if math.isfinite(number) else None
