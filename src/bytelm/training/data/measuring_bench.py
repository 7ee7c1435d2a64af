"""What is finished of entropies that are being computed: a folder within theirs, which goes away when all is there."""

import json
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from bytelm.corpora.files import complete_file, remove_folder, unused_name
from bytelm.corpora.job import differences
from bytelm.training.data.uncertainty_files import MeasuredShard, changed, file_checksum, values_path

_SETTINGS = "settings.json"


@dataclass(frozen=True)
class MeasuringBench:
    """The folder.

    Attributes:
        folder: of the entropies.
    """

    folder: Path

    @property
    def root(self) -> Path:
        """Where the bench is."""
        return self.folder / "unfinished"

    @property
    def lock(self) -> Path:
        """The file to lock while one process works here."""
        return self.root / "lock"

    def parts(self, split: str, number: int) -> Path:
        """The folder of the parts of a shard."""
        return self.root / "parts" / f"{split}-{number:05}"

    def finish(self, split: str, number: int, shard: MeasuredShard) -> None:
        """Note that the file of a shard is there; its parts are not needed any more."""
        with complete_file(self._note(split, number)) as file:
            file.write(json.dumps(asdict(shard)).encode("ascii"))
        remove_folder(self.parts(split, number))

    def finished(self, split: str, number: int) -> MeasuredShard | None:
        """What is noted of a shard, whose file is read and compared; ``None`` if it is not finished.

        Raises:
            ValueError: the file is gone, or is not as it was written.
        """
        note = self._note(split, number)
        if not note.exists():
            return None
        shard = MeasuredShard(**json.loads(note.read_bytes()))
        path = values_path(self.folder, split, number)
        found = file_checksum(path) if path.is_file() else "that of no file"
        if found != shard.sha256:
            raise changed(path, f"its SHA-256 is {found}; expected {shard.sha256}")
        return shard

    def remove(self) -> None:
        """Remove all of it."""
        remove_folder(self.root)

    def sweep(self) -> None:
        """Remove what is left of files that were not finished."""
        for left in [
            *self.folder.glob(".*"),
            *self.folder.glob("*/.*"),
            *self.root.glob("*/.*"),
            *self.root.glob("parts/*/.*"),
        ]:
            if left.is_dir():
                shutil.rmtree(left, ignore_errors=True)
            else:
                left.unlink(missing_ok=True)

    def _note(self, split: str, number: int) -> Path:
        return self.root / "notes" / f"{split}-{number:05}.json"


def open_bench(folder: Path, settings: Mapping[str, object]) -> MeasuringBench:
    """The bench to go on with, or a new one.

    Args:
        folder: for the entropies; made if it is not there.
        settings: all that decides about the result, as JSON has it.

    Raises:
        ValueError: what is there was begun with other settings, or is something else.
    """
    bench = MeasuringBench(folder)
    if not bench.root.exists():
        if folder.exists() and not (folder.is_dir() and all(path.name.startswith(".") for path in folder.iterdir())):
            raise ValueError(f"{str(folder)!r} exists already and holds no entropies; empty it, or give another name")
        folder.mkdir(exist_ok=True)
        fresh = unused_name(bench.root)
        for name in ("notes", "parts"):
            (fresh / name).mkdir(parents=True)
        (fresh / _SETTINGS).write_text(json.dumps(settings, indent=2), encoding="ascii")
        fresh.rename(bench.root)
        return bench
    try:
        earlier = json.loads((bench.root / _SETTINGS).read_bytes())
    except (OSError, ValueError) as error:
        raise ValueError(f"{str(bench.root)!r} holds no unfinished entropies; remove that folder") from error
    if found := "; ".join(differences(earlier, dict(settings))):
        raise ValueError(
            f"{str(folder)!r} holds entropies that were begun with other settings ({found}); "
            "give the earlier ones to go on, or remove that folder to begin anew"
        )
    return bench
