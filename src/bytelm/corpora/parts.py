"""The parts: a folder with a file for each finished chunk, and the settings that they were made with."""

import contextlib
import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from bytelm.corpora.extras import pyarrow
from bytelm.corpora.files import complete_file, remove_folder, unused_name
from bytelm.corpora.forms import Form, Header
from bytelm.corpora.job import Job, differences
from bytelm.corpora.json_rows import JsonForm
from bytelm.corpora.parquet_rows import ParquetForm
from bytelm.corpora.target import Target

_SETTINGS = "settings.json"

_IN_ONE_FOLDER = 1000
"""Parts lie in folders of so many: a hundred thousand files in one are slow to list on many file systems."""


@dataclass(frozen=True)
class Parts:
    """Finished chunks by their index. A part is there completely or not at all."""

    root: Path
    form: Form

    def path(self, index: int) -> Path:
        """Where the part of a chunk is, or will be."""
        return self.root / f"{index // _IN_ONE_FOLDER:06}" / f"{index:09}{self.form.suffix}"

    def finished(self) -> set[int]:
        """The chunks that are finished now; none where the folder is gone."""
        found: set[int] = set()
        with contextlib.suppress(FileNotFoundError):
            for folder in self.root.iterdir():
                if folder.name.isdecimal():
                    found.update(int(part.stem) for part in folder.iterdir() if part.stem.isdecimal())
        return found

    def put(self, index: int, data: bytes) -> None:
        """Keep the part of a chunk."""
        path = self.path(index)
        path.parent.mkdir(exist_ok=True)
        with complete_file(path) as file:
            file.write(data)

    def header(self, index: int) -> Header:
        """The header of a part that is there."""
        return self.form.header(self.path(index))

    @property
    def gone(self) -> bool:
        """Whether the folder is not there any more: all is finished."""
        return not (self.root / _SETTINGS).exists()

    @property
    def lock(self) -> Path:
        """The file to lock while the results are put together, or while all is done by one process."""
        return self.root / "lock"


def form_named(name: str) -> Form:
    """The form ``jsonl`` or ``parquet``.

    Raises:
        ValueError: what it needs is not installed.
    """
    if name == "jsonl":
        return JsonForm()
    assert name == "parquet"
    pyarrow("pyarrow.parquet")
    return ParquetForm()


def open_parts(target: Target, job: Job, *, overwrite: bool = False, shared: bool = False) -> Parts | None:
    """The parts to go on with, or a new folder of them.

    Args:
        target: where the results will be.
        job: what is to be done; parts of another job are refused.
        overwrite: whether results that are there may be replaced in the end.
        shared: whether other ranks work on the same; then the results may be there already, and ``None`` says so.

    Raises:
        ValueError: there are results already, or parts with other settings.
    """
    form = form_named(job.form)
    settings = json.loads(json.dumps(job.settings()))
    while True:
        if target.parts.exists():
            earlier = _earlier_settings(target.parts)
            if earlier is None:
                continue  # another rank has finished and removed it between the two lines before
            _check_same(target.parts, earlier, settings)
            return Parts(target.parts, form)
        if shared and target.is_result_of(settings):
            return None
        _check_free(target, job, overwrite)
        _make_folder(target.parts, settings)


def _earlier_settings(parts: Path) -> Mapping[str, object] | None:
    """The settings of a folder of parts; ``None`` if it is gone.

    Raises:
        ValueError: it is no folder of parts.
    """
    try:
        found: Mapping[str, object] = json.loads((parts / _SETTINGS).read_bytes())
    except (OSError, ValueError) as error:
        if not parts.exists():
            return None
        raise ValueError(
            f"{str(parts)!r} is in the way: parts of the results would be there, and it holds none; move it away"
        ) from error
    return found


def _check_same(parts: Path, earlier: Mapping[str, object], settings: Mapping[str, object]) -> None:
    found = differences(earlier, settings)
    if found:
        raise ValueError(
            f"{str(parts)!r} holds parts made with other settings ({'; '.join(found)}); "
            "give the earlier ones to go on, or remove that folder to begin anew"
        )


def _check_free(target: Target, job: Job, overwrite: bool) -> None:
    if not target.taken:
        return
    if any(not source.piped and target.path.samefile(source.name) for source in job.inputs):
        raise ValueError(f"{str(target.path)!r} is an input; give another name for the results")
    if target.path.is_dir():
        raise ValueError(f"the folder {str(target.path)!r} is not empty; empty it, or give another one")
    if not overwrite:
        raise ValueError(f"{str(target.path)!r} exists already; give another name, or --overwrite to replace it")


def _make_folder(parts: Path, settings: Mapping[str, object]) -> None:
    """Make the folder with its settings in it, at once; nothing if another rank was quicker."""
    fresh = unused_name(parts)
    fresh.mkdir()
    try:
        (fresh / _SETTINGS).write_text(json.dumps(settings, indent=2), encoding="ascii")
        fresh.rename(parts)
    except OSError:
        shutil.rmtree(fresh)
        if not parts.is_dir():
            raise


def remove_parts(parts: Parts) -> None:
    """Remove all parts: the results are there, or there was nothing to score."""
    remove_folder(parts.root)
