"""Records in every format, and what is wrong with them."""

import gzip
import json
from pathlib import Path

import pytest

from bytelm.corpora.chunks import chunks
from bytelm.corpora.inputs import Input, find_input, format_of
from bytelm.corpora.json_lines import JsonRecord
from bytelm.corpora.records import Document, Fields, plain
from corpora.making import RECORDS, make_job, write_lines


def documents(path: Path, *keep: str) -> list[Document]:
    job = make_job(path, keep=keep)
    return [record.document(job.fields) for chunk in job.chunks() for record in chunk.records]


@pytest.mark.parametrize("name", ["a.jsonl", "a.jsonl.gz"])
def test_json_lines(tmp_path: Path, name: str) -> None:
    path = write_lines(tmp_path / name)
    assert documents(path, "id", "none") == [
        Document(str(path), number, str(record["text"]).encode(), (number, None))
        for number, record in enumerate(RECORDS)
    ]


def test_blank_lines_and_a_byte_order_mark_are_no_records(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(b'\xef\xbb\xbf{"text": "a"}\r\n\n  \n{"text": "b"}')
    assert [(found.record, found.text) for found in documents(path)] == [(0, b"a"), (1, b"b")]


@pytest.mark.parametrize("text", ["", None])
def test_an_empty_document(tmp_path: Path, text: str | None) -> None:
    assert documents(write_lines(tmp_path / "a.jsonl", [{"text": text}]))[0].text == b""


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        (b'{"text": "a"', r"is not valid JSON: Expecting ',' delimiter at column 13; mend that line"),
        (b'{"text": "\xff"}', r"is not valid UTF-8 at byte 10 of the line; convert it first"),
        (b'["text"]', r'holds a list; expected one JSON object a line, such as \{"text": "…"\}'),
        (b'{"body": 1, "id": 2}', r"has no field 'text'; its fields are 'body', 'id': name the text's with --field"),
        (b"{}", r"has no field 'text'; its fields are none at all: name the text's with --field"),
        (b'{"text": ["a"]}', r"the field 'text' is of type list; expected a text: name its field with --field"),
        (b'{"text": "ab\\ud83d"}', r"the field 'text' has a lone surrogate, U\+D83D, at character 2: that is half of"),
        (
            b'{"text": "a", "n": ' + b"9" * 5000 + b"}",
            r"holds what cannot be read: Exceeds the limit .*; mend that line",
        ),
        (b'{"text": ' + b"[" * 100_000, r"holds what cannot be read: maximum recursion depth exceeded"),
    ],
)
def test_a_line_that_holds_no_document(tmp_path: Path, line: bytes, complaint: str) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(b'{"text": "a"}\n\n' + line + b"\n")
    with pytest.raises(ValueError, match=rf"a\.jsonl', line 3 \(record 1\):? {complaint}"):
        documents(path)


def test_a_file_that_is_not_compressed_as_its_name_says(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl.gz"
    path.write_bytes(b'{"text": "a"}\n')
    with pytest.raises(ValueError, match=r"a.jsonl.gz' is damaged, or no gzip file: Not a gzipped file .*; make it"):
        documents(path)
    whole = gzip.compress(b'{"text": "a"}\n' * 100)
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ValueError, match=r"a.jsonl.gz' is damaged, or no gzip file: Compressed file ended before"):
        documents(path)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"cannot read '.*none.jsonl': No such file or directory; give a file that"):
        find_input(str(tmp_path / "none.jsonl"), "jsonl", Fields())
    with pytest.raises(ValueError, match=r"cannot read '.*': Is a directory; give a file that can be read, or - for"):
        find_input(str(tmp_path), "jsonl", Fields())
    with pytest.raises(ValueError, match="standard input is read as jsonl, not as parquet; give the parquet file by"):
        find_input("-", "parquet", Fields())
    with pytest.raises(ValueError, match="standard input is named 2 times and can be read once; name it once"):
        make_job(Path("-"), Path("-"))


def test_formats() -> None:
    names = ["a.jsonl", "a.jsonl.gz", "a.parquet", "a.json", "a.gz", "-", "jsonl"]
    assert [format_of(name) for name in names] == ["jsonl", "jsonl", "parquet", None, None, None, None]


@pytest.mark.parametrize("name", ["file", "record", "bytes", "logprob", "bits_per_byte", "logprobs"])
def test_fields_that_the_results_have_themselves(name: str) -> None:
    with pytest.raises(
        ValueError, match=f"a field called '{name}' cannot be copied: the results have one of their own"
    ):
        Fields("text", (name,))
    with pytest.raises(ValueError, match="the field 'id' is to be copied twice; name it once"):
        Fields("text", ("id", "id"))


class Records(Input):
    """Records of given sizes, of which nothing is read."""

    sizes: tuple[int, ...] = ()

    def records(self, fields: Fields) -> list[JsonRecord]:  # type: ignore[override]
        return [JsonRecord(self.name, n, n + 1, b"x" * size, n + 1, 0) for n, size in enumerate(self.sizes)]


def sized(name: str, *sizes: int) -> Records:
    found = Records(name, "jsonl", len(sizes), 0)
    object.__setattr__(found, "sizes", sizes)
    return found


def test_chunks_hold_as_many_records_as_fit() -> None:
    inputs = [sized("a", 3, 3, 4, 1), sized("b", 20, 9, 0, 0)]
    found = list(chunks(inputs, Fields(), most_bytes=10, most_records=3))
    assert [(one.index, [(record.file, record.size) for record in one.records], one.read) for one in found] == [
        (0, [("a", 3), ("a", 3), ("a", 4)], 3),
        (1, [("a", 1)], 4),
        (2, [("b", 20)], 5),
        (3, [("b", 9), ("b", 0), ("b", 0)], 8),
    ]


def test_plain_values() -> None:
    value = {"a": [1, True, None, 0.5, float("nan"), float("inf")], 2: "x"}
    assert plain(value) == {"a": [1, True, None, 0.5, None, None], "2": "x"}
    assert json.dumps(plain(value), allow_nan=False)
    with pytest.raises(ValueError, match="a value of type bytes cannot be copied: JSON has nothing for it; leave it"):
        plain([b"x"])
