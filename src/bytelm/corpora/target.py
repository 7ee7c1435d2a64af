"""Where results go: a file or a folder, and beside it a summary and, until all is there, the parts."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from bytelm.corpora.files import complete_file
from bytelm.corpora.rows import Totals

SUFFIXES = {".jsonl": "jsonl", ".parquet": "parquet"}


@dataclass(frozen=True)
class Target:
    """The place of the results.

    Attributes:
        path: a file, or a folder of files.
        form: the form of the results, ``jsonl`` or ``parquet``.
        folder: whether it is a folder.
    """

    path: Path
    form: str
    folder: bool

    @property
    def parts(self) -> Path:
        """The folder of what is finished; it is gone when all is."""
        return self._beside(".parts")

    @property
    def summary(self) -> Path:
        """The file that says what the results add up to, and with which settings they were made."""
        return self._beside(".summary.json")

    @property
    def taken(self) -> bool:
        """Whether something is there that results would replace."""
        if self.path.is_dir():
            return not self.folder or any(self.path.iterdir())
        return self.path.exists() or self.path.is_symlink()

    def is_result_of(self, settings: Mapping[str, object]) -> bool:
        """Whether the results are there and were made with these settings."""
        try:
            return self.taken and bool(json.loads(self.summary.read_bytes())["settings"] == settings)
        except (OSError, ValueError, KeyError, TypeError):
            return False

    def write_summary(self, settings: Mapping[str, object], totals: Totals) -> None:
        """Write the summary."""
        value = {
            "documents": totals.documents,
            "bytes": totals.bytes,
            "logprob": None if totals.impossible else totals.logprob,
            "bits_per_byte": None if totals.impossible else totals.bits_per_byte,
            "impossible_bytes": totals.impossible,
            "bits_per_possible_byte": totals.bits_per_byte,
            "skipped_records": totals.skipped,
            "settings": settings,
        }
        with complete_file(self.summary) as file:
            file.write(json.dumps(value, allow_nan=False, indent=2).encode("ascii") + b"\n")

    def _beside(self, suffix: str) -> Path:
        return self.path.with_name(self.path.name + suffix)


def find_target(path: str, form: str | None = None) -> Target:
    """The target that a path names: a ``.jsonl`` or ``.parquet`` file, or a folder: it is there, or ends with ``/``.

    Args:
        path: as given.
        form: the form of the files in a folder, jsonl by default; a file's name tells its own.

    Raises:
        ValueError: the path is none of these, the form is another one, or the place cannot be.
    """
    place = Path(path)
    if not place.name:
        raise ValueError(f"{path!r} has no name to put results under; give a folder of its own, such as scores/")
    if not place.parent.is_dir():
        raise ValueError(f"there is no folder {str(place.parent)!r} to write {place.name!r} in; make it first")
    if place.is_dir() or path.endswith("/"):
        return Target(place, form or "jsonl", folder=True)
    own = SUFFIXES.get(place.suffix)
    if own is None:
        raise ValueError(
            f"results go to a .jsonl or .parquet file or into a folder, not to {path!r}; "
            f"name one of these, the folder as {path + '/'!r}"
        )
    if form not in (None, own):
        raise ValueError(f"{path!r} is a {own} file, but results are to be {form}; leave one of them out")
    return Target(place, own, folder=False)
