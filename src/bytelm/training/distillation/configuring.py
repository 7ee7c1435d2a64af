"""Configurations of distillations: presets, files, and changes on a command line."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final

from bytelm.training.configuring import beginning, pair
from bytelm.training.distillation.config import DistillConfig
from bytelm.training.presets import Preset
from bytelm.training.run_config import OptimizerConfig
from bytelm.training.settings import build, merged, read_data, read_texts, schema_of, settings_of

_LINEAR: Final = OptimizerConfig(
    rate=3e-5, betas=(0.9, 0.95), decay=0.0, clip=None, schedule="wsd", warmup=2000, decay_share=0.9, final=0.0
)
"""To the highest rate in 2,000 steps, and down to nothing in the other 18,000."""

_TOKENKIT: Final = DistillConfig(
    losses=("sft", "alm", "latents"),
    mixing="gradients",
    steps=20_000,
    rows=32,
    length=2048,
    checkpoint_every=1000,
    validate_every=1000,
    sample_every=5000,
    optimizer=_LINEAR,
    teacher_dtype="bfloat16",
)

_EXACT: Final = DistillConfig(
    losses=("exact",),
    steps=20_000,
    rows=32,
    length=2048,
    checkpoint_every=1000,
    validate_every=1000,
    sample_every=5000,
    dtype="bfloat16",
    optimizer=OptimizerConfig(rate=3e-5, decay=0.0, warmup=2000),
)

_TINY: Final = DistillConfig(
    losses=("exact",),
    steps=300,
    rows=8,
    length=512,
    checkpoint_every=100,
    validate_every=100,
    sample_every=100,
    optimizer=OptimizerConfig(rate=1e-3, decay=0.0, warmup=30),
)

PRESETS: Final[Mapping[str, Preset[DistillConfig]]] = MappingProxyType(
    {
        "exact-bytes": Preset("the teacher's exact next-byte distributions, 20,000 steps of 32 rows", _EXACT),
        "tokenkit-alm": Preset("the recipe of Llama3-2-3B-IT-Byte: ALM, latents and texts", _TOKENKIT),
        "cpu-tiny": Preset("exact next-byte distributions of a small teacher, minutes of one core", _TINY),
    }
)
"""Distillations to begin with, without teacher, student, data and a place to write to."""


def load_distillation(name_or_file: str, overrides: Sequence[str] = ()) -> DistillConfig:
    """The configuration of a distillation.

    Args:
        name_or_file: a preset; or a TOML or JSON file of settings, which may begin with one by ``preset = "NAME"``.
        overrides: changes such as ``"losses=path,sft"``; the later ones count.

    Raises:
        ValueError: there is no such preset or file, a key is unknown, a value is not what its field takes, or the
            settings do not go together.
    """
    preset, data = beginning(name_or_file, PRESETS)
    schema = schema_of(DistillConfig)
    base = {} if preset is None else settings_of(preset.config)
    settings = merged(base, read_data(schema, data, name_or_file))
    changes = read_texts(schema, [pair(override) for override in overrides])
    return build(DistillConfig, schema, merged(settings, changes))
