"""Trees of dataclasses as flat settings: dotted keys with values, checked, put one over the other, and built again.

The settings of a tree are a mapping such as ``{"kind": "blt", "model.encoder.layers": 2, "model.entropy": None}``: each
leaf has its key, and a group that may be ``None`` has one where it is.
"""

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import NoneType
from typing import Any, TypeVar, get_args, get_type_hints

from bytelm.training.values import NONE, expected, near, value_of_data, value_of_text, without_none

Settings = Mapping[str, object]
"""Values by dotted keys."""

Tree = TypeVar("Tree")


@dataclass(frozen=True)
class Setting:
    """A field somewhere in a tree.

    Attributes:
        hint: its type.
        group: the dataclass that it holds; ``None`` for a leaf.
        optional: whether a group may be ``None``.
    """

    hint: Any
    group: type | None = None
    optional: bool = False


Schema = Mapping[str, Setting]
"""All fields of a tree by their dotted keys, groups before what is in them."""


def schema_of(tree: type, chosen: Mapping[str, type] | None = None) -> Schema:
    """The fields of a tree of dataclasses.

    Args:
        tree: the dataclass at its root.
        chosen: the dataclasses of groups that may be one of several, by their keys.
    """
    return dict(_fields(tree, chosen or {}, ""))


def settings_of(tree: object, prefix: str = "") -> dict[str, object]:
    """The settings of a tree; `build` makes an equal one of them."""
    found: dict[str, object] = {}
    for field in dataclasses.fields(tree):  # type: ignore[arg-type]
        value = getattr(tree, field.name)
        if dataclasses.is_dataclass(value):
            found |= settings_of(value, f"{prefix}{field.name}.")
        else:
            found[prefix + field.name] = value
    return found


def read_data(schema: Schema, data: Mapping[str, Any], place: str) -> Settings:
    """The settings in a TOML or JSON file: tables within tables, or dotted keys.

    Args:
        schema: the fields that may be there.
        data: the file's.
        place: its name, for errors.

    Raises:
        ValueError: a key is unknown, or stands there twice; or a value is not of the type of its field.
    """
    found: dict[str, object] = {}
    for key, value in _leaves(data, ""):
        if key in found:
            raise ValueError(f"{place}: {key} stands there twice")
        found[key] = _read(schema, key, value, value_of_data, place)
    return found


def read_texts(schema: Schema, changes: Sequence[tuple[str, str]]) -> Settings:
    """The settings in pairs of a key and a text, as on a command line; of several for a key the last one counts.

    Raises:
        ValueError: a key is unknown, or a text does not stand for a value of the type of its field.
    """
    found: Settings = {}
    for key, text in changes:
        found = merged(found, {key: _read(schema, key, text, value_of_text, f"{key}={text}")})
    return found


def merged(under: Settings, over: Settings) -> Settings:
    """The settings of both; where both say something, ``over`` counts."""
    removed = tuple(f"{key}." for key, value in over.items() if value is None)
    made = {key[:end] for key in over for end, letter in enumerate(key) if letter == "."}
    kept = {key: value for key, value in under.items() if key not in made and not key.startswith(removed)}
    return {**kept, **over}


def build(tree: type[Tree], schema: Schema, settings: Settings, prefix: str = "") -> Tree:
    """The tree of some settings; fields without one have their defaults.

    Raises:
        ValueError: a field has no setting and no default, or a group refuses its values; the message names it.
    """
    given: dict[str, Any] = {}
    for field in dataclasses.fields(tree):  # type: ignore[arg-type]
        key = prefix + field.name
        group = schema[key].group
        if key in settings:
            given[field.name] = settings[key]
        elif group is not None and any(other.startswith(f"{key}.") for other in settings):
            given[field.name] = build(group, schema, settings, f"{key}.")
        elif field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING:
            raise ValueError(f"{key} must be given: {_form(schema, key)}")
    try:
        return tree(**given)
    except ValueError as error:
        raise ValueError(f"{prefix.removesuffix('.')}: {error}" if prefix else str(error)) from error


def _fields(tree: type, chosen: Mapping[str, type], prefix: str) -> Iterator[tuple[str, Setting]]:
    hints = get_type_hints(tree)
    for field in dataclasses.fields(tree):
        key, hint = prefix + field.name, hints[field.name]
        inner = chosen.get(key, without_none(hint))
        if isinstance(inner, type) and dataclasses.is_dataclass(inner):
            yield key, Setting(hint, inner, optional=NoneType in get_args(hint))
            yield from _fields(inner, chosen, f"{key}.")
        else:
            yield key, Setting(hint)


def _leaves(data: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, Any]]:
    for name, value in data.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, f"{prefix}{name}.")
        else:
            yield prefix + name, value


def _read(schema: Schema, key: str, value: Any, read: Callable[[Any, Any], object], place: str) -> object:
    """The value of a setting, read by its type; a group can only be said to be ``None``.

    Raises:
        ValueError: the key is unknown, or the value is not of the type.
    """
    if key not in schema:
        ends = [other for other in schema if other.endswith(f".{key}")]
        hint = f"; did you mean {' or '.join(ends[:3])}?" if ends else near(key, schema)
        raise ValueError(f"{place}: unknown key {key}{hint}")
    setting = schema[key]
    if setting.group is not None:
        if setting.optional and value in (None, NONE):
            return None
        raise ValueError(f"{place}: {key} must be {_form(schema, key)}, got {value!r}")
    try:
        return read(setting.hint, value)
    except ValueError as error:
        raise ValueError(f"{place}: {key} {error}") from None


def _form(schema: Schema, key: str) -> str:
    """What a setting looks like, for errors."""
    setting = schema[key]
    if setting.group is None:
        return expected(setting.hint)
    inner = next(other for other in schema if other.startswith(f"{key}."))
    return f"a group of settings, such as {inner}" + (", or none" if setting.optional else "")
