"""Prepared documents, mapped into memory."""

import hashlib
import mmap
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from bytelm.training.data.items import CHUNK
from bytelm.training.data.manifest import TRAIN, Shard, read_manifest
from bytelm.training.data.shard_files import bin_path, offsets_path

Progress: TypeAlias = Callable[[int, int], None]
"""Told how many bytes of how many are done."""


class Place(NamedTuple):
    """Where a document is.

    Attributes:
        shard: which one.
        number: of the document in its shard, from 0.
        begin, end: its bytes in the shard.
    """

    shard: int
    number: int
    begin: int
    end: int


class Shards:
    """The documents of a split. Nothing of it changes, and any number of threads may read.

    Attributes:
        directory: that was prepared.
        split: which documents of it.
    """

    def __init__(self, directory: str | Path, split: str = TRAIN) -> None:
        """Open all shards, and check that their files are as long as they should be.

        Raises:
            FileNotFoundError: the directory was not prepared, or a file of it is gone.
            ValueError: there is no such split, or a file is not as it was written.
        """
        self.directory = Path(directory)
        self.split = split
        splits = read_manifest(self.directory).splits
        if split not in splits:
            raise ValueError(
                f"{str(self.directory)!r} has no split {split!r}; it has {', '.join(map(repr, splits))}: "
                "prepare it with a share for validation to have that too"
            )
        self._shards = splits[split].shards
        self._data = [self._map(number, shard) for number, shard in enumerate(self._shards)]
        self._offsets = [self._map_offsets(number, shard) for number, shard in enumerate(self._shards)]
        self._begins = np.cumsum([0, *(shard.documents for shard in self._shards)])

    @property
    def documents(self) -> int:
        """How many there are."""
        return int(self._begins[-1])

    @property
    def bytes(self) -> int:
        """Of all documents."""
        return sum(shard.bytes for shard in self._shards)

    @cached_property
    def sizes(self) -> NDArray[np.int64]:
        """The bytes of each document, int64 ``(documents,)``; read when first asked for, and kept.

        Raises:
            ValueError: the offsets of a shard do not rise.
        """
        found = np.concatenate([np.zeros(0, np.int64), *(np.diff(offsets) for offsets in self._offsets)])
        if found.size and found.min() < 1:
            shard = int(np.searchsorted(self._begins, int(found.argmin()), side="right")) - 1
            raise _changed(offsets_path(self.directory, self.split, shard), "a document in it has no bytes")
        found.flags.writeable = False
        return found

    def document(self, index: int) -> NDArray[np.uint8]:
        """The bytes of a document, uint8 ``(size,)``: a view of the file, which cannot be written to.

        Raises:
            IndexError: there is none.
        """
        place = self.place(index)
        return self._data[place.shard][place.begin : place.end]

    def place(self, index: int) -> Place:
        """Where a document is.

        Raises:
            IndexError: there is none.
        """
        if not 0 <= index < self.documents:
            raise IndexError(f"document {index}; there are {self.documents}, the first is 0")
        shard = int(np.searchsorted(self._begins, index, side="right")) - 1
        number = index - int(self._begins[shard])
        begin, end = self._offsets[shard][number : number + 2].tolist()
        return Place(shard, number, begin, end)

    def verify(self, progress: Progress | None = None) -> None:
        """Read all files and compare their checksums.

        Raises:
            ValueError: one is not as it was written.
        """
        done = 0
        for number, shard in enumerate(self._shards):
            for path, expected in (
                (self._path(number), shard.bin_sha256),
                (offsets_path(self.directory, self.split, number), shard.offsets_sha256),
            ):
                found = _checksum(path)
                if found != expected:
                    raise _changed(path, f"its SHA-256 is {found}; expected {expected}")
            done += shard.bytes
            if progress is not None:
                progress(done, self.bytes)

    def _path(self, number: int) -> Path:
        return bin_path(self.directory, self.split, number)

    def _map(self, number: int, shard: Shard) -> NDArray[np.uint8]:
        path = self._path(number)
        _check_there(path)
        size = path.stat().st_size
        if size != shard.bytes:
            raise _changed(path, f"it has {size:,} bytes; expected {shard.bytes:,}")
        with path.open("rb") as file:
            return np.frombuffer(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ), np.uint8)

    def _map_offsets(self, number: int, shard: Shard) -> NDArray[np.int64]:
        path = offsets_path(self.directory, self.split, number)
        _check_there(path)
        try:
            found = np.asarray(np.load(path, mmap_mode="r"))
        except (ValueError, OSError, EOFError) as error:
            raise _changed(path, f"it is no array: {error}") from error
        if found.shape != (shard.documents + 1,) or found.dtype != np.dtype("<i8"):
            raise _changed(path, f"it is {found.dtype} {found.shape}; expected int64 ({shard.documents + 1},)")
        if found[0] != 0 or found[-1] != shard.bytes:
            raise _changed(path, f"it goes from {found[0]} to {found[-1]}; expected 0 to {shard.bytes}")
        return found


def _check_there(path: Path) -> None:
    if not path.is_file():
        raise FileNotFoundError(f"{str(path)!r} is gone; copy it from where the data was prepared, or prepare it anew")


def _changed(path: Path, what: str) -> ValueError:
    return ValueError(
        f"{str(path)!r} is not as it was written: {what}; copy it again from where the data was prepared, "
        "or prepare it anew"
    )


def _checksum(path: Path) -> str:
    found = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            found.update(chunk)
    return found.hexdigest()
