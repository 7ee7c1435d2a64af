"""Entropies of all documents of a prepared directory: parts are computed by processes, and become files of shards."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Final, TypeAlias

from bytelm.corpora.files import only_one
from bytelm.training.data.manifest import Manifest, read_manifest
from bytelm.training.data.measured_parts import PART_BYTES, MeasuredPart, join, parts_of
from bytelm.training.data.measuring_bench import MeasuringBench, open_bench
from bytelm.training.data.measuring_work import POSITIONS, Measuring
from bytelm.training.data.pool import run_all
from bytelm.training.data.shards import Shards
from bytelm.training.data.uncertainties import Uncertainties
from bytelm.training.data.uncertainty_files import (
    NAME,
    Measured,
    MeasuredShard,
    data_checksum,
    read_measured,
    values_path,
)
from bytelm.training.entropy_models import open_entropy_model

Progress: TypeAlias = Callable[[int, int, str], None]
"""Told how many bytes of how many are done, and of what: ``bytes checked``, then ``bytes``."""

MOST_WITHOUT_WINDOW: Final = 1 << 17
"""Bytes of a document, for an entropy model that sees all of it: memory grows with them, and time with their square."""

Key: TypeAlias = tuple[str, int]
"""A shard: its split, and its number there."""


def measure(
    prepared: str | Path,
    model: str | Path,
    folder: str | Path,
    *,
    processes: int = 1,
    positions: int = POSITIONS,
    device: str = "cpu",
    part_bytes: int = PART_BYTES,
    progress: Progress | None = None,
) -> Measured:
    """Compute the entropies of all documents, or go on where that was cut off; check them where all are there.

    What is finished is kept in ``FOLDER/unfinished``. The result is the same, byte for byte, whatever the number of
    processes; with other ``positions``, or on other hardware, it is the same to rounding.

    Args:
        prepared: the directory of the documents.
        model: the directory of a Byte Latent Transformer with an entropy model.
        folder: for the entropies; it must not be there, or be empty, or be the result of the same call.
        processes: how many compute, on one thread each; with several, the program's main module is imported by each
            of them, so that a script needs ``if __name__ == "__main__":``.
        positions: that go through the entropy model in a pass, which decides about memory.
        device: where it runs.
        part_bytes: of documents, about, that a process reads at a time.
        progress: told how far it has come.

    Raises:
        FileNotFoundError: the data or the model is not there.
        ValueError: a file is damaged, the model has no entropy model, something is in the way, a process died.
        OSError: a file cannot be written, as there is no room.
    """
    for name, number in (("processes", processes), ("positions", positions), ("part_bytes", part_bytes)):
        if number < 1:
            raise ValueError(f"{name} is {number}; expected at least 1")
    source, place = Path(prepared), Path(folder)
    manifest = read_manifest(source)
    network, checksum = open_entropy_model(Path(model))
    shards = {split: Shards(source, split) for split in manifest.splits}
    if network.config.window is None:
        _check_sizes(shards)
    measuring = Measuring(source, Path(model), checksum, positions, device)
    told = progress or _ignore
    if (place / NAME).exists():
        return _checked(place, measuring, manifest, shards, told)
    if not place.parent.is_dir():
        raise ValueError(f"there is no folder {str(place.parent)!r} to make {place.name!r} in; make it first")
    settings = {"model_sha256": checksum, "data_sha256": data_checksum(manifest), "part_bytes": part_bytes}
    with only_one(open_bench(place, settings).lock) as alone:
        if not alone:
            raise ValueError(f"another process is at work in {str(place)!r}; wait for it, or give another name")
        return _Work(measuring, manifest, shards, MeasuringBench(place), part_bytes, told).run(processes)


class _Work:
    """One call of ``measure``, alone on its bench."""

    def __init__(
        self,
        measuring: Measuring,
        manifest: Manifest,
        shards: Mapping[str, Shards],
        bench: MeasuringBench,
        part_bytes: int,
        progress: Progress,
    ) -> None:
        self._measuring = measuring
        self._manifest = manifest
        self._shards = shards
        self._bench = bench
        self._part_bytes = part_bytes
        self._progress = progress

    def run(self, processes: int) -> Measured:
        """All steps."""
        self._bench.sweep()
        parts = {key: self._parts(*key) for key in self._keys()}
        found = {key: shard for key in parts if (shard := self._bench.finished(*key)) is not None}
        self._check_data({split for split, _ in parts.keys() - found.keys()})
        left = {key: [part for part in parts[key] if not part.path.exists()] for key in parts if key not in found}
        for key in left:
            if not left[key]:
                found[key] = self._join(key, parts[key])
        for key in self._compute(left, processes):
            found[key] = self._join(key, parts[key])
        measured = Measured(
            self._measuring.model_sha256,
            data_checksum(self._manifest),
            self._manifest.documents,
            self._manifest.bytes,
            {split: tuple(found[key] for key in sorted(found) if key[0] == split) for split in self._manifest.splits},
        )
        measured.write(self._bench.folder)
        self._bench.remove()
        return measured

    def _keys(self) -> Iterator[Key]:
        """All shards, in order."""
        for split, one in self._manifest.splits.items():
            yield from ((split, number) for number in range(len(one.shards)))

    def _parts(self, split: str, number: int) -> list[MeasuredPart]:
        shards = self._manifest.splits[split].shards
        first = sum(shard.documents for shard in shards[:number])
        sizes = self._shards[split].sizes[first : first + shards[number].documents]
        return parts_of(split, first, sizes, self._bench.parts(split, number), self._part_bytes)

    def _check_data(self, splits: set[str]) -> None:
        """Read all documents that are to be measured: what is damaged is named now, and not learned from."""
        for split in sorted(splits):
            self._shards[split].verify(lambda done, total: self._progress(done, total, "bytes checked"))

    def _compute(self, left: Mapping[Key, list[MeasuredPart]], processes: int) -> Iterator[Key]:
        """Compute the parts that are not there; tells of each shard whose last one is."""
        missing = {part: key for key, parts in left.items() for part in parts}
        for part in missing:
            part.path.parent.mkdir(exist_ok=True)
        done = total = self._manifest.bytes
        done -= sum(part.size for part in missing)
        self._progress(done, total, "bytes")

        def tell(more: int) -> None:
            nonlocal done
            done += more
            self._progress(done, total, "bytes")

        counts = {key: len(parts) for key, parts in left.items()}
        with closing(run_all(self._measuring, missing, processes, tell)) as computed:
            for part, _ in computed:
                counts[missing[part]] -= 1
                if not counts[missing[part]]:
                    yield missing[part]

    def _join(self, key: Key, parts: list[MeasuredPart]) -> MeasuredShard:
        shard = join(parts, values_path(self._bench.folder, *key))
        self._bench.finish(*key, shard)
        return shard


def _checked(
    folder: Path, measuring: Measuring, manifest: Manifest, shards: Mapping[str, Shards], progress: Progress
) -> Measured:
    """What is there already, if it is what was asked for and nothing of it is damaged."""
    measured = read_measured(folder)
    if measured.model_sha256 != measuring.model_sha256 or measured.data_sha256 != data_checksum(manifest):
        raise ValueError(
            f"{str(folder)!r} holds entropies of model {measured.model_sha256} for data {measured.data_sha256}, not of "
            f"model {measuring.model_sha256} for data {data_checksum(manifest)}; give another name, or remove it"
        )
    for one in shards.values():
        Uncertainties(folder, one).verify(lambda done, total: progress(2 * done, 2 * total, "bytes checked"))
    MeasuringBench(folder).remove()
    return measured


def _check_sizes(shards: Mapping[str, Shards]) -> None:
    """Refuse documents that are too long for an entropy model without a window."""
    for split, one in shards.items():
        if one.documents and (most := int(one.sizes.max())) > MOST_WITHOUT_WINDOW:
            raise ValueError(
                f"document {int(one.sizes.argmax())} of {split!r} has {most:,} bytes, and the entropy model has no "
                f"window: it would see all of them at once, for which {MOST_WITHOUT_WINDOW:,} are the most; prepare "
                "shorter documents, or give an entropy model with a window"
            )


def _ignore(done: int, total: int, unit: str) -> None:
    """Progress that nobody reads."""
