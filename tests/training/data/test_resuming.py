"""Work that is cut off is taken up again, and the result is that of work that never was: for real."""

import dataclasses
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from bytelm.corpora.files import only_one
from bytelm.training.data import preparing, shard_files
from bytelm.training.data.items import Item
from bytelm.training.data.manifest import Manifest
from bytelm.training.data.preparing import prepare
from corpora.making import environment
from training.data.making import SMALL, TEXTS, contents, write_lines

PROGRAM = Path(__file__).with_name("program.py")


def finished_parts(out: Path) -> dict[str, int]:
    """The parts that are there, and when each was made."""
    found = out.with_name(out.name + ".parts").glob("parts/*/[0-9]*")
    return {path.name: path.stat().st_mtime_ns for path in sorted(found)}


@pytest.mark.parametrize("stop_at", range(0, 12, 3))
def test_an_interruption_of_reading(
    inputs: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stop_at: int
) -> None:
    prepare(inputs, tmp_path / "expected", SMALL)
    whole = preparing.read_piece
    calls = 0

    def interrupted(*arguments: object) -> Iterator[Item]:
        nonlocal calls
        calls += 1
        found = whole(*arguments)  # type: ignore[arg-type]
        yield next(found)
        if calls > stop_at:
            raise KeyboardInterrupt
        yield from found

    with monkeypatch.context() as patch:
        patch.setattr(preparing, "read_piece", interrupted)
        with pytest.raises(KeyboardInterrupt):
            prepare(inputs, tmp_path / "out", SMALL)
    assert not (tmp_path / "out").exists()
    before = finished_parts(tmp_path / "out")
    assert len(before) == stop_at
    assert (tmp_path / "out.parts").exists() == (stop_at > 0)
    told: list[tuple[int, int, str]] = []
    prepare(inputs, tmp_path / "out", SMALL, progress=lambda *one: told.append(one))
    assert contents(tmp_path / "out") == contents(tmp_path / "expected")
    assert (told[0][0] > 500) == (stop_at > 0), "what was read is not read again"
    assert not (tmp_path / "out.parts").exists()


@pytest.mark.parametrize("stop_at", [0, 1, 3, 5])
def test_an_interruption_of_writing(
    inputs: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stop_at: int
) -> None:
    """What was read is gone where it was written; it is not needed again."""
    prepare(inputs, tmp_path / "expected", SMALL)
    whole = shard_files._copy
    calls = 0

    def interrupted(*arguments: object) -> str:
        nonlocal calls
        calls += 1
        if calls > stop_at:
            arguments[1].write(b"half")  # type: ignore[attr-defined]
            raise KeyboardInterrupt
        return whole(*arguments)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(shard_files, "_copy", interrupted)
        with pytest.raises(KeyboardInterrupt):
            prepare(inputs, tmp_path / "out", SMALL)
    left = list((tmp_path / "out.parts").glob("parts/*/*/train.bin"))
    calls = -100
    prepare(inputs, tmp_path / "out", SMALL, processes=2)
    assert contents(tmp_path / "out") == contents(tmp_path / "expected")
    assert len(left) < 10 or stop_at < 2


