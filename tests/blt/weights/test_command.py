"""``bytelm blt convert``."""

import argparse
from pathlib import Path

import pytest

from blt.weights.tiny import check_equal, drawn_tensors, released
from bytelm.blt.weights.reading import open_checkpoint
from bytelm.blt.weights.writing import save_directory
from bytelm.cli import blt_convert

Capture = pytest.CaptureFixture[str]


def run(*argv: str | Path) -> None:
    parser = argparse.ArgumentParser()
    blt_convert.add_arguments(parser)
    blt_convert.run(parser.parse_args([str(word) for word in argv]))


def test_a_model_is_converted(capsys: Capture, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("bytelm.cli.progress.SECONDS_BETWEEN", -1.0)
    tensors = drawn_tensors(released())
    save_directory(tmp_path / "own", released(), tensors)
    run(tmp_path / "own", tmp_path / "meta", "--to", "meta", "--progress")
    out, err = capsys.readouterr()
    size = sum(file.stat().st_size for file in (tmp_path / "meta").rglob("*.*"))
    assert out == f"{tmp_path}/meta: {len(tensors)} parameters, {size:,} bytes in the form 'meta'\n"
    assert "bytes (100 %)" in err.splitlines()[-1]
    (tmp_path / "meta" / "entropy_model").rename(tmp_path / "entropy")
    run(tmp_path / "meta", tmp_path / "own", "--entropy", tmp_path / "entropy", "--overwrite", "--dtype", "bfloat16")
    check_equal(dict(open_checkpoint(tmp_path / "own")), {name: one.bfloat16() for name, one in tensors.items()})
    assert capsys.readouterr().err == ""


def test_mistakes(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no such model directory: /not/here"):
        run("/not/here", tmp_path / "there")
    save_directory(tmp_path / "own", released(), drawn_tensors(released()))
    taken = tmp_path / "taken"
    taken.mkdir()
    (taken / "file").write_bytes(b"x")
    with pytest.raises(ValueError, match="is not empty"):
        run(tmp_path / "own", taken)


def test_its_choices_are_those_of_the_library() -> None:
    from bytelm.blt.weights.converting import TARGETS

    assert blt_convert.FORMS == TARGETS
