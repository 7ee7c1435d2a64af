"""Learning rates against values worked out by hand."""

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bytelm.training.run_config import OptimizerConfig
from bytelm.training.schedule import rate_factor


def factors(steps: int, **options: Any) -> list[float]:
    config = OptimizerConfig(**options)
    return [rate_factor(config, step, steps) for step in range(steps + 2)]


def test_cosine() -> None:
    """Two steps up, then eight of which each takes an eighth of half a period."""
    found = factors(10, schedule="cosine", warmup=2, final=0.2)
    one, two, three = (0.4 * math.cos(math.pi * part / 8) for part in (1, 2, 3))
    falling = [1.0, 0.6 + one, 0.6 + two, 0.6 + three, 0.6, 0.6 - three, 0.6 - two, 0.6 - one]
    assert found == pytest.approx([0.5, 1.0, *falling, 0.2, 0.2])


def test_warmup_stable_decay() -> None:
    found = factors(10, schedule="wsd", warmup=4, final=0.0, decay_share=0.4)
    assert found == pytest.approx([0.25, 0.5, 0.75, 1.0, 1.0, 1.0, 1.0, 0.75, 0.5, 0.25, 0.0, 0.0])


def test_constant() -> None:
    assert factors(4, schedule="constant", warmup=2, final=0.5) == [0.5, 1.0, 1.0, 1.0, 1.0, 1.0]


@pytest.mark.parametrize(
    ("options", "wanted"),
    [
        ({"schedule": "cosine", "warmup": 0, "final": 0.0}, [1.0, 0.5, 0.0, 0.0]),
        ({"schedule": "cosine", "warmup": 2, "final": 0.1}, [0.5, 1.0, 0.1, 0.1]),
        ({"schedule": "wsd", "warmup": 0, "decay_share": 0.0, "final": 0.1}, [1.0, 1.0, 0.1, 0.1]),
        ({"schedule": "wsd", "warmup": 0, "decay_share": 1.0, "final": 0.0}, [1.0, 0.5, 0.0, 0.0]),
    ],
)
def test_at_the_ends(options: dict[str, Any], wanted: list[float]) -> None:
    assert factors(2, **options) == pytest.approx(wanted)


@given(
    st.sampled_from(["cosine", "wsd", "constant"]),
    st.integers(1, 60),
    st.floats(0, 1),
    st.floats(0, 1),
    st.floats(0, 1),
)
def test_rates_rise_and_then_fall(schedule: Any, steps: int, warm: float, final: float, share: float) -> None:
    warmup = int(warm * steps)
    found = factors(steps, schedule=schedule, warmup=warmup, final=final, decay_share=share * (1 - warm))
    assert found[:warmup] == sorted(found[:warmup])
    assert found[warmup:] == sorted(found[warmup:], reverse=True)
    assert all(0 < factor <= 1 for factor in found[:steps])
    if warmup:
        assert found[warmup - 1] == 1
