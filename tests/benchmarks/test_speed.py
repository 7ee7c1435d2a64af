"""The benchmark's script: a quick run on the bundled model, what it leaves behind, and what it refuses."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "benchmarks" / "speed.py"

Done = subprocess.CompletedProcess[str]

BYTELM = ("greedy", "step 1e-4", "step 1e-6", "step 0")


def speed(*arguments: str | Path) -> Done:
    """Run the script as users do."""
    command = [sys.executable, str(SCRIPT), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


@pytest.fixture(scope="module")
def quick(tmp_path_factory: pytest.TempPathFactory) -> tuple[Done, Path]:
    """A quick run without the shared folder, and the folder that it wrote into."""
    folder = tmp_path_factory.mktemp("speed")
    models = ["--models", "bundled", "stories260K"]
    done = speed("--quick", *models, "--shared", folder / "absent", "--out", folder / "speed.json")
    assert done.returncode == 0, done.stderr
    return done, folder


@pytest.fixture(scope="module")
def result(quick: tuple[Done, Path]) -> dict[str, Any]:
    """The JSON of the quick run."""
    found: dict[str, Any] = json.loads((quick[1] / "speed.json").read_text("utf-8"))
    return found


def test_says_where_and_with_what_it_ran(result: dict[str, Any]) -> None:
    assert result["date"].startswith("20")
    assert result["commit"]
    assert result["machine"]["processor"]
    assert result["machine"]["torch_threads"] == 1
    assert {"python", "torch", "transformers", "bytelm"} <= set(result["versions"])
    assert result["workload"]["repeats"] == 2


def test_models_that_are_not_there_are_named(result: dict[str, Any]) -> None:
    assert list(result["models"]) == ["bundled"]
    assert "is not here" in result["left_out"]["stories260K"]


def test_generation_is_measured_beside_transformers(result: dict[str, Any]) -> None:
    rows = result["models"]["bundled"]["generate"]
    assert list(rows) == ["transformers", *BYTELM]
    for name in BYTELM:
        assert 0 < rows[name]["ratio"]["median"] < 100
        assert 0 < rows[name]["per_byte"]["passes"] <= rows[name]["per_byte"]["heads"] < 20
    assert rows["greedy"]["per_byte"]["heads"] <= rows["step 0"]["per_byte"]["heads"]


def test_every_repeat_is_kept(result: dict[str, Any]) -> None:
    rows = result["models"]["bundled"]["generate"]
    for row in rows.values():
        rate = row["bytes_per_second"]
        assert len(rate["repeats"]) == 2
        assert 0 < rate["least"] <= rate["median"] <= rate["most"]


def test_scores_agree_with_the_token_level(result: dict[str, Any]) -> None:
    rows = result["models"]["bundled"]["score"]
    assert 0.1 < rows["tokens_per_byte"] < 1
    # All covers of a text weigh at least as much as its own tokens, up to the renormalisation.
    assert rows["bytelm 0"]["bits_per_byte"] == pytest.approx(rows["token level"]["bits_per_byte"], abs=0.2)
    assert rows["bytelm 1e-6"]["bits_per_byte"] == pytest.approx(rows["bytelm 0"]["bits_per_byte"], abs=1e-4)


def test_a_prompt_is_read_in_a_few_passes(result: dict[str, Any]) -> None:
    read = result["models"]["bundled"]["prefill"]
    assert read["bytes"] == 85
    assert read["seconds"]["median"] < 10
    assert 1 <= read["per_prompt"]["passes"] < 20


def test_rivals_are_quoted_with_their_source(result: dict[str, Any]) -> None:
    assert "speed.md" in result["rivals"]["source"]
    assert result["rivals"]["generate"]["pycode-bpe4k"]["transformers 5.23"]["ratio"] == 1


def test_prints_a_table_and_leaves_one_file(quick: tuple[Done, Path]) -> None:
    done, folder = quick
    assert "Greedy generation" in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 100
    assert "bundled: scoring" in done.stderr
    assert [path.name for path in folder.iterdir()] == ["speed.json"]


def test_no_model_at_all_is_an_error_of_one_line(tmp_path: Path) -> None:
    done = speed("--quick", "--models", "stories260K", "--shared", tmp_path)
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1


def test_an_interrupted_write_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(SCRIPT.parent))
    import speed as script  # type: ignore[import-not-found]

    def interrupted(self: Path, target: Path) -> Path:
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        script.write(tmp_path / "speed.json", {"models": {}})
    assert list(tmp_path.iterdir()) == []
