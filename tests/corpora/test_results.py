"""What comes out: JSON Lines, Parquet, folders of them, and the summary."""

import json
import math
from pathlib import Path

import numpy as np
import pytest

from bytelm.corpora import merging
from bytelm.corpora.kinds import column_kind, kind_of
from bytelm.corpora.rows import Totals, add_up
from bytelm.corpora.scoring import score_corpus
from bytelm.corpora.target import find_target
from bytelm.corpora.working import Scored
from corpora.making import RECORDS, make_job, read_lines, write_lines
from corpora.program import Model, open_model


def ignore(_: Scored) -> None:
    """A report that nobody reads."""


def scored(folder: Path, name: str, *paths: Path, keep: tuple[str, ...] = (), form: str | None = None) -> Path:
    """Score corpora; where the results are."""
    target = find_target(str(folder / name) + ("/" if "." not in name else ""), form)
    score_corpus(make_job(*paths, keep=keep, form=target.form), open_model, target, ignore)
    return target.path


def test_json_lines(tmp_path: Path) -> None:
    """Every figure of three documents, of which one is empty; 0xc3 0xbf spells ÿ, and no byte 0xff is in a text."""
    records = [{"text": "aÿ", "id": 7}, {"text": ""}, {"text": None, "id": [1.5]}]
    path = write_lines(tmp_path / "in.jsonl", records)
    rows = read_lines(scored(tmp_path, "out.jsonl", path, keep=("id",)))
    expected = Model().score(["aÿ".encode(), b"", b""])[0]
    assert list(rows[0]) == ["file", "record", "id", "bytes", "logprob", "bits_per_byte", "logprobs"]
    assert rows[0] == {
        "file": str(path),
        "record": 0,
        "id": 7,
        "bytes": 3,
        "logprob": expected.sum(),
        "bits_per_byte": -expected.sum() / math.log(2) / 3,
        "logprobs": expected.tolist(),
    }
    empty = {"file": str(path), "bytes": 0, "logprob": 0.0, "bits_per_byte": None, "logprobs": []}
    assert rows[1:] == [{**empty, "record": 1, "id": None}, {**empty, "record": 2, "id": [1.5]}]


def test_several_inputs_are_one_corpus(tmp_path: Path) -> None:
    """Chunks go on from one file into the next, and compressed ones give what plain ones give."""
    paths = [write_lines(tmp_path / name, RECORDS[5 * n :][:5]) for n, name in enumerate(["a.jsonl", "b.jsonl.gz"])]
    rows = read_lines(scored(tmp_path, "out.jsonl", *paths))
    assert [(row["file"], row["record"]) for row in rows] == [(str(path), n) for path in paths for n in range(5)]
    whole = read_lines(scored(tmp_path, "whole.jsonl", write_lines(tmp_path / "whole-in.jsonl", RECORDS[:10])))
    assert [row["logprobs"] for row in rows] == [row["logprobs"] for row in whole]


def test_the_summary(tmp_path: Path) -> None:
    path = write_lines(tmp_path / "in.jsonl")
    rows = read_lines(scored(tmp_path, "out.jsonl", path))
    summary = json.loads((tmp_path / "out.jsonl.summary.json").read_bytes())
    logprob = math.fsum(row["logprob"] for row in rows if isinstance(row["logprob"], float))
    size = sum(len(str(record["text"]).encode()) for record in RECORDS)
    assert summary["documents"] == len(RECORDS)
    assert summary["bytes"] == size
    assert summary["logprob"] == pytest.approx(logprob, rel=1e-14)
    assert summary["bits_per_byte"] == pytest.approx(-logprob / math.log(2) / size, rel=1e-14)
    assert summary["settings"]["inputs"][0]["size"] == path.stat().st_size


