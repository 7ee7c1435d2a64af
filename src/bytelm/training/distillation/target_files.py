"""The files of precomputed targets: ``targets.json``, which says what they are of, and parts of the pieces of a split.

A part is the records of some pieces, one for each place of each, and the SHA-256 of all that. A record holds the most
probable symbols of a distribution, their log-probabilities and that of all others together, as float16. What that
rounds off, once each record is made to sum to one again, is a KL of 4e-8 nats and a probability of 7e-5 (total
variation) at a mean place of code read by the bundled model; the symbols beyond the first 16 have 0.02 there. As
float32 the log-probabilities would take half as much room again.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from bytelm.corpora.files import complete_file

NAME: Final = "targets.json"
FORMAT: Final = "bytelm-targets"
VERSION: Final = 1

Kind = Literal["exact", "path"]
"""The teacher's next-byte distributions given the bytes alone, or given where its own tokens end as well."""

_DIGEST: Final = hashlib.sha256().digest_size


@dataclass(frozen=True, kw_only=True)
class TargetSettings:
    """All that decides about targets.

    Attributes:
        teacher_sha256: of the teacher's files; see `bytelm.training.distillation.targets_work.teacher_checksum`.
        data_sha256: of the prepared data; see `bytelm.training.data.uncertainty_files.data_checksum`.
        kind: which distributions.
        tolerance: how much of each may be left unknown; ``None`` for "path", which leaves nothing.
        dtype: of the teacher's weights, as it was asked for: "auto" for that of its checkpoint, float32 on a CPU.
        length: of the rows that the pieces fit.
        keep: how many symbols of each distribution.
        part_pieces: pieces in a part.
    """

    teacher_sha256: str
    data_sha256: str
    kind: Kind
    tolerance: float | None
    dtype: str
    length: int
    keep: int
    part_pieces: int


@dataclass(frozen=True)
class TargetSplit:
    """The targets of a split.

    Attributes:
        pieces: how many pieces its documents are cut into.
        places: distributions of all of them, one more for each piece than it has bytes.
        begins_sha256: the checksum of ``begins.npy``, hexadecimal.
    """

    pieces: int
    places: int
    begins_sha256: str


@dataclass(frozen=True)
class Targets:
    """What ``targets.json`` says.

    Attributes:
        settings: they were computed with.
        splits: of the data; the folder of a split has its name.
        complete: whether all parts are there.
    """

    settings: TargetSettings
    splits: Mapping[str, TargetSplit]
    complete: bool

    @property
    def pieces(self) -> int:
        """How many there are, in all splits."""
        return sum(split.pieces for split in self.splits.values())

    @property
    def places(self) -> int:
        """How many distributions there are, in all splits."""
        return sum(split.places for split in self.splits.values())

    def as_json(self) -> dict[str, object]:
        """What ``targets.json`` holds."""
        return {
            "format": FORMAT,
            "version": VERSION,
            "complete": self.complete,
            **asdict(self.settings),
            "splits": {name: asdict(split) for name, split in self.splits.items()},
        }

    def write(self, folder: Path) -> None:
        """Write ``targets.json``."""
        with complete_file(folder / NAME) as file:
            file.write(json.dumps(self.as_json(), indent=2).encode("ascii") + b"\n")


@dataclass(frozen=True)
class TargetPart:
    """Some pieces of a split, one behind the other.

    Attributes:
        split: they belong to.
        first: the first piece.
        pieces: how many.
        places: of all of them.
        path: the file of their targets; it need not be there.
    """

    split: str
    first: int
    pieces: int
    places: int
    path: Path

    @property
    def bytes(self) -> int:
        """Of the pieces."""
        return self.places - self.pieces

    def file_size(self, keep: int) -> int:
        """How many bytes its file has."""
        return self.places * record(keep).itemsize + _DIGEST

    def write(self, records: NDArray[np.void]) -> None:
        """Write its records, `record`, ``(places,)``: all of them or nothing."""
        data = records.tobytes()
        with complete_file(self.path) as file:
            file.write(data)
            file.write(hashlib.sha256(data).digest())

    def check(self, keep: int) -> None:
        """Read its file, and compare its checksum.

        Raises:
            ValueError: it is not as it was written.
        """
        found = self.path.read_bytes()
        if len(found) != self.file_size(keep) or hashlib.sha256(found[:-_DIGEST]).digest() != found[-_DIGEST:]:
            raise changed(self.path, "its SHA-256 does not fit")


def record(keep: int) -> np.dtype[np.void]:
    """What is stored of a distribution: nats; symbols are byte values, or 256 for the end of the text."""
    return np.dtype([("log", "<f2", (keep,)), ("symbols", "<u2", (keep,)), ("rest", "<f2")])


def begins_path(folder: Path, split: str) -> Path:
    """The file that says at which place each piece begins, int64 ``(pieces + 1,)``; the last one is where all end."""
    return folder / split / "begins.npy"


def parts_of(folder: Path, split: str, begins: NDArray[np.int64], part_pieces: int) -> list[TargetPart]:
    """The parts of a split, in order.

    Args:
        folder: of the targets.
        split: of the data.
        begins: at which place each piece begins, int64 ``(pieces + 1,)``.
        part_pieces: how many pieces each part but the last one has.
    """
    pieces = len(begins) - 1
    found = []
    for number, first in enumerate(range(0, pieces, part_pieces)):
        end = min(first + part_pieces, pieces)
        path = part_path(folder, split, number)
        found.append(TargetPart(split, first, end - first, int(begins[end] - begins[first]), path))
    return found


def part_path(folder: Path, split: str, number: int) -> Path:
    """The file of a part."""
    return folder / split / f"{number:06}.targets"


def changed(path: Path, what: str) -> ValueError:
    """The error that a file is damaged."""
    return ValueError(
        f"{str(path)!r} is not as it was written: {what}; copy it again from where the targets were computed, or "
        "remove their folder and run bytelm targets again"
    )


def read_targets(folder: Path) -> Targets:
    """What a folder says that it holds; nothing of that is looked at.

    Raises:
        FileNotFoundError: it holds no targets.
        ValueError: its ``targets.json`` is not as ``compute_targets`` writes it.
    """
    path = folder / NAME
    try:
        found = json.loads(path.read_bytes())
    except FileNotFoundError:
        raise FileNotFoundError(
            f"there is no {str(path)!r}; compute the targets with: bytelm targets DATA --teacher DIR --out FOLDER"
        ) from None
    except (OSError, ValueError) as error:
        raise ValueError(f"{str(path)!r} cannot be read: {error}; compute the targets anew") from error
    if not isinstance(found, dict) or found.get("format") != FORMAT:
        raise ValueError(f"{str(path)!r} was not written by bytelm targets; give a folder that was")
    if found.get("version") != VERSION:
        raise ValueError(
            f"{str(path)!r} is of version {found.get('version')!r}, and this bytelm reads version {VERSION}; compute "
            "the targets anew, or use the bytelm that they were computed with"
        )
    try:
        return _parsed(found)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ValueError(
            f"{str(path)!r} is not as bytelm targets writes it ({type(error).__name__}: {error}); compute the targets "
            "anew"
        ) from error


def _parsed(found: dict[str, Any]) -> Targets:
    names = TargetSettings.__dataclass_fields__
    settings = TargetSettings(**{name: found[name] for name in names})
    splits = {name: TargetSplit(**split) for name, split in found["splits"].items()}
    return Targets(settings, splits, bool(found["complete"]))
