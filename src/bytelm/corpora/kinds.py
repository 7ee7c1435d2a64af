"""Which kinds of values the copied fields hold: what a column must be to take them all."""

from collections.abc import Iterable, Mapping, Sequence

Kinds = Mapping[str, Sequence[str]]
"""For each field that is copied, in order, the sorted kinds of its values, without null."""

_LARGEST = 2**63


def kind_of(value: object) -> str | None:
    """One of boolean, integer, number, string and other; ``None`` for null.

    ``other`` is what fits no simple column: lists, objects, very large integers, strings with half a character.
    """
    if value is None:
        return None
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int):
        return "integer" if -_LARGEST <= value < _LARGEST else "other"
    if isinstance(value, float):
        return "number"
    return "string" if isinstance(value, str) and _is_whole(value) else "other"


def kinds_of(names: Sequence[str], rows: Iterable[Sequence[object]]) -> dict[str, tuple[str, ...]]:
    """The kinds of the values that each name has in the rows."""
    found: list[set[str]] = [set() for _ in names]
    for row in rows:
        for kinds, value in zip(found, row, strict=True):
            kind = kind_of(value)
            if kind is not None:
                kinds.add(kind)
    return {name: tuple(sorted(kinds)) for name, kinds in zip(names, found, strict=True)}


def join_kinds(parts: Iterable[Kinds]) -> dict[str, tuple[str, ...]]:
    """The kinds of several together."""
    found: dict[str, set[str]] = {}
    for part in parts:
        for name, kinds in part.items():
            found.setdefault(name, set()).update(kinds)
    return {name: tuple(sorted(kinds)) for name, kinds in found.items()}


def column_kind(kinds: Sequence[str]) -> str:
    """The kind of a column that takes all of these; ``other`` stands for JSON text."""
    if len(kinds) <= 1:
        return kinds[0] if kinds else "string"
    return "number" if set(kinds) == {"integer", "number"} else "other"


def _is_whole(text: str) -> bool:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True
