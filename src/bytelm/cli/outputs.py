"""Where results go: bytes as they are, text for people, JSON for programs."""

import json
import math
import os
import sys
from typing import TextIO


def write_bytes(data: bytes) -> None:
    """Write ``data`` to standard output unchanged, and at once."""
    sys.stdout.flush()
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()


def write_line(text: str = "") -> None:
    """Write a line for people; what the terminal's encoding lacks becomes a question mark."""
    encoding = sys.stdout.encoding or "utf-8"
    write_bytes((text + "\n").encode(encoding, "replace"))


def write_json(value: object) -> None:
    """Write one JSON object on one line, in ASCII; numbers must be finite, see ``finite``."""
    write_bytes(json.dumps(value, allow_nan=False).encode("ascii") + b"\n")


def finite(number: float) -> float | None:
    """``number`` for JSON, which has no infinities: ``None`` for the log-probability of the impossible."""
    return float(number) if math.isfinite(number) else None


def text_fields(name: str, data: bytes) -> dict[str, str]:
    """``data`` as a JSON text; where it is not valid UTF-8, exactly as ``…_hex`` as well.

    In the text, what is not a character is replaced by U+FFFD.
    """
    fields = {name: data.decode("utf-8", "replace")}
    return fields if fields[name].encode() == data else fields | {f"{name}_hex": data.hex()}


def wants_colour(stream: TextIO) -> bool:
    """Whether to colour what goes to ``stream``: only on a terminal, and not with ``NO_COLOR`` set."""
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
