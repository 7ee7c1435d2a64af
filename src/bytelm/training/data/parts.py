"""Parts: what became of a piece, kept until all are there. A part is there completely or not at all."""

import hashlib
import json
import os
import shutil
from array import array
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from bytelm.corpora.files import unused_name
from bytelm.training.data.items import CHUNK, Item, ReadingError, Streamed
from bytelm.training.data.manifest import TRAIN, VALIDATION
from bytelm.training.data.troubles import Tally, Trouble, Troubles

_DIGEST = 16
"""Bytes of a document's hash: too many for two documents to have the same by chance."""

_TROUBLES = "troubles.json"


@dataclass(frozen=True)
class Part:
    """A part that is there.

    Its folder has, of each split with documents in it, their bytes, their sizes, and, if duplicates are to be
    found, their hashes.
    """

    folder: Path

    def data(self, split: str) -> Path:
        """The file of the bytes."""
        return self.folder / f"{split}.bin"

    def sizes(self, split: str) -> NDArray[np.int64]:
        """The bytes of each document, int64 ``(documents,)``."""
        found: NDArray[np.int64] = self._array(split, "sizes", np.zeros(0, np.int64))
        return found

    def hashes(self, split: str) -> NDArray[np.uint64]:
        """Of each document, uint64 ``(documents, 2)``."""
        found: NDArray[np.uint64] = self._array(split, "hashes", np.zeros((0, 2), np.uint64))
        return found

    def troubles(self) -> Troubles:
        """What was wrong with the piece."""
        found = json.loads((self.folder / _TROUBLES).read_bytes())
        return Troubles.from_json(found, found["examples"])

    def _array(self, split: str, name: str, none: NDArray[Any]) -> NDArray[Any]:
        path = self.folder / f"{split}.{name}.npy"
        return np.load(path) if path.exists() else none


class PartWriter:
    """Writes the documents of a part. Mutable.

    Which split a document belongs to follows from its bytes alone: their hash is a number from 0 to 1, and those
    below the share are held out.
    """

    def __init__(self, folder: Path, share: float, hashed: bool) -> None:
        """``share`` is held out for validation; ``hashed`` says whether to keep the hashes."""
        self._held_out = int(share * 2**64)
        self._hashed = hashed
        self._splits = {name: _SplitWriter(folder, name) for name in (TRAIN, VALIDATION)}
        self.tally = Tally()

    def add(self, item: Item) -> None:
        """Write a document, or count a trouble."""
        if isinstance(item, Trouble):
            self.tally.add(item)
        elif isinstance(item, Streamed):
            self._add_streamed(item)
        else:
            digest = hashlib.blake2b(item, digest_size=_DIGEST).digest() if self._held_out or self._hashed else b""
            split = self._splits[self._split_of(digest)]
            split.file.write(item)
            split.end(len(item), digest if self._hashed else b"")

    def finish(self) -> None:
        """Write what belongs to the documents."""
        for split in self._splits.values():
            split.finish()

    def close(self) -> None:
        """Close the files."""
        for split in self._splits.values():
            split.file.close()

    def _split_of(self, digest: bytes) -> str:
        return VALIDATION if int.from_bytes(digest[:8], "little") < self._held_out else TRAIN

    def _add_streamed(self, item: Streamed) -> None:
        """Write a document as it comes; once all of it is known it is moved, if it is in the wrong place."""
        split = self._splits[TRAIN]
        begin = split.file.tell()
        hashing = hashlib.blake2b(digest_size=_DIGEST)
        size = 0
        try:
            for chunk in item.chunks:
                hashing.update(chunk)
                size += len(chunk)
                split.file.write(chunk)
        except ReadingError as error:
            split.cut_off(begin)
            self.tally.add(error.at(item.where))
            return
        digest = hashing.digest()
        if self._split_of(digest) == VALIDATION:
            other = self._splits[VALIDATION]
            split.move(begin, other)
            split = other
        split.end(size, digest if self._hashed else b"")


class _SplitWriter:
    """The documents of one split. Mutable."""

    def __init__(self, folder: Path, name: str) -> None:
        self.file: IO[bytes] = (folder / f"{name}.bin").open("w+b", buffering=CHUNK)
        self._folder = folder
        self._name = name
        self._sizes = array("q")
        self._hashes = bytearray()

    def end(self, size: int, digest: bytes) -> None:
        """Say that a document of so many bytes was written."""
        self._sizes.append(size)
        self._hashes += digest

    def cut_off(self, place: int) -> None:
        """Remove what is written from this place on."""
        self.file.seek(place)
        self.file.truncate()

    def move(self, place: int, other: "_SplitWriter") -> None:
        """Put what is written from this place on behind what another one has written."""
        self.file.seek(place)
        shutil.copyfileobj(self.file, other.file, CHUNK)
        self.cut_off(place)

    def finish(self) -> None:
        """Bring all of it to the disk; a split without documents leaves no file."""
        if not self._sizes:
            self.file.close()
            Path(self.file.name).unlink()
            return
        _bring_to_disk(self.file)
        self._save("sizes", np.frombuffer(self._sizes, np.int64))
        if self._hashes:
            self._save("hashes", np.frombuffer(self._hashes, np.uint64).reshape(-1, 2))

    def _save(self, name: str, values: NDArray[Any]) -> None:
        with (self._folder / f"{self._name}.{name}.npy").open("wb") as file:
            np.save(file, values)
            _bring_to_disk(file)


@contextmanager
def new_part(folder: Path, share: float, hashed: bool) -> Iterator[tuple[PartWriter, Path]]:
    """A writer of the part that will be in a folder, and the folder that it is in until then.

    It takes its place when the context ends; after an error nothing has changed.
    """
    fresh = unused_name(folder)
    fresh.mkdir()
    try:
        writer = PartWriter(fresh, share, hashed)
        try:
            yield writer, fresh
            writer.finish()
        finally:
            writer.close()
        with (fresh / _TROUBLES).open("wb") as file:
            file.write(json.dumps(writer.tally.troubles().as_json()).encode("ascii"))
            _bring_to_disk(file)
        if not folder.exists():  # a worker whose parent was killed may have been quicker, with the same
            fresh.rename(folder)
    finally:
        with suppress(FileNotFoundError):
            shutil.rmtree(fresh)


def _bring_to_disk(file: IO[bytes]) -> None:
    file.flush()
    os.fsync(file.fileno())
