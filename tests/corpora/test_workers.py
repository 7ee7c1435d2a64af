"""However many share the work, and in whatever way, the results are the same byte for byte."""

import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import IO

import pytest

from bytelm.corpora import merging
from bytelm.corpora.job import Job
from bytelm.corpora.json_rows import JsonForm
from bytelm.corpora.kinds import Kinds
from bytelm.corpora.on_ray import accelerators_of
from bytelm.corpora.parts import open_parts
from bytelm.corpora.processes import score_on_processes
from bytelm.corpora.scoring import score_corpus, score_rank
from bytelm.corpora.target import find_target
from bytelm.corpora.working import Scored, Share, WorkerError, share_of
from corpora.making import PROGRAM, RECORDS, command, environment, make_job, read_lines, run, write_lines
from corpora.program import Model, open_model


def ignore(_: Scored) -> None:
    """A report that nobody reads."""


@pytest.fixture
def job(tmp_path: Path) -> Job:
    return make_job(write_lines(tmp_path / "in.jsonl"), keep=("id", "lang"))


@pytest.fixture
def expected(job: Job, tmp_path: Path) -> bytes:
    """What one worker gives."""
    target = find_target(str(tmp_path / "expected.jsonl"))
    totals = score_corpus(job, open_model, target, ignore)
    assert totals.documents == len(RECORDS)
    return target.path.read_bytes()


def test_three_processes(job: Job, expected: bytes, tmp_path: Path) -> None:
    target = find_target(str(tmp_path / "out.jsonl"))
    reported: list[int] = []
    score_corpus(job, open_model, target, lambda scored: reported.append(scored.chunk), workers=3)
    assert target.path.read_bytes() == expected
    assert sorted(reported) == list(range(6))


def test_ranks_in_any_order(job: Job, expected: bytes, tmp_path: Path) -> None:
    """The last one puts the results together; who comes later finds them there."""
    target = find_target(str(tmp_path / "out.jsonl"))
    found = [score_rank(job, open_model, target, ignore, Share(rank, 3)) for rank in (2, 0, 1, 0)]
    assert [totals is not None for totals in found] == [False, False, True, False]
    assert target.path.read_bytes() == expected
    assert not target.parts.exists()


def test_a_rank_whose_parts_are_gone_before_it_looks(job: Job, expected: bytes, tmp_path: Path) -> None:
    """Another rank puts the results together while this one is about to score."""
    target = find_target(str(tmp_path / "out.jsonl"))

    def open_late(local: int) -> Model:
        for rank in (0, 1):
            score_rank(job, open_model, target, ignore, Share(rank, 2))
        return Model()

    assert score_rank(job, open_late, target, ignore, Share(1, 2)) is None
    assert target.path.read_bytes() == expected


def refuse(local: int) -> Model:
    """An opener for work in which nothing is to be scored again."""
    raise AssertionError("the model was loaded")


@pytest.mark.parametrize("folder", [False, True])
def test_a_merge_that_is_cut_off(
    job: Job, expected: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folder: bool
) -> None:
    """Half of the results is written when it happens; the next merge clears that away."""
    target = find_target(str(tmp_path / "out") + ("/" if folder else ".jsonl"))
    join = JsonForm.join

    def killed(form: JsonForm, parts: Iterable[Path], kinds: Kinds, file: IO[bytes]) -> None:
        file.write(b"half of ")
        (target.parts / ".out.jsonl.left").write_bytes(b"of an earlier one")
        (target.parts / ".out.left").mkdir()
        raise KeyboardInterrupt

    monkeypatch.setattr(JsonForm, "join", killed)
    with pytest.raises(KeyboardInterrupt):
        score_corpus(job, open_model, target, ignore)
    assert not target.path.exists()
    monkeypatch.setattr(JsonForm, "join", join)
    score_corpus(job, refuse, target, ignore)
    found = (target.path / "00000.jsonl") if folder else target.path
    assert found.read_bytes() == expected
    names = [path.name for path in tmp_path.iterdir() if "out" in path.name]
    assert sorted(names) == sorted([target.path.name, target.summary.name])


