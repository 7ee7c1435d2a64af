"""Prepared documents, and what is said of files that are not as they were written."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bytelm.training.data.manifest import read_manifest
from bytelm.training.data.preparing import prepare
from bytelm.training.data.shards import Shards
from training.data.making import SMALL, TEXTS, documents, write_lines


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    prepare([write_lines(tmp_path / "in.jsonl")], tmp_path / "out", SMALL)
    return tmp_path / "out"


def test_documents(directory: Path) -> None:
    shards = Shards(directory)
    found = documents(directory)
    assert len(found) == shards.documents == len(shards.sizes)
    assert sorted(found + documents(directory, "validation")) == sorted(text.encode() for text in TEXTS)
    assert [bytes(shards.document(index)) for index in (0, 3, len(found) - 1)] == [found[0], found[3], found[-1]]
    assert shards.document(np.int64(3)).dtype == np.uint8  # type: ignore[arg-type]
    for index in (-1, len(found)):
        with pytest.raises(IndexError, match=rf"document {index}; there are {len(found)}, the first is 0"):
            shards.document(index)


def test_nothing_can_be_changed(directory: Path) -> None:
    shards = Shards(directory)
    for array in (shards.document(0), shards.sizes):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 1


def test_the_layout(directory: Path) -> None:
    """What other programs may rely on."""
    found = json.loads((directory / "data.json").read_bytes())
    assert (found["format"], found["version"]) == ("bytelm-data", 1)
    split = found["splits"]["train"]
    assert len(split["shards"]) > 3
    for number, shard in enumerate(split["shards"]):
        data = (directory / "train" / f"{number:05}.bin").read_bytes()
        offsets = np.load(directory / "train" / f"{number:05}.offsets.npy")
        assert (len(data), len(offsets) - 1) == (shard["bytes"], shard["documents"])
        assert (offsets[0], offsets[-1], offsets.dtype) == (0, len(data), np.int64)
    assert split["documents"] == sum(shard["documents"] for shard in split["shards"])
    assert found["bytes"] == sum(one["bytes"] for one in found["splits"].values())


def test_progress_of_verifying(directory: Path) -> None:
    told: list[tuple[int, int]] = []
    shards = Shards(directory)
    shards.verify(lambda done, total: told.append((done, total)))
    assert told == sorted(told)
    assert told[-1] == (shards.bytes, shards.bytes)


def cut_off(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def lengthen(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"x")


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[-9] ^= 1
    path.write_bytes(data)


def shift(path: Path) -> None:
    np.save(path, np.load(path) + 1)


def narrow(path: Path) -> None:
    np.save(path, np.load(path).astype(np.int32))


@pytest.mark.parametrize(
    ("name", "change", "complaint"),
    [
        (
            "00001.bin",
            cut_off,
            r"00001.bin' is not as it was written: it has [\d,]+ bytes; expected [\d,]+; copy it",
        ),
        (
            "00001.bin",
            lengthen,
            r"00001.bin' is not as it was written: it has [\d,]+ bytes; expected [\d,]+; copy it",
        ),
        ("00001.offsets.npy", cut_off, r"offsets.npy' is not as it was written: it is no array: "),
        (
            "00001.offsets.npy",
            shift,
            r"offsets.npy' is not as it was written: it goes from 1 to \d+; expected 0 to",
        ),
        (
            "00001.offsets.npy",
            narrow,
            r"offsets.npy' is not as it was written: it is int32 \(\d+,\); expected int64",
        ),
        ("00001.offsets.npy", lambda path: path.write_bytes(b""), "is not as it was written: it is no array: "),
    ],
)
def test_damage_that_is_seen_at_once(
    directory: Path, name: str, change: Callable[[Path], object], complaint: str
) -> None:
    change(directory / "train" / name)
    with pytest.raises(ValueError, match=complaint):
        Shards(directory)
    Shards(directory, "validation")


@pytest.mark.parametrize("name", ["00002.bin", "00002.offsets.npy"])
def test_damage_that_checksums_tell(directory: Path, name: str) -> None:
    flip(directory / "train" / name)
    shards = Shards(directory)
    with pytest.raises(
        ValueError,
        match=rf"{name}' is not as it was written: its SHA-256 is [0-9a-f]{{64}}; expected [0-9a-f]{{64}}",
    ):
        shards.verify()


def test_offsets_that_do_not_rise(directory: Path) -> None:
    path = directory / "train" / "00001.offsets.npy"
    offsets = np.load(path)
    offsets[1:3] = offsets[2:0:-1]
    np.save(path, offsets)
    with pytest.raises(ValueError, match=r"00001.offsets.npy' is not as it was written: a document in it has no bytes"):
        _ = Shards(directory).sizes


def test_files_that_are_gone(directory: Path, tmp_path: Path) -> None:
    (directory / "train" / "00001.bin").unlink()
    with pytest.raises(FileNotFoundError, match=r"00001.bin' is gone; copy it from where the data was prepared, or"):
        Shards(directory)
    with pytest.raises(FileNotFoundError, match=r"there is no '.*none/data.json'; make the directory with: bytelm"):
        Shards(tmp_path / "none")
    with pytest.raises(ValueError, match=r"out' has no split 'test'; it has 'train', 'validation': prepare it with a"):
        Shards(directory, "test")


def remove_format(found: dict[str, Any]) -> None:
    del found["format"]


def raise_version(found: dict[str, Any]) -> None:
    found["version"] = 2


def remove_splits(found: dict[str, Any]) -> None:
    del found["splits"]


def add_to_a_shard(found: dict[str, Any]) -> None:
    found["splits"]["train"]["shards"][0]["colour"] = "red"


def empty_a_shard(found: dict[str, Any]) -> None:
    found["splits"]["train"]["shards"][0]["documents"] = 0


def lose_the_type(found: dict[str, Any]) -> None:
    found["splits"] = ["train"]


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (remove_format, "data.json' was not written by bytelm data prepare; give a directory that was"),
        (
            raise_version,
            "data.json' is of version 2, and this bytelm reads version 1; prepare the data anew",
        ),
        (remove_splits, r"data.json' is not as bytelm data prepare writes it \(KeyError: 'splits'\); prepare the data"),
        (add_to_a_shard, r"is not as bytelm data prepare writes it \(TypeError: .*'colour'\); prepare the data anew"),
        (empty_a_shard, r"is not as bytelm data prepare writes it \(ValueError: a shard of 0 documents and \d+ bytes"),
        (lose_the_type, r"is not as bytelm data prepare writes it \(AttributeError: "),
    ],
)
def test_a_manifest_that_is_none(directory: Path, change: Callable[[dict[str, Any]], None], complaint: str) -> None:
    path = directory / "data.json"
    found = json.loads(path.read_bytes())
    change(found)
    path.write_text(json.dumps(found))
    with pytest.raises(ValueError, match=complaint):
        Shards(directory)


@pytest.mark.parametrize("data", [b"", b"{", b"\xff", b"[]"])
def test_a_manifest_that_is_no_json(directory: Path, data: bytes) -> None:
    (directory / "data.json").write_bytes(data)
    with pytest.raises(ValueError, match=r"data.json' (cannot be read: .*; prepare the data anew|was not written by)"):
        Shards(directory)


def test_a_manifest_comes_back(directory: Path) -> None:
    manifest = read_manifest(directory)
    assert manifest.as_json() == json.loads((directory / "data.json").read_bytes())
    assert manifest.documents == len(TEXTS)
