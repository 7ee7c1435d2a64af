"""A hub that is a folder, in which any download can be made to fail; and datasets in it."""

import gzip
import hashlib
import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bytelm.training.data.hub import Entry, HubError, Revision
from bytelm.training.data.items import To
from training.data.making import TEXTS

ONE, TWO = "1" * 40, "2" * 40
"""Commits."""

REPOSITORY = "owner/corpus"


@dataclass(frozen=True)
class FolderHub:
    """The hub: ``COMMIT/PATH`` are the files of its one repository, ``main`` holds the commit of the main branch.

    A file ``fail/NAME`` holds how often the download of files of this name fails in its middle. Each download is a
    line in ``log``: its path, and how many bytes of it came over.

    Attributes:
        root: the folder.
        passing: whether such a failure is one that passes.
    """

    root: Path
    passing: bool = True

    def revision(self, repository: str, revision: str | None) -> Revision:
        if (self.root / "away").exists():
            raise HubError("the hub is away", passing=True)
        if repository != REPOSITORY:
            raise HubError(f"the hub has no dataset {repository!r}", passing=False)
        commit = revision or (self.root / "main").read_text()
        card = self.root / commit / "card.json"
        return Revision(commit, json.loads(card.read_bytes()) if card.exists() else [])

    def entries(self, repository: str, commit: str, folder: str) -> Iterator[Entry]:
        root = self.root / commit
        for path in sorted((root / folder).rglob("*"), reverse=True):
            if path.is_file() and path.name != "card.json":
                data = path.read_bytes()
                yield Entry(str(path.relative_to(root)), len(data), hashlib.sha256(data).hexdigest())

    def fetch(self, repository: str, commit: str, path: str, folder: Path, to: To) -> Path:
        if (self.root / "away").exists():
            raise HubError("the hub is away", passing=True)
        data = (self.root / commit / path).read_bytes()
        there = folder / "there"
        if there.exists():
            return there
        fails = self._fails(path)
        sent = data[: len(data) // 2] if fails else data
        (folder / "half").write_bytes(sent)
        with (self.root / "log").open("a") as log:
            log.write(f"{path} {len(sent)}\n")
        to(len(sent))
        if fails:
            raise HubError(f"the hub does not give {path!r}", self.passing)
        return (folder / "half").rename(there)

    def fail(self, name: str, times: int) -> None:
        """Let the next downloads of a file fail."""
        (self.root / "fail").mkdir(exist_ok=True)
        (self.root / "fail" / name).write_text(str(times))

    def downloads(self) -> list[tuple[str, int]]:
        """What came over since this was asked last, in the order of the paths."""
        log = self.root / "log"
        found = [line.split() for line in log.read_text().splitlines()] if log.exists() else []
        log.unlink(missing_ok=True)
        return sorted((path, int(size)) for path, size in found)

    def _fails(self, path: str) -> bool:
        left = self.root / "fail" / Path(path).name
        times = int(left.read_text()) if left.exists() else 0
        if times:
            left.write_text(str(times - 1))
        return times > 0


def lines(texts: Sequence[object]) -> bytes:
    """JSON Lines of these texts."""
    return b"".join(json.dumps({"text": text}).encode() + b"\n" for text in texts)


def make_hub(root: Path, files: Mapping[str, bytes], commit: str = ONE) -> FolderHub:
    """A hub whose main branch is a commit with these files."""
    shutil.rmtree(root / commit, ignore_errors=True)
    for name, data in files.items():
        path = root / commit / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    (root / "main").write_text(commit)
    return FolderHub(root)


CORPUS = {
    "README.md": b"---\n",
    ".gitattributes": b"",
    "data/train-0.jsonl": lines([*TEXTS[:60], "", None, 5]),
    "data/train-1.jsonl.gz": gzip.compress(lines(TEXTS[60:120]), mtime=0),
    "data/train-2.jsonl": b"",
    "data/train-3.jsonl": lines(TEXTS[120:]),
    "data/test-0.jsonl": lines(["of the test"]),
    "picture.png": b"\x89PNG",
}
"""The training split is ``TEXTS``, with a few things in it that are left out."""
