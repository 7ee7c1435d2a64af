"""Parts of shards whose entropies are computed at a time: which documents they have, and the files they become."""

import hashlib
import io
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain, pairwise
from pathlib import Path
from typing import Final

import numpy as np
from numpy.lib.format import write_array_header_1_0
from numpy.typing import NDArray

from bytelm.corpora.files import complete_file
from bytelm.training.data.uncertainty_files import MeasuredShard

PART_BYTES: Final = 1 << 22
"""Of documents, about; what a process that is killed has done for nothing is less than that."""

_DIGEST: Final = hashlib.sha256().digest_size


@dataclass(frozen=True)
class MeasuredPart:
    """Some documents of a shard, one behind the other.

    Attributes:
        split: it belongs to.
        first: the first document, counted in the split.
        documents: how many.
        size: the bytes of all of them.
        path: the file of their entropies; it need not be there. It ends with its checksum.
    """

    split: str
    first: int
    documents: int
    size: int
    path: Path

    @property
    def values(self) -> int:
        """How many entropies it has."""
        return self.documents + self.size

    def write(self, values: NDArray[np.float16]) -> None:
        """Write its entropies."""
        data = values.astype("<f2", copy=False).tobytes()
        with complete_file(self.path) as file:
            file.write(data)
            file.write(hashlib.sha256(data).digest())

    def read(self) -> bytes:
        """Its entropies as they are in a file, two bytes each.

        Raises:
            ValueError: the file is not as it was written.
        """
        found = self.path.read_bytes()
        data, digest = found[:-_DIGEST], found[-_DIGEST:]
        if len(data) != 2 * self.values or hashlib.sha256(data).digest() != digest:
            raise ValueError(f"{str(self.path)!r} is not as it was written; remove it, and it is computed anew")
        return data


def parts_of(split: str, first: int, sizes: NDArray[np.int64], folder: Path, part_bytes: int) -> list[MeasuredPart]:
    """The parts of a shard, in order: the documents that begin within so many bytes of it.

    Args:
        split: it belongs to.
        first: its first document, counted in the split.
        sizes: the bytes of each of its documents, int64.
        folder: for the files of its parts.
        part_bytes: how many.
    """
    begins = np.cumsum(sizes) - sizes
    cuts = [0, *(np.flatnonzero(np.diff(begins // part_bytes)) + 1).tolist(), len(sizes)]
    return [
        MeasuredPart(split, first + low, high - low, int(sizes[low:high].sum()), folder / f"{number:06}")
        for number, (low, high) in enumerate(pairwise(cuts))
    ]


def join(parts: Sequence[MeasuredPart], path: Path) -> MeasuredShard:
    """Write the file of a shard from those of its parts.

    Raises:
        ValueError: one of these is not as it was written.
    """
    values = sum(part.values for part in parts)
    path.parent.mkdir(parents=True, exist_ok=True)
    header = io.BytesIO()
    write_array_header_1_0(header, {"descr": "<f2", "fortran_order": False, "shape": (values,)})
    checksum = hashlib.sha256()
    with complete_file(path) as file:
        for data in chain([header.getvalue()], (part.read() for part in parts)):
            file.write(data)
            checksum.update(data)
    return MeasuredShard(values, checksum.hexdigest())
