"""Results on disk: whole or not at all."""

import json
import os
from pathlib import Path

from measuring.rounds import Json


def write(path: Path, result: Json) -> None:
    """Write the result as JSON, whole or not at all."""
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        fresh.write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n", "utf-8")
        fresh.replace(path)
    finally:
        fresh.unlink(missing_ok=True)
