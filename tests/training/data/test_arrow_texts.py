"""Texts in files of Arrow, and folders that ``datasets`` saved."""

import json
from pathlib import Path
from typing import Any

import pytest

from bytelm.training.data.finding import find_inputs
from bytelm.training.data.options import Options
from bytelm.training.data.pieces import cut
from bytelm.training.data.preparing import prepare
from bytelm.training.data.reading import read_piece
from bytelm.training.data.troubles import Trouble
from training.data.making import TEXTS, documents

pa = pytest.importorskip("pyarrow", reason="pyarrow is not installed: pip install 'bytelm[parquet]'")

VALUES = ["first", "", None, "é" * 50, "nul \0", "last"]


def write(path: Path, column: Any, name: str = "text", rows: int = 4, stream: bool = True, **options: Any) -> Path:
    """A file of record batches of so many rows."""
    table = pa.table({"id": list(range(len(column))), name: column})
    make = pa.ipc.new_stream if stream else pa.ipc.new_file
    with make(str(path), table.schema, options=pa.ipc.IpcWriteOptions(**options)) as writer:
        writer.write_table(table, max_chunksize=rows)
    return path


def read(path: Path, field: str = "text") -> tuple[list[bytes], list[Trouble]]:
    """The documents and the troubles."""
    documents: list[bytes] = []
    troubles: list[Trouble] = []
    told: list[int] = []
    (piece,) = cut(find_inputs([str(path)]).files)
    assert piece.size == path.stat().st_size
    for item in read_piece(piece, field, False, path.parent, told.append):
        if isinstance(item, Trouble):
            troubles.append(item._replace(where=item.where.removeprefix(repr(str(path)))))
        else:
            assert isinstance(item, memoryview)
            documents.append(bytes(item))
    assert told == sorted(told)
    return documents, troubles


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("options", [{}, {"compression": "zstd"}])
@pytest.mark.parametrize("kind", [pa.string(), pa.large_string(), pa.string_view(), pa.binary(), "dictionary"])
def test_types(tmp_path: Path, kind: Any, stream: bool, options: dict[str, str]) -> None:
    values = [value if value is None else value.encode() for value in VALUES] if "binary" in str(kind) else VALUES
    array = pa.array(values).dictionary_encode() if kind == "dictionary" else pa.array(values, kind)
    found, troubles = read(write(tmp_path / "a.arrow", array, stream=stream, **options))
    assert found == [value.encode() for value in VALUES if value]
    assert troubles == [
        Trouble("empty", ", row 1", "an empty document"),
        Trouble("null", ", row 2", "the field 'text' is null"),
    ]


def test_columns_without_texts(tmp_path: Path) -> None:
    path = write(tmp_path / "a.arrow", pa.array([1.5, 2.5]))
    assert read(path)[1] == [Trouble("not_text", "", "the column 'text' is of type double", 2)]
    assert read(path, "body")[1] == [Trouble("missing", "", "no column 'body'; its columns are 'id', 'text'", 2)]
    assert read(write(tmp_path / "a.arrow", pa.array([], pa.string()))) == ([], [])


