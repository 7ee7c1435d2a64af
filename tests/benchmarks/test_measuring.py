"""The pieces that the benchmark of speed is made of: the stopwatch, the targets, the rival in a process of its own."""

import time
from pathlib import Path
from typing import Any

import pytest
import torch

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"

ANSWER = (
    '{"versions": {"genlm-bytes": "0.2.0"}, '
    '"settings": {"K = 5": [{"reading_seconds": 10.0, "generation_seconds": 4.0, "made": "6162"}]}}'
)


@pytest.fixture(autouse=True)
def benchmarks(monkeypatch: pytest.MonkeyPatch) -> None:
    """The modules of the benchmarks can be imported."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))


class Body(torch.nn.Module):
    """Sleeps for a hundredth of a second."""

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        """The values, later."""
        time.sleep(0.01)
        return values


class Network(torch.nn.Module):
    """A body and an output layer, as the stopwatch expects them."""

    def __init__(self) -> None:
        super().__init__()
        self.base_model = Body()
        self.head = torch.nn.Linear(2, 2)

    def get_output_embeddings(self) -> torch.nn.Module:
        """The output layer."""
        return self.head

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        """Both, one after the other."""
        result: torch.Tensor = self.head(self.base_model(values))
        return result


def test_the_stopwatch_times_outermost_calls_once() -> None:
    from measuring.stopwatch import Stopwatch  # type: ignore[import-not-found]

    network = Network()
    watch = Stopwatch(network)
    network(torch.zeros(2))
    assert len(watch.calls) == 1
    network.get_output_embeddings()(network.base_model(torch.zeros(2)))
    assert len(watch.calls) == 3
    assert watch.passes == 2
    assert 0.02 <= watch.seconds < 10
    watch.reset()
    assert watch.seconds == 0


def test_a_stopwatch_that_timed_nothing_says_so() -> None:
    from measuring.stopwatch import Stopwatch

    watch = Stopwatch(Network())
    with pytest.raises(ValueError, match="no forward pass was seen"):
        watch.check()


def test_the_stopwatch_survives_a_call_that_fails() -> None:
    from measuring.stopwatch import Stopwatch

    network = Network()
    watch = Stopwatch(network)
    with pytest.raises(RuntimeError):
        network(torch.zeros(3))
    network(torch.zeros(2))
    assert len(watch.calls) == 2


def scores(short: float, exact: float) -> dict[str, Any]:
    """What scoring documents of 4 kB found."""
    ratios = {"bytelm 1e-6": {"ratio": {"median": short}}, "bytelm 0": {"ratio": {"median": exact}}}
    return {"short": {"document_bytes": 4096, **ratios}}


@pytest.mark.parametrize(("vocabulary", "met"), [(4096, [True, True]), (50257, [False, False])])
def test_large_vocabularies_have_targets_of_their_own(vocabulary: int, met: list[bool]) -> None:
    from measuring.targets import targets  # type: ignore[import-not-found]

    found = targets({"model": {"vocabulary": vocabulary, "score": scores(0.35, 0.27)}})
    assert [target["met"] for target in found] == met
    assert found[0]["name"] == "score 4 kB, 1e-6 / one pass"
    assert found[0]["value"] == 0.35


def test_a_target_that_is_reached_exactly_is_met() -> None:
    from measuring.targets import targets

    passes = {
        "greedy 1e-4": {"ratio": {"median": 1.0}, "passes_per_token": 1.15},
        "greedy 0": {"ratio": {"median": 0.8}},
    }
    found = targets({"model": {"vocabulary": 512, "generate": passes}})
    assert [target["target"] for target in found] == ["at least 1", "at least 0.8", "at most 1.15"]
    assert all(target["met"] for target in found)


def rival(path: Path, script: str) -> Path:
    """An interpreter that runs ``script`` of the shell whatever it is given."""
    path.write_text(f"#!/bin/sh\ncat > /dev/null\n{script}\n", encoding="utf-8")
    path.chmod(0o755)
    return path


def measured(python: Path) -> dict[str, Any]:
    """What that interpreter finds of the bundled model."""
    from measuring.genlm import measure  # type: ignore[import-not-found]
    from measuring.subjects import bundled  # type: ignore[import-not-found]
    from measuring.workload import QUICK  # type: ignore[import-not-found]

    found: dict[str, Any] = measure(python, bundled(python.parent, python.parent), QUICK, 100.0, lambda text: None)
    return found


def test_a_rival_answers_from_a_process_of_its_own(tmp_path: Path) -> None:
    found = measured(rival(tmp_path / "python", f"echo a warning; echo '{ANSWER}'"))
    row = found["rows"]["K = 5"]
    assert row["bytes_per_second"]["median"] == 0.5
    assert row["ratio"] == 0.005
    assert row["reading_bytes_per_second"]["median"] == pytest.approx(8.5, abs=0.2)


def test_a_rival_that_fails_says_why(tmp_path: Path) -> None:
    from measuring.genlm import GenlmError

    with pytest.raises(GenlmError, match=r"^ModuleNotFoundError: genlm$"):
        measured(rival(tmp_path / "python", "echo Traceback >&2; echo ModuleNotFoundError: genlm >&2; exit 1"))


def test_the_planned_budget_makes_as_many_bytes(tmp_path: Path) -> None:
    from measuring.subjects import bundled
    from measuring.tokenlevel import TokenLevel  # type: ignore[import-not-found]

    reference = TokenLevel(bundled(tmp_path, tmp_path))
    prompts = [b"import nu", b"def __in"]
    reference.plan(prompts, 20)
    made = [reference.generate(prompt) for prompt in prompts]
    assert all(20 <= len(text) < 60 for text in made)


def test_a_padded_batch_gives_what_the_single_prompts_give(tmp_path: Path) -> None:
    from measuring.subjects import bundled
    from measuring.tokenlevel import TokenLevel

    reference = TokenLevel(bundled(tmp_path, tmp_path))
    prompts = [b"for i in range", b"import numpy as np\n\n\ndef softmax(x, ax"]
    assert reference.generate_batch(prompts) == [reference.generate(prompt) for prompt in prompts]
