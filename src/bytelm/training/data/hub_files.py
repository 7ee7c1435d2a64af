"""Files of a repository of datasets at one commit, and lists of them, which are kept: who goes on takes the same."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

LISTINGS: Final = "hub.json"
"""The file, beside ``data.json``, of what was listed."""


@dataclass(frozen=True)
class HubFile:
    """A file to download and to read.

    Attributes:
        repository: ``OWNER/NAME``.
        commit: hexadecimal.
        path: in the repository.
        form: one of ``FORMS``; each record is a document, of ``text`` the whole file.
        size: in bytes.
        digest: that the hub has of it; another one where its bytes are others.
    """

    repository: str
    commit: str
    path: str
    form: str
    size: int
    digest: str

    @property
    def name(self) -> str:
        """By which messages call it."""
        return f"hf://{self.repository}@{self.commit}/{self.path}"

    @property
    def state(self) -> tuple[object, ...]:
        """What tells it from other files, and from other versions of it."""
        return self.name, self.form, self.size, self.digest


@dataclass(frozen=True)
class Listing:
    """What an input names.

    Attributes:
        location: the input with the commit in it.
        files: sorted by their paths.
        passed: how many files there are that are of another form or of another split.
        example: one of these; empty if there is none.
    """

    location: str
    files: tuple[HubFile, ...]
    passed: int = 0
    example: str = ""


def write_listings(path: Path, listings: Mapping[str, Listing]) -> None:
    """Write a file of listings by the names of their inputs; none where there is no listing."""
    if listings:
        found = {name: _as_json(listing) for name, listing in listings.items()}
        path.write_text(json.dumps(found, indent=1) + "\n", encoding="ascii")


def read_listings(path: Path) -> dict[str, Listing]:
    """The listings in a file; none if it is not there.

    Raises:
        ValueError: it holds something else.
    """
    try:
        found = json.loads(path.read_bytes())
        return {name: _parsed(listing) for name, listing in found.items()}
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(
            f"{str(path)!r} is not as bytelm data prepare writes it ({type(error).__name__}: {error}); "
            f"remove {str(path.parent)!r}, and prepare the data anew"
        ) from error


def _as_json(listing: Listing) -> dict[str, object]:
    first = listing.files[0]
    return {
        "location": listing.location,
        "repository": first.repository,
        "commit": first.commit,
        "passed": listing.passed,
        "example": listing.example,
        "files": [[file.path, file.form, file.size, file.digest] for file in listing.files],
    }


def _parsed(found: Mapping[str, Any]) -> Listing:
    files: Sequence[Sequence[Any]] = found["files"]
    return Listing(
        str(found["location"]),
        tuple(HubFile(found["repository"], found["commit"], *file) for file in files),
        int(found["passed"]),
        str(found["example"]),
    )
