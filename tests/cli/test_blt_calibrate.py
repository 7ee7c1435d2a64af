"""``bytelm blt calibrate``."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from blt.networks import text
from bytelm.blt.lm import BltLM
from bytelm.blt.patching.options import Patching
from bytelm.blt.weights.reading import open_checkpoint
from bytelm.cli.blt_calibrate import PIECE, sample
from bytelm.cli.blt_files import Source
from bytelm.cli.main import main
from bytelm.loading import load
from cli.blt_models import save

Capture = pytest.CaptureFixture[bytes]


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return save(tmp_path / "model")


@pytest.fixture
def texts(tmp_path: Path) -> list[str]:
    for number in range(3):
        (tmp_path / f"{number}.txt").write_bytes(text(700, number))
    return [str(tmp_path / f"{number}.txt") for number in range(3)]


def output(capture: Capture, *argv: object) -> str:
    status = main(["blt", "calibrate", *map(str, argv)])
    out, err = capture.readouterr()
    assert (status, err) == (0, b"")
    return out.decode()


def as_json(capture: Capture, *argv: object) -> Any:
    return json.loads(output(capture, *argv, "--json"))


def error(capture: Capture, *argv: object) -> str:
    assert main(["blt", "calibrate", *map(str, argv)]) == 2
    out, err = capture.readouterr()
    assert (out, err.count(b"\n")) == (b"", 1)
    return err.decode().removeprefix("bytelm: error: ").rstrip("\n")


@pytest.mark.parametrize("mode", ["entropy", "monotonic", "both"])
def test_the_mean_is_reached(capsysbinary: Capture, directory: Path, texts: list[str], mode: str) -> None:
    found = as_json(capsysbinary, *texts, "--model", directory, "--mean-patch", 6, "--patching", mode)
    assert found["after"]["mean"] == pytest.approx(6, rel=0.01)
    assert found["after"]["patching"]["threshold"] == found["threshold"]
    assert found["after"]["patching"]["mode"] == mode
    assert found["sample"] == {"files": 3, "pieces": 3, "bytes": 2100}
    assert found["before"]["bytes"] == found["after"]["bytes"] == 2100
    assert found["written"] is None
    model = load(directory)
    assert isinstance(model, BltLM)
    patches = sum(len(model.patches(Path(name).read_bytes())) for name in texts)
    assert found["before"]["patches"] == patches


def test_it_is_said(capsysbinary: Capture, directory: Path, texts: list[str]) -> None:
    found = as_json(capsysbinary, *texts, "--model", directory, "--mean-patch", 6)
    lines = output(capsysbinary, *texts, "--model", directory, "--mean-patch", 6).splitlines()
    assert lines[0] == "sample: 3 files, 3 pieces, 2,100 bytes"
    assert lines[2].split()[:2] == ["2,100", str(found["before"]["patches"])]
    assert "before: entropy > " in lines[2]
    assert lines[3].split()[2] == "6.00"
    assert lines[3].endswith(f"after:  entropy > {found['threshold']:.4g} nats")
    assert lines[-1] == f"threshold {found['threshold']} nats"


@pytest.mark.parametrize("options", ["", "--patching both --rise -0.5 --longest 30 --newlines reset"])
def test_it_is_written(capsysbinary: Capture, directory: Path, texts: list[str], options: str) -> None:
    before = open_checkpoint(directory).config
    found = as_json(capsysbinary, *texts, "--model", directory, "--mean-patch", 5, "--write", *options.split())
    assert found["written"] == str(directory / "config.json")
    after = open_checkpoint(directory).config
    assert after == replace(before, patching=Patching(**found["after"]["patching"]))
    again = as_json(capsysbinary, *texts, "--model", directory, "--mean-patch", 5)
    assert {name: again["before"][name] for name in again["before"]} == found["after"]
    assert "written to" not in output(capsysbinary, *texts, "--model", directory, "--mean-patch", 5)
    said = output(capsysbinary, *texts, "--model", directory, "--mean-patch", 7, "--write")
    assert said.endswith(f" nats, written to {directory / 'config.json'}\n")


def test_entropies_of_another_kind_are_not_mixed_up(capsysbinary: Capture, directory: Path, texts: list[str]) -> None:
    """What the patches were is counted as the model cuts, also where other entropies decide from now on."""
    plain = as_json(capsysbinary, *texts, "--model", directory, "--mean-patch", 6)
    reset = as_json(capsysbinary, *texts, "--model", directory, "--mean-patch", 6, "--newlines", "reset")
    assert reset["before"] == plain["before"]
    assert reset["threshold"] != plain["threshold"]


def test_a_model_that_cut_by_spaces(capsysbinary: Capture, tmp_path: Path, texts: list[str]) -> None:
    directory = save(tmp_path / "spaces", Patching(mode="space"))
    found = as_json(capsysbinary, *texts, "--model", directory, "--mean-patch", 6, "--patching", "entropy")
    assert found["before"]["patching"]["mode"] == "space"
    assert found["after"]["mean"] == pytest.approx(6, rel=0.01)
    message = error(capsysbinary, *texts, "--model", directory, "--mean-patch", 6)
    assert message == "patching by 'space' has no threshold; give --patching entropy, monotonic or both"


def test_standard_input(capsysbinary: Capture, type_in: Callable[[bytes], None], directory: Path) -> None:
    type_in(text(1000))
    assert as_json(capsysbinary, "--model", directory, "--mean-patch", 5)["sample"]["bytes"] == 1000


@pytest.mark.parametrize("limit", [1, 5000, PIECE, 20000, 10**6])
def test_samples(limit: int) -> None:
    sources = [Source("a", 3 * PIECE + 5), Source("b", 0), Source("c", 100)]
    pieces = sample(sources, limit, 0)
    assert sum(piece.size for piece in pieces) == min(limit, 3 * PIECE + 105)
    assert pieces == sorted(pieces, key=lambda piece: (piece.source.name, piece.begin))
    assert all(0 < piece.size <= PIECE for piece in pieces)
    assert len({(piece.source.name, piece.begin) for piece in pieces}) == len(pieces)
    assert sample(sources, limit, 0) == pieces


def test_samples_are_drawn_from_everywhere() -> None:
    sources = [Source("a", 40 * PIECE)]
    drawn = [{piece.begin // PIECE for piece in sample(sources, 10 * PIECE, seed)} for seed in range(10)]
    assert len(drawn[0]) == 10
    assert drawn[0] != drawn[1]
    assert set.union(*drawn) > set(range(30))


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["--mean-patch", "0.5"], "no threshold gives patches of 0.5 bytes on this sample: with 'entropy', their mean"),
        (["--mean-patch", "5", "--bytes", "0"], "--bytes is 0; a sample has at least 1 byte"),
        (["--mean-patch", "5", "--rise", "1"], "--rise is for patching by 'both', and this is by 'entropy'"),
        (["--mean-patch", "5", "--threshold", "1"], "unrecognized arguments: --threshold"),
        (["--mean-patch", "5", "--patching", "space"], "argument --patching: invalid choice: 'space'"),
        ([], "the following arguments are required: --mean-patch; see 'bytelm blt calibrate --help'"),
    ],
)
def test_mistakes(capsysbinary: Capture, directory: Path, texts: list[str], argv: list[str], message: str) -> None:
    assert error(capsysbinary, *texts, *argv, "--model", directory).startswith(message)


def test_a_file_that_is_not_there(capsysbinary: Capture, directory: Path) -> None:
    message = error(capsysbinary, "/not/here", "--model", directory, "--mean-patch", "5")
    assert message.startswith("cannot read '/not/here': No such file or directory")


def test_only_a_directory_is_written(capsysbinary: Capture, texts: list[str]) -> None:
    expected = "--write changes the configuration in the directory of a model; give --model that directory"
    for model in ([], ["--model", "bundled:code"]):
        assert error(capsysbinary, *texts, "--mean-patch", "5", "--write", *model) == expected