@pytest.mark.parametrize("stream", [False, True])
def test_damage(tmp_path: Path, stream: bool) -> None:
    """However little is missing, it is told; what stands before it is kept."""
    values = [f"document {number}" for number in range(1000)]
    data = write(tmp_path / "a.arrow", pa.array(values), rows=100, stream=stream).read_bytes()
    for size in (0, 5, 100, len(data) // 2, len(data) - 8, len(data) - 1):
        path = tmp_path / "b.arrow"
        path.write_bytes(data[:size])
        found, troubles = read(path)
        assert found == [value.encode() for value in values[: len(found)]]
        assert len(found) % 100 == 0
        assert [trouble.kind for trouble in troubles] == ["damaged"]
        if stream and size == len(data) - 8:
            assert len(found) == 1000
            assert troubles[0].what == "it ends without the mark that ends a stream"
    path.write_bytes(b"this is no Arrow, and no table of any kind")
    assert [trouble.kind for trouble in read(path)[1]] == ["damaged"]


def test_offsets_that_point_elsewhere(tmp_path: Path) -> None:
    """What is mapped is checked before it is followed."""
    path = write(tmp_path / "a.arrow", pa.array(["abcdefgh", "ijklmnop"]))
    data = path.read_bytes()
    offsets = b"\0\0\0\0\x08\0\0\0\x10\0\0\0"
    assert data.count(offsets) == 1
    path.write_bytes(data.replace(offsets, b"\0\0\0\0\xff\xff\xff\x7f\x10\0\0\0"))
    found, troubles = read(path)
    assert (found, [trouble.kind for trouble in troubles]) == ([], ["damaged"])


def test_a_file_that_is_gone(tmp_path: Path) -> None:
    (piece,) = cut(find_inputs([str(write(tmp_path / "a.arrow", pa.array(["a"])))]).files)
    (tmp_path / "a.arrow").unlink()
    (trouble,) = read_piece(piece, "text", False, tmp_path, lambda _: None)
    assert isinstance(trouble, Trouble)
    assert trouble.kind == "unreadable"


def save(folder: Path, texts: list[str]) -> None:
    """A folder as ``save_to_disk`` writes it, with what ``datasets`` leaves beside it."""
    folder.mkdir(parents=True)
    names = ["data-00000-of-00002.arrow", "data-00001-of-00002.arrow"]
    for name, some in zip(names, (texts[:50], texts[50:]), strict=True):
        write(folder / name, pa.array(some))
    write(folder / "cache-5f.arrow", pa.array(["of the cache"]))
    (folder / "state.json").write_text(json.dumps({"_data_files": [{"filename": name} for name in names]}))
    (folder / "dataset_info.json").write_text(json.dumps({"features": {}}))


def saved(folder: Path, out: Path) -> list[bytes]:
    manifest = prepare([folder], out, Options(validation=0))
    assert manifest.troubles.counts == {}
    return documents(out)


def test_saved_datasets(tmp_path: Path) -> None:
    expected = [text.encode() for text in TEXTS]
    save(tmp_path / "plain", TEXTS)
    assert saved(tmp_path / "plain", tmp_path / "1") == expected
    save(tmp_path / "one" / "train", TEXTS)
    (tmp_path / "one" / "dataset_dict.json").write_text('{"splits": ["train"]}')
    assert saved(tmp_path / "one", tmp_path / "2") == expected
    save(tmp_path / "one" / "test", ["a"] * 60)
    (tmp_path / "one" / "dataset_dict.json").write_text('{"splits": ["train", "test"]}')
    with pytest.raises(ValueError, match=r"one' holds several splits, train, test; name the folder of one: '.*/train'"):
        saved(tmp_path / "one", tmp_path / "3")
    assert saved(tmp_path / "one" / "train", tmp_path / "3") == expected
    (tmp_path / "plain" / "data-00001-of-00002.arrow").unlink()
    manifest = prepare([tmp_path / "plain"], tmp_path / "4", Options(validation=0))
    assert manifest.troubles.counts == {"special": 1}


def test_folders_that_look_like_it(tmp_path: Path) -> None:
    """They are folders like any other."""
    for name, text in (("state.json", "[1]"), ("dataset_info.json", "{"), ("dataset_dict.json", '{"a": 1}')):
        (tmp_path / name).write_text(text)
    assert [Path(file.name).name for file in find_inputs([str(tmp_path)]).files] == [
        "dataset_dict.json",
        "dataset_info.json",
        "state.json",
    ]


def test_what_the_library_saves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HOME", str(tmp_path / "home"))
    datasets = pytest.importorskip("datasets", reason="datasets is not installed: pip install datasets")
    found = datasets.Dataset.from_dict({"text": TEXTS})
    found.select(range(100, 200)).save_to_disk(str(tmp_path / "plain"), num_shards=3)
    assert saved(tmp_path / "plain", tmp_path / "1") == [text.encode() for text in TEXTS[100:]]
    datasets.DatasetDict({"train": found}).save_to_disk(str(tmp_path / "one"))
    assert saved(tmp_path / "one", tmp_path / "2") == [text.encode() for text in TEXTS]
