"""From parts to results: put together in the order of the chunks, and there all at once."""

import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

from bytelm.corpora.files import complete_file, unused_name
from bytelm.corpora.forms import Header
from bytelm.corpora.job import Job, changed_inputs
from bytelm.corpora.kinds import Kinds, join_kinds
from bytelm.corpora.parts import Parts, remove_parts
from bytelm.corpora.rows import Totals, add_up
from bytelm.corpora.target import Target

FILE_BYTES = 1 << 30
"""The files of a folder hold parts of so many bytes together: few enough to copy and to read at once."""

_MOVED = "moved"
"""A file that is there from when a folder of results is about to take its place."""


def merge(parts: Parts, job: Job, target: Target, count: int) -> Totals:
    """Put the results of all ``count`` chunks in their place, then remove the parts; what they add up to.

    The results come first, then the summary, then the parts go: whoever finds no parts finds the summary.

    Raises:
        ValueError: an input has changed since the work began.
    """
    _check_inputs(job, parts)
    _check_count(parts, count)
    totals, kinds = _read_headers(parts, count)
    paths = [parts.path(index) for index in range(count)]
    _sweep(parts)
    if target.folder:
        _write_folder(parts, paths, kinds, target.path)
    else:
        with complete_file(target.path, parts.root) as file:
            parts.form.join(paths, kinds, file)
    target.write_summary(job.settings(), totals)
    remove_parts(parts)
    return totals


def _check_inputs(job: Job, parts: Parts) -> None:
    changed = changed_inputs(job.inputs)
    if changed:
        raise ValueError(
            f"changed while it was scored: {', '.join(map(repr, changed))}; "
            f"remove {str(parts.root)!r} and begin anew, with inputs that stay as they are"
        )


def _check_count(parts: Parts, count: int) -> None:
    """Refuse parts of more than was read: standard input may be shorter than it was."""
    more = sum(index >= count for index in parts.finished())
    if more:
        raise ValueError(
            f"the input has {count} chunks, but {str(parts.root)!r} holds {more} more; "
            "give the same input again, or remove that folder to begin anew"
        )


def _read_headers(parts: Parts, count: int) -> tuple[Totals, Kinds]:
    """What all rows add up to, and the kinds of the copied fields."""
    kinds: Kinds = {}

    def totals() -> Iterator[Totals]:
        nonlocal kinds
        for index in range(count):
            header: Header = parts.header(index)
            assert header.chunk == index, f"the part of chunk {index} is that of chunk {header.chunk}"
            kinds = join_kinds((kinds, header.kinds))
            yield header.totals

    return add_up(totals()), kinds


def _sweep(parts: Parts) -> None:
    """Remove what a merge that was killed has left: as large as the results."""
    for left in parts.root.glob(".*"):
        if left.is_dir():
            shutil.rmtree(left)
        else:
            left.unlink()


def _write_folder(parts: Parts, paths: Sequence[Path], kinds: Kinds, target: Path) -> None:
    """Write the files of a folder, which then takes its place as a whole.

    Raises:
        ValueError: the folder has been filled since the work began.
    """
    moved = parts.root / _MOVED
    if _holds_files(target):
        if moved.exists():  # an earlier merge was killed behind that
            return
        raise ValueError(f"the folder {str(target)!r} is not empty any more; empty it and give the same command")
    fresh = unused_name(parts.root / target.name)
    fresh.mkdir()
    for number, group in enumerate(_groups(paths)):
        with complete_file(fresh / f"{number:05}{parts.form.suffix}") as file:
            parts.form.join(group, kinds, file)
    moved.touch()
    fresh.rename(target)


def _holds_files(folder: Path) -> bool:
    return folder.exists() and any(folder.iterdir())


def _groups(paths: Sequence[Path]) -> Iterator[list[Path]]:
    """The parts of each file of a folder."""
    held: list[Path] = []
    size = 0
    for path in paths:
        more = path.stat().st_size
        if held and size + more > FILE_BYTES:
            yield held
            held, size = [], 0
        held.append(path)
        size += more
    if held:
        yield held
