"""The values of settings: read by the type of their field, from a command line or from a file, and written as TOML.

Types are ``int``, ``float``, ``bool``, ``str``, a ``Literal`` of strings, tuples of these, and each of them or
``None``, which is written ``none``.
"""

import json
from collections.abc import Callable, Iterable, Sequence
from difflib import get_close_matches
from types import NoneType, UnionType
from typing import Any, Final, Literal, Union, get_args, get_origin

NONE: Final = "none"
"""How ``None`` is written; neither a command line nor TOML has a word for it."""

_FLAGS: Final = {"true": True, "false": False}


def value_of_text(hint: Any, text: str) -> object:
    """The value that a text on the command line stands for; the parts of tuples are separated by commas.

    Raises:
        ValueError: it is not of the type; the message goes on from the name of a setting.
    """
    try:
        return _of_text(hint, text)
    except ValueError:
        raise ValueError(f"must be {expected(hint)}, got {text!r}") from None


def value_of_data(hint: Any, value: object) -> object:
    """The value that a value of a TOML or JSON file stands for.

    Raises:
        ValueError: it is not of the type; the message goes on from the name of a setting.
    """
    try:
        return _of_data(hint, value)
    except ValueError:
        raise ValueError(f"must be {expected(hint)}, got {value!r}") from None


def expected(hint: Any) -> str:
    """What a value of a type looks like, for errors."""
    inner = without_none(hint)
    if get_origin(inner) is tuple:
        part, *rest = get_args(inner)
        many = "" if rest == [...] else f"{len(rest) + 1} "
        found = f"{many}{_NAMES[part][1]} separated by commas"
    elif get_origin(inner) is Literal:
        found = f"one of {', '.join(get_args(inner))}"
    else:
        found = _NAMES[inner][0]
    return found if inner is hint else f"{found}, or {NONE}"


def toml_of(value: object) -> str:
    """A value in TOML; `value_of_data` of what TOML reads from it is the value again."""
    if value is None:
        return toml_of(NONE)
    if isinstance(value, tuple):
        return f"[{', '.join(map(toml_of, value))}]"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        # JSON's escapes are TOML's, which wants one for DEL as well.
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    return repr(value)


def without_none(hint: Any) -> Any:
    """A type without the ``None`` beside it; itself where there is none."""
    if get_origin(hint) not in (Union, UnionType):
        return hint
    rest = [one for one in get_args(hint) if one is not NoneType]
    return rest[0] if len(rest) == 1 else hint


def check_choice(name: str, value: str, hint: Any) -> None:
    """Check that a value is one of a ``Literal``.

    Raises:
        ValueError: it is not.
    """
    if value not in get_args(hint):
        raise ValueError(f"{name} must be {expected(hint)}, got {value!r}{near(value, get_args(hint))}")


def near(name: str, names: Iterable[str]) -> str:
    """The end of an error about an unknown name: which ones are like it, if any."""
    found = get_close_matches(name, list(names), n=3, cutoff=0.6)
    return f"; did you mean {' or '.join(found)}?" if found else ""


def _of_text(hint: Any, text: str) -> object:
    inner = without_none(hint)
    if inner is not hint and text == NONE:
        return None
    if get_origin(inner) is tuple:
        return _parts(inner, text.split(",") if text.strip() else [], _of_text)
    if inner is bool and text.lower() in _FLAGS:
        return _FLAGS[text.lower()]
    return inner(text) if inner in (int, float) else _of_data(inner, text)


def _of_data(hint: Any, value: object) -> object:
    inner = without_none(hint)
    if inner is not hint and value in (None, NONE):
        return None
    if get_origin(inner) is tuple and isinstance(value, list):
        return _parts(inner, value, _of_data)
    if get_origin(inner) is Literal and value in get_args(inner):
        return value
    if inner is float and type(value) is int and abs(value) <= 2**1023:
        return float(value)
    if type(value) is not inner:
        raise ValueError(value)
    return value


def _parts(hint: Any, values: Sequence[Any], read: Callable[[Any, Any], object]) -> tuple[object, ...]:
    part, *rest = get_args(hint)
    if rest != [...] and len(values) != len(rest) + 1:
        raise ValueError(values)
    return tuple(read(part, value) for value in values)


_NAMES: Final[dict[type, tuple[str, str]]] = {
    int: ("a whole number", "whole numbers"),
    float: ("a number", "numbers"),
    bool: ("true or false", "truth values"),
    str: ("text", "texts"),
}
