"""The training text: every ``*.py`` file under a directory, split into training and held-out files."""

from __future__ import annotations

import hashlib
import re
import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

SKIPPED_DIRECTORIES = frozenset({"site-packages", "dist-packages", "__pycache__"})
"""Third-party packages have their own licences, so they are never training text."""

SKIPPED_PREFIXES = ("_sysconfigdata",)
"""Files that a build writes: they hold the paths of the machine that built Python."""

LARGEST_FILE = 400_000
"""Bytes. A larger file is a generated table (``pydoc_data/topics.py``), not code people write."""

CHARACTER_CODE = re.compile(r"0x[0-9A-Fa-f]|\\[xu][0-9A-Fa-f]")
"""What most lines hold in a table of characters, such as ``encodings/cp437.py``."""

TEST_DIRECTORIES = frozenset({"test", "tests", "idle_test"})


@dataclass(frozen=True)
class Document:
    """One source file: its path relative to the corpus root (with ``/``) and its text."""

    path: str
    text: str

    @property
    def size(self) -> int:
        """Length in UTF-8 bytes."""
        return len(self.text.encode("utf-8"))

    @property
    def is_test(self) -> bool:
        """Whether the file lies in a directory of tests (these are sampled less often)."""
        return not TEST_DIRECTORIES.isdisjoint(self.path.split("/")[:-1])


@dataclass(frozen=True)
class Corpus:
    """The files to train on and the files held out; no file is in both."""

    train: list[Document]
    held_out: list[Document]


def standard_library() -> Path:
    """The directory of the running Python's standard library."""
    return Path(sysconfig.get_paths()["stdlib"])


def is_held_out(path: str, percent: float) -> bool:
    """Whether the file at relative ``path`` is held out: a hash decides, so the split never moves."""
    digest = hashlib.sha256(path.encode("utf-8")).digest()
    return int.from_bytes(digest[:8], "big") / 2**64 < percent / 100


def read_source(path: Path) -> str | None:
    """The text of ``path`` unchanged, or None where it is empty, too large or not UTF-8."""
    data = path.read_bytes()
    if not data or len(data) > LARGEST_FILE:
        return None
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return None


def is_character_table(text: str) -> bool:
    """Whether more than half of the lines hold a character's code: no one writes such files by hand."""
    lines = text.splitlines()
    return 2 * sum(CHARACTER_CODE.search(line) is not None for line in lines) > len(lines)


def find_documents(root: Path) -> Iterator[Document]:
    """Every usable ``*.py`` file under ``root``, in the order of its path."""
    for path in sorted(root.rglob("*.py")):
        relative = path.relative_to(root)
        if not SKIPPED_DIRECTORIES.isdisjoint(relative.parts) or relative.name.startswith(SKIPPED_PREFIXES):
            continue
        text = read_source(path)
        if text is not None and not is_character_table(text):
            yield Document(relative.as_posix(), text)


def load_corpus(root: Path, held_out_percent: float = 3.0) -> Corpus:
    """Read the files under ``root`` and split them by a hash of their relative path."""
    corpus = Corpus([], [])
    for document in find_documents(root):
        held_out = is_held_out(document.path, held_out_percent)
        (corpus.held_out if held_out else corpus.train).append(document)
    if not corpus.train:
        raise ValueError(f"no usable Python file under {root}")
    return corpus
