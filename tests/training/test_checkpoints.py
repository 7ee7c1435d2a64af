"""Checkpoints are whole or not there, and damage is told."""

from pathlib import Path

import pytest
import torch

from bytelm.training.checkpoints import Checkpoint, Checkpoints


def made(step: int) -> Checkpoint:
    torch.manual_seed(step)
    states = [{"state": {0: {"step": torch.tensor(float(step))}}, "param_groups": [{"lr": 0.1, "params": [0]}]}]
    return Checkpoint(
        step, {"a": torch.randn(3, 4), "b": torch.randn(2)}, states, {"threshold": 1.5, "config": {"x": 1}}
    )


def test_what_is_saved_comes_back(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path / "kept", keep=2)
    assert (checkpoints.newest(), checkpoints.steps()) == (None, [])
    for step in (1, 5, 9):
        checkpoints.save(made(step))
    assert checkpoints.steps() == [5, 9]
    found, wanted = checkpoints.newest(), made(9)
    assert found is not None
    assert (found.step, found.facts) == (9, wanted.facts)
    assert all(torch.equal(found.weights[name], tensor) for name, tensor in wanted.weights.items())
    assert found.optimizers[0]["param_groups"] == wanted.optimizers[0]["param_groups"]


@pytest.mark.parametrize("name", ["weights.safetensors", "optimizers.pt"])
def test_damage(name: str, tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path, keep=2)
    checkpoints.save(made(3))
    file = tmp_path / "00000003" / name
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)
    with pytest.raises(ValueError, match=rf"{name} is not as it was written; remove .*00000003 to go on from before"):
        checkpoints.newest()
    file.unlink()
    with pytest.raises(ValueError, match=rf"{name} is not as it was written"):
        checkpoints.newest()


def test_a_damaged_state(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path, keep=2)
    checkpoints.save(made(3))
    (tmp_path / "00000003" / "state.json").write_text("{")
    with pytest.raises(ValueError, match=r"state\.json is damaged"):
        checkpoints.newest()


def test_an_interruption_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    checkpoints = Checkpoints(tmp_path, keep=2)
    checkpoints.save(made(3))
    monkeypatch.setattr("bytelm.training.checkpoints.save_file", interrupted)
    with pytest.raises(KeyboardInterrupt):
        checkpoints.save(made(4))
    assert [path.name for path in tmp_path.iterdir()] == ["00000003"]
