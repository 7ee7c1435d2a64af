"""``bytelm data``."""

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bytelm.cli import data_prepare
from bytelm.cli.data_prepare import DataProgress
from bytelm.cli.data_tables import beginning, size_lines, sizes_json, spread
from bytelm.cli.main import main
from bytelm.training.data import preparing
from training.data.making import TEXTS, documents, write_lines

Capture = pytest.CaptureFixture[bytes]


@pytest.fixture
def inputs(tmp_path: Path) -> list[str]:
    code = tmp_path / "code"
    code.mkdir()
    (code / "a.py").write_bytes(b"import os\n\tx = 1\n")
    (code / "b.bin").write_bytes(b"\0")
    return [str(write_lines(tmp_path / "a.jsonl", [*TEXTS, "", "\ud800"])), str(code)]


def output(capture: Capture, *argv: str | Path) -> str:
    status = main(["data", *map(str, argv)])
    out, err = capture.readouterr()
    assert (status, err) == (0, b"")
    return out.decode()


def error(capture: Capture, *argv: str | Path) -> str:
    status = main(["data", *map(str, argv)])
    out, err = capture.readouterr()
    assert (status, out) == (2, b"")
    assert err.startswith(b"bytelm: error: ")
    assert err.count(b"\n") == 1
    return err.decode().removeprefix("bytelm: error: ").rstrip("\n")


def as_json(capture: Capture, *argv: str | Path) -> Any:
    return json.loads(output(capture, *argv, "--json"))


def test_prepare(capsysbinary: Capture, inputs: list[str], tmp_path: Path) -> None:
    text = output(capsysbinary, "prepare", *inputs, "--out", tmp_path / "out", "--validation", "0.1")
    train, held_out = documents(tmp_path / "out"), documents(tmp_path / "out", "validation")
    sizes = [sum(map(len, split)) for split in (train, held_out)]
    assert len(train) + len(held_out) == len(TEXTS) + 2
    assert text == (
        "    documents              bytes  shards  split\n"
        f"{len(train):13,}  {sizes[0]:17,}       1  train\n"
        f"{len(held_out):13,}  {sizes[1]:17,}       1  validation\n"
        f"{len(train) + len(held_out):13,}  {sum(sizes):17,}       2  total\n"
        "\n"
        "left out\n"
        "            1  empty documents\n"
        f"                 '{inputs[0]}', byte {len(write_lines(tmp_path / 'x').read_bytes())}: an empty document\n"
        "            1  binary files\n"
        f"                 '{inputs[1]}/b.bin': a zero among its first 8000 bytes\n"
        "\n"
        "repaired\n"
        "            1  documents with halves of characters, replaced by U+FFFD\n"
        f"                 '{inputs[0]}', byte {len((tmp_path / 'x').read_bytes()) + 13}: "
        "U+D800, half of a character, was replaced\n"
    )


def test_options(capsysbinary: Capture, inputs: list[str], tmp_path: Path) -> None:
    out = tmp_path / "out"
    found = as_json(
        capsysbinary, "prepare", *inputs, "--out", out, "--validation", "0", "--unique", "--binary", "--format", "text",
        "--shard-bytes", "100", "--processes", "2", "--field", "body",
    )  # fmt: skip
    assert found["settings"] == {
        "field": "body",
        "form": "text",
        "validation": 0,
        "unique": True,
        "binary": True,
        "shard_bytes": 100,
    }
    assert found["directory"] == str(out)
    assert {name: value for name, value in found.items() if name != "directory"} == json.loads(
        (out / "data.json").read_bytes()
    )
    assert documents(out) == [Path(inputs[0]).read_bytes(), b"import os\n\tx = 1\n", b"\0"]


