"""Other options of patching, written into the configuration of a model."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from blt.networks import network
from bytelm.blt.patching.options import Patching
from bytelm.blt.weights import repatching
from bytelm.blt.weights.reading import open_checkpoint
from bytelm.blt.weights.repatching import with_patching, write_patching
from bytelm.blt.weights.writing import save_directory


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    made = network(Patching(threshold=1.5, longest=20))
    save_directory(tmp_path / "model", made.config, made.state_dict())
    return tmp_path / "model"


@pytest.mark.parametrize(
    "change",
    [
        {"threshold": 0.25},
        {"mode": "monotonic", "threshold": 0.125},
        {"mode": "both", "threshold": 1.0, "rise": 0.5},
        {"longest": None, "resets_at_newlines": True},
    ],
)
def test_what_is_written_is_read_again(directory: Path, change: dict[str, object]) -> None:
    before = open_checkpoint(directory).config
    wanted = replace(before.patching, **change)  # type: ignore[arg-type]
    assert write_patching(directory, wanted) == directory / "config.json"
    assert open_checkpoint(directory).config == replace(before, patching=wanted)
    assert sorted(path.name for path in directory.iterdir()) == ["config.json", "model.safetensors"]


def test_a_threshold_changes_nothing_else() -> None:
    data: dict[str, object] = {"model_type": "blt", "patching_threshold": 1.0, "of_another_program": [1, 2]}
    assert with_patching(data, Patching(threshold=2.5)) == data | {"patching_threshold": 2.5}


def test_what_others_wrote_stays() -> None:
    data: dict[str, object] = {"model_type": "blt", "torch_dtype": "bfloat16", "of_another_program": [1, 2]}
    changed = with_patching(data, Patching(mode="space"))
    assert changed["of_another_program"] == [1, 2]
    assert changed["dtype"] == "bfloat16"
    assert changed["patching_mode"] == "space"
    assert changed["model_type"] == "bytelm_blt"


def test_a_failure_changes_nothing(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = (directory / "config.json").read_bytes()

    def broken(path: Path, value: object) -> None:
        path.write_bytes(b"{")
        raise KeyboardInterrupt

    monkeypatch.setattr(repatching, "write_json", broken)
    with pytest.raises(KeyboardInterrupt):
        write_patching(directory, Patching(threshold=9.0))
    assert (directory / "config.json").read_bytes() == before
    assert len(list(directory.iterdir())) == 2


def test_other_directories(directory: Path, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "config.json").write_text(json.dumps({"model_type": "gpt2"}))
    with pytest.raises(ValueError, match="other holds no Byte Latent Transformer in bytelm's form, so its patching"):
        write_patching(tmp_path / "other", Patching())
