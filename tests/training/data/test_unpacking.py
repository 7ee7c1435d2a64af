"""Compressed lines: whole, in several frames, cut off anywhere, damaged."""

import importlib
import random
from pathlib import Path

import pytest

from bytelm.training.data import unpacking
from bytelm.training.data.finding import File
from bytelm.training.data.items import ReadingError
from bytelm.training.data.lines import read_lines

zstandard = pytest.importorskip("zstandard", reason="zstandard is not installed: pip install 'bytelm[datasets]'")

DATA = b"".join(b"%d\n" % random.Random(0).randrange(10**9) for _ in range(3)) + b"".join(
    b"%d %d\n" % (number, number * 7919 % 10007) for number in range(30_000)
)


def read(path: Path, packed: bytes) -> bytes:
    """All lines; those before an error are in its ``args``."""
    path.write_bytes(packed)
    found: list[bytes] = []
    told: list[int] = []
    try:
        found.extend(line.data for line in read_lines(File(str(path), "jsonl", len(packed), 0), 0, 1, told.append))
    except ReadingError as error:
        raise ReadingError(error.kind, f"{error.what} behind {len(b''.join(found))}") from error
    finally:
        assert told == sorted(told)
        assert DATA.startswith(b"".join(found))
    assert all(line.endswith(b"\n") for line in found)
    return b"".join(found)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "a.jsonl.zst"


def frames(*borders: int) -> bytes:
    """The data in frames that end at these places."""
    ends = [*borders, len(DATA)]
    return b"".join(zstandard.compress(DATA[begin:end]) for begin, end in zip([0, *ends[:-1]], ends, strict=True))


@pytest.mark.parametrize("packed_bytes", [1, 7, 1 << 11, 1 << 20])
def test_a_file(path: Path, monkeypatch: pytest.MonkeyPatch, packed_bytes: int) -> None:
    monkeypatch.setattr(unpacking, "_PACKED_BYTES", packed_bytes)
    assert read(path, frames()) == DATA
    assert read(path, frames(5, 5, 1000, 100_000)) == DATA
    skipped = b"\x50\x2a\x4d\x18\x03\x00\x00\x00abc"
    assert read(path, skipped + frames(1000) + skipped) == DATA
    assert read(path, zstandard.ZstdCompressor(write_checksum=True, write_content_size=False).compress(DATA)) == DATA
    assert read(path, b"") == b""


@pytest.mark.parametrize("kept", [0.001, 0.3, 0.9, 0.9999])
def test_a_file_that_is_cut_off(path: Path, kept: float) -> None:
    for packed in (frames(), frames(len(DATA) // 2)):
        with pytest.raises(ReadingError, match="Compressed file ended before the end-of-stream marker was") as caught:
            read(path, packed[: int(len(packed) * kept)])
        assert caught.value.kind == "damaged"
        assert int(caught.value.what.split()[-1]) > len(DATA) * kept * 0.5 - 100_000


def test_damage(path: Path) -> None:
    with pytest.raises(ReadingError, match="behind 0") as caught:
        read(path, b"this is not compressed")
    assert caught.value.kind == "damaged"
    packed = bytearray(zstandard.ZstdCompressor(write_checksum=True).compress(DATA))
    packed[len(packed) // 2] ^= 0xFF
    path.write_bytes(packed)
    with pytest.raises(ReadingError) as caught:
        list(read_lines(File(str(path), "jsonl", len(packed), 0), 0, 1, lambda _: None))
    assert caught.value.kind == "damaged"
    with pytest.raises(ReadingError, match=rf"behind {len(DATA)}"):
        read(path, frames() + b"and something else")


def test_memory_of_what_hardly_takes_a_byte(path: Path) -> None:
    """A line of a hundred million spaces is unpacked a part at a time."""
    path.write_bytes(zstandard.compress(b" " * 100_000_000))
    buffer = bytearray(1 << 20)
    largest = size = 0
    with path.open("rb") as file, unpacking._Zstandard(file) as raw:
        while count := raw.readinto(buffer):
            largest = max(largest, len(raw._unpacked))
            size += count
    assert size == 100_000_000
    assert largest <= 1 << 26


def test_a_library_that_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise ImportError(f"No module named {name!r}")

    monkeypatch.setattr(importlib, "import_module", missing)
    with pytest.raises(
        ValueError, match=r"ending in .zst need zstandard: pip install 'bytelm\[datasets\]' \(No module"
    ):
        unpacking.zstandard()
