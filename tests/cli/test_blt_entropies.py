"""``bytelm blt entropies``."""

import json
from pathlib import Path
from typing import Any

import pytest

from bytelm.cli.main import main
from bytelm.training.data.entropy_passes import EntropyPasses
from bytelm.training.data.measuring import measure
from training.data.entropies_making import prepared_texts, save_model
from training.data.making import contents

Capture = pytest.CaptureFixture[bytes]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_model(tmp_path_factory.mktemp("model"))


@pytest.fixture
def prepared(tmp_path: Path) -> Path:
    return prepared_texts(tmp_path / "prepared", [f"document {number}" for number in range(30)])


def output(capture: Capture, *argv: object) -> str:
    status = main(["blt", "entropies", *map(str, argv)])
    out, err = capture.readouterr()
    assert (status, err) == (0, b"")
    return out.decode()


def error(capture: Capture, *argv: object) -> str:
    assert main(["blt", "entropies", *map(str, argv)]) == 2
    out, err = capture.readouterr()
    assert (out, err.count(b"\n")) == (b"", 1)
    return err.decode().removeprefix("bytelm: error: ").rstrip("\n")


def test_it_says_what_there_is(capsysbinary: Capture, prepared: Path, model: Path) -> None:
    text = output(capsysbinary, prepared, "--model", model)
    assert text == f"{prepared}/entropies: 30 documents, 320 bytes, 350 entropies\n"
    found: Any = json.loads(output(capsysbinary, prepared, "--model", model, "--json"))
    assert found.pop("directory") == f"{prepared}/entropies"
    assert found == json.loads((prepared / "entropies" / "entropies.json").read_bytes())


def test_options(capsysbinary: Capture, prepared: Path, model: Path, tmp_path: Path) -> None:
    argv = [prepared, "--model", model, "--out", tmp_path / "out", "--batch", 64, "--device", "cpu", "--quiet"]
    output(capsysbinary, *argv)
    measure(prepared, model, tmp_path / "wanted", positions=64)
    assert contents(tmp_path / "out") == contents(tmp_path / "wanted")
    assert not (prepared / "entropies").exists()


def test_progress(capsysbinary: Capture, prepared: Path, model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bytelm.cli.progress.SECONDS_BETWEEN", 0)
    assert main(["blt", "entropies", str(prepared), "--model", str(model), "--progress"]) == 0
    lines = capsysbinary.readouterr().err.decode().splitlines()
    assert lines[0].endswith(" bytes checked (100 %)")
    assert "0 of 320 bytes (0 %)" in lines
    assert lines[-1].startswith("320 of 320 bytes (100 %), ")
    assert lines[-1].endswith("B/s, 0 s left")


def interrupted(*_: object) -> None:
    raise KeyboardInterrupt


def full(*_: object) -> None:
    raise OSError(28, "No space left on device")


def test_what_is_kept(capsysbinary: Capture, prepared: Path, model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = f"; what is finished is kept in '{prepared}/entropies': the same command goes on from there"
    argv = [prepared, "--model", model]
    with monkeypatch.context() as patch:
        patch.setattr(EntropyPasses, "values", interrupted)
        assert main(["blt", "entropies", *map(str, argv)]) == 130
        assert capsysbinary.readouterr() == (b"", f"note: interrupted{kept}\n".encode())
        patch.setattr(EntropyPasses, "values", full)
        assert error(capsysbinary, *argv) == f"[Errno 28] No space left on device{kept}"
    output(capsysbinary, *argv)
    with monkeypatch.context() as patch:
        patch.setattr("bytelm.training.data.measuring.open_entropy_model", interrupted)
        assert main(["blt", "entropies", *map(str, argv)]) == 130
        assert capsysbinary.readouterr() == (b"", b"note: interrupted; nothing was begun\n")


def test_mistakes(capsysbinary: Capture, prepared: Path, model: Path, tmp_path: Path) -> None:
    assert error(capsysbinary, prepared).startswith("the following arguments are required: --model; see")
    assert error(capsysbinary, prepared, "--model", tmp_path / "none").startswith("no such model directory: ")
    assert error(capsysbinary, tmp_path, "--model", model).startswith(f"there is no '{tmp_path}/data.json'; make the ")
    assert error(capsysbinary, prepared, "--model", model, "--batch", 0).startswith("--batch is 0; expected a number ")
    assert error(capsysbinary, prepared, "--model", model, "--processes", 0).startswith("processes is 0; expected at ")
    assert "not allowed with" in error(capsysbinary, prepared, "--model", model, "--quiet", "--progress")
    output(capsysbinary, prepared, "--model", model)
    path = prepared / "entropies" / "train" / "00000.npy"
    path.write_bytes(path.read_bytes()[:-2])
    assert error(capsysbinary, prepared, "--model", model).startswith(f"'{path}' is not as it was written: it is no ")
