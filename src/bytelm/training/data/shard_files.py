"""The two files of a shard: how they are called, and how they are written."""

import hashlib
import io
import json
from dataclasses import asdict
from pathlib import Path
from typing import IO

import numpy as np

from bytelm.corpora.files import complete_file
from bytelm.training.data.items import CHUNK
from bytelm.training.data.manifest import Shard
from bytelm.training.data.pool import Tell
from bytelm.training.data.sharding import Run, ShardPlan


def bin_path(directory: Path, split: str, number: int) -> Path:
    """The file with the bytes of a shard's documents, one behind the other, nothing between."""
    return directory / split / f"{number:05}.bin"


def offsets_path(directory: Path, split: str, number: int) -> Path:
    """The file with the place where each document begins, and where the last one ends; int64 ``(documents + 1,)``."""
    return directory / split / f"{number:05}.offsets.npy"


def write_shard(directory: Path, notes: Path, plan: ShardPlan, tell: Tell) -> Shard:
    """Write the files of a shard, or find that this was done; what is known of them is noted last.

    Args:
        directory: which the split is, or will be, a folder of.
        notes: a folder for what is known of shards that are there.
        plan: what the shard holds.
        tell: told of the bytes that are written.
    """
    note = notes / f"{plan.split}-{plan.number:05}.json"
    if note.exists():
        tell(int(plan.sizes.sum()))
        return Shard(**json.loads(note.read_bytes()))
    path = bin_path(directory, plan.split, plan.number)
    path.parent.mkdir(parents=True, exist_ok=True)
    with complete_file(path) as file:
        checksum = _copy(plan.runs, file, tell)
    offsets = io.BytesIO()
    np.save(offsets, np.concatenate([[0], np.cumsum(plan.sizes)]).astype("<i8"))
    with complete_file(offsets_path(directory, plan.split, plan.number)) as file:
        file.write(offsets.getvalue())
    shard = Shard(len(plan.sizes), int(plan.sizes.sum()), checksum, hashlib.sha256(offsets.getvalue()).hexdigest())
    with complete_file(note) as file:
        file.write(json.dumps(asdict(shard)).encode("ascii"))
    return shard


def _copy(runs: tuple[Run, ...], target: IO[bytes], tell: Tell) -> str:
    """Write the bytes of all runs; their checksum."""
    checksum = hashlib.sha256()
    for run in runs:
        with run.path.open("rb") as source:
            source.seek(run.begin)
            left = run.end - run.begin
            while left:
                chunk = source.read(min(CHUNK, left))
                if not chunk:
                    raise ValueError(
                        f"{str(run.path)!r} ends {left:,} bytes too early; remove its folder to begin anew"
                    )
                checksum.update(chunk)
                target.write(chunk)
                left -= len(chunk)
                tell(len(chunk))
    return checksum.hexdigest()
