"""The benchmark's script: a quick run on the bundled model, what it leaves behind, and what it refuses."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "benchmarks" / "speed.py"

Done = subprocess.CompletedProcess[str]

GREEDY = ("greedy 1e-4", "greedy 0")
STEPPING = ("step 1e-4", "step 1e-6", "step 0")
COMPILER = shutil.which("g++")
PARTS = ("generate", "sample", "batch", "overhead", "score", "prefill", "prefix", "contexts", "memory", "compiled")


def speed(*arguments: str | Path) -> Done:
    """Run the script as users do."""
    command = [sys.executable, str(SCRIPT), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=200, check=False)


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


@pytest.fixture(scope="module")
def bundled(result: dict[str, Any]) -> dict[str, Any]:
    """What the quick run found of the bundled model."""
    found: dict[str, Any] = result["models"]["bundled"]
    return found


def test_says_where_and_with_what_it_ran(result: dict[str, Any]) -> None:
    assert result["date"].startswith("20")
    assert result["commit"]
    assert result["machine"]["processor"]
    assert result["machine"]["torch_threads"] == 1
    assert result["hardware"] == {"device": "cpu", "dtype": "float32"}
    assert {"python", "torch", "transformers", "bytelm"} <= set(result["versions"])
    assert result["workload"]["repeats"] == 2


def test_every_part_is_measured_and_explained(result: dict[str, Any], bundled: dict[str, Any]) -> None:
    assert set(bundled) >= set(PARTS) - (set() if COMPILER else {"compiled"})
    assert set(result["notes"]) == {"all", *PARTS, "genlm"}


def test_what_is_not_there_is_named(result: dict[str, Any]) -> None:
    assert list(result["models"]) == ["bundled"]
    assert "is not here" in result["left_out"]["stories260K"]
    assert "--genlm" in result["left_out"]["genlm-bytes"]


def test_generation_is_measured_beside_transformers(bundled: dict[str, Any]) -> None:
    rows = bundled["generate"]
    assert list(rows) == ["transformers", *GREEDY, "greedy, cold", *STEPPING]
    assert rows["greedy, cold"]["bytes"] == rows["greedy 1e-4"]["bytes"]
    for name in GREEDY + STEPPING:
        assert 0 < rows[name]["ratio"]["median"] < 100
        assert 0 < rows[name]["ratio_of_tokens"] < 100
        assert 0 < rows[name]["per_byte"]["passes"] <= rows[name]["per_byte"]["heads"] < 20
        assert rows[name]["passes_per_token"] <= rows[name]["passes_per_token_with_prompts"]
    assert rows["greedy 1e-4"]["per_byte"]["heads"] <= rows["step 0"]["per_byte"]["heads"]


def test_both_sides_have_the_same_budget_of_bytes(bundled: dict[str, Any]) -> None:
    rows = bundled["generate"]
    longest_token = 32
    assert 0 <= rows["transformers"]["bytes"] - 32 < 2 * longest_token
    assert all(rows[name]["bytes"] == 32 for name in GREEDY)


def test_every_repeat_is_kept(bundled: dict[str, Any]) -> None:
    for row in (*bundled["generate"].values(), *bundled["sample"].values()):
        rate = row["bytes_per_second"]
        assert len(rate["repeats"]) == 2
        assert 0 < rate["least"] <= rate["median"] <= rate["most"]


def test_scores_agree_with_the_token_level(bundled: dict[str, Any]) -> None:
    rows = bundled["score"]["short"]
    assert 0.1 < rows["tokens_per_byte"] < 1
    # All covers of a text weigh at least as much as its own tokens, up to the renormalisation.
    assert rows["bytelm 0"]["bits_per_byte"] == pytest.approx(rows["token level"]["bits_per_byte"], abs=0.2)
    assert rows["bytelm 1e-6"]["bits_per_byte"] == pytest.approx(rows["bytelm 0"]["bits_per_byte"], abs=1e-4)


def test_a_prompt_is_read_in_a_few_passes(bundled: dict[str, Any]) -> None:
    read = bundled["prefill"]
    assert read["bytes"] == 85
    assert read["seconds"]["median"] < 10
    assert 1 <= read["per_prompt"]["passes"] < 20


def test_a_batch_gives_what_the_single_streams_give(bundled: dict[str, Any]) -> None:
    batch = bundled["batch"]
    assert batch["streams"] == 3
    assert batch["bytelm"]["same_outputs"] == "3 of 3"
    assert batch["transformers"]["ratio"]["median"] > 0


def test_time_inside_and_outside_the_network_is_all_the_time(bundled: dict[str, Any]) -> None:
    rows = [bundled["overhead"][name] for name in ("greedy", "sampling", "transformers, greedy")]
    rows += [row[system] for row in bundled["contexts"]["prompts"].values() for system in ("bytelm", "transformers")]
    for row in rows:
        spent = zip(row["inside"]["repeats"], row["outside"]["repeats"], row["microseconds"]["repeats"], strict=True)
        for inside, outside, whole in spent:
            assert 0 < inside < whole
            assert inside + outside == pytest.approx(whole, rel=1e-3)


@pytest.mark.skipif(not COMPILER, reason="torch compiles for the processor with g++")
def test_a_compiled_network_is_measured(bundled: dict[str, Any]) -> None:
    assert bundled["compiled"]["load_seconds"] > 0
    assert all(bundled["compiled"][way]["compiled"]["ratio"]["median"] > 0 for way in ("greedy", "sampling", "score"))


def test_memory_is_told_apart(bundled: dict[str, Any]) -> None:
    memory = bundled["memory"]
    assert [row["bytes"] for row in memory["after"]] == [8, 16]
    for row in memory["after"]:
        assert row["cache"] >= row["tokens"] * memory["cache_bytes_per_token"] / 2
        assert 0 < row["python"] <= row["python_peak"]


def test_a_second_prompt_is_timed_beside_the_first(bundled: dict[str, Any]) -> None:
    assert bundled["prefix"]["shared"] == 0.9
    assert 0 < bundled["prefix"]["second_over_first"]["median"] < 10


def test_targets_are_beside_what_was_found(result: dict[str, Any]) -> None:
    found = {target["name"]: target for target in result["targets"]}
    greedy = found["greedy 1e-4 / transformers"]
    assert greedy["target"] == "at least 1"
    assert greedy["met"] == (greedy["value"] >= 1)
    assert found["greedy 1e-4, passes per token"]["target"] == "at most 1.15"
    assert found["batch of 16 / one stream"]["target"] == "at least 6"
    assert len(found) == len(result["targets"]) == 7


def test_rivals_are_quoted_with_their_source(result: dict[str, Any]) -> None:
    assert "speed.md" in result["rivals"]["source"]
    assert result["rivals"]["generate"]["pycode-bpe4k"]["transformers 5.23"]["ratio"] == 1


def test_prints_a_table_and_leaves_one_file(quick: tuple[Done, Path]) -> None:
    done, folder = quick
    assert "Greedy generation" in done.stdout
    assert "Targets:" in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 100
    assert "bundled: scoring" in done.stderr
    assert [path.name for path in folder.iterdir()] == ["speed.json"]


def test_a_part_of_a_model_made_on_demand_in_half_precision(shared: Path, tmp_path: Path) -> None:
    model = ["--models", "llama-tiny-random", "--only", "prefill", "genlm", "--dtype", "bfloat16"]
    done = speed("--quick", *model, "--shared", shared, "--genlm", tmp_path / "python", "--out", tmp_path / "it.json")
    assert done.returncode == 0, done.stderr
    found = json.loads((tmp_path / "it.json").read_text("utf-8"))
    assert found["hardware"]["dtype"] == "bfloat16"
    assert found["models"]["llama-tiny-random"]["prefill"]["per_prompt"]["passes"] >= 1
    assert "generate" not in found["models"]["llama-tiny-random"]
    assert "no such file" in found["left_out"]["genlm-bytes"]


def test_no_model_at_all_is_an_error_of_one_line(tmp_path: Path) -> None:
    done = speed("--quick", "--models", "stories260K", "--shared", tmp_path)
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1


def test_a_device_that_is_not_here_is_an_error_of_one_line() -> None:
    done = speed("--quick", "--models", "bundled", "--device", "abacus")
    assert done.returncode == 2
    assert "cpu is always there" in done.stderr
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


def test_an_interrupted_run_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(SCRIPT.parent))
    import speed as script

    def interrupted(*arguments: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(script, "_measured", interrupted)
    assert script.main(["--quick", "--models", "bundled", "--out", str(tmp_path / "speed.json")]) == 130
    assert list(tmp_path.iterdir()) == []
