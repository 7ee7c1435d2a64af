"""Lines of parts of files: together the parts give every line once."""

import gzip
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bytelm.training.data import lines
from bytelm.training.data.finding import File
from bytelm.training.data.items import ReadingError
from bytelm.training.data.lines import Line, read_lines


def ignore(_: int) -> None:
    """Somebody who does not want to be told."""


def file_of(path: Path) -> File:
    return File(str(path), "jsonl", path.stat().st_size, 0)


def whole(found: Line) -> tuple[int, bytes]:
    return found.place, found.data + b"".join(found.rest or [])


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("lines") / "a.jsonl"


@given(
    data=st.lists(st.sampled_from([b"a", b"bc", b"\n", b"\r\n", b"x" * 20]), max_size=30).map(b"".join),
    step=st.integers(1, 40),
    large=st.integers(1, 30),
    taken=st.booleans(),
)
def test_parts_have_every_line_once(path: Path, data: bytes, step: int, large: int, taken: bool) -> None:
    path.write_bytes(data)
    found: list[tuple[int, bytes]] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lines, "LARGE", large)
        patch.setattr(lines, "CHUNK", 3)
        for begin in range(0, len(data), step):
            for line in read_lines(file_of(path), begin, min(begin + step, len(data)), ignore):
                found.append(whole(line) if taken else (line.place, b""))
    expected: list[tuple[int, bytes]] = []
    place = 0
    for one in re.findall(rb"[^\n]*\n|[^\n]+", data):
        expected.append((place, one if taken else b""))
        place += len(one)
    assert found == expected


def test_a_compressed_file(tmp_path: Path) -> None:
    data = b"".join(b"%d\n" % number for number in range(1000))
    path = tmp_path / "a.jsonl.gz"
    path.write_bytes(gzip.compress(data[:100]) + gzip.compress(data[100:]))
    told: list[int] = []
    found = [whole(line) for line in read_lines(file_of(path), 0, path.stat().st_size, told.append)]
    assert b"".join(line for _, line in found) == data
    assert len(found) == 1000
    assert told == sorted(told)
    assert 0 < told[-1] <= path.stat().st_size


@pytest.mark.parametrize("kept", [0.2, 0.5, 0.9])
def test_a_compressed_file_that_is_cut_off(tmp_path: Path, kept: float) -> None:
    """All that is before the damage is there."""
    data = b"".join(b"%d\n" % (number * 7919 % 10007) for number in range(100_000))
    packed = gzip.compress(data)
    path = tmp_path / "a.jsonl.gz"
    path.write_bytes(packed[: int(len(packed) * kept)])
    found: list[bytes] = []
    with pytest.raises(ReadingError, match="Compressed file ended before the end-of-stream marker was") as caught:
        found.extend(line.data for line in read_lines(file_of(path), 0, 1, ignore))
    assert caught.value.kind == "damaged"
    read = b"".join(found)
    assert data.startswith(read)
    assert len(read) > len(data) * kept * 0.8
    assert all(line.endswith(b"\n") for line in found)


def test_a_file_that_is_gone(tmp_path: Path) -> None:
    with pytest.raises(ReadingError, match="No such file or directory") as caught:
        list(read_lines(File(str(tmp_path / "none"), "jsonl", 1, 0), 0, 1, ignore))
    assert caught.value.at("there") == ("unreadable", "there", "No such file or directory", 1)
