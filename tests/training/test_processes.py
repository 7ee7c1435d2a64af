"""Any number of processes learns the same, and goes on where another number of them was stopped."""

import json
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from bytelm.training.data.options import Options
from bytelm.training.data.preparing import prepare
from bytelm.training.inputs import open_data
from bytelm.training.run import Run
from bytelm.training.world import World
from training.processes import together
from training.runs import CPU, Watching, configured, texts, trained

STEPS = "steps=12"


@pytest.fixture(autouse=True)
def prepared(tmp_path: Path) -> Path:
    prepare([texts(tmp_path)], tmp_path / "prepared", Options(validation=0.5))
    return tmp_path / "prepared"


def settings(folder: Path, *more: str) -> tuple[str, ...]:
    return (f"data={folder / 'prepared'}", "validate_every=6", "sample_every=6", *more)


def lines(folder: Path) -> list[dict[str, float]]:
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


def check_same(folder: Path, within: float) -> None:
    """All that is told agrees, and so does the model."""
    one, other = lines(folder / "one"), lines(folder / "other")
    assert [line["kind"] for line in one] == [line["kind"] for line in other]
    for left, right in zip(one, other, strict=True):
        for key in {"step", "stage", "targets", "text"} & left.keys():
            assert left[key] == right[key]
        for key in {"bits_per_byte", "norm"} & left.keys():
            assert left[key] == pytest.approx(right[key], abs=within)
    left, right = (load_file(folder / name / "model.safetensors") for name in ("one", "other"))
    assert left.keys() == right.keys()
    for name, tensor in left.items():
        np.testing.assert_allclose(tensor, right[name], atol=2e-4)


@pytest.mark.parametrize(
    "changes",
    [(), ("accumulate=2",), ("tensor_parallel=2", "model.global_transformer.layers=2")],
    ids=["sharded", "accumulating", "tensor parallel"],
)
def test_two_processes_learn_what_one_learns(changes: tuple[str, ...], tmp_path: Path) -> None:
    own = settings(tmp_path, *changes)
    trained(configured(tmp_path, "one", *(change for change in own if "tensor" not in change)))
    together(2, tmp_path, "other", own)
    check_same(tmp_path, 1e-5)


def test_from_one_to_two_and_back(tmp_path: Path) -> None:
    """Each part goes on from the checkpoint of another number of processes; the rows and their order are the same."""
    own = settings(tmp_path)
    trained(configured(tmp_path, "one", *own))
    trained(configured(tmp_path, "other", *own), Watching(stop=2))
    together(2, tmp_path, "other", own, stop=5)
    assert [line["step"] for line in lines(tmp_path / "other") if line["kind"] == "step"] == list(range(1, 8))
    trained(configured(tmp_path, "other", *own))
    check_same(tmp_path, 1e-6)


def test_bfloat16(tmp_path: Path) -> None:
    """Two processes round as one does, but add up in another order; both are near to float32."""
    own = settings(tmp_path, "dtype=bfloat16")
    together(1, tmp_path, "one", own)
    together(2, tmp_path, "other", own)
    trained(configured(tmp_path, "exact", *settings(tmp_path)))
    for name in ("one", "other"):
        found, wanted = (
            [line["bits_per_byte"] for line in lines(tmp_path / which) if line["kind"] == "step"]
            for which in (name, "exact")
        )
        assert found == pytest.approx(wanted, abs=0.05)
        assert found != wanted


def test_muon(tmp_path: Path) -> None:
    """Its iteration rounds to bfloat16, which the order of sums shows in."""
    own = settings(tmp_path, "optimizer.name=muon")
    trained(configured(tmp_path, "one", *own))
    together(2, tmp_path, "other", own)
    found, wanted = (
        [line["bits_per_byte"] for line in lines(tmp_path / name) if line["kind"] == "step"]
        for name in ("other", "one")
    )
    assert found == pytest.approx(wanted, abs=2e-3)


def test_rows_that_cannot_be_shared(tmp_path: Path) -> None:
    config = configured(tmp_path, "run", *settings(tmp_path, "accumulate=2"))
    three = World(CPU, rank=0, size=3)
    with pytest.raises(ValueError, match=r"the 4 rows of a batch cannot be shared by 3 replicas in 2 equal parts each"):
        Run(config, open_data(config).rows, three)
