"""The documents of a piece, and what is wrong where there is none."""

import tempfile
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import IO

from bytelm.training.data.arrow_texts import read_batches
from bytelm.training.data.finding import File
from bytelm.training.data.items import CHUNK, LARGE, Item, ReadingError, Streamed, To, damaged, unreadable
from bytelm.training.data.json_texts import Taken, take
from bytelm.training.data.lines import Line, read_lines
from bytelm.training.data.long_lines import chunks_of, take_long
from bytelm.training.data.parquet_texts import read_rows
from bytelm.training.data.pieces import BatchesPiece, LinesPiece, LocalPiece, RowsPiece, TextsPiece
from bytelm.training.data.troubles import Trouble

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"

_LOOKED_AT = 8000
"""How many bytes of a file tell whether it is binary: one that is has a zero among them."""


def read_piece(piece: LocalPiece, field: str, keep_binary: bool, scratch: Path, to: To) -> Iterator[Item]:
    """The documents and the troubles of a piece, in their order.

    Args:
        piece: what to read.
        field: that holds the text of a record.
        keep_binary: whether a binary file is a text too.
        scratch: a folder for files that are gone when the next item is asked for.
        to: told how many of the piece's bytes are read.
    """
    match piece:
        case LinesPiece():
            return _until_damage(repr(piece.file.name), _json_items(piece, field, scratch, to))
        case RowsPiece():
            items = read_rows(piece.file, field, piece.first, piece.last, piece.size, to)
            return _until_damage(repr(piece.file.name), items)
        case BatchesPiece():
            return _until_damage(repr(piece.file.name), read_batches(piece.file, field, to))
        case TextsPiece():
            return _file_items(piece, keep_binary, to)


def _until_damage(where: str, items: Iterator[Item]) -> Iterator[Item]:
    try:
        yield from items
    except ReadingError as error:
        yield error.at(where)


def _json_items(piece: LinesPiece, field: str, scratch: Path, to: To) -> Iterator[Item]:
    for line in read_lines(piece.file, piece.begin, piece.end, to):
        data = line.data.removeprefix(_BYTE_ORDER_MARK) if line.place == 0 else line.data
        if line.rest is not None:
            yield from _long_items(line, data, line.rest, piece.file, field, scratch)
        elif data and not data.isspace():
            yield from _items(take(data, field), _place(piece.file, line))


def _items(taken: Taken, where: str) -> Iterator[Item]:
    if taken.kind:
        yield Trouble(taken.kind, where, taken.what)
    if taken.text:
        yield taken.text
    elif taken.text is not None:
        yield _empty(where)


def _long_items(
    line: Line, data: bytes, rest: Iterable[bytes], file: File, field: str, scratch: Path
) -> Iterator[Item]:
    where = _place(file, line)
    with tempfile.TemporaryFile(dir=scratch) as spool:
        pieces = (data[begin : begin + CHUNK] for begin in range(0, len(data), CHUNK))
        taken = take_long(chain(pieces, rest), field, spool)
        if isinstance(taken, Taken):
            yield from _items(taken, where)
            return
        if taken.repaired:
            yield Trouble("surrogates", where, taken.repaired)
        yield Streamed(where, chunks_of(spool, taken))


def _file_items(piece: TextsPiece, keep_binary: bool, to: To) -> Iterator[Item]:
    read = 0
    for file in piece.files:
        try:
            yield from _file_item(file, keep_binary)
        except ReadingError as error:
            yield error.at(repr(file.name))
        read += file.size
        to(read)


def _file_item(file: File, keep_binary: bool) -> Iterator[Item]:
    try:
        opened = open(file.path, "rb")  # noqa: PTH123, SIM115 - closed below; errors of reading are others
    except OSError as error:
        raise unreadable(error) from error
    with opened:
        data = _read(opened, LARGE)
        if not keep_binary and b"\0" in data[:_LOOKED_AT]:
            yield Trouble("binary", repr(file.name), f"a zero among its first {_LOOKED_AT} bytes")
        elif not data:
            yield _empty(repr(file.name))
        elif len(data) < LARGE:
            yield data
        else:
            yield Streamed(repr(file.name), chain([data], _chunks(opened)))


def _chunks(file: IO[bytes]) -> Iterator[bytes]:
    while data := _read(file, CHUNK):
        yield data


def _read(file: IO[bytes], count: int) -> bytes:
    try:
        return file.read(count)
    except OSError as error:
        raise damaged(error) from error


def _empty(where: str) -> Trouble:
    return Trouble("empty", where, "an empty document")


def _place(file: File, line: Line) -> str:
    return f"{file.name!r}, byte {line.place}"
