"""``data.json``: what a prepared directory holds, and how that came about."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from bytelm.corpora.files import complete_file
from bytelm.training.data.finding import Source
from bytelm.training.data.troubles import Troubles

NAME: Final = "data.json"
FORMAT: Final = "bytelm-data"
VERSION: Final = 1

TRAIN: Final = "train"
VALIDATION: Final = "validation"


@dataclass(frozen=True)
class Shard:
    """A shard: ``00000.bin`` holds the bytes of its documents, ``00000.offsets.npy`` where each begins and ends.

    Attributes:
        documents: how many; at least one.
        bytes: of all of them; of each at least one.
        bin_sha256: the checksum of the first file, hexadecimal.
        offsets_sha256: that of the second.
    """

    documents: int
    bytes: int
    bin_sha256: str
    offsets_sha256: str


@dataclass(frozen=True)
class Split:
    """The shards of a split, in order."""

    shards: tuple[Shard, ...]

    @property
    def documents(self) -> int:
        """How many there are."""
        return sum(shard.documents for shard in self.shards)

    @property
    def bytes(self) -> int:
        """Of all documents."""
        return sum(shard.bytes for shard in self.shards)

    def as_json(self) -> dict[str, object]:
        """The split in ``data.json``."""
        shards = [asdict(shard) for shard in self.shards]
        return {"documents": self.documents, "bytes": self.bytes, "shards": shards}


@dataclass(frozen=True)
class Manifest:
    """What was prepared, and the report of it.

    Attributes:
        splits: ``train``, and ``validation`` if documents were held out; the folder of a split has its name.
        settings: the options it was made with, as JSON has them.
        sources: the inputs as they were named.
        fingerprint: of the names, sizes and dates of all files that were read.
        troubles: what was left out, and what was repaired.
    """

    splits: Mapping[str, Split]
    settings: Mapping[str, object]
    sources: tuple[Source, ...]
    fingerprint: str
    troubles: Troubles

    @property
    def documents(self) -> int:
        """How many there are in all splits."""
        return sum(split.documents for split in self.splits.values())

    @property
    def bytes(self) -> int:
        """Of all documents."""
        return sum(split.bytes for split in self.splits.values())

    def as_json(self) -> dict[str, object]:
        """What ``data.json`` holds."""
        return {
            "format": FORMAT,
            "version": VERSION,
            "documents": self.documents,
            "bytes": self.bytes,
            "splits": {name: split.as_json() for name, split in self.splits.items()},
            "settings": dict(self.settings),
            "inputs": [source.as_json() for source in self.sources],
            "fingerprint": self.fingerprint,
            **self.troubles.as_json(),
        }

    def write(self, directory: Path) -> None:
        """Write ``data.json``."""
        with complete_file(directory / NAME) as file:
            file.write(json.dumps(self.as_json(), indent=2).encode("ascii") + b"\n")


def read_manifest(directory: str | Path) -> Manifest:
    """What a directory says that it holds; nothing of that is looked at.

    Raises:
        FileNotFoundError: it was not prepared.
        ValueError: its ``data.json`` is not as ``prepare`` writes it.
    """
    path = Path(directory) / NAME
    try:
        found = json.loads(path.read_bytes())
    except FileNotFoundError:
        raise FileNotFoundError(
            f"there is no {str(path)!r}; make the directory with: bytelm data prepare INPUT --out DIR"
        ) from None
    except (OSError, ValueError) as error:
        raise ValueError(f"{str(path)!r} cannot be read: {error}; prepare the data anew") from error
    if not isinstance(found, dict) or found.get("format") != FORMAT:
        raise ValueError(f"{str(path)!r} was not written by bytelm data prepare; give a directory that was")
    if found.get("version") != VERSION:
        raise ValueError(
            f"{str(path)!r} is of version {found.get('version')!r}, and this bytelm reads version {VERSION}; "
            "prepare the data anew, or use the bytelm that it was prepared with"
        )
    try:
        return _parsed(found)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ValueError(
            f"{str(path)!r} is not as bytelm data prepare writes it ({type(error).__name__}: {error}); "
            "prepare the data anew"
        ) from error


def _parsed(found: dict[str, Any]) -> Manifest:
    splits = {name: Split(tuple(_shard(shard) for shard in split["shards"])) for name, split in found["splits"].items()}
    return Manifest(
        splits,
        dict(found["settings"]),
        tuple(Source(**source) for source in found["inputs"]),
        str(found["fingerprint"]),
        Troubles.from_json(found, found["examples"]),
    )


def _shard(found: dict[str, Any]) -> Shard:
    shard = Shard(**found)
    if not 1 <= shard.documents <= shard.bytes:
        raise ValueError(f"a shard of {shard.documents} documents and {shard.bytes} bytes")
    return shard
