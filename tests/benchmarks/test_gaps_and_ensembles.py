"""The benchmarks of gaps and ensembles: quick runs without the shared folder, and the arithmetic of what they write."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"


def quick(script: str, folder: Path) -> dict[str, Any]:
    """What a quick run writes."""
    out = folder / "out.json"
    command = [
        sys.executable,
        str(BENCHMARKS / script),
        "--quick",
        "--shared",
        str(folder / "absent"),
        "--out",
        str(out),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=200, check=False)
    assert done.returncode == 0, done.stderr
    assert "left out" in done.stdout
    found: dict[str, Any] = json.loads(out.read_text("utf-8"))
    return found


def test_gaps(tmp_path: Path) -> None:
    found = quick("fim.py", tmp_path)
    assert "HumanEval, random spans" in found["left_out"]
    parts = found["sets"]["held-out files"]
    assert parts["all"]["gaps"] == parts["inside"]["gaps"] + parts["border"]["gaps"] == 20
    ways = parts["all"]["ways"]
    for row in ways.values():
        assert row["with_end"] < row["nats"] < 0
        assert 0 <= row["exact"] <= row["begun"] <= 20
    assert ways["naive prompting"]["nats"] < ways["byte-exact (lm.infill)"]["nats"]


def test_ensembles(tmp_path: Path) -> None:
    found = quick("ensembles.py", tmp_path)
    assert set(found["left_out"]) == {"stories", "mixed"}
    code = found["sets"]["code"]
    assert code["best_member"] == min(code["members"].values())
    (target,) = found["targets"]
    assert target["above_best_member"] == pytest.approx(code["ensembles"]["mixture"] - code["best_member"], abs=1e-4)
    assert target["met"] == (target["above_best_member"] <= target["at_most"])
    assert sum(code["fitted"]["mean, fitted"]) == pytest.approx(1)
    for bits in code["ensembles"].values():
        assert 0 < bits < 8


@pytest.mark.parametrize("name", ["fim.json", "ensembles.json"])
def test_the_committed_results_are_of_a_commit(name: str) -> None:
    committed = json.loads((BENCHMARKS / name).read_text("utf-8"))
    assert committed["commit"] != "uncommitted"
    assert committed["left_out"] == {}
