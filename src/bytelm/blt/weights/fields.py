"""Fields of a configuration's JSON, each checked for its type, with errors that name the field, its value and the file."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn


@dataclass(frozen=True)
class Fields:
    """A JSON object of a configuration.

    Attributes:
        values: the fields.
        place: the file, and within it the path to the object, for errors.
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
            ValueError: it is something else.
        """
        value = self.values.get(name)
        if value is None:
            return default
        if isinstance(value, float) and value.is_integer():
            return int(value)
        if isinstance(value, bool) or not isinstance(value, int):
            self.refuse(name, "must be a whole number")
        return value

    def optional_integer(self, name: str, default: int | None) -> int | None:
        """A whole number, or ``None`` for null; the default where it is missing."""
        if name not in self.values:
            return default
        return self.integer(name, 0) if self.has(name) else None

    def number(self, name: str, default: float) -> float:
        """A number; the default where it is missing or null.

        Raises:
            ValueError: it is something else.
        """
        value = self.values.get(name)
        if value is None:
            return default
        if isinstance(value, bool) or not isinstance(value, int | float):
            self.refuse(name, "must be a number")
        return float(value)

    def flag(self, name: str, default: bool) -> bool:
        """A truth value; the default where it is missing or null.

        Raises:
            ValueError: it is something else.
        """
        value = self.values.get(name)
        if value is None:
            return default
        if not isinstance(value, bool):
            self.refuse(name, "must be true or false")
        return value

    def text(self, name: str, default: str) -> str:
        """A string; the default where it is missing or null.

        Raises:
            ValueError: it is something else.
        """
        value = self.values.get(name)
        if value is None:
            return default
        if not isinstance(value, str):
            self.refuse(name, "must be a string")
        return value

    def section(self, name: str) -> "Fields":
        """An object within; an empty one where it is missing or null.

        Raises:
            ValueError: it is something else.
        """
        value = self.values.get(name)
        if value is None:
            value = {}
        if not isinstance(value, Mapping):
            self.refuse(name, "must be an object")
        return Fields(value, self.place, f"{self.prefix}{name}.")

    def require(self, name: str, found: object, wanted: object, reason: str) -> None:
        """Refuse the field unless what was found is what is wanted."""
        if found != wanted:
            self.refuse(name, f"must be {json.dumps(wanted)}: {reason}", found)

    def refuse(self, name: str, reason: str, found: object = None) -> NoReturn:
        """Raise a ValueError about a field; ``found`` is its value where that is a default."""
        value = self.values.get(name, found)
        raise ValueError(f"{self.place}: {self.prefix}{name} is {json.dumps(value, default=str)}, but {reason}")


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
