"""``entropies.json``: what a folder of precomputed entropies holds, and of what they are."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from bytelm.corpora.files import complete_file
from bytelm.training.data.items import CHUNK
from bytelm.training.data.manifest import Manifest

NAME: Final = "entropies.json"
FORMAT: Final = "bytelm-entropies"
VERSION: Final = 1


@dataclass(frozen=True)
class MeasuredShard:
    """The entropies of a shard: the file ``00000.npy``, float16, document by document.

    Attributes:
        values: how many: one for each byte, and one for the BOS of each document.
        sha256: the checksum of the file, hexadecimal.
    """

    values: int
    sha256: str


@dataclass(frozen=True)
class Measured:
    """What was measured.

    Attributes:
        model_sha256: of the entropy model, as `bytelm.training.entropy_models.open_entropy_model` says.
        data_sha256: of the prepared data; see `data_checksum`.
        documents: how many, in all splits.
        bytes: of all of them.
        splits: the shards of each, in order; the folder of a split has its name.
    """

    model_sha256: str
    data_sha256: str
    documents: int
    bytes: int
    splits: Mapping[str, tuple[MeasuredShard, ...]]

    @property
    def values(self) -> int:
        """How many entropies there are."""
        return sum(shard.values for shards in self.splits.values() for shard in shards)

    def as_json(self) -> dict[str, object]:
        """What ``entropies.json`` holds."""
        splits = {name: {"shards": [asdict(shard) for shard in shards]} for name, shards in self.splits.items()}
        return {
            "format": FORMAT,
            "version": VERSION,
            "model_sha256": self.model_sha256,
            "data_sha256": self.data_sha256,
            "documents": self.documents,
            "bytes": self.bytes,
            "values": self.values,
            "splits": splits,
        }

    def write(self, folder: Path) -> None:
        """Write ``entropies.json``."""
        with complete_file(folder / NAME) as file:
            file.write(json.dumps(self.as_json(), indent=2).encode("ascii") + b"\n")


def values_path(folder: Path, split: str, number: int) -> Path:
    """The file with the entropies of a shard."""
    return folder / split / f"{number:05}.npy"


def data_checksum(manifest: Manifest) -> str:
    """The SHA-256 of the checksums of all shards, hexadecimal: the same for the same documents in the same shards."""
    splits = {name: split.as_json() for name, split in manifest.splits.items()}
    return hashlib.sha256(json.dumps(splits, sort_keys=True).encode("ascii")).hexdigest()


def file_checksum(path: Path) -> str:
    """The SHA-256 of a file, hexadecimal."""
    found = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            found.update(chunk)
    return found.hexdigest()


def changed(path: Path, what: str) -> ValueError:
    """The error that a file is damaged."""
    return ValueError(
        f"{str(path)!r} is not as it was written: {what}; copy it again from where the entropies were computed, "
        "or remove their folder and run bytelm blt entropies again"
    )


def read_measured(folder: str | Path) -> Measured:
    """What a folder says that it holds; nothing of that is looked at.

    Raises:
        FileNotFoundError: it holds no entropies, or they are not finished.
        ValueError: its ``entropies.json`` is not as ``measure`` writes it.
    """
    path = Path(folder) / NAME
    try:
        found = json.loads(path.read_bytes())
    except FileNotFoundError:
        raise FileNotFoundError(
            f"there is no {str(path)!r}; compute the entropies, or go on where that was cut off, with: "
            "bytelm blt entropies PREPARED --model DIR"
        ) from None
    except (OSError, ValueError) as error:
        raise ValueError(f"{str(path)!r} cannot be read: {error}; compute the entropies anew") from error
    if not isinstance(found, dict) or found.get("format") != FORMAT:
        raise ValueError(f"{str(path)!r} was not written by bytelm blt entropies; give a folder that was")
    if found.get("version") != VERSION:
        raise ValueError(
            f"{str(path)!r} is of version {found.get('version')!r}, and this bytelm reads version {VERSION}; "
            "compute the entropies anew, or use the bytelm that they were computed with"
        )
    try:
        return _parsed(found)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ValueError(
            f"{str(path)!r} is not as bytelm blt entropies writes it ({type(error).__name__}: {error}); "
            "compute the entropies anew"
        ) from error


def _parsed(found: dict[str, Any]) -> Measured:
    splits = {
        name: tuple(MeasuredShard(**shard) for shard in split["shards"]) for name, split in found["splits"].items()
    }
    checksums = str(found["model_sha256"]), str(found["data_sha256"])
    return Measured(*checksums, int(found["documents"]), int(found["bytes"]), splits)
