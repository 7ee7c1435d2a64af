"""Jobs in processes of their own, by submitit's local executor."""

import os
import re
from pathlib import Path

import pytest
from submitit import LocalJob

from bytelm.training.config import TrainConfig
from bytelm.training.launching.executors import local_executor
from bytelm.training.launching.job import Program, TrainingJob
from bytelm.training.launching.options import LocalOptions
from training.launched import STEP, interrupted, told
from training.runs import configured, trained

TESTS = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def programs_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """The processes of jobs find what tests have, as these do."""
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(TESTS), os.environ.get("PYTHONPATH", "")]))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")


def submitted(config: TrainConfig, program: Program, processes: int = 1) -> "LocalJob[int]":
    executor = local_executor(Path(config.out) / "launch", LocalOptions(processes))
    return executor.submit(TrainingJob(config, "cpu", True, program))


def log(config: TrainConfig) -> str:
    (path,) = (Path(config.out) / "launch").glob("*_0_log.out")
    return path.read_text()


def weights(config: TrainConfig) -> bytes:
    return (Path(config.out) / "model.safetensors").read_bytes()


def test_time_is_up(tmp_path: Path) -> None:
    """It saves, is started again, and ends with the weights of a run that was not interrupted."""
    whole, config = configured(tmp_path, "whole"), configured(tmp_path, "cut")
    trained(whole)
    assert submitted(config, interrupted).result() == config.steps
    assert weights(config) == weights(whole)
    assert (tmp_path / "cut" / "checkpoints" / f"{STEP:08d}").is_dir()
    assert len(re.findall("Starting with JobEnvironment", log(config))) == 2
    assert len(re.findall("Requeued job", log(config))) == 1


def test_several_processes_are_told_who_they_are(tmp_path: Path) -> None:
    config = configured(tmp_path, "run")
    assert submitted(config, told, processes=2).results() == [config.steps] * 2
    first, second = ((tmp_path / "run" / f"told-{rank}").read_text().split() for rank in range(2))
    assert first[:5] == ["0", "0", "2", "2", "127.0.0.1"]
    assert second[:5] == ["1", "1", "2", "2", "127.0.0.1"]
    assert first[5] == second[5]
    assert 20000 <= int(first[5]) < 29000
