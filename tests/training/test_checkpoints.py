"""Checkpoints are whole or not there, and damage is told."""

import errno
import os
from pathlib import Path

import pytest
import torch
from torch import Tensor

from bytelm.training.checkpoints import Checkpoints
from training.runs import ALONE

FACTS = {"threshold": 1.5, "config": {"x": 1}}


def tensors(step: int) -> dict[str, Tensor]:
    torch.manual_seed(step)
    return {"network.a": torch.randn(3, 4), "network.b": torch.randn(2), "optimizer.a.step": torch.tensor(float(step))}


def saved(folder: Path, *steps: int) -> Checkpoints:
    checkpoints = Checkpoints(folder, 2, ALONE)
    for step in steps:
        checkpoints.save(step, tensors(step), FACTS)
    return checkpoints


def test_what_is_saved_comes_back(tmp_path: Path) -> None:
    assert (saved(tmp_path / "kept").newest(), saved(tmp_path / "kept").steps()) == (None, [])
    checkpoints = saved(tmp_path / "kept", 1, 5, 9)
    assert checkpoints.steps() == [5, 9]
    found, wanted = checkpoints.newest(), tensors(9)
    assert found is not None
    assert (found.step, found.facts) == (9, FACTS)
    assert found.shapes() == {name: tensor.shape for name, tensor in wanted.items()}
    filled = {name: torch.zeros_like(tensor) for name, tensor in wanted.items()}
    found.read(filled, ALONE)
    assert all(torch.equal(filled[name], tensor) for name, tensor in wanted.items())


@pytest.mark.parametrize("name", [".metadata", "__0_0.distcp"])
def test_damage(name: str, tmp_path: Path) -> None:
    checkpoints = saved(tmp_path, 3)
    file = tmp_path / "00000003" / name
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)
    with pytest.raises(ValueError, match=rf"{name} is not as it was written; remove .*00000003 to go on from before"):
        checkpoints.newest()
    file.unlink()
    with pytest.raises(ValueError, match=rf"{name} is not as it was written"):
        checkpoints.newest()


@pytest.mark.parametrize("text", ["{", "[]", '{"step": 3}'])
def test_a_damaged_state(text: str, tmp_path: Path) -> None:
    checkpoints = saved(tmp_path, 3)
    (tmp_path / "00000003" / "state.json").write_text(text)
    with pytest.raises(ValueError, match=r"state\.json is damaged"):
        checkpoints.newest()


def test_an_interruption_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    checkpoints = saved(tmp_path, 3)
    monkeypatch.setattr("bytelm.training.checkpoints.save", interrupted)
    with pytest.raises(KeyboardInterrupt):
        saved(tmp_path, 4)
    assert [path.name for path in tmp_path.iterdir()] == ["00000003"]
    assert checkpoints.steps() == [3]


def test_what_a_killed_run_left_goes(tmp_path: Path) -> None:
    saved(tmp_path, 3)
    (tmp_path / ".00000004").mkdir()
    saved(tmp_path, 5)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["00000003", "00000005"]


def test_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error goes through PyTorch's own writing; what was there stays."""

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    checkpoints = saved(tmp_path, 3)
    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match=r"the checkpoint of step 4 could not be written \(No space left on device\)"):
        saved(tmp_path, 4)
    monkeypatch.undo()
    assert [path.name for path in tmp_path.iterdir()] == ["00000003"]
    found = checkpoints.newest()
    assert found is not None
    assert found.step == 3
