"""The whole of it: pieces become parts, parts become shards, and the shards take their place all at once."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from functools import partial
from itertools import chain
from pathlib import Path
from typing import TypeAlias

from bytelm.corpora.files import only_one
from bytelm.training.data.choosing import list_files
from bytelm.training.data.drawing import drawn
from bytelm.training.data.fetching import fetched
from bytelm.training.data.finding import Inputs, changed_files, find_inputs
from bytelm.training.data.hub import Hub
from bytelm.training.data.hub_files import Listing
from bytelm.training.data.hugging_face import HuggingFace
from bytelm.training.data.items import To
from bytelm.training.data.locations import location_of
from bytelm.training.data.manifest import TRAIN, VALIDATION, Manifest, Shard, Split
from bytelm.training.data.options import Options
from bytelm.training.data.parts import Part, new_part
from bytelm.training.data.pieces import HubPiece, LocalPiece, Piece, cut, pieces_of
from bytelm.training.data.pool import Tell, run_all
from bytelm.training.data.reading import read_piece
from bytelm.training.data.shard_files import write_shard
from bytelm.training.data.sharding import Kept, ShardPlan, plan_shards
from bytelm.training.data.troubles import Tally, Troubles, troubles_text
from bytelm.training.data.workbench import (
    Job,
    Workbench,
    finished,
    known_listings,
    open_workbench,
    workbench_of,
)

Progress: TypeAlias = Callable[[int, int, str], None]
"""Told how many bytes of how many are done, and of what: ``bytes read``, then ``bytes written``.

