"""What a process of a job is told about itself, and which jobs are started again."""

import os
import pickle
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from submitit import JobEnvironment

from bytelm.cli.train_here import train_here
from bytelm.training.config import TrainConfig
from bytelm.training.launching.job import Program, TrainingJob, process_variables
from bytelm.training.launching.sign import JobSign
from training.fake_slurm import FakeSlurm
from training.launched import Ended
from training.runs import configured


class Requeued(Exception):
    pass


@pytest.fixture(autouse=True)
def submitits_handler() -> Iterator[None]:
    """What submitit has set before it calls a job."""

    def requeue(number: int, frame: object) -> None:
        raise Requeued

    before = signal.signal(signal.SIGUSR2, requeue)
    yield
    signal.signal(signal.SIGUSR2, before)


@pytest.fixture
def slurm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeSlurm:
    """This process is the third of four processes on two machines, unless a test says something else."""
    slurm = FakeSlurm(tmp_path / "slurm")
    variables = {"JOB_ID": 7, "NTASKS": 4, "JOB_NUM_NODES": 2, "NODEID": 1, "PROCID": 2, "LOCALID": 0}
    for name, value in variables.items():
        monkeypatch.setenv(f"SLURM_{name}", str(value))
    monkeypatch.setenv("SLURM_JOB_NODELIST", "node[07-08]")
    monkeypatch.setenv("SUBMITIT_EXECUTOR", "slurm")
    for name, text in slurm.environment.items():
        monkeypatch.setenv(name, text)
    for name in ("RANK", "LOCAL_RANK", "WORLD_SIZE", "LOCAL_WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT"):
        monkeypatch.setenv(name, "of another job")
    return slurm


def sending(*numbers: int, step: int = 3, trains: bool = True) -> Program:
    """A program that is sent signals, and ends behind a step where it was asked to."""

    def program(config: TrainConfig, device: str | None, quiet: bool, sign: JobSign) -> Ended:
        if trains:
            assert not sign.asked
        for number in numbers:
            os.kill(os.getpid(), number)
        assert sign.asked == bool(numbers)
        return Ended(step)

    return program


def called(folder: Path, program: Program) -> int:
    return TrainingJob(configured(folder, "run"), None, True, program)()


def test_variables(slurm: FakeSlurm, monkeypatch: pytest.MonkeyPatch) -> None:
    found = process_variables(JobEnvironment())
    port = found.pop("MASTER_PORT")
    assert found == {
        "RANK": "2",
        "LOCAL_RANK": "0",
        "WORLD_SIZE": "4",
        "LOCAL_WORLD_SIZE": "2",
        "MASTER_ADDR": "node07",
    }
    monkeypatch.setenv("SLURM_PROCID", "3")
    assert process_variables(JobEnvironment())["MASTER_PORT"] == port
    monkeypatch.setenv("SLURM_JOB_ID", "8")
    assert process_variables(JobEnvironment())["MASTER_PORT"] != port


def test_what_was_set_before_does_not_count(slurm: FakeSlurm, tmp_path: Path) -> None:
    assert called(tmp_path, sending()) == 3
    assert (os.environ["RANK"], os.environ["WORLD_SIZE"]) == ("2", "4")


@pytest.mark.parametrize(
    ("signals", "state", "goes_on"),
    [
        ((signal.SIGUSR2,), "RUNNING", True),
        ((signal.SIGTERM,), "RUNNING", True),
        ((signal.SIGTERM, signal.SIGUSR2), "RUNNING", True),
        ((), "RUNNING", True),
        ((signal.SIGTERM,), "COMPLETING", False),
        ((signal.SIGTERM,), "CANCELLED", False),
        ((signal.SIGINT,), "RUNNING", False),
        ((signal.SIGINT, signal.SIGTERM), "RUNNING", False),
        ((signal.SIGUSR2,), None, True),
    ],
)
def test_which_jobs_of_slurm_are_requeued(
    signals: tuple[int, ...],
    state: str | None,
    goes_on: bool,
    slurm: FakeSlurm,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Those that Slurm calls running, or about which it does not answer."""
    monkeypatch.setenv("SLURM_PROCID", "0")
    if state is not None:
        slurm.state(state)
    if goes_on:
        with pytest.raises(Requeued):
            called(tmp_path, sending(*signals))
    else:
        assert called(tmp_path, sending(*signals)) == 3
    assert slurm.calls("scontrol") == ([] if signal.SIGINT in signals else ["show job 7 --oneliner"])


def test_other_processes_ask_nobody(slurm: FakeSlurm, tmp_path: Path) -> None:
    assert called(tmp_path, sending(signal.SIGUSR2)) == 3
    assert called(tmp_path, sending(signal.SIGUSR2, trains=False)) == 3
    assert not slurm.calls("scontrol")


def test_finished_runs_are_not_requeued(slurm: FakeSlurm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLURM_PROCID", "0")
    slurm.state("RUNNING")
    assert called(tmp_path, sending(signal.SIGUSR2, step=12)) == 12


def test_failed_runs_are_not_requeued(slurm: FakeSlurm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLURM_PROCID", "0")
    slurm.state("RUNNING")

    def fail(config: TrainConfig, device: str | None, quiet: bool, sign: JobSign) -> Ended:
        sending(signal.SIGUSR2)(config, device, quiet, sign)
        raise OSError("no room for the checkpoint")

    with pytest.raises(OSError, match="no room for the checkpoint"):
        called(tmp_path, fail)


def test_preempted_as_it_begins(slurm: FakeSlurm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLURM_PROCID", "0")
    slurm.state("RUNNING")
    with pytest.raises(Requeued):
        called(tmp_path, sending(signal.SIGTERM, trains=False))


@pytest.mark.parametrize(("number", "goes_on"), [(signal.SIGUSR2, True), (signal.SIGTERM, False)])
def test_on_this_machine(number: int, goes_on: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody is preempted there, so SIGTERM is the end."""
    monkeypatch.setenv("SUBMITIT_EXECUTOR", "local")
    monkeypatch.setenv("SUBMITIT_LOCAL_JOB_ID", "7")
    for name in ("RANK", "LOCAL_RANK", "WORLD_SIZE", "LOCAL_WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT"):
        monkeypatch.setenv(name, "of another job")
    before = signal.getsignal(signal.SIGTERM)
    try:
        assert called(tmp_path, sending(number)) == 3
    except Requeued:
        assert goes_on
    else:
        assert not goes_on
    assert signal.getsignal(signal.SIGTERM) == before


def test_the_same_is_started_again(tmp_path: Path) -> None:
    job = TrainingJob(configured(tmp_path, "run"), "cpu", False, train_here)
    again: Callable[[], object] = pickle.loads(pickle.dumps(job.checkpoint().function))
    assert again == job
