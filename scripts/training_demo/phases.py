"""How long each part of the demonstration took, also where it was cut off and taken up again."""

import contextlib
import json
import time
from collections.abc import Iterator
from pathlib import Path

from bytelm.corpora.files import complete_file


class Phases:
    """Seconds by the names of phases, kept in a file (mutable).

    Args:
        path: of the file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self.seconds: dict[str, float] = json.loads(path.read_bytes()) if path.is_file() else {}

    @contextlib.contextmanager
    def timed(self, name: str) -> Iterator[None]:
        """Add what passes within to a phase, also if it does not end well."""
        begun = time.monotonic()
        try:
            yield
        finally:
            self.seconds[name] = round(self.seconds.get(name, 0.0) + time.monotonic() - begun, 3)
            with complete_file(self._path) as file:
                file.write(json.dumps(self.seconds).encode("ascii"))
