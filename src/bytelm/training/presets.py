"""Configurations to begin with, by name."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Final, Generic, TypeVar

from bytelm.blt.config import BltConfig, HashConfig, StackConfig
from bytelm.training.config import TrainConfig
from bytelm.training.run_config import OptimizerConfig, RunConfig

ConfigT = TypeVar("ConfigT", bound=RunConfig)


@dataclass(frozen=True)
class Preset(Generic[ConfigT]):
    """A configuration to begin with.

    Attributes:
        summary: one line for people.
        config: the configuration, without data and a place to write to.
    """

    summary: str
    config: ConfigT


def _stack(
    layers: int, width: int, heads: int, hidden: int, window: int | None = None, theta: float = 500000.0
) -> StackConfig:
    return StackConfig(layers, width, heads, heads, hidden, theta, window)


_MEAN_PATCH: Final = 4.5
"""Bytes of a patch on average, about as in the released models."""

_ENTROPY: Final = _stack(14, 768, 12, 2048, window=512, theta=10000.0)
"""The entropy model of the release."""

_CPU_TINY: Final = TrainConfig(
    kind="blt",
    model=BltConfig(
        encoder=_stack(1, 48, 4, 128, window=64),
        global_transformer=_stack(2, 96, 4, 256),
        decoder=_stack(2, 48, 4, 128, window=64),
        entropy=_stack(1, 48, 4, 128, window=64, theta=10000.0),
        hashes=HashConfig(sizes=(3, 4, 5), rows=1009),
        doubled_residual=True,
    ),
    steps=600,
    rows=8,
    length=256,
    checkpoint_every=100,
    validate_every=100,
    sample_every=100,
    mean_patch=_MEAN_PATCH,
    optimizer=OptimizerConfig(rate=1e-2, warmup=10),
)

_ENTROPY_100M: Final = TrainConfig(
    kind="entropy",
    model=_ENTROPY,
    steps=100_000,
    rows=128,
    length=8192,
    checkpoint_every=1000,
    validate_every=1000,
    sample_every=5000,
    dtype="bfloat16",
    compile=True,
    optimizer=OptimizerConfig(warmup=2000),
)

_BLT_1B: Final = replace(
    _ENTROPY_100M,
    kind="blt",
    model=BltConfig(
        encoder=_stack(1, 1024, 16, 2816, window=512),
        global_transformer=_stack(25, 2048, 16, 5632),
        decoder=_stack(9, 1024, 16, 2816, window=512),
        entropy=_ENTROPY,
        doubled_residual=True,
    ),
    checkpoint_activations=True,
    mean_patch=_MEAN_PATCH,
)

_BLT_7B: Final = replace(
    _BLT_1B,
    model=BltConfig(
        encoder=_stack(1, 1280, 20, 3584, window=512),
        global_transformer=_stack(32, 4096, 32, 11008),
        decoder=_stack(6, 1280, 20, 3584, window=512),
        entropy=_ENTROPY,
        keys_per_patch=4,
        doubled_residual=True,
    ),
)

_BYTE_LLAMA: Final = replace(_ENTROPY_100M, kind="byte-llama", model=_stack(14, 768, 12, 2048))

PRESETS: Final[Mapping[str, Preset[TrainConfig]]] = MappingProxyType(
    {
        "cpu-tiny": Preset("a Byte Latent Transformer of 0.6M parameters, for a minute or two of one core", _CPU_TINY),
        "entropy-100m": Preset("the entropy model of the released models, 0.10B parameters", _ENTROPY_100M),
        "blt-1b": Preset("the smaller released model, 4.63B parameters, 3.07B of them tables of n-grams", _BLT_1B),
        "blt-7b": Preset("the larger released model, 10.65B parameters, 3.84B of them tables of n-grams", _BLT_7B),
        "byte-llama": Preset("a plain transformer over bytes that sees all before it, 0.10B parameters", _BYTE_LLAMA),
    }
)
"""Models that transformers can compute wherever it knows their kind."""
