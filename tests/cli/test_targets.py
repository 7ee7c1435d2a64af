"""``bytelm targets``."""

import json
from pathlib import Path
from typing import Any

import pytest

from bytelm.cli.main import main
from bytelm.training.data.options import Options
from bytelm.training.data.preparing import prepare
from bytelm.training.distillation.computing_targets import compute_targets
from bytelm.training.distillation.target_files import TargetPart
from training.data.making import contents, write_lines

Capture = pytest.CaptureFixture[bytes]

TEACHER = ["--teacher", "bundled:code", "--device", "cpu"]


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("given")
    texts = [f"import number_{number}\n" for number in range(8)]
    prepare([write_lines(folder / "texts.jsonl", texts)], folder / "prepared", Options())
    return folder / "prepared"


def output(capture: Capture, *argv: object) -> str:
    status = main(["targets", *map(str, argv)])
    out, err = capture.readouterr()
    assert (status, err) == (0, b"")
    return out.decode()


def error(capture: Capture, *argv: object) -> str:
    assert main(["targets", *map(str, argv)]) == 2
    out, err = capture.readouterr()
    assert (out, err.count(b"\n")) == (b"", 1)
    return err.decode().removeprefix("bytelm: error: ").rstrip("\n")


def test_it_says_what_there_is(capsysbinary: Capture, prepared: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    text = output(capsysbinary, prepared, *TEACHER, "--out", out)
    assert text == f"{out}: 8 pieces, 136 places, 16 symbols of each\n"
    found: Any = json.loads(output(capsysbinary, prepared, *TEACHER, "--out", out, "--json", "--quiet"))
    assert found.pop("directory") == str(out)
    assert found == json.loads((out / "targets.json").read_bytes())
    assert (found["kind"], found["length"], found["tolerance"], found["keep"]) == ("exact", 2048, 0.01, 16)


def test_options(capsysbinary: Capture, prepared: Path, tmp_path: Path) -> None:
    given = ["--kind", "path", "--length", 32, "--tolerance", 0.5, "--keep", 3, "--dtype", "float32", "--processes", 1]
    output(capsysbinary, prepared, *TEACHER, "--out", tmp_path / "out", *given)
    compute_targets(prepared, "bundled:code", tmp_path / "wanted", kind="path", length=32, keep=3, dtype="float32")
    assert contents(tmp_path / "out") == contents(tmp_path / "wanted")


def test_progress(capsysbinary: Capture, prepared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bytelm.cli.progress.SECONDS_BETWEEN", 0)
    argv = ["targets", str(prepared), *TEACHER, "--out", str(tmp_path / "out"), "--kind", "path", "--progress"]
    assert main(argv) == 0
    lines = capsysbinary.readouterr().err.decode().splitlines()
    assert lines[0].endswith(" bytes checked (100 %)")
    assert "0 of 128 bytes (0 %)" in lines
    assert lines[-1].startswith("128 of 128 bytes (100 %), ")


def interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def test_what_is_kept(capsysbinary: Capture, prepared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C and a full disk leave what is finished, and the same command goes on."""
    out, write, written = tmp_path / "out", TargetPart.write, 0

    def once(part: TargetPart, records: Any) -> None:
        nonlocal written
        if written:
            raise OSError(28, "No space left on device")
        written += 1
        write(part, records)

    argv = [prepared, *TEACHER, "--out", out, "--kind", "path"]
    with monkeypatch.context() as patch:
        patch.setitem(compute_targets.__kwdefaults__, "part_pieces", 3)
        patch.setattr(TargetPart, "write", interrupt)
        assert main(["targets", *map(str, argv)]) == 130
        assert capsysbinary.readouterr() == (b"", b"note: interrupted; nothing was finished\n")
        patch.setattr(TargetPart, "write", once)
        kept = f"; what is finished is kept in '{out}': the same command goes on from there"
        assert error(capsysbinary, *argv) == f"[Errno 28] No space left on device{kept}"
        patch.setattr(TargetPart, "write", interrupt)
        assert main(["targets", *map(str, argv)]) == 130
        assert capsysbinary.readouterr() == (b"", f"note: interrupted{kept}\n".encode())
        patch.setattr(TargetPart, "write", write)
        assert output(capsysbinary, *argv) == f"{out}: 8 pieces, 136 places, 16 symbols of each\n"


def test_mistakes(capsysbinary: Capture, prepared: Path, tmp_path: Path) -> None:
    out = ["--out", tmp_path / "out"]
    assert error(capsysbinary, prepared, *out).startswith("the following arguments are required: --teacher; see")
    assert error(capsysbinary, prepared, *TEACHER).startswith("the following arguments are required: --out; see")
    assert error(capsysbinary, prepared, "--teacher", tmp_path / "none", *out).startswith("no such model directory: ")
    assert error(capsysbinary, tmp_path, *TEACHER, *out).startswith(f"there is no '{tmp_path}/data.json'; make the ")
    assert "invalid choice: 'other'" in error(capsysbinary, prepared, *TEACHER, *out, "--kind", "other")
    assert error(capsysbinary, prepared, *TEACHER, *out, "--keep", 0).startswith("keep is 0; expected a number of ")
    assert "not allowed with" in error(capsysbinary, prepared, *TEACHER, *out, "--quiet", "--progress")
    assert error(capsysbinary, prepared, *TEACHER, "--out", prepared).startswith(f"'{prepared}' exists already and ")
    assert not (tmp_path / "out").exists()
