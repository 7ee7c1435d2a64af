"""Trees of settings as TOML text, with the docstrings of their fields as comments."""

import dataclasses
import inspect
import re
import textwrap
from collections.abc import Iterator
from typing import Any, Final

from bytelm.training.values import NONE, toml_of

_WIDTH: Final = 118
"""Characters of a comment in a line, behind its mark."""

_ENTRY: Final = re.compile(r" {4}(\w+(?:, \w+)*): (.*)")
"""The first line of an entry of ``Attributes``: names, and what they are."""


def toml_text(tree: Any) -> str:
    """A tree of dataclasses as TOML with comments; a field that is ``None`` is the text ``none``."""
    return "\n".join(_lines(tree, "")).lstrip("\n") + "\n"


def descriptions(tree: type) -> dict[str, str]:
    """What the docstrings of a dataclass and of its bases say of its fields, under ``Attributes``; empty without."""
    found: dict[str, str] = {}
    for one in reversed(tree.__mro__):
        found |= _described(one)
    return found


def _described(tree: type) -> dict[str, str]:
    found: dict[str, str] = {}
    names: list[str] = []
    _, _, attributes = inspect.cleandoc(tree.__doc__ or "").partition("\nAttributes:\n")
    for line in attributes.partition("\n\n")[0].splitlines():
        entry = _ENTRY.fullmatch(line)
        if entry is not None:
            names = entry[1].split(", ")
        for name in names:
            found[name] = entry[2] if entry is not None else f"{found[name]} {line.strip()}"
    return {name: text.replace("``None``", NONE).replace("``", "") for name, text in found.items()}


def _lines(tree: Any, prefix: str) -> Iterator[str]:
    described = descriptions(type(tree))
    # What a class adds is what people look for first.
    fields = sorted(dataclasses.fields(tree), key=lambda field: field.name not in vars(type(tree))["__annotations__"])
    values = {field.name: getattr(tree, field.name) for field in fields}
    groups = {name for name, value in values.items() if dataclasses.is_dataclass(value)}
    for name, value in values.items():
        if name not in groups:
            yield from _comment(described.get(name, ""))
            yield f"{name} = {toml_of(value)}"
    for name in values:
        if name in groups:
            yield ""
            yield from _comment(described.get(name, ""))
            yield f"[{prefix}{name}]"
            yield from _lines(values[name], f"{prefix}{name}.")


def _comment(text: str) -> list[str]:
    return [f"# {line}" for line in textwrap.wrap(text, _WIDTH)]