def test_a_kill_behind_the_end(inputs: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The result is there and the parts still are; later the result is removed, and wanted again."""
    with monkeypatch.context() as patch:
        patch.setattr(preparing.Workbench, "remove", lambda bench: None)
        prepare(inputs, tmp_path / "out", SMALL)
    assert (tmp_path / "out.parts").exists()
    shutil.copytree(tmp_path / "out.parts", tmp_path / "kept")
    expected = contents(tmp_path / "out")
    assert prepare(inputs, tmp_path / "out", SMALL).documents == len(TEXTS)
    assert not (tmp_path / "out.parts").exists()
    (tmp_path / "kept").rename(tmp_path / "out.parts")
    shutil.rmtree(tmp_path / "out")
    prepare(inputs, tmp_path / "out", SMALL)
    assert contents(tmp_path / "out") == expected


def run(source: Path, out: Path, processes: int, seconds: float = 0) -> "subprocess.Popen[bytes]":
    argv = [sys.executable, str(PROGRAM), str(source), str(out), str(processes)]
    variables = environment(BYTELM_TEST_SECONDS=str(seconds))
    return subprocess.Popen(argv, stderr=subprocess.PIPE, env=variables, start_new_session=True)


@pytest.mark.parametrize("processes", [1, 3])
def test_a_kill_and_a_resume(tmp_path: Path, processes: int) -> None:
    source = write_lines(tmp_path / "a.jsonl")
    prepare([source], tmp_path / "expected", SMALL)
    out = tmp_path / "out"
    for wanted in (2, 4):
        deadline = time.monotonic() + 60
        with run(source, out, processes, 0.2 * processes) as process:
            while len(finished_parts(out)) < wanted:
                assert process.poll() is None
                assert time.monotonic() < deadline
                time.sleep(0.01)
            process.kill()
        assert not out.exists()
    before = finished_parts(out)
    assert len(before) < 12, "workers go on without their parent"
    with run(source, out, processes) as process:
        _, said = process.communicate(timeout=60)
    assert (process.returncode, said) == (0, b"")
    assert contents(out) == contents(tmp_path / "expected")
    assert not (tmp_path / "out.parts").exists()


def test_ctrl_c_ends_the_workers(tmp_path: Path) -> None:
    """A terminal sends the signal to the parent and to its workers."""
    out = tmp_path / "out"
    with run(write_lines(tmp_path / "a.jsonl"), out, 2, 0.3) as process:
        while len(finished_parts(out)) < 2:
            assert process.poll() is None
            time.sleep(0.01)
        os.killpg(process.pid, signal.SIGINT)
        _, said = process.communicate(timeout=60)
    assert (process.returncode, said) == (130, b"")
    assert 2 <= len(finished_parts(out)) < 12


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("die", b"a process that prepares data was killed by signal 6"),
        ("fail", b"a process that prepares data ended with exit status 1"),
        ("full", b"[Errno 28] No space left on device"),
    ],
)
def test_a_worker_that_cannot_go_on(tmp_path: Path, text: str, complaint: bytes) -> None:
    source = write_lines(tmp_path / "a.jsonl", [*TEXTS, text])
    with run(source, tmp_path / "out", 2) as process:
        _, said = process.communicate(timeout=60)
    assert process.returncode == 1
    assert said.splitlines()[-1] == complaint
    assert len(finished_parts(tmp_path / "out")) > 3, "what is finished is kept"


def test_the_same_again(inputs: list[Path], tmp_path: Path) -> None:
    """What is there is not made again; something else is refused."""
    manifest = prepare(inputs, tmp_path / "out", SMALL)
    before = contents(tmp_path / "out")
    (tmp_path / "out" / "train" / "00000.bin").write_bytes(b"not looked at")
    assert prepare(inputs, tmp_path / "out", SMALL) == manifest
    assert prepare(inputs, tmp_path / "out", dataclasses.replace(SMALL, piece_bytes=3)) == manifest
    assert {**contents(tmp_path / "out"), "train/00000.bin": before["train/00000.bin"]} == before
    with pytest.raises(
        ValueError,
        match=r"out' holds data that was prepared with other settings \(validation: 0.2 then, 0.3 now\); give another",
    ):
        prepare(inputs, tmp_path / "out", dataclasses.replace(SMALL, validation=0.3))
    os.utime(inputs[0], (0, 0))
    with pytest.raises(ValueError, match=r"\(the names, sizes or dates of the files differ\); give another name"):
        prepare(inputs, tmp_path / "out", SMALL)


def interrupt(inputs: list[Path], out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave a few parts."""
    with monkeypatch.context() as patch:
        patch.setattr(preparing, "write_shard", raise_interrupt)
        with pytest.raises(KeyboardInterrupt):
            prepare(inputs, out, SMALL)


def raise_interrupt(*_: object) -> Manifest:
    raise KeyboardInterrupt


def test_other_settings_are_refused(inputs: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    interrupt(inputs, tmp_path / "out", monkeypatch)
    with pytest.raises(
        ValueError,
        match=r"out.parts' holds data that was begun with other settings \(piece_bytes: 500 then, 3 now\); give",
    ):
        prepare(inputs, tmp_path / "out", dataclasses.replace(SMALL, piece_bytes=3))
    with pytest.raises(ValueError, match=r"begun with other settings \(inputs: \['.*'\] then, \['.*'\] now;"):
        prepare(inputs[:1], tmp_path / "out", SMALL)
    prepare(inputs, tmp_path / "out", SMALL)


def test_an_input_that_changes_meanwhile(inputs: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = preparing.read_piece

    def change(*arguments: object) -> Iterator[Item]:
        os.utime(inputs[0], (0, 0))
        yield from whole(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(preparing, "read_piece", change)
    with pytest.raises(ValueError, match=r"changed while it was read: '.*a.jsonl'; remove '.*out.parts' and"):
        prepare(inputs, tmp_path / "out", SMALL)
    assert not (tmp_path / "out").exists()


def test_a_second_process_is_refused(inputs: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    interrupt(inputs, tmp_path / "out", monkeypatch)
    with only_one(tmp_path / "out.parts" / "lock") as alone:
        assert alone
        with pytest.raises(ValueError, match=r"another process is at work in '.*out.parts'; wait for it, or give"):
            prepare(inputs, tmp_path / "out", SMALL)
