"""The benchmark of beams: a quick run on the bundled model, the arithmetic of what it writes, and what it refuses."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "benchmarks" / "beams.py"

Done = subprocess.CompletedProcess[str]
Result = dict[str, Any]


def beams(*arguments: str | Path) -> Done:
    """Run the script as users do."""
    command = [sys.executable, str(SCRIPT), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=200, check=False)


@pytest.fixture(scope="module")
def quick(tmp_path_factory: pytest.TempPathFactory) -> tuple[Done, Result]:
    """A quick run without the shared folder, and the JSON that it wrote."""
    folder = tmp_path_factory.mktemp("beams")
    models = ["--models", "bundled", "stories260K"]
    done = beams("--quick", *models, "--shared", folder / "absent", "--out", folder / "beams.json")
    assert done.returncode == 0, done.stderr
    return done, json.loads((folder / "beams.json").read_text("utf-8"))


@pytest.fixture(scope="module")
def model(quick: tuple[Done, Result]) -> Result:
    """What was measured of the bundled model."""
    found: Result = quick[1]["models"]["bundled"]
    return found


def test_models_that_are_not_there_are_named(quick: tuple[Done, Result]) -> None:
    assert list(quick[1]["models"]) == ["bundled"]
    assert "is not here" in quick[1]["left_out"]["stories260K"]


def test_every_family_is_measured(model: Result) -> None:
    families = [row["family"] for row in model["rows"].values()]
    assert set(families) == set(model["exact"]) == {"canonical", "all", "beam"}
    for row in model["rows"].values():
        assert row["bytes_per_second"]["median"] > 0
        assert 0 < row["per_byte"]["passes"] <= row["per_byte"]["heads"]


def test_errors_are_those_of_the_texts(model: Result) -> None:
    for row in model["rows"].values():
        assert row["worst_text"] == max(abs(gap) for gap in row["nats_off"])


def test_finer_is_nearer(model: Result) -> None:
    rows = model["rows"]
    assert rows["all 0.0001"]["worst_text"] < rows["all 0.1"]["worst_text"]
    assert rows["beam 20, 0"]["worst_text"] < rows["beam 2, 0"]["worst_text"]
    assert rows["canonical 1e-06"]["worst_text"] < 1e-4
    assert rows["canonical 1e-06"]["dropped"] == [0]


def test_the_cheapest_of_equal_error(model: Result) -> None:
    rows = model["rows"]
    for level, best in model["at_equal_error"].items():
        for family, chosen in best.items():
            good = {n: r for n, r in rows.items() if r["family"] == family and r["worst_text"] <= float(level)}
            assert chosen in good if good else chosen is None
            assert all(rows[chosen]["per_byte"]["heads"] <= row["per_byte"]["heads"] for row in good.values())


def test_the_exact_value_of_all_is_an_estimate(model: Result) -> None:
    exact = model["exact"]["all"]
    assert max(exact["standard_errors"]) < 0.05
    assert model["rows"]["all 0.0001"]["worst_text"] <= 4 * max(exact["standard_errors"]) + 1e-3


def test_the_table_has_every_row(quick: tuple[Done, Result], model: Result) -> None:
    lines = quick[0].stdout.splitlines()
    assert all(any(line.startswith(name) for line in lines) for name in model["rows"])
    assert any("standard error of the exact value of all" in line for line in lines)


def test_no_model_at_all(tmp_path: Path) -> None:
    done = beams("--quick", "--models", "stories260K", "--shared", tmp_path)
    assert done.returncode == 2
    assert "is not here; name other --models, or --shared PATH" in done.stderr
    assert "Traceback" not in done.stderr