def test_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its files together are the one file, in order."""
    path = write_lines(tmp_path / "in.jsonl")
    whole = scored(tmp_path, "out.jsonl", path).read_bytes()
    monkeypatch.setattr(merging, "FILE_BYTES", 3000)
    folder = scored(tmp_path, "out", path)
    files = sorted(folder.iterdir())
    assert [file.name for file in files] == [f"{number:05}.jsonl" for number in range(len(files))]
    assert len(files) > 2
    assert b"".join(file.read_bytes() for file in files) == whole
    with pytest.raises(ValueError, match=r"the folder '.*/out' is not empty; empty it, or give another one"):
        scored(tmp_path, "out", path)


def test_nothing_to_score(tmp_path: Path) -> None:
    path = tmp_path / "in.jsonl"
    path.write_bytes(b"\n")
    with pytest.raises(ValueError, match=r"there is nothing to score: no records in '.*in.jsonl'; give inputs that"):
        scored(tmp_path, "out.jsonl", path)
    assert [found.name for found in tmp_path.iterdir()] == ["in.jsonl"]


def test_a_folder_in_the_way_of_the_parts(tmp_path: Path) -> None:
    (tmp_path / "out.jsonl.parts").mkdir()
    with pytest.raises(
        ValueError, match=r"out.jsonl.parts' is in the way: parts of the results would be there, and it"
    ):
        scored(tmp_path, "out.jsonl", write_lines(tmp_path / "in.jsonl"))


def test_targets(tmp_path: Path) -> None:
    assert find_target(str(tmp_path / "a.parquet")).form == "parquet"
    assert find_target(str(tmp_path)).folder
    assert find_target(f"{tmp_path}/a/").form == "jsonl"
    with pytest.raises(ValueError, match=r"results go to a .jsonl or .parquet file or into a folder, not to '.*a.csv'"):
        find_target(str(tmp_path / "a.csv"))
    with pytest.raises(ValueError, match=r"'.*a.jsonl' is a jsonl file, but results are to be parquet; leave one of"):
        find_target(str(tmp_path / "a.jsonl"), "parquet")
    with pytest.raises(ValueError, match=r"there is no folder '.*none' to write 'a.jsonl' in; make it first"):
        find_target(str(tmp_path / "none" / "a.jsonl"))
    with pytest.raises(ValueError, match=r"'/' has no name to put results under; give a folder of its own"):
        find_target("/")


def test_totals_do_not_depend_on_the_order() -> None:
    parts = [Totals(1, 2, logprob, 1, 0) for logprob in (-1e16, -1.0, -1.0, -0.1)]
    assert add_up(parts) == add_up(parts[::-1]) == Totals(4, 8, math.fsum([-1e16, -2.1]), 4, 0)
    assert Totals(1, 3, -1.0, 3).bits_per_byte is None


def test_kinds_of_columns() -> None:
    values = [None, True, 2**63 - 1, 2**63, 0.5, "a", "\ud800", [1], {}]
    kinds = [None, "boolean", "integer", "other", "number", "string", "other", "other", "other"]
    assert [kind_of(value) for value in values] == kinds
    assert [column_kind(found) for found in ([], ["integer"], ["integer", "number"], ["boolean", "string"])] == [
        "string",
        "integer",
        "number",
        "other",
    ]


class TestParquet:
    @pytest.fixture(autouse=True)
    def arrow(self) -> None:
        pytest.importorskip("pyarrow.parquet", reason="pyarrow is not installed: pip install 'bytelm[parquet]'")

    @staticmethod
    def read(path: Path) -> list[dict[str, object]]:
        import pyarrow.parquet

        rows: list[dict[str, object]] = pyarrow.parquet.ParquetFile(path).read().to_pylist()
        return rows

    @staticmethod
    def write(path: Path, **columns: object) -> Path:
        import pyarrow
        import pyarrow.parquet

        pyarrow.parquet.write_table(pyarrow.table(columns), path, row_group_size=4)
        return path

    def test_from_json_lines(self, tmp_path: Path) -> None:
        """The same rows as in JSON Lines, with columns of the types of the values."""
        path = write_lines(tmp_path / "in.jsonl")
        rows = self.read(scored(tmp_path, "out.parquet", path, keep=("id", "lang", "none")))
        assert rows == read_lines(scored(tmp_path, "out.jsonl", path, keep=("id", "lang", "none")))
        assert [row["id"] for row in rows] == list(range(len(RECORDS)))

    def test_to_json_lines(self, tmp_path: Path) -> None:
        """A Parquet file gives what its rows give as JSON Lines, if the chunks are the same."""
        texts = [str(record["text"]) for record in RECORDS[:5]]
        whole = read_lines(scored(tmp_path, "a.jsonl", write_lines(tmp_path / "in.jsonl", RECORDS[:5])))
        path = self.write(tmp_path / "in.parquet", text=texts, id=list(range(5)))
        rows = read_lines(scored(tmp_path, "b.jsonl", path, keep=("id",)))
        assert [row["logprobs"] for row in rows] == [row["logprobs"] for row in whole]
        assert [(row["file"], row["id"]) for row in rows] == [(str(path), number) for number in range(5)]

    def test_minus_infinity_and_bytes(self, tmp_path: Path) -> None:
        path = self.write(tmp_path / "in.parquet", text=[b"a\xff", b"", None])
        rows = self.read(scored(tmp_path, "out.parquet", path))
        assert [row["logprob"] for row in rows] == [-math.inf, 0.0, 0.0]
        assert [row["bits_per_byte"] for row in rows] == [math.inf, None, None]
        assert np.isneginf(rows[0]["logprobs"][1])  # type: ignore[index]
        lines = read_lines(scored(tmp_path, "out.jsonl", path))
        assert (lines[0]["logprob"], lines[0]["bits_per_byte"]) == (None, None)
        assert lines[0]["logprobs"][1] is None  # type: ignore[index]
        summary = json.loads((tmp_path / "out.jsonl.summary.json").read_bytes())
        assert (summary["logprob"], summary["bits_per_byte"], summary["impossible_bytes"]) == (None, None, 1)
        assert summary["bits_per_possible_byte"] > 0

    def test_fields_of_many_kinds(self, tmp_path: Path) -> None:
        """What fits no simple column is JSON text."""
        records = [{"text": "a", "x": x, "y": y, "z": z} for x, y, z in [(1, 1, "\ud800"), (2.5, "b", "c")]]
        rows = self.read(
            scored(tmp_path, "out.parquet", write_lines(tmp_path / "in.jsonl", records), keep=("x", "y", "z"))
        )
        assert [(row["x"], row["y"], row["z"]) for row in rows] == [(1.0, "1", '"\\ud800"'), (2.5, '"b"', '"c"')]

    def test_types_of_columns(self, tmp_path: Path) -> None:
        import datetime
        import decimal

        import pyarrow

        path = self.write(
            tmp_path / "in.parquet",
            text=pyarrow.array(["a", "b", "a", None] * 3).dictionary_encode(),
            day=[datetime.date(2026, 1, 2)] * 12,
            price=[decimal.Decimal("1.50")] * 12,
            tags=[["x", None]] * 12,
        )
        rows = read_lines(scored(tmp_path, "out.jsonl", path, keep=("day", "price", "tags")))
        assert [row["bytes"] for row in rows] == [1, 1, 1, 0] * 3
        assert (rows[5]["day"], rows[5]["price"], rows[5]["tags"]) == ("2026-01-02", "1.50", ["x", None])

    def test_columns_that_cannot_be_read(self, tmp_path: Path) -> None:
        path = self.write(tmp_path / "in.parquet", text=[1], body=["a"], raw=[b"a"])
        for name in ("out.jsonl", "out.parquet"):
            with pytest.raises(
                ValueError, match=r"in.parquet': the column 'text' is of type int64; expected texts or by"
            ):
                scored(tmp_path, name, path)
        path = self.write(tmp_path / "other.parquet", body=["a"], raw=[b"a"])
        with pytest.raises(
            ValueError, match=r"has no column 'text'; its columns are 'body', 'raw': name one .* --field"
        ):
            scored(tmp_path, "out.jsonl", path)
        path = self.write(tmp_path / "third.parquet", text=["a"], raw=[b"a"])
        with pytest.raises(
            ValueError, match=r"the column 'raw' holds bytes \(binary\), which cannot be copied; leave it"
        ):
            scored(tmp_path, "out.jsonl", path, keep=("raw",))
        path.write_bytes(b"PAR1 and nothing else")
        with pytest.raises(ValueError, match=r"third.parquet' is damaged, or no Parquet file: .*; make it anew"):
            scored(tmp_path, "out.jsonl", path)

    def test_row_groups_are_large(self, tmp_path: Path) -> None:
        import pyarrow.parquet

        path = scored(tmp_path, "out.parquet", write_lines(tmp_path / "in.jsonl"))
        assert pyarrow.parquet.ParquetFile(path).num_row_groups == 1


def test_parquet_is_named_where_it_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pyarrow.parquet", None)
    with pytest.raises(ValueError, match=r"Parquet needs pyarrow: pip install 'bytelm\[parquet\]'"):
        scored(tmp_path, "out.parquet", write_lines(tmp_path / "in.jsonl"))
