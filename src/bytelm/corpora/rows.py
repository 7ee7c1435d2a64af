"""What comes out of a chunk: a row for each document, and what they add up to."""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from bytelm.corpora.chunks import Chunk
from bytelm.corpora.records import Document, Fields
from bytelm.model import Progress
from bytelm.protocol import FloatArray


class Scorer(Protocol):
    """A byte model, as far as corpora need it."""

    def score(self, texts: list[bytes], /, *, progress: Progress | None = None) -> list[FloatArray]:
        """For each text ``log P(byte i | bytes before i)``, float64 ``(len,)``, nats."""
        ...


Opener = Callable[[int], Scorer]
"""Loads the model; it is given the worker's number on its machine, from 0. Other processes are sent it by pickle."""


@dataclass(frozen=True)
class Row:
    """A document and its score: log P of all its bytes, and of each, nats; ``-inf`` for the impossible."""

    document: Document
    logprob: float
    logprobs: FloatArray

    @property
    def bits_per_byte(self) -> float | None:
        """-log2 P per byte; ``None`` for an empty document."""
        size = len(self.document.text)
        return -self.logprob / math.log(2) / size if size else None


@dataclass(frozen=True)
class Totals:
    """What documents add up to.

    Attributes:
        documents: how many.
        bytes: of all their texts.
        logprob: of the bytes that are possible, nats.
        impossible: how many bytes have probability zero.
        skipped: how many records were left out, as they hold no text.
    """

    documents: int = 0
    bytes: int = 0
    logprob: float = 0.0
    impossible: int = 0
    skipped: int = 0

    @property
    def bits_per_byte(self) -> float | None:
        """-log2 P per byte over the bytes that are possible; ``None`` if there are none."""
        possible = self.bytes - self.impossible
        return -self.logprob / math.log(2) / possible if possible else None


def add_up(parts: Iterable[Totals]) -> Totals:
    """The totals of several, the same to the last bit whatever their order."""
    documents = size = impossible = skipped = 0
    logprobs: list[float] = []
    for part in parts:
        documents += part.documents
        size += part.bytes
        impossible += part.impossible
        skipped += part.skipped
        logprobs.append(part.logprob)
    return Totals(documents, size, math.fsum(logprobs), impossible, skipped)


def score_chunk(model: Scorer, documents: Sequence[Document], progress: Progress | None = None) -> list[Row]:
    """The rows of a chunk's documents: one call for all, so that they are scored alike wherever that is done."""
    scores = model.score([document.text for document in documents], progress=progress)
    return [Row(document, float(one.sum()), one) for document, one in zip(documents, scores, strict=True)]


def documents_of(chunk: Chunk, fields: Fields, skip_bad: bool) -> tuple[list[Document], list[str]]:
    """The documents of a chunk; and, of records that hold none, what is wrong with them.

    Raises:
        ValueError: a record holds none, and is not to be skipped.
    """
    documents: list[Document] = []
    wrong: list[str] = []
    for record in chunk.records:
        try:
            documents.append(record.document(fields))
        except ValueError as error:
            if not skip_bad:
                raise
            wrong.append(str(error))
    return documents, wrong


def totals_of(rows: Sequence[Row], skipped: int = 0) -> Totals:
    """What these rows add up to, with so many records left out."""
    impossible = sum(int(np.isneginf(row.logprobs).sum()) for row in rows)
    possible = (float(row.logprobs[np.isfinite(row.logprobs)].sum()) for row in rows)
    return Totals(len(rows), sum(len(row.document.text) for row in rows), math.fsum(possible), impossible, skipped)
