"""Corpora for tests, the jobs that score them, and the program run on them."""

import gzip
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from bytelm.corpora.inputs import find_input, format_of
from bytelm.corpora.job import Job
from bytelm.corpora.records import Fields

PROGRAM = Path(__file__).with_name("program.py")

RECORDS: list[dict[str, object]] = [
    {"text": f"document {number} " + "é" * (number % 5), "id": number, "lang": None if number % 3 else "en"}
    for number in range(23)
]
"""What most tests score: about 60 bytes a line, so six chunks of 300 bytes."""

CHUNK_BYTES = 300


def write_lines(path: Path, records: Sequence[object] = RECORDS) -> Path:
    """A file of JSON Lines, compressed if its name says so."""
    data = b"".join(json.dumps(record).encode() + b"\n" for record in records)
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path


def make_job(*paths: Path, keep: tuple[str, ...] = (), form: str = "jsonl", chunk_bytes: int = CHUNK_BYTES) -> Job:
    """The job of scoring these files."""
    fields = Fields("text", keep)
    inputs = [find_input(str(path), format_of(path.name) or "jsonl", fields) for path in paths]
    return Job(tuple(inputs), fields, form=form, chunk_bytes=chunk_bytes, per_byte=True)


def read_lines(path: Path) -> list[dict[str, object]]:
    """The records of a file of JSON Lines."""
    return [json.loads(line) for line in path.read_bytes().splitlines()]


def environment(**more: str) -> dict[str, str]:
    """The environment of a program that is to find the modules that this one finds."""
    paths = os.pathsep.join(path for path in sys.path if path)
    left = {name: value for name, value in os.environ.items() if name not in ("RANK", "WORLD_SIZE", "LOCAL_RANK")}
    return {**left, "PYTHONPATH": paths, **more}


def command(*argv: object, chunk_bytes: int = CHUNK_BYTES) -> list[str]:
    """``bytelm score`` with the quick model."""
    given = [sys.executable, PROGRAM, "score", "--device", "cpu", "--chunk-bytes", chunk_bytes, *argv]
    return [str(one) for one in given]


def run(*argv: object, **variables: str) -> subprocess.CompletedProcess[bytes]:
    """Run ``bytelm score`` to its end."""
    return subprocess.run(command(*argv), capture_output=True, env=environment(**variables), check=False, timeout=60)