@pytest.mark.parametrize("folder", [False, True])
def test_a_kill_behind_the_merge(
    job: Job, expected: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folder: bool
) -> None:
    """The results are there and the parts still are; nothing is lost or refused."""
    target = find_target(str(tmp_path / "out") + ("/" if folder else ".jsonl"))
    with monkeypatch.context() as patch:
        patch.setattr(merging, "remove_parts", lambda parts: None)
        score_corpus(job, open_model, target, ignore)
    assert target.parts.is_dir()
    score_corpus(job, refuse, target, ignore)
    assert ((target.path / "00000.jsonl") if folder else target.path).read_bytes() == expected
    assert not target.parts.exists()


def test_a_folder_that_is_filled_meanwhile(job: Job, tmp_path: Path) -> None:
    target = find_target(str(tmp_path / "out") + "/")

    def open_and_fill(local: int) -> Model:
        target.path.mkdir()
        (target.path / "mine").touch()
        return Model()

    with pytest.raises(ValueError, match=r"the folder '.*out' is not empty any more; empty it and give the same"):
        score_corpus(job, open_and_fill, target, ignore)
    (target.path / "mine").unlink()
    score_corpus(job, refuse, target, ignore)
    assert [path.name for path in target.path.iterdir()] == ["00000.jsonl"]


