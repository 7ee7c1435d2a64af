"""Entropies are the same for any number of processes, and where these were killed; for real."""

import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from bytelm.training.data.entropy_passes import EntropyPasses
from bytelm.training.data.measured_parts import MeasuredPart
from bytelm.training.data.measuring import measure
from bytelm.training.data.measuring_work import Measuring
from corpora.making import environment
from training.data.entropies_making import PART_BYTES, prepared_texts, save_model
from training.data.making import contents

PROGRAM = Path(__file__).with_name("measuring_program.py")


@pytest.fixture(scope="module")
def given(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Prepared data, and a model."""
    folder = tmp_path_factory.mktemp("given")
    return prepared_texts(folder / "prepared"), save_model(folder / "model")


def run(given: tuple[Path, Path], out: Path, processes: int, seconds: float = 0) -> "subprocess.Popen[bytes]":
    argv = [sys.executable, str(PROGRAM), *map(str, given), str(out), str(processes), str(PART_BYTES)]
    variables = environment(BYTELM_TEST_SECONDS=str(seconds))
    return subprocess.Popen(argv, stderr=subprocess.PIPE, env=variables, start_new_session=True)


def done(out: Path) -> dict[str, int]:
    """The files that are finished, and when each was written."""
    found = [*out.glob("unfinished/parts/*/[0-9]*"), *out.glob("*/*.npy")]
    return {str(path.relative_to(out)): path.stat().st_mtime_ns for path in sorted(found)}


def wait_for(process: "subprocess.Popen[bytes]", out: Path, pattern: str, many: int) -> None:
    deadline = time.monotonic() + 60
    while len(list(out.glob(pattern))) < many:
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_processes_and_a_kill(given: tuple[Path, Path], tmp_path: Path) -> None:
    """Two processes, killed by SIGKILL when a shard and some parts were finished; two more go on."""
    measure(*given, tmp_path / "expected", part_bytes=PART_BYTES)
    out = tmp_path / "out"
    with run(given, out, 2, 0.2) as process:
        wait_for(process, out, "unfinished/notes/[tv]*.json", 1)
        wait_for(process, out, "unfinished/parts/*/[0-9]*", 1)
        process.kill()
    time.sleep(0.5)  # its workers finish a part, and find that nobody hears of it
    before = done(out)
    assert not (out / "entropies.json").exists()
    with run(given, out, 2) as process:
        _, said = process.communicate(timeout=60)
    assert (process.returncode, said) == (0, b"")
    assert contents(out) == contents(tmp_path / "expected")
    after = done(out)
    shards = [name for name in before if name.endswith(".npy")]
    assert shards
    assert {name: before[name] for name in shards} == {name: after[name] for name in shards}, "they are kept"


def test_a_device_without_room(given: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise torch.OutOfMemoryError

    monkeypatch.setattr(EntropyPasses, "values", full)
    with pytest.raises(ValueError, match="cpu has too little memory for passes of 16,384 positions; give fewer"):
        measure(*given, tmp_path / "out")


def test_a_model_that_changes_meanwhile(given: tuple[Path, Path], tmp_path: Path) -> None:
    prepared, model = given
    part = MeasuredPart("train", 0, 1, 10, tmp_path / "part")
    with pytest.raises(ValueError, match=r"the model in '.*model' changed meanwhile; begin anew with one that stays"):
        Measuring(prepared, model, "0" * 64)(part, lambda _: None)
    assert not part.path.exists()
