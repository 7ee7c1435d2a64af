"""What is asked of a hub of datasets.

Files are taken from its repositories as they are, and read by what reads files of this machine: so work is resumed
file by file, nothing depends on the version of a library that streams, and ``datasets`` is not needed. What is in no
file of a known form, as of repositories that are programs, has been converted to Parquet by the hub itself, as
revision ``refs/convert/parquet``; and whatever ``datasets`` loads can be saved by its ``save_to_disk`` and named as a
folder.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from bytelm.training.data.items import To


class HubError(ValueError):
    """The hub does not give what it is asked for."""

    def __init__(self, what: str, passing: bool) -> None:
        """``passing`` says whether it may later."""
        super().__init__(what)
        self.passing = passing


@dataclass(frozen=True)
class Revision:
    """A repository at one commit.

    Attributes:
        commit: hexadecimal.
        configs: what its card says of the configurations of the dataset, as YAML has it; empty if it says nothing.
    """

    commit: str
    configs: Sequence[Mapping[str, object]]


@dataclass(frozen=True)
class Entry:
    """A file of a repository: its path, its size in bytes, and what tells it from a file of other bytes."""

    path: str
    size: int
    digest: str


class Hub(Protocol):
    """A hub. It is sent to other processes by pickle.

    Everything raises a ``HubError`` where the hub does not answer, or refuses.
    """

    def revision(self, repository: str, revision: str | None) -> Revision:
        """What a branch, a tag or a commit of a repository is now; ``None`` for the main branch."""
        ...

    def entries(self, repository: str, commit: str, folder: str) -> Iterable[Entry]:
        """All files below a folder of a repository, ``""`` for the whole; none where there is no such folder."""
        ...

    def fetch(self, repository: str, commit: str, path: str, folder: Path, to: To) -> Path:
        """A file, downloaded to somewhere below a folder, or where it is already; ``to`` is told how far it has come.

        What is there as a whole is not downloaded again, also by another process; what was cut off may be.
        """
        ...