def test_torchrun(job: Job, expected: bytes, tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    launcher = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", str(PROGRAM)]
    argv = command(job.inputs[0].name, "--keep", "id", "--keep", "lang", "--per-byte", "--out", out)
    done = subprocess.run([*launcher, *argv[2:]], capture_output=True, env=environment(), check=False)
    assert done.returncode == 0, done.stderr.decode()
    assert out.read_bytes() == expected


def test_a_worker_that_dies(tmp_path: Path) -> None:
    path = write_lines(tmp_path / "in.jsonl", [*RECORDS, {"text": "die"}])
    done = run(path, "--processes", 2, "--out", tmp_path / "out.jsonl")
    assert done.returncode == 2
    assert b"of 2 was killed by signal 6; what is finished is kept in '" in done.stderr
    assert (tmp_path / "out.jsonl.parts").is_dir()


def test_a_defect_in_a_worker(tmp_path: Path) -> None:
    path = write_lines(tmp_path / "in.jsonl", [{"text": "fail"}])
    done = run(path, "--processes", 2, "--out", tmp_path / "out.jsonl")
    assert done.returncode == 2
    assert b"RuntimeError: a defect of the model" in done.stderr
    assert b"bytelm: error: worker 0 of 2 ended with exit status 1; nothing was finished" in done.stderr


def test_a_bad_record_in_a_worker(tmp_path: Path) -> None:
    job = make_job(write_lines(tmp_path / "in.jsonl", [*RECORDS, {"body": "x"}]))
    parts = open_parts(find_target(str(tmp_path / "out.jsonl")), job)
    assert parts is not None
    with pytest.raises(ValueError, match=r"line 24 \(record 23\) has no field 'text'") as caught:
        score_on_processes(job, open_model, parts, 2, ignore)
    assert not isinstance(caught.value, WorkerError)


def test_a_second_process_is_refused(job: Job, tmp_path: Path) -> None:
    target = find_target(str(tmp_path / "out.jsonl"))

    def open_twice(local: int) -> Model:
        with pytest.raises(
            ValueError, match=r"another process is at work on '.*out.jsonl.parts'; wait for it, or give"
        ):
            score_corpus(job, open_model, target, ignore)
        return Model()

    score_corpus(job, open_twice, target, ignore)
    assert len(read_lines(target.path)) == len(RECORDS)


def test_an_input_that_changes_meanwhile(job: Job, tmp_path: Path) -> None:
    target = find_target(str(tmp_path / "out.jsonl"))

    def open_and_change(local: int) -> Model:
        os.utime(job.inputs[0].name, ns=(0, 0))
        return Model()

    with pytest.raises(ValueError, match=r"changed while it was scored: '.*in.jsonl'; remove '.*' and begin anew"):
        score_corpus(job, open_and_change, target, ignore)
    assert not target.path.exists()


def test_what_cannot_be(job: Job, tmp_path: Path) -> None:
    target = find_target(str(tmp_path / "out.jsonl"))
    piped = make_job(Path("-"))
    with pytest.raises(ValueError, match="standard input cannot be shared by several workers; give files"):
        score_corpus(piped, open_model, target, ignore, workers=2)
    with pytest.raises(ValueError, match="standard input cannot be shared by several workers; give files"):
        score_rank(piped, open_model, target, ignore, Share(0, 2))
    same = find_target(job.inputs[0].name)
    with pytest.raises(ValueError, match=r"in.jsonl' is an input; give another name for the results"):
        score_corpus(job, open_model, same, ignore, overwrite=True)


def test_shares() -> None:
    assert share_of({}) == Share(0, 1, 0)
    assert share_of({"RANK": "3", "WORLD_SIZE": "4", "LOCAL_RANK": "1"}) == Share(3, 4, 1)
    assert share_of({"RANK": "3", "WORLD_SIZE": "4"}) == Share(3, 4, 3)
    for wrong in ({"RANK": "4", "WORLD_SIZE": "4"}, {"RANK": "-1", "WORLD_SIZE": "4"}, {"RANK": "0", "WORLD_SIZE": ""}):
        with pytest.raises(ValueError, match=r"RANK=.*, WORLD_SIZE=.* in the environment; expected whole numbers, the"):
            share_of(wrong)


ON_RAY = """
import sys
from pathlib import Path
import ray
from bytelm.corpora.scoring import score_corpus
from bytelm.corpora.target import find_target
from corpora.making import RECORDS, make_job, write_lines
from corpora.program import open_model

ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
folder = Path(sys.argv[1])

def score(path, name):
    reported = []
    job = make_job(path, keep=("id", "lang"))
    try:
        score_corpus(job, open_model, find_target(str(folder / name)), reported.append, engine="ray", workers=2)
    except ValueError as error:
        print(type(error).__name__, error)
    else:
        print(sorted(one.chunk for one in reported))

score(folder / "in.jsonl", "out.jsonl")
score(write_lines(folder / "bad.jsonl", [*RECORDS, {"body": "x"}]), "bad-out.jsonl")
score(write_lines(folder / "fail.jsonl", [*RECORDS, {"text": "fail"}]), "fail-out.jsonl")
"""


def test_ray(job: Job, expected: bytes, tmp_path: Path) -> None:
    """Actors of a cluster on this machine; a process of its own, as Ray leaves threads and warnings behind."""
    pytest.importorskip("ray.data", reason="Ray Data is not installed: pip install 'bytelm[ray]'")
    argv = [sys.executable, "-c", ON_RAY, str(tmp_path)]
    done = subprocess.run(argv, capture_output=True, env=environment(), check=False, timeout=200)
    assert done.returncode == 0, done.stderr.decode()
    assert (tmp_path / "out.jsonl").read_bytes() == expected
    all_there, bad, failed = done.stdout.decode().splitlines()
    assert all_there == "[0, 1, 2, 3, 4, 5]"
    assert bad.startswith("ValueError '")
    assert "(record 23) has no field 'text'; its fields are 'body'" in bad
    assert failed == "WorkerError an actor of Ray failed: RuntimeError: a defect of the model"


def test_accelerators_of_actors() -> None:
    """Two of them are enough for one, two, three and five actors."""
    assert [accelerators_of(2.0, workers, None) for workers in (1, 2, 3, 5)] == [1, 1, 1 / 2, 1 / 3]
    assert accelerators_of(0, 2, None) == accelerators_of(8, 2, "cpu") == 0


def test_ray_is_named_where_it_is_missing(job: Job, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    target = find_target(str(tmp_path / "out.jsonl"))
    with pytest.raises(ValueError, match=r"the engine ray needs Ray Data: pip install 'bytelm\[ray\]'"):
        score_corpus(job, open_model, target, ignore, engine="ray")
