"""The folder in which data is prepared: it holds what is finished until all is, and then goes away."""

import hashlib
import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from bytelm.corpora.files import remove_folder, unused_name
from bytelm.corpora.job import differences
from bytelm.training.data.finding import Inputs
from bytelm.training.data.hub_files import LISTINGS, Listing, read_listings, write_listings
from bytelm.training.data.manifest import NAME, Manifest, read_manifest
from bytelm.training.data.options import Options
from bytelm.training.data.parts import Part

_SETTINGS = "settings.json"

_IN_ONE_FOLDER = 1000
"""Parts lie in folders of so many: a hundred thousand in one are slow to list on many file systems."""


@dataclass(frozen=True)
class Job:
    """What is to be prepared."""

    inputs: Inputs
    options: Options

    def settings(self) -> dict[str, object]:
        """What decides about the result, as ``data.json`` holds it too."""
        return _settings(self.options.as_json(), [one.as_json() for one in self.inputs.sources], self.fingerprint())

    def fingerprint(self) -> str:
        """Of the names, sizes and dates of all files, hexadecimal; of those of the hub what it has of their bytes."""
        hashing = hashlib.sha256()
        for file in self.inputs.files:
            hashing.update(repr(file.state).encode("utf-8", "surrogateescape"))
        return hashing.hexdigest()


@dataclass(frozen=True)
class Workbench:
    """The folder."""

    root: Path

    def part(self, index: int) -> Part:
        """The part of a piece; it need not be there."""
        return Part(self.root / "parts" / f"{index // _IN_ONE_FOLDER:06}" / f"{index:09}")

    @property
    def ready(self) -> Path:
        """What will be the prepared directory."""
        return self.root / "ready"

    @property
    def notes(self) -> Path:
        """What is known of the shards that are ready."""
        return self.root / "notes"

    @property
    def downloads(self) -> Path:
        """Where files are that were downloaded, or are being."""
        return self.root / "downloads"

    def download(self, part: Part) -> Path:
        """The folder to download the file to that a part is made of."""
        return self.downloads / part.folder.name

    @property
    def lock(self) -> Path:
        """The file to lock while one process works here."""
        return self.root / "lock"

    def remove(self) -> None:
        """Remove all of it."""
        remove_folder(self.root)

    def sweep(self) -> None:
        """Remove what is left of parts and shards that were not finished, and downloads that were read."""
        for download in self.downloads.glob("[0-9]*"):
            if self.part(int(download.name)).folder.exists():
                shutil.rmtree(download, ignore_errors=True)
        for left in [*self.root.glob("parts/*/.*"), *self.root.glob("ready/*/.*"), *self.root.glob("notes/.*")]:
            if left.is_dir():
                shutil.rmtree(left, ignore_errors=True)
            else:
                left.unlink(missing_ok=True)


def workbench_of(target: Path) -> Workbench:
    """The workbench for a target: beside it, so that what is ready can be moved there."""
    return Workbench(target.with_name(target.name + ".parts"))


def open_workbench(target: Path, job: Job) -> Workbench:
    """The workbench to go on with, or a new one.

    Raises:
        ValueError: what is there was begun with other settings, or is something else.
    """
    bench = workbench_of(target)
    settings = {**job.settings(), "piece_bytes": job.options.piece_bytes}
    if bench.root.exists() and (bench.root / _SETTINGS).exists() and not bench.ready.exists():
        bench.remove()  # its result was moved to the target, and was removed there since
    if not bench.root.exists():
        fresh = unused_name(bench.root)
        for folder in (fresh / "parts", fresh / "notes", fresh / "ready"):
            folder.mkdir(parents=True)
        write_listings(fresh / "ready" / LISTINGS, job.inputs.listings)
        (fresh / _SETTINGS).write_text(json.dumps(settings, indent=2), encoding="ascii")
        fresh.rename(bench.root)
        return bench
    try:
        earlier = json.loads((bench.root / _SETTINGS).read_bytes())
    except (OSError, ValueError) as error:
        raise ValueError(
            f"{str(bench.root)!r} is in the way: unfinished data would be there, and it holds none; move it away"
        ) from error
    if found := _differences(earlier, settings):
        raise ValueError(
            f"{str(bench.root)!r} holds data that was begun with other settings ({found}); "
            "give the earlier ones to go on, or remove that folder to begin anew"
        )
    return bench


def known_listings(target: Path) -> dict[str, Listing]:
    """The listings with which a target was made, or its making began."""
    return read_listings(target / LISTINGS) or read_listings(workbench_of(target).ready / LISTINGS)


def finished(target: Path, job: Job) -> Manifest | None:
    """What is in the target if it was made with these settings; ``None`` if there is nothing.

    Raises:
        ValueError: something else is there.
    """
    if not target.exists() or (target.is_dir() and not any(target.iterdir())):
        return None
    if not (target / NAME).is_file():
        raise ValueError(f"{str(target)!r} exists already and holds no prepared data; empty it, or give another name")
    manifest = read_manifest(target)
    earlier = _settings(manifest.settings, [one.as_json() for one in manifest.sources], manifest.fingerprint)
    if found := _differences(earlier, job.settings()):
        raise ValueError(
            f"{str(target)!r} holds data that was prepared with other settings ({found}); "
            "give another name, or remove it"
        )
    return manifest


def _settings(options: Mapping[str, object], sources: list[dict[str, object]], fingerprint: str) -> dict[str, object]:
    return {**options, "inputs": sources, "fingerprint": fingerprint}


def _differences(earlier: Mapping[str, object], now: Mapping[str, object]) -> str:
    """What differs, in words; empty where nothing does."""
    plain = [{name: value for name, value in one.items() if name != "fingerprint"} for one in (earlier, now)]
    found = differences(plain[0], plain[1])
    if not found and earlier["fingerprint"] != now["fingerprint"]:
        return "the names, sizes or dates of the files differ"
    return "; ".join(found)
