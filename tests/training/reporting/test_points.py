"""What is told of a run, as points and texts."""

import pytest

from bytelm.training.metrics import StepReport
from bytelm.training.reporting.points import points_of


@pytest.mark.parametrize(("stage", "name"), [("model", "train"), ("entropy", "train_entropy")])
def test_steps(stage: str, name: str) -> None:
    points = points_of("step", StepReport(7, stage, 2.5, 1e-3, 0.5, 4096, 0.25))
    assert points.step == 7
    assert points.scalars == {
        f"bits_per_byte/{name}": 2.5,
        "optimizer/learning_rate": 1e-3,
        "optimizer/gradient_norm": 0.5,
        "speed/bytes_per_second": 16384.0,
    }
    assert not points.texts


def test_what_is_found_behind_steps() -> None:
    points = points_of("validation", {"step": 8, "bits_per_byte": 1.5, "done": True, "parts": [1]})
    assert (points.step, points.scalars, points.texts) == (8, {"bits_per_byte/validation": 1.5}, {})
    points = points_of("sample", {"step": 9, "text": "def"})
    assert (points.step, points.scalars, points.texts) == (9, {}, {"text/sample": "def"})
