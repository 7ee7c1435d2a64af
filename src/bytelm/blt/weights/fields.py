"""Fields of a configuration's JSON, checked for their types; errors name the field, its value and the file."""

import contextlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn


class ConfigurationError(ValueError):
    """A field of a configuration is wrong; the message begins with the file."""


@dataclass(frozen=True)
class Fields:
    """A JSON object of a configuration.

    Attributes:
        values: the fields.
        place: the file, for errors.
        prefix: what stands before the names of these fields there, such as ``"encoder_config."``.
    """

    values: Mapping[str, object]
    place: str
    prefix: str = ""

    def has(self, name: str) -> bool:
        """Whether the field is there and is not null."""
        return self.values.get(name) is not None

    def integer(self, name: str, default: int) -> int:
        """A whole number; the default where it is missing or null.

        Raises:
            ConfigurationError: it is something else.
        """
        value = self.values.get(name)
        if value is None:
            return default
        if isinstance(value, float) and value.is_integer():
            return int(value)
        if isinstance(value, bool) or not isinstance(value, int):
            self.refuse(name, "it must be a whole number")
        return value

    def optional_integer(self, name: str, default: int | None) -> int | None:
        """A whole number, or ``None`` for null; the default where it is missing."""
        if name not in self.values:
            return default
        return self.integer(name, 0) if self.has(name) else None

    def integers(self, name: str, default: tuple[int, ...]) -> tuple[int, ...]:
        """Whole numbers, as a list or separated by commas; the default where they are missing or null.

        Raises:
            ConfigurationError: they are something else.
        """
        value = self.values.get(name)
        if value is None:
            return default
        parts = [part for part in value.split(",") if part] if isinstance(value, str) else value
        if isinstance(parts, list) and all(_is_whole(part) for part in parts):
            return tuple(int(part) for part in parts)
        return self.refuse(name, "it must be a list of whole numbers")

    def number(self, name: str, default: float) -> float:
        """A number; the default where it is missing or null.

        Raises:
            ConfigurationError: it is something else.
        """
        value = self.values.get(name)
        if value is None:
            return default
        if isinstance(value, bool) or not isinstance(value, int | float):
            self.refuse(name, "it must be a number")
        return float(value)

    def flag(self, name: str, default: bool) -> bool:
        """A truth value; the default where it is missing or null.

        Raises:
            ConfigurationError: it is something else.
        """
        value = self.values.get(name)
        if value is None:
            return default
        if not isinstance(value, bool):
            self.refuse(name, "it must be true or false")
        return value

    def text(self, name: str, default: str) -> str:
        """A string; the default where it is missing or null.

        Raises:
            ConfigurationError: it is something else.
        """
        value = self.values.get(name)
        if value is None:
            return default
        if not isinstance(value, str):
            self.refuse(name, "it must be a string")
        return value

    def section(self, name: str) -> "Fields":
        """An object within; an empty one where it is missing or null.

        Raises:
            ConfigurationError: it is something else.
        """
        value = self.values.get(name)
        if value is None:
            value = {}
        if not isinstance(value, Mapping):
            self.refuse(name, "it must be an object")
        return Fields(value, self.place, f"{self.prefix}{name}.")

    def require(self, name: str, found: object, wanted: object, reason: str) -> None:
        """Refuse the field unless what was found is what is wanted.

        Raises:
            ConfigurationError: it is something else.
        """
        if found != wanted:
            self.refuse(name, f"it must be {json.dumps(wanted)}: {reason}", found)

    def refuse(self, name: str, reason: str, found: object = None) -> NoReturn:
        """Raise an error about a field; ``found`` is what is taken for it where it is missing or null.

        Raises:
            ConfigurationError: always.
        """
        value = self.values[name] if self.has(name) else found
        shown = json.dumps(value, default=str)
        raise ConfigurationError(f"{self.place}: {self.prefix}{name} is {shown}, but {reason}")

    @contextlib.contextmanager
    def blamed(self) -> Iterator[None]:
        """Let errors of what is made of these fields name them."""
        try:
            yield
        except ConfigurationError:
            raise
        except ValueError as error:
            within = f", {self.prefix.removesuffix('.')}" if self.prefix else ""
            raise ConfigurationError(f"{self.place}{within}: {error}") from error


def read_json(path: Path) -> dict[str, object]:
    """The JSON object in a file.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it holds no JSON object.
    """
    try:
        value = json.loads(path.read_bytes())
    except ValueError as error:
        raise ValueError(f"{path} is not valid JSON: {error}; write or download it again") from error
    if not isinstance(value, dict):
        raise ValueError(f"{path} must hold a JSON object, but holds a {type(value).__name__}")
    return value


def _is_whole(value: object) -> bool:
    if isinstance(value, str):
        return value.strip().isdecimal()
    return isinstance(value, int) and not isinstance(value, bool)
