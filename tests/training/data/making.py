"""Inputs for tests, and what is in a prepared directory."""

import gzip
import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

from bytelm.training.data.options import Options
from bytelm.training.data.shards import Shards

TEXTS = [f"document {number} " + "é" * (number % 5) + "\n" * (number % 3) for number in range(200)]
"""What many tests prepare: about 20 bytes each."""

SMALL = Options(validation=0.2, shard_bytes=700, piece_bytes=500)
"""Options under which these are several pieces and several shards."""


def write_lines(path: Path, texts: Sequence[object] = TEXTS) -> Path:
    """A file of JSON Lines with these texts, compressed if its name says so."""
    data = b"".join(json.dumps({"text": text}).encode() + b"\n" for text in texts)
    path.write_bytes(gzip.compress(data, mtime=0) if path.suffix == ".gz" else data)
    return path


def documents(directory: Path, split: str = "train") -> list[bytes]:
    """All documents of a split, which is read and verified."""
    shards = Shards(directory, split)
    shards.verify()
    found = [bytes(shards.document(index)) for index in range(shards.documents)]
    assert [len(document) for document in found] == shards.sizes.tolist()
    assert sum(map(len, found)) == shards.bytes
    return found


def contents(directory: Path) -> dict[str, bytes]:
    """All files below a directory."""
    return {
        str(path.relative_to(directory)): path.read_bytes() for path in sorted(directory.rglob("*")) if path.is_file()
    }


def held_out(text: bytes, share: float = 0.2) -> bool:
    """The rule that decides about the split."""
    digest = hashlib.blake2b(text, digest_size=16).digest()
    return int.from_bytes(digest[:8], "little") < share * 2**64
