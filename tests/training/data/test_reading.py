"""The documents of every kind of input, and what is wrong where there is none."""

import gzip
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import IO

import pytest

from bytelm.training.data import items, lines, long_lines, reading
from bytelm.training.data.finding import find_inputs
from bytelm.training.data.items import Streamed
from bytelm.training.data.options import PIECE_BYTES
from bytelm.training.data.pieces import cut
from bytelm.training.data.reading import read_piece
from bytelm.training.data.troubles import Trouble

Found = list[bytes | Trouble]


def ignore(_: int) -> None:
    """Somebody who does not want to be told."""


def read(path: Path, field: str = "text", binary: bool = False, piece_bytes: int = PIECE_BYTES) -> Found:
    """The documents and the troubles of a file or a folder; places are without the file's name."""
    found: Found = []
    for piece in cut(find_inputs([str(path)]).files, piece_bytes):
        for item in read_piece(piece, field, binary, path.parent, ignore):
            if isinstance(item, Trouble):
                found.append(item._replace(where=item.where.replace(repr(str(path)), "").removeprefix(", ")))
            else:
                found.append(b"".join(item.chunks) if isinstance(item, Streamed) else bytes(item))
    return found


def lines_of(tmp_path: Path, data: bytes) -> Path:
    path = tmp_path / "a.jsonl"
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("piece_bytes", [1, 7, 30, PIECE_BYTES])
def test_lines_of_every_sort(tmp_path: Path, piece_bytes: int) -> None:
    data = [
        b'\xef\xbb\xbf{"text": "first"}\r\n',
        b"\n  \n",
        b'{"text": "nul \\u0000 and \xc3\xa9"}\n',
        b'{"text": "a"\n',
        b'{"text": "\xff"}\n',
        b'["text"]\n',
        b'{"body": 1, "id": 2}\n',
        b"{}\n",
        b'{"text": null}\n',
        b'{"text": ["a"]}\n',
        b'{"text": ""}\n',
        b'{"text": "x\\ud83d", "n": 1}\n',
        b'{"text": "a", "n": ' + b"9" * 5000 + b"}\n",
        b'{"text": "no newline"}',
    ]
    places = [sum(map(len, data[:index])) for index in range(len(data))]
    path = lines_of(tmp_path, b"".join(data))
    found = read(path, piece_bytes=piece_bytes)
    assert found == [
        b"first",
        "nul \0 and é".encode(),
        Trouble("corrupt", f"byte {places[3]}", "not valid JSON: Expecting ',' delimiter at column 13"),
        Trouble("corrupt", f"byte {places[4]}", "not valid UTF-8 at byte 10 of the line"),
        Trouble("corrupt", f"byte {places[5]}", "a list, where a JSON object was expected"),
        Trouble("missing", f"byte {places[6]}", "no field 'text'; its fields are 'body', 'id'"),
        Trouble("missing", f"byte {places[7]}", "no field 'text'; its fields are none at all"),
        Trouble("null", f"byte {places[8]}", "the field 'text' is null"),
        Trouble("not_text", f"byte {places[9]}", "the field 'text' is of type list"),
        Trouble("empty", f"byte {places[10]}", "an empty document"),
        Trouble("surrogates", f"byte {places[11]}", "U+D83D, half of a character, was replaced"),
        "x\ufffd".encode(),
        found[12],
        b"no newline",
    ]
    assert isinstance(found[12], Trouble)
    assert found[12].kind == "corrupt"
    assert found[12].what.startswith("cannot be read: Exceeds the limit (4300 digits)")


def test_lists_in_lists(tmp_path: Path) -> None:
    (found,) = read(lines_of(tmp_path, b'{"text": ' + b"[" * 100_000))
    assert isinstance(found, Trouble)
    assert (found.kind, found.what[:40]) == ("corrupt", "cannot be read: maximum recursion depth ")