Where files are downloaded, ``bytes downloaded and read`` instead of the first: each of the two is a half of a byte.
"""

_TOLD_BYTES = 1 << 22
"""How often a process tells how far it has come."""


def prepare(
    inputs: Sequence[str | Path],
    target: str | Path,
    options: Options | None = None,
    *,
    processes: int = 1,
    progress: Progress | None = None,
    hub: Hub | None = None,
) -> Manifest:
    """Turn inputs into a prepared directory, or go on where that was cut off; nothing where it is there already.

    What is finished is kept in ``TARGET.parts`` until all is. Disk space is needed for the result, and for another
    shard for each process. The result is the same, byte for byte, whatever the number of processes.

    Files of the hub are pinned to the commit that it has when the work begins, and downloaded by the processes, each
    one at a time, which is removed when it is read; so disk space is needed for one of them for each process.

    Args:
        inputs: files and folders: JSON Lines, Parquet, Arrow, and texts, each of which is one document; datasets of
            the hub (``hf://OWNER/NAME``), and corpora by the names in ``CORPORA``.
        target: the directory; it must not be there, or be empty, or be the result of the same call.
        options: see there.
        processes: how many read and write; with several, the program's main module is imported by each of them, so
            that a script needs ``if __name__ == "__main__":``.
        progress: told how far it has come.
        hub: that has the datasets; that of Hugging Face by default.

    Returns:
        what there is now, what was left out and what was repaired.

    Raises:
        ValueError: an input cannot be read or downloaded, there is no document, something is in the way, a process
            died.
        OSError: a file cannot be written, as there is no room.
    """
    if processes < 1:
        raise ValueError(f"processes is {processes}; expected at least 1")
    options = options or Options()
    place = Path(target)
    if not place.name:
        raise ValueError(f"{str(target)!r} has no name to put data under; give a directory of its own")
    if not place.parent.is_dir():
        raise ValueError(f"there is no folder {str(place.parent)!r} to make {place.name!r} in; make it first")
    bench = workbench_of(place)
    hub = hub or HuggingFace()
    job = Job(_find_inputs([str(name) for name in inputs], place, options, hub), options)
    if (manifest := finished(place, job)) is not None:
        bench.remove()
        return manifest
    with only_one(open_workbench(place, job).lock) as alone:
        if not alone:
            raise ValueError(f"another process is at work in {str(bench.root)!r}; wait for it, or give another name")
        return _Preparation(job, bench, hub, processes, progress or _ignore).run(place)


def _find_inputs(names: Sequence[str], place: Path, options: Options, hub: Hub) -> Inputs:
    """What is to be read; a dataset as it was listed when the work began."""
    known = known_listings(place)
    listings: dict[str, Listing] = {}
    for name in names:
        if (location := location_of(name)) is not None:
            listings[name] = known[name] if name in known else list_files(hub, location, options.form)
    return drawn(find_inputs(names, options.form, (place, workbench_of(place).root), listings), options)


class _Preparation:
    """One call of ``prepare``, alone on its workbench."""

    def __init__(self, job: Job, bench: Workbench, hub: Hub, processes: int, progress: Progress) -> None:
        self._job = job
        self._bench = bench
        self._hub = hub
        self._processes = processes
        self._progress = progress
        self._pieces = cut(job.inputs.files, job.options.piece_bytes)
        self._parts = [bench.part(index) for index in range(len(self._pieces))]

    def run(self, target: Path) -> Manifest:
        """All steps."""
        self._bench.sweep()
        try:
            self._make_parts()
        except BaseException:
            if not self._bench.downloads.exists() and not any(part.folder.exists() for part in self._parts):
                self._bench.remove()  # a slip is no obstacle to the next try
            raise
        self._check_inputs()
        self._check_documents()
        manifest = self._make_shards()
        manifest.write(self._bench.ready)
        self._bench.ready.rename(target)
        self._bench.remove()
        return manifest

    def _make_parts(self) -> None:
        """Read the pieces whose parts are not there."""
        missing = [(part, piece) for part, piece in zip(self._parts, self._pieces, strict=True) if not _is_there(part)]
        total = sum(piece.size for piece in self._pieces)
        remote = any(isinstance(piece, HubPiece) for piece in self._pieces)
        unit = "bytes downloaded and read" if remote else "bytes read"
        told = _Told(self._progress, total, unit, total - sum(piece.size for _, piece in missing))
        for folder in {part.folder.parent for part, _ in missing}:
            folder.mkdir(exist_ok=True)
        work = partial(_make_part, self._job.options, self._bench, self._hub)
        with closing(run_all(work, missing, self._processes, told.more)) as made:
            for (part, piece), _ in made:
                if part == self._parts[0] and isinstance(piece, HubPiece) and _lacks_field(part):
                    break
            else:
                return
        found = self._parts[0].troubles().examples["missing"][0]
        self._bench.remove()
        raise ValueError(f"the first file that was downloaded has no text: {found}; name the field that has it")

    def _check_inputs(self) -> None:
        if changed := changed_files(self._job.inputs.files):
            raise ValueError(
                f"changed while it was read: {', '.join(map(repr, changed[:3]))}; "
                f"remove {str(self._bench.root)!r} and begin anew, with inputs that stay as they are"
            )

    def _check_documents(self) -> None:
        """Refuse a result without documents to train on."""
        if any(len(part.sizes(TRAIN)) for part in self._parts):
            return
        held_out = sum(len(part.sizes(VALIDATION)) for part in self._parts)
        found = troubles_text(self._troubles(0))
        self._bench.remove()
        if held_out:
            raise ValueError(
                f"all {held_out:,} documents were held out for validation; give more, or a smaller share for it"
            )
        names = ", ".join(repr(source.name) for source in self._job.inputs.sources)
        raise ValueError(f"there is no document in {names}; left out: {found or 'nothing'}")

    def _make_shards(self) -> Manifest:
        options = self._job.options
        splits = (TRAIN, VALIDATION) if options.validation else (TRAIN,)
        kept = {split: Kept(split, self._parts) if options.unique else None for split in splits}
        plans = [plan_shards(split, self._parts, kept[split], options.shard_bytes) for split in splits]
        shards = self._write_shards(chain(*plans), sum(self._bytes(split, kept[split]) for split in splits))
        return Manifest(
            {split: Split(tuple(shards[key] for key in sorted(shards) if key[0] == split)) for split in splits},
            options.as_json(),
            self._job.inputs.sources,
            self._job.fingerprint(),
            self._troubles(sum(one.duplicates for one in kept.values() if one is not None)),
        )

    def _write_shards(self, plans: Iterator[ShardPlan], total: int) -> dict[tuple[str, int], Shard]:
        """Write all shards; what is in them is removed as soon as no other needs it."""
        told = _Told(self._progress, total, "bytes written")
        work = partial(write_shard, self._bench.ready, self._bench.notes)
        written: dict[tuple[str, int], Shard] = {}
        waiting: dict[tuple[str, int], ShardPlan] = {}
        next_of: dict[str, int] = {}
        with closing(run_all(work, plans, self._processes, told.more)) as done:
            for plan, shard in done:
                written[plan.split, plan.number] = shard
                waiting[plan.split, plan.number] = plan
                while finished_plan := waiting.pop((plan.split, next_of.get(plan.split, 0)), None):
                    next_of[plan.split] = finished_plan.number + 1
                    for path in finished_plan.last_of:
                        path.unlink(missing_ok=True)
        return written

    def _bytes(self, split: str, kept: Kept | None) -> int:
        """Of all documents that are kept."""
        sizes = [part.sizes(split) for part in self._parts]
        return sum(int((one if kept is None else one[kept.of(index)]).sum()) for index, one in enumerate(sizes))

    def _troubles(self, duplicates: int) -> Troubles:
        """Those of all parts, in order."""
        tally = Tally()
        tally.add_all(self._job.inputs.troubles)
        for part in self._parts:
            tally.add_all(part.troubles())
        if duplicates:
            tally.add_all(Troubles({"duplicate": duplicates}, {}))
        return tally.troubles()


class _Told:
    """Adds up what is done. Mutable."""

    def __init__(self, progress: Progress, total: int, unit: str, done: int = 0) -> None:
        self._progress = progress
        self._total = total
        self._unit = unit
        self._done = done

    def more(self, size: int) -> None:
        """So many bytes more are done."""
        self._done += size
        self._progress(self._done, self._total, self._unit)


class _Steps:
    """Tells in large steps how far a piece is read. Mutable."""

    def __init__(self, tell: Tell, size: int) -> None:
        self._tell = tell
        self._size = size
        self._told = 0

    def to(self, done: int) -> None:
        """So many bytes of the piece are read."""
        if done - self._told >= _TOLD_BYTES:
            self._tell(min(done, self._size) - self._told)
            self._told = min(done, self._size)

    def end(self) -> None:
        """All of it is."""
        self._tell(self._size - self._told)


def _make_part(options: Options, bench: Workbench, hub: Hub, missing: tuple[Part, Piece], tell: Tell) -> None:
    """Read a piece and write its part."""
    part, piece = missing
    steps = _Steps(tell, piece.size)
    if isinstance(piece, HubPiece):
        half = piece.size // 2
        with fetched(hub, piece.file, bench.download(part), lambda done: steps.to(done // 2)) as file:
            _write_part(options, part, pieces_of(file), lambda done: steps.to(half + done // 2))
    else:
        _write_part(options, part, [piece], steps.to)
    steps.end()


def _write_part(options: Options, part: Part, pieces: Sequence[LocalPiece], to: To) -> None:
    with new_part(part.folder, options.validation, options.unique) as (writer, scratch):
        for piece in pieces:
            for item in read_piece(piece, options.field, options.binary, scratch, to):
                writer.add(item)


def _lacks_field(part: Part) -> bool:
    """Whether there are records, and none has the field."""
    documents = sum(len(part.sizes(split)) for split in (TRAIN, VALIDATION))
    return not documents and "missing" in part.troubles().counts


def _is_there(part: Part) -> bool:
    return part.folder.exists()


def _ignore(done: int, total: int, unit: str) -> None:
    """Progress that nobody reads."""
