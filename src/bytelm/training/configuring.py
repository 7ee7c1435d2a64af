"""Configurations from presets, files and changes on a command line, and back to text."""

import json
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, cast, get_args

from bytelm.training.config import MODELS, Kind, TrainConfig
from bytelm.training.presets import PRESETS, ConfigT, Preset
from bytelm.training.printing import toml_text
from bytelm.training.run_config import RunConfig
from bytelm.training.settings import build, merged, read_data, read_texts, schema_of, settings_of
from bytelm.training.values import check_choice, near

PRESET_KEY: Final = "preset"
"""The key by which a file names the preset that it begins with."""


def load_config(name_or_file: str, overrides: Sequence[str] = ()) -> TrainConfig:
    """The configuration of a training run.

    Args:
        name_or_file: a preset; or a TOML or JSON file of settings, which may begin with one by ``preset = "NAME"``.
        overrides: changes such as ``"optimizer.rate=3e-4"``; the later ones count. Parts of lists are separated by
            commas, and ``none`` is for what may be left out.

    Raises:
        ValueError: there is no such preset or file, a key is unknown, a value is not what its field takes, or the
            settings do not go together.
    """
    changes = [pair(override) for override in overrides]
    preset, data = beginning(name_or_file, PRESETS)
    kind = _kind(name_or_file, preset, [data.get("kind"), *(text for key, text in changes if key == "kind")])
    schema = schema_of(TrainConfig, {"model": MODELS[kind]})
    base = {} if preset is None else settings_of(preset.config)
    settings = merged(base, read_data(schema, data, name_or_file))
    return build(TrainConfig, schema, merged(settings, read_texts(schema, changes)))


def print_config(config: RunConfig) -> str:
    """A configuration as TOML with comments; `load_config` of a file with it gives an equal one."""
    return toml_text(config)


def pair(override: str) -> tuple[str, str]:
    """The key and the text of a change.

    Raises:
        ValueError: it is none.
    """
    key, equals, text = override.partition("=")
    if not equals:
        raise ValueError(f"a change must be KEY=VALUE, such as steps=100, got {override!r}")
    return key.strip(), text


def beginning(
    name_or_file: str, presets: Mapping[str, Preset[ConfigT]]
) -> tuple[Preset[ConfigT] | None, Mapping[str, Any]]:
    """The preset to begin with, if any, and the settings of the file, if there is one.

    Raises:
        ValueError: there is no such preset or file, or the file is damaged.
    """
    if name_or_file in presets:
        return presets[name_or_file], {}
    path = Path(name_or_file)
    if not path.is_file():
        raise ValueError(
            f"there is neither a preset nor a file {name_or_file!r}{near(name_or_file, presets)}; "
            f"the presets are {', '.join(presets)}"
        )
    data = _read(path)
    name = data.pop(PRESET_KEY, None)
    if name is None:
        return None, data
    if name not in presets:
        raise ValueError(f"{path}: {PRESET_KEY} must be one of {', '.join(presets)}, got {name!r}")
    return presets[name], data


def _read(path: Path) -> dict[str, Any]:
    reads = {".toml": tomllib.loads, ".json": json.loads}
    if path.suffix not in reads:
        raise ValueError(f"a configuration is a file that ends in .toml or .json, got {path}")
    try:
        data = reads[path.suffix](path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path} is not valid {path.suffix[1:].upper()}: {error}") from error
    if not isinstance(data, dict):
        raise ValueError(f"{path} must hold an object of settings, but holds a {type(data).__name__}")
    return data


def _kind(name_or_file: str, preset: Preset[TrainConfig] | None, said: Sequence[object]) -> Kind:
    """The kind of the model, which decides what describes it."""
    kinds = [kind for kind in said if kind is not None]
    if preset is not None:
        kinds.insert(0, preset.config.kind)
    if not kinds:
        raise ValueError(f"{name_or_file}: kind must be given, one of {', '.join(get_args(Kind))}, or a {PRESET_KEY}")
    check_choice("kind", str(kinds[-1]), Kind)
    if preset is not None and kinds[-1] != preset.config.kind:
        fitting = [name for name, other in PRESETS.items() if other.config.kind == kinds[-1]]
        raise ValueError(
            f"kind is {kinds[-1]!r}, but {name_or_file} begins with a model of kind {preset.config.kind!r}; "
            f"begin with {' or '.join(fitting)}"
        )
    return cast(Kind, kinds[-1])