def test_the_same_again_is_quick(
    capsysbinary: Capture, inputs: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    argv = ["prepare", *inputs, "--out", str(tmp_path / "out")]
    first = output(capsysbinary, *argv)
    monkeypatch.delattr(preparing, "cut")
    assert output(capsysbinary, *argv) == first


def test_nothing_held_out_is_noted(capsysbinary: Capture, tmp_path: Path) -> None:
    path = write_lines(tmp_path / "a.jsonl", ["a"])
    assert main(["data", "prepare", str(path), "--out", str(tmp_path / "out")]) == 0
    _, err = capsysbinary.readouterr()
    assert err == b"note: no document was held out: 1 % of 1 documents came to none\n"


def test_inspect(capsysbinary: Capture, inputs: list[str], tmp_path: Path) -> None:
    out = tmp_path / "out"
    output(capsysbinary, "prepare", inputs[1], "--out", out, "--validation", "0")
    text = output(capsysbinary, "inspect", out, "--verify")
    assert text.startswith(
        "    documents              bytes  shards  split\n"
        "            1                 17       1  train\n"
        "\n"
        "        files              bytes  input\n"
        f"            2                 18  {inputs[1]}\n"
        "options: field 'text', form None, validation 0.0, unique False, binary False, shard_bytes 1073741824\n"
        "\n"
        "left out\n"
        "            1  binary files\n"
    )
    assert text.endswith(
        "              16 or more  ████████████████████████████████████████  100.0 %  1\n"
        "            0  import os↵⇥x = 1↵\n"
        "\n"
        "all files are as they were written\n"
    )


def test_inspect_for_programs(capsysbinary: Capture, inputs: list[str], tmp_path: Path) -> None:
    out = tmp_path / "out"
    prepared = as_json(capsysbinary, "prepare", *inputs, "--out", out, "--validation", "0.2")
    found = as_json(capsysbinary, "inspect", out, "--show", "2")
    assert prepared.items() <= found.items()
    assert found["verified"] is None
    sizes = sorted(map(len, documents(out)))
    assert found["sizes"]["train"]["mean"] == pytest.approx(np.mean(sizes))
    assert (found["sizes"]["train"]["smallest"], found["sizes"]["train"]["largest"]) == (sizes[0], sizes[-1])
    assert [(one["split"], one["document"]) for one in found["shown"]] == [
        (name, index) for name in ("train", "validation") for index in (0, prepared["splits"][name]["documents"] // 2)
    ]
    assert found["shown"][0]["text"].encode() == documents(out)[0]
    assert as_json(capsysbinary, "inspect", out, "--show", "0", "--verify")["verified"] is True


def test_inspect_of_an_empty_split(capsysbinary: Capture, inputs: list[str], tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert main(["data", "prepare", inputs[1], "--out", str(out), "--validation", "1e-9"]) == 0
    capsysbinary.readouterr()
    assert "            0                  0       0  validation\n" in output(capsysbinary, "inspect", out)
    found = as_json(capsysbinary, "inspect", out)
    assert set(found["sizes"]["validation"].values()) == {None}


def test_damage(capsysbinary: Capture, inputs: list[str], tmp_path: Path) -> None:
    out = tmp_path / "out"
    output(capsysbinary, "prepare", *inputs, "--out", out, "--validation", "0")
    path = out / "train" / "00000.bin"
    data = path.read_bytes()
    path.write_bytes(b"X" + data[1:])
    output(capsysbinary, "inspect", out)
    assert "00000.bin' is not as it was written: its SHA-256 is" in error(capsysbinary, "inspect", out, "--verify")
    path.write_bytes(data[:-1])
    assert f"it has {len(data) - 1:,} bytes; expected {len(data):,}; copy" in error(capsysbinary, "inspect", out)


def test_mistakes(capsysbinary: Capture, inputs: list[str], tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert error(capsysbinary, "prepare").startswith("the following arguments are required: INPUT, --out; see")
    assert error(capsysbinary, "prepare", "none", "--out", out).startswith("cannot read 'none': No such file or")
    assert error(capsysbinary, "prepare", *inputs, "--out", out, "--validation", "1").startswith("validation is 1.0; ")
    assert error(capsysbinary, "prepare", *inputs, "--out", out, "--processes", "0").startswith("processes is 0; ")
    assert error(capsysbinary, "prepare", inputs[0], "--out", out, "--field", "body").startswith(
        f"there is no document in '{inputs[0]}'; left out: 202 records without the field"
    )
    assert error(capsysbinary, "inspect", out).startswith(f"there is no '{out}/data.json'; make the directory with: ")
    output(capsysbinary, "prepare", *inputs, "--out", out)
    assert error(capsysbinary, "inspect", out, "--show", "-1").startswith("--show is -1; expected a number of doc")


def interrupted(_: object) -> int:
    raise KeyboardInterrupt


def full(_: object) -> int:
    raise OSError(28, "No space left on device")


def test_what_is_kept(
    capsysbinary: Capture, inputs: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    argv = ["prepare", *inputs, "--out", str(out)]
    kept = f"what is finished is kept in '{out}.parts': the same command goes on from there"
    with monkeypatch.context() as patch:
        patch.setattr(preparing, "write_shard", lambda *_: interrupted(0))
        assert main(["data", *argv]) == 130
        assert capsysbinary.readouterr() == (b"", f"note: interrupted; {kept}\n".encode())
        patch.setattr(preparing, "write_shard", lambda *_: full(0))
        assert error(capsysbinary, *argv) == f"[Errno 28] No space left on device; {kept}"
    output(capsysbinary, *argv)
    with monkeypatch.context() as patch:
        patch.setattr(preparing, "read_piece", lambda *_: full(0))
        assert error(capsysbinary, *argv[:-1], str(tmp_path / "other")).endswith("; nothing was finished")


def test_progress(capsysbinary: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    """The speed is that of this time, not that of what was finished before."""
    now = iter([0.0, 1.0, 1.0, 2.0, 12.0, 20.0, 21.0, 22.0])
    with DataProgress(sys.stderr, True, lambda: next(now)) as progress:
        progress.update(5_000_000, 20_000_000, "bytes read")
        progress.update(10_000_000, 20_000_000, "bytes read")
        progress.update(15_000_000, 20_000_000, "bytes read")
        progress.update(0, 0, "bytes written")
    assert capsysbinary.readouterr().err.decode().splitlines() == [
        "5,000,000 of 20,000,000 bytes read (25 %)",
        "10,000,000 of 20,000,000 bytes read (50 %), 5.0 MB/s, 2 s left",
        "15,000,000 of 20,000,000 bytes read (75 %), 909.1 kB/s, 6 s left",
        "0 of 0 bytes written (100 %)",
    ]
    assert data_prepare.NAME == "prepare"


def test_sizes() -> None:
    sizes = np.array([*range(1, 101)], np.int64)
    assert sizes_json(sizes) == {
        "mean": 50.5,
        "smallest": 1,
        "median": 50,
        "ninety_percent": 90,
        "ninety_nine_percent": 99,
        "largest": 100,
    }
    lines = list(size_lines(sizes))
    assert [line.split()[-1] for line in lines[3:]] == ["1", "2", "4", "8", "16", "32", "37"]
    assert list(size_lines(np.zeros(0, np.int64))) == []


def test_beginnings() -> None:
    assert beginning(b"a\nb", True, 5) == "a↵b"
    assert beginning(b"abcde", True, 5) == "abcde"
    assert beginning(b"abcde", False, 5) == "abcd…"
    assert beginning(b"abcdef", True, 5) == "abcd…"
    assert beginning(b"abc", False, 5) == "abc…"
    assert beginning(b"\xff\x00", True, 20) == r"\xff\x00"


def test_a_spread() -> None:
    assert [spread(10, 3), spread(2, 3), spread(0, 3), spread(5, 0)] == [[0, 3, 6], [0, 1], [], []]
