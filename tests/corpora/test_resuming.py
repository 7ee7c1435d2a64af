"""Work that is killed is taken up again, and the results are those of work that never was: for real."""

import json
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from corpora.making import RECORDS, command, environment, read_lines, run, write_lines


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    return write_lines(tmp_path / "in.jsonl")


@pytest.fixture
def expected(corpus: Path, tmp_path: Path) -> bytes:
    """What uninterrupted work gives."""
    done = run(corpus, "--keep", "id", "--per-byte", "--out", tmp_path / "expected.jsonl")
    assert (done.returncode, done.stderr) == (0, b"")
    return (tmp_path / "expected.jsonl").read_bytes()


def finished(out: Path) -> dict[str, int]:
    """The parts that are there, and when each was written."""
    folder = out.with_name(out.name + ".parts")
    return {path.name: path.stat().st_mtime_ns for path in sorted(folder.glob("*/[0-9]*"))}


def stop(
    argv: list[str], out: Path, number: int, workers: int = 1, all_at_once: bool = False, parts: int = 2
) -> tuple[int, bytes]:
    """Run slowly until some parts are there, send a signal, and give the exit status and what was said.

    With ``all_at_once`` the workers are sent the signal too, as a terminal does. When this returns they are gone:
    what they say has come to its end.
    """
    variables = environment(BYTELM_TEST_SECONDS=str(0.4 * workers))
    deadline = time.monotonic() + 60
    with subprocess.Popen(argv, stderr=subprocess.PIPE, env=variables, start_new_session=True) as process:
        while len(finished(out)) < parts:
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.02)
        (os.killpg if all_at_once else os.kill)(process.pid, number)
        _, said = process.communicate(timeout=60)
    return process.returncode, said


@pytest.mark.parametrize("workers", [1, 3])
def test_a_kill_and_a_resume(corpus: Path, expected: bytes, tmp_path: Path, workers: int) -> None:
    out = tmp_path / "out.jsonl"
    options = [corpus, "--keep", "id", "--per-byte", "--out", out, "--processes", workers]
    status, _ = stop(command(*options), out, signal.SIGKILL, workers)
    assert status == -signal.SIGKILL
    assert not out.exists()
    before = finished(out)
    assert 2 <= len(before) < 6, "workers go on without their parent"
    stop(command(*options), out, signal.SIGKILL, workers, parts=len(before) + 1)
    assert before.items() <= finished(out).items(), "finished chunks are not scored again"
    done = run(*options)
    assert (done.returncode, done.stderr) == (0, b"")
    assert out.read_bytes() == expected
    assert sorted(path.name for path in tmp_path.iterdir() if path.name.startswith((".", "out"))) == [
        "out.jsonl",
        "out.jsonl.summary.json",
    ]


def test_ctrl_c(corpus: Path, expected: bytes, tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    options = [corpus, "--keep", "id", "--per-byte", "--out", out]
    status, said = stop(command(*options), out, signal.SIGINT)
    assert status == 130
    assert said.decode() == (
        f"note: interrupted; what is finished is kept in '{out}.parts': the same command goes on from there\n"
    )
    assert run(*options).returncode == 0
    assert out.read_bytes() == expected


def test_ctrl_c_ends_the_workers(corpus: Path, tmp_path: Path) -> None:
    """A terminal sends the signal to the parent and to its workers."""
    out = tmp_path / "out.jsonl"
    status, said = stop(
        command(corpus, "--out", out, "--processes", 2), out, signal.SIGINT, workers=2, all_at_once=True
    )
    assert status == 130
    assert said.decode().startswith("note: interrupted; ")
    assert b"Traceback" not in said
    assert len(finished(out)) < 6


def test_other_settings_are_refused(corpus: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    stop(command(corpus, "--out", out), out, signal.SIGKILL)
    done = run(corpus, "--out", out, "--tolerance", "0.5", "--per-byte")
    assert done.returncode == 2
    assert done.stderr.decode() == (
        f"bytelm: error: '{out}.parts' holds parts made with other settings (per_byte: False then, True now; "
        "tolerance: None then, 0.5 now); give the earlier ones to go on, or remove that folder to begin anew\n"
    )
    write_lines(corpus, RECORDS[:-1])
    done = run(corpus, "--out", out)
    assert done.returncode == 2
    assert f"(size of {corpus}: ".encode() in done.stderr
    assert f"modified of {corpus}: ".encode() in done.stderr


def test_standard_input_must_be_the_same(corpus: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    argv = command("-", "--format", "jsonl", "--out", out)
    data = corpus.read_bytes()
    with subprocess.Popen(argv, stdin=subprocess.PIPE, env=environment(BYTELM_TEST_SECONDS="0.3")) as process:
        assert process.stdin is not None
        process.stdin.write(data)
        process.stdin.close()
        while len(finished(out)) < 2:
            assert process.poll() is None
            time.sleep(0.02)
        process.kill()

    def again(data: bytes) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(argv, input=data, capture_output=True, env=environment(), check=False)

    other = again(data.replace(b"document 0", b"Document 0"))
    assert b"standard input is not what it was: chunk 0 differs from the one in" in other.stderr
    shorter = again(data[: data.index(b"\n") + 1])
    assert shorter.returncode == 2
    assert again(data).returncode == 0
    assert [row["record"] for row in read_lines(out)] == list(range(len(RECORDS)))


def test_what_is_there_is_not_replaced_unasked(corpus: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    out.write_text("mine")
    done = run(corpus, "--out", out)
    assert done.stderr.decode() == (
        f"bytelm: error: '{out}' exists already; give another name, or --overwrite to replace it\n"
    )
    assert out.read_text() == "mine"
    assert run(corpus, "--out", out, "--overwrite").returncode == 0
    assert len(read_lines(out)) == len(RECORDS)
    summary = json.loads((tmp_path / "out.jsonl.summary.json").read_bytes())
    assert (summary["documents"], summary["skipped_records"]) == (len(RECORDS), 0)
