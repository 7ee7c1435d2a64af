"""Presets have the shapes that they say."""

from dataclasses import replace

import pytest

from bytelm.blt.config import BltConfig
from bytelm.blt.weights.obstacles import transformers_obstacles
from bytelm.blt.weights.shapes import parameter_shapes
from bytelm.training.networks import count_parameters, skeleton
from bytelm.training.presets import PRESETS
from bytelm.training.spreading import build
from training.runs import ALONE


@pytest.mark.parametrize(
    ("name", "total", "tables"),
    [
        ("cpu-tiny", "0.001", "0.000"),
        ("entropy-100m", "0.100", "0.000"),
        ("blt-1b", "4.633", "3.072"),
        ("blt-7b", "10.653", "3.841"),
        ("byte-llama", "0.100", "0.000"),
    ],
)
def test_as_many_parameters_as_published(name: str, total: str, tables: str) -> None:
    """Billions."""
    counts = count_parameters(skeleton(PRESETS[name].config))
    assert (f"{counts.total / 1e9:.3f}", f"{counts.tables / 1e9:.3f}") == (total, tables)


def test_the_smallest_one_is_for_any_computer() -> None:
    config = PRESETS["cpu-tiny"].config
    counts = count_parameters(build(config, ALONE))
    assert counts.total < 700_000
    assert counts.tables > 3 * 1009 * 48
    assert (config.dtype, config.compile) == ("float32", False)


@pytest.mark.parametrize("name", [name for name, preset in PRESETS.items() if preset.config.kind == "blt"])
def test_transformers_can_compute_them(name: str) -> None:
    model = PRESETS[name].config.model
    assert isinstance(model, BltConfig)
    assert transformers_obstacles(model) == []
    shapes = {name: tuple(weight.shape) for name, weight in skeleton(PRESETS[name].config).named_parameters()}
    assert shapes == parameter_shapes(model)


def test_the_entropy_models_are_one() -> None:
    """What entropy-100m trains is what the larger ones look for."""
    for name in ("blt-1b", "blt-7b"):
        model = PRESETS[name].config.model
        assert isinstance(model, BltConfig)
        assert model.entropy == PRESETS["entropy-100m"].config.model
    llama = PRESETS["byte-llama"].config.model
    assert replace(llama, window=512, theta=10000.0) == PRESETS["entropy-100m"].config.model  # type: ignore[type-var]


@pytest.mark.parametrize("name", PRESETS)
def test_presets_are_for_anyone(name: str) -> None:
    preset = PRESETS[name]
    assert (preset.config.data, preset.config.out, preset.config.entropy_model) == ("", "", "")
    assert preset.summary
    assert "\n" not in preset.summary
