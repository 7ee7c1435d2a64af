"""Chunks: runs of consecutive records that are scored together. Where they end depends on the records alone."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from zlib import crc32

from bytelm.corpora.inputs import Input
from bytelm.corpora.records import Fields, Record

CHUNK_BYTES = 1 << 18
"""Enough for the passes through a network to be full; little enough that a kill loses seconds, not hours."""

CHUNK_RECORDS = 1024
"""Keeps the rows of a chunk few where the documents are a few bytes each."""


@dataclass(frozen=True)
class Chunk:
    """Consecutive records.

    Attributes:
        index: its place among the chunks, from 0.
        records: at least one.
        read: the bytes of all inputs that have been read behind it.
    """

    index: int
    records: Sequence[Record]
    read: int

    @property
    def checksum(self) -> int:
        """What tells records of standard input from others at the same place."""
        return crc32(repr([record.checksum for record in self.records]).encode())


def chunks(
    inputs: Iterable[Input], fields: Fields, most_bytes: int, most_records: int = CHUNK_RECORDS
) -> Iterator[Chunk]:
    """The chunks of all inputs, one after the other; a record that is longer than a chunk is one of its own.

    A chunk may go on from one input into the next. Memory holds one chunk.

    Raises:
        ValueError: an input cannot be read.
    """
    index = size = read = before = 0
    held: list[Record] = []
    for source in inputs:
        for record in source.records(fields):
            if held and (size + record.size > most_bytes or len(held) == most_records):
                yield Chunk(index, held, read)
                index, size, held = index + 1, 0, []
            held.append(record)
            size += record.size
            read = before + record.place
        before += source.size
    if held:
        yield Chunk(index, held, before)
