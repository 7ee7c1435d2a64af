"""The benchmark of search: a quick run on the bundled model, the arithmetic of what it writes, and what it refuses."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "benchmarks" / "search.py"

Done = subprocess.CompletedProcess[str]
Result = dict[str, Any]


def benchmark(*arguments: str | Path) -> Done:
    """Run the script as users do."""
    command = [sys.executable, str(SCRIPT), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=110, check=False)


@pytest.fixture(scope="module")
def quick(tmp_path_factory: pytest.TempPathFactory) -> tuple[Done, Result]:
    """A quick run without the shared folder, and the JSON that it wrote."""
    folder = tmp_path_factory.mktemp("search")
    models = ["--models", "bundled", "stories260K"]
    done = benchmark("--quick", *models, "--shared", folder / "absent", "--out", folder / "search.json")
    assert done.returncode == 0, done.stderr
    return done, json.loads((folder / "search.json").read_text("utf-8"))


def test_models_that_are_not_there_are_named(quick: tuple[Done, Result]) -> None:
    assert list(quick[1]["models"]) == ["bundled"]
    assert "is not here" in quick[1]["left_out"]["stories260K"]


def test_no_width_finds_less_than_greedy_or_than_a_narrower_one(quick: tuple[Done, Result]) -> None:
    for name, task in quick[1]["models"]["bundled"]["tasks"].items():
        key = "mean" if "penalty" in name else "gain"
        gains = [row[key]["repeats"] for row in task["widths"].values()]
        assert len(gains) == 2
        for narrow, wide in zip(*gains, strict=True):
            assert wide >= narrow - 1e-4
            assert narrow >= -1e-4


def test_efforts_and_times(quick: tuple[Done, Result]) -> None:
    for task in quick[1]["models"]["bundled"]["tasks"].values():
        assert task["greedy"]["bytes"] > 0
        for row in task["widths"].values():
            assert 0 < row["per_byte"]["passes"] <= row["per_byte"]["heads"]
            assert row["ratio"]["median"] > 0
            assert sum(row["ended"].values()) == len(row["gain"]["repeats"])


def test_the_table_has_every_row(quick: tuple[Done, Result]) -> None:
    lines = [line.strip() for line in quick[0].stdout.splitlines()]
    assert sum(line.startswith("1 beam") for line in lines) == 3
    assert sum(line.startswith("2 beams") for line in lines) == 3


def test_no_model_at_all(tmp_path: Path) -> None:
    done = benchmark("--quick", "--models", "stories260K", "--shared", tmp_path)
    assert done.returncode == 2
    assert "is not here; name other --models, or --shared PATH" in done.stderr
    assert "Traceback" not in done.stderr
