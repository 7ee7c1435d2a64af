"""Texts in Parquet, of every type that holds some, and what is wrong where there are none."""

from pathlib import Path
from typing import Any

import pytest

from bytelm.training.data import parquet_texts
from bytelm.training.data.finding import find_inputs
from bytelm.training.data.options import PIECE_BYTES
from bytelm.training.data.pieces import cut
from bytelm.training.data.reading import read_piece
from bytelm.training.data.troubles import Trouble

pa = pytest.importorskip("pyarrow", reason="pyarrow is not installed: pip install 'bytelm[parquet]'")
pq = pytest.importorskip("pyarrow.parquet")

VALUES = ["first", "", None, "é" * 50, "nul \0", "last"]


def write(path: Path, column: Any, name: str = "text", rows: int = 4, **options: Any) -> Path:
    """A file of row groups of so many rows."""
    pq.write_table(pa.table({"id": list(range(len(column))), name: column}), path, row_group_size=rows, **options)
    return path


def read(path: Path, field: str = "text", piece_bytes: int = PIECE_BYTES) -> tuple[list[bytes], list[Trouble], int]:
    """The documents, the troubles, and how many pieces there were."""
    documents: list[bytes] = []
    troubles: list[Trouble] = []
    pieces = cut(find_inputs([str(path)]).files, piece_bytes)
    assert sum(piece.size for piece in pieces) == path.stat().st_size
    for piece in pieces:
        for item in read_piece(piece, field, False, path.parent, lambda _: None):
            if isinstance(item, Trouble):
                troubles.append(item._replace(where=item.where.removeprefix(repr(str(path)))))
            else:
                assert isinstance(item, memoryview)
                documents.append(bytes(item))
    return documents, troubles, len(pieces)


@pytest.mark.parametrize("piece_bytes", [1, PIECE_BYTES])
@pytest.mark.parametrize(
    "kind",
    [pa.string(), pa.large_string(), pa.string_view(), pa.binary(), pa.large_binary(), pa.binary_view(), "dictionary"],
)
def test_types(tmp_path: Path, kind: Any, piece_bytes: int) -> None:
    values = [value if value is None else value.encode() for value in VALUES] if "binary" in str(kind) else VALUES
    array = pa.array(values).dictionary_encode() if kind == "dictionary" else pa.array(values, kind)
    documents, troubles, pieces = read(write(tmp_path / "a.parquet", array), piece_bytes=piece_bytes)
    assert documents == [value.encode() for value in VALUES if value]
    assert troubles == [
        Trouble("empty", ", row 1", "an empty document"),
        Trouble("null", ", row 2", "the field 'text' is null"),
    ]
    assert pieces == (2 if piece_bytes == 1 else 1)


def test_other_types(tmp_path: Path) -> None:
    path = write(tmp_path / "a.parquet", pa.array([b"abc", None, b"def"], pa.binary(3)))
    assert read(path)[0] == [b"abc", b"def"]
    path = write(tmp_path / "a.parquet", pa.array([None, None], pa.null()))
    assert [trouble.kind for trouble in read(path)[1]] == ["null", "null"]
    path = write(tmp_path / "a.parquet", pa.array([1.5, 2.5]))
    assert read(path)[1] == [Trouble("not_text", "", "the column 'text' is of type double", 2)]
    path = write(tmp_path / "a.parquet", pa.array(["a"]), "a.b")
    assert read(path, "a.b")[0] == [b"a"]
    assert read(path)[1] == [Trouble("missing", "", "no column 'text'; its columns are 'id', 'a.b'", 1)]
    path = write(tmp_path / "a.parquet", pa.array([], pa.string()))
    assert read(path)[:2] == ([], [])
    pq.write_table(pa.Table.from_arrays([pa.array(["a"])] * 2, names=["text", "text"]), tmp_path / "b.parquet")
    assert read(tmp_path / "b.parquet")[1] == [Trouble("not_text", "", "several columns are called 'text'", 1)]


def test_few_rows_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parquet_texts, "_BATCH_BYTES", 100)
    values = [f"document {number}" * (number % 7) for number in range(100)]
    path = write(tmp_path / "a.parquet", pa.array(values), rows=40)
    documents, troubles, pieces = read(path, piece_bytes=1)
    assert documents == [value.encode() for value in values if value]
    assert [trouble.where for trouble in troubles] == [f", row {number}" for number in range(0, 100, 7)]
    assert pieces == 3


@pytest.mark.parametrize("options", [{"compression": "gzip"}, {"compression": None, "write_page_checksum": True}])
def test_damage(tmp_path: Path, options: dict[str, Any]) -> None:
    path = tmp_path / "a.parquet"
    path.write_bytes(b"this is no Parquet")
    (trouble,) = read(path)[1]
    assert (trouble.kind, trouble.where) == ("damaged", "")
    assert trouble.what.startswith("Parquet magic bytes not found in footer")
    values = [f"{number * 7919 % 10007:06}" for number in range(2000)]
    write(path, pa.array(values), rows=500, use_dictionary=False, **options)
    place = pq.ParquetFile(path).metadata.row_group(2).column(1).data_page_offset + 500
    data = bytearray(path.read_bytes())
    data[place : place + 8] = b"\xaa" * 8
    path.write_bytes(data)
    documents, troubles, _ = read(path)
    assert [trouble.kind for trouble in troubles] == ["damaged"]
    assert documents == [value.encode() for value in values[: len(documents)]]
    assert len(documents) == 1000


def test_a_file_that_is_gone(tmp_path: Path) -> None:
    path = write(tmp_path / "a.parquet", pa.array(["a"]))
    (piece,) = cut(find_inputs([str(path)]).files)
    path.unlink()
    (trouble,) = read_piece(piece, "text", False, tmp_path, lambda _: None)
    assert isinstance(trouble, Trouble)
    assert trouble.kind == "unreadable"
