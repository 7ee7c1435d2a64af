"""Records in JSON Lines, plain or compressed, from a file or from standard input."""

import gzip
import json
import sys
import zlib
from collections.abc import Iterable, Iterator
from typing import BinaryIO, NamedTuple

from bytelm.corpora.records import Document, Fields, plain, wrong_text

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"

_LINES_BETWEEN_PLACES = 256
"""How often the place in a compressed file is asked for: a system call, so not at every line."""


class JsonRecord(NamedTuple):
    """A line, not parsed yet. ``line`` counts from 1 and counts blank lines, ``number`` from 0 without them."""

    file: str
    number: int
    line: int
    raw: bytes
    place: int
    checksum: int

    @property
    def size(self) -> int:
        """The bytes of the line: known without parsing it."""
        return len(self.raw)

    def document(self, fields: Fields) -> Document:
        """Parse the line; see ``Record``."""
        where = f"{self.file!r}, line {self.line} (record {self.number})"
        found = _parse(self.raw, where)
        text = found.get(fields.text, found)  # the record itself is no text either
        if text is not None and not isinstance(text, str):
            raise wrong_text(where, fields, found)
        kept = tuple(plain(found.get(name)) for name in fields.keep)
        return Document(self.file, self.number, _encode(text or "", where, fields), kept)


def read_file(path: str, compressed: bool) -> Iterator[JsonRecord]:
    """The records of a file.

    Raises:
        ValueError: it cannot be read, or is not compressed as its name says.
    """
    try:
        with open(path, "rb") as file:  # noqa: PTH123 - the name is as given, and shown so
            if not compressed:
                yield from _records(path, file, None)
                return
            with gzip.open(file) as unpacked:
                yield from _records(path, unpacked, file)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise ValueError(f"{path!r} is damaged, or no gzip file: {error}; make it anew") from error
    except OSError as error:
        raise ValueError(f"cannot read {path!r}: {error.strerror}; give a file that can be read") from error


def read_standard_input(name: str) -> Iterator[JsonRecord]:
    """The records that are piped in, each with its checksum: it has no date that could tell it from another input."""
    for record in _records(name, sys.stdin.buffer, None):
        yield record._replace(checksum=zlib.crc32(record.raw))


def _records(name: str, lines: Iterable[bytes], packed: BinaryIO | None) -> Iterator[JsonRecord]:
    count = place = 0
    for number, line in enumerate(lines, 1):
        if packed is None:
            place += len(line)
        elif number % _LINES_BETWEEN_PLACES == 1:
            place = packed.tell()
        raw = line.removeprefix(_BYTE_ORDER_MARK) if number == 1 else line
        if raw.isspace() or not raw:
            continue
        yield JsonRecord(name, count, number, raw, place, 0)
        count += 1


def _parse(raw: bytes, where: str) -> dict[str, object]:
    try:
        found = json.loads(raw.decode("utf-8").rstrip("\r\n"))
    except UnicodeDecodeError as error:
        raise ValueError(f"{where} is not valid UTF-8 at byte {error.start} of the line; convert it first") from error
    except json.JSONDecodeError as error:
        raise ValueError(f"{where} is not valid JSON: {error.msg} at column {error.colno}; mend that line") from error
    except (ValueError, RecursionError) as error:  # a number of thousands of digits, lists in lists in lists
        raise ValueError(f"{where} holds what cannot be read: {error}; mend that line") from error
    if not isinstance(found, dict):
        kind = type(found).__name__
        raise ValueError(f'{where} holds a {kind}; expected one JSON object a line, such as {{"text": "…"}}')
    return found


def _encode(text: str, where: str, fields: Fields) -> bytes:
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise ValueError(
            f"{where}: the field {fields.text!r} has a lone surrogate, U+{ord(text[error.start]):04X}, at character "
            f"{error.start}: that is half of a character and has no bytes; replace it"
        ) from error
