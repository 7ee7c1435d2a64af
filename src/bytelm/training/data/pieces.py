"""Pieces: what of the inputs is read at once, by one process. Where they end depends on the inputs alone."""

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from bytelm.corpora.extras import pyarrow
from bytelm.training.data.finding import AnyFile, File
from bytelm.training.data.forms import TEXT, compression_of
from bytelm.training.data.hub_files import HubFile
from bytelm.training.data.parquet_texts import group_sizes
from bytelm.training.data.unpacking import zstandard

PIECE_BYTES = 1 << 26
"""A second of work or less: little is lost by a kill, and there is enough to do for many processes."""

MOST_FILES = 1024
"""Of a piece: keeps it small where the files are a few bytes each."""


@dataclass(frozen=True)
class LinesPiece:
    """The lines of a file that begin in ``[begin, end)``, bytes; of a compressed file, all."""

    file: File
    begin: int
    end: int

    @property
    def size(self) -> int:
        """The bytes of input that it stands for."""
        return self.end - self.begin


@dataclass(frozen=True)
class RowsPiece:
    """The row groups ``[first, last)`` of a Parquet file; ``size`` is their share of its bytes."""

    file: File
    first: int
    last: int
    size: int


@dataclass(frozen=True)
class BatchesPiece:
    """A file of Arrow."""

    file: File

    @property
    def size(self) -> int:
        """The bytes of input that it stands for."""
        return self.file.size


@dataclass(frozen=True)
class TextsPiece:
    """Files that are a document each."""

    files: tuple[File, ...]

    @property
    def size(self) -> int:
        """The bytes of input that it stands for."""
        return sum(file.size for file in self.files)


LocalPiece: TypeAlias = LinesPiece | RowsPiece | BatchesPiece | TextsPiece


@dataclass(frozen=True)
class HubPiece:
    """A file of the hub, whatever is in it: that is not known before it is here, and until then it is not cut."""

    file: HubFile

    @property
    def size(self) -> int:
        """The bytes of input that it stands for."""
        return self.file.size


Piece: TypeAlias = LocalPiece | HubPiece


def cut(files: Sequence[AnyFile], piece_bytes: int = PIECE_BYTES) -> list[Piece]:
    """The pieces of all files, in their order.

    Args:
        files: what there is to read.
        piece_bytes: about how large they are. What cannot be read from its middle is one piece however large: a
            compressed file, a row group, a file of Arrow, a text, and what is to be downloaded.

    Raises:
        ValueError: what reads a file is not installed.
    """
    found: list[Piece] = []
    texts: list[File] = []
    for file in files:
        if isinstance(file, File) and file.form == TEXT:
            texts.append(file)
            continue
        _check_installed(file)
        found.extend(_text_pieces(texts, piece_bytes))
        texts = []
        found.extend(_record_pieces(file, piece_bytes) if isinstance(file, File) else [HubPiece(file)])
    return [*found, *_text_pieces(texts, piece_bytes)]


def pieces_of(file: File) -> list[LocalPiece]:
    """One file, in as few pieces as may be."""
    return list(_text_pieces([file], file.size) if file.form == TEXT else _record_pieces(file, sys.maxsize))


def _check_installed(file: AnyFile) -> None:
    if file.form in ("parquet", "arrow"):
        pyarrow()
    elif file.form == "jsonl" and compression_of(file.name) == "zst":
        zstandard()


def _record_pieces(file: File, piece_bytes: int) -> Iterator[LocalPiece]:
    if file.form == "arrow":
        yield BatchesPiece(file)
    else:
        yield from _row_pieces(file, piece_bytes) if file.form == "parquet" else _line_pieces(file, piece_bytes)


def _line_pieces(file: File, piece_bytes: int) -> Iterator[LinesPiece]:
    step = max(1, file.size) if file.compression else piece_bytes
    for begin in range(0, file.size, step):
        yield LinesPiece(file, begin, min(begin + step, file.size))


def _row_pieces(file: File, piece_bytes: int) -> Iterator[RowsPiece]:
    """At least one, so that what is wrong with the file is found by whoever reads it."""
    sizes = group_sizes(file)
    first = held = 0
    for last, size in enumerate(sizes, 1):
        held += size
        if held >= piece_bytes and last < len(sizes):
            yield _rows_piece(file, first, last, len(sizes))
            first, held = last, 0
    yield _rows_piece(file, first, len(sizes), len(sizes))


def _rows_piece(file: File, first: int, last: int, groups: int) -> RowsPiece:
    if not groups:
        return RowsPiece(file, 0, 0, file.size)
    return RowsPiece(file, first, last, file.size * last // groups - file.size * first // groups)


def _text_pieces(files: Sequence[File], piece_bytes: int) -> Iterator[TextsPiece]:
    held: list[File] = []
    size = 0
    for file in files:
        if held and (size + file.size > piece_bytes or len(held) == MOST_FILES):
            yield TextsPiece(tuple(held))
            held, size = [], 0
        held.append(file)
        size += file.size
    if held:
        yield TextsPiece(tuple(held))