def test_a_compressed_file_that_is_cut_off(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl.gz"
    records = [json.dumps({"text": f"{number * 7919 % 10007}"}).encode() for number in range(20_000)]
    packed = gzip.compress(b"\n".join(records) + b"\n")
    path.write_bytes(packed[: len(packed) // 2])
    *documents, trouble = read(path)
    expected = [json.loads(record)["text"].encode() for record in records]
    assert 5000 < len(documents) < 20_000
    assert documents == expected[: len(documents)]
    assert trouble == ("damaged", "", "Compressed file ended before the end-of-stream marker was reached", 1)
    path.write_bytes(b"\n".join(records))
    assert read(path) == [Trouble("damaged", "", "Not a gzipped file (b'{\"')")]
    path.write_bytes(packed[:-8] + b"12345678")
    *documents, trouble = read(path)
    assert documents == expected
    assert isinstance(trouble, Trouble)
    assert trouble.kind == "damaged"
    assert trouble.what.startswith("CRC check failed")


TEXTS = {
    "a.py": b"def a():\n    pass\n",
    "b.txt": b"\xef\xbb\xbfwith a mark\r\nand no last newline",
    "c.bin": b"a\0b",
    "d.txt": b"",
    "e.txt": b"not \xff\xfe UTF-8",
    "f.txt": b"x" * 8000 + b"\0",
}


def test_texts(tmp_path: Path) -> None:
    """The bytes of a file are those of its document, whatever they are."""
    folder = tmp_path / "texts"
    folder.mkdir()
    for name, data in TEXTS.items():
        (folder / name).write_bytes(data)
    binary = Trouble("binary", repr(str(folder / "c.bin")), "a zero among its first 8000 bytes")
    empty = Trouble("empty", repr(str(folder / "d.txt")), "an empty document")
    expected: Found = [TEXTS["a.py"], TEXTS["b.txt"], binary, empty, TEXTS["e.txt"], TEXTS["f.txt"]]
    for piece_bytes in (1, 50, PIECE_BYTES):
        assert read(folder, piece_bytes=piece_bytes) == expected
    expected[2] = TEXTS["c.bin"]
    assert read(folder, binary=True) == expected
    assert read(folder / "c.bin") == [binary._replace(where="")]


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is large is small."""
    for module in (items, lines, reading):
        monkeypatch.setattr(module, "LARGE", 64)
        monkeypatch.setattr(module, "CHUNK", 16)
    monkeypatch.setattr(long_lines, "CHUNK", 16)
    monkeypatch.setattr(long_lines, "SHORT", 10)


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("piece_bytes", [1, 100, PIECE_BYTES])
@pytest.mark.parametrize("name", ["a.jsonl", "a.jsonl.gz"])
def test_long_lines(tmp_path: Path, piece_bytes: int, name: str) -> None:
    texts = ["x" * 500, "short", "é\n" * 200, "y" * 47 + "\ud83d", "", "last " * 50]
    data = b"\n".join(json.dumps({"id": "z" * 99, "text": text}).encode() for text in texts)
    data += b'\n{"text": "' + b"x" * 200 + b'"\n{"id": "' + b"x" * 200 + b'"}\n'
    path = tmp_path / name
    path.write_bytes(gzip.compress(data) if name.endswith("gz") else data)
    found = read(path, piece_bytes=piece_bytes)
    assert [item for item in found if isinstance(item, bytes)] == [
        text.replace("\ud83d", "\ufffd").encode() for text in texts if text
    ]
    assert [item.kind for item in found if isinstance(item, Trouble)] == ["surrogates", "empty", "corrupt", "missing"]
    assert [path.name for path in tmp_path.iterdir()] == [name], "nothing is left"


@pytest.mark.usefixtures("small")
def test_a_long_text(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    for size in (63, 64, 65, 1000):
        path.write_bytes(bytes(range(1, 251)) * 4)
        with path.open("r+b") as file:
            file.truncate(size)
        assert read(path) == [path.read_bytes()]


def fail_at(monkeypatch: pytest.MonkeyPatch, calls: int, error: Callable[[], OSError]) -> None:
    """Let the reading of files fail behind so many calls."""

    class Failing(io.BytesIO):
        left = calls

        def read(self, count: int | None = -1) -> bytes:
            self._count()
            return super().read(count)

        def readline(self, limit: int | None = -1) -> bytes:
            self._count()
            return super().readline(limit)

        def _count(self) -> None:
            self.left -= 1
            if self.left < 0:
                raise error()

    def open_failing(name: str, mode: str, buffering: int = 0) -> IO[bytes]:
        return Failing(Path(name).read_bytes())

    for module in (reading, lines):
        monkeypatch.setattr(module, "open", open_failing, raising=False)


@pytest.mark.usefixtures("small")
def test_a_disk_that_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is read before is kept."""
    text = tmp_path / "a.txt"
    text.write_bytes(b"x" * 1000)
    path = lines_of(tmp_path, b'{"text": "a"}\n{"text": "b"}\n')
    fail_at(monkeypatch, 1, lambda: OSError(5, "Input/output error"))
    assert read(path) == [b"a", Trouble("damaged", "", "Input/output error")]
    with pytest.raises(items.ReadingError, match="Input/output error"):
        read(text)
    fail_at(monkeypatch, 0, lambda: OSError(5, "Input/output error"))
    assert read(text) == [Trouble("damaged", "", "Input/output error")]


def test_a_text_that_is_gone(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(b"x")
    (piece,) = cut(find_inputs([str(path)]).files)
    path.unlink()
    found = list(read_piece(piece, "text", False, tmp_path, ignore))
    assert found == [Trouble("unreadable", repr(str(path)), "No such file or directory")]


def test_the_way_that_is_told(tmp_path: Path) -> None:
    path = lines_of(tmp_path, b'{"text": "a"}\n' * 100)
    told: list[int] = []
    (piece,) = cut(find_inputs([str(path)]).files)
    assert len(list(read_piece(piece, "text", False, tmp_path, told.append))) == 100
    assert told == list(range(0, 1400, 14))
