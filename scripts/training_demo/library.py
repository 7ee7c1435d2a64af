"""The texts: the source of Python's standard library, without its tests, prepared by `bytelm data prepare`."""

from collections.abc import Callable
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
from bundled_training.corpus import find_documents, standard_library

from bytelm.blt.vocabulary import IdArray, document
from bytelm.training.data.manifest import VALIDATION, Manifest
from bytelm.training.data.options import Options
from bytelm.training.data.preparing import prepare
from bytelm.training.data.shards import Shards

PREPARED: Final = "data"


class Excerpt(NamedTuple):
    """The beginning of a held-out file, up to the end of a line.

    Attributes:
        text: UTF-8.
        ended: whether it is all of the file, so that the end of the text is to be predicted too.
    """

    text: bytes
    ended: bool

    @property
    def symbols(self) -> int:
        """How much there is to predict: its bytes, and the end of the text where that is within."""
        return len(self.text) + self.ended

    def ids(self) -> IdArray:
        """BOS, its bytes, and EOS where the text ends."""
        return document(self.text, self.ended)


def library_files(most: int | None = None) -> list[Path]:
    """The files of the standard library that are not tests, sorted.

    Those of other licences, generated tables and what is no UTF-8 are left out, as for the bundled models.

    Args:
        most: how many, spread over all; ``None`` for all.
    """
    root = standard_library()
    found = [root / one.path for one in find_documents(root) if not one.is_test]
    return found if most is None else found[:: -(-len(found) // most)]


def prepare_library(
    work: Path, files: list[Path], held_out: float, progress: Callable[[int, int, str], None]
) -> Manifest:
    """Prepare the files in a folder of ``work``; nothing where they are there already.

    Args:
        work: the folder of the demonstration.
        files: each is one document.
        held_out: the share of the files that nobody learns from.
        progress: told how far it has come.
    """
    return prepare(files, work / PREPARED, Options(validation=held_out), progress=progress)


def excerpts(prepared: Path, most: int) -> list[Excerpt]:
    """The beginnings of all held-out files, of at most so many bytes each."""
    shards = Shards(prepared, VALIDATION)
    return [excerpt(np.asarray(shards.document(index)).tobytes(), most) for index in range(shards.documents)]


def excerpt(text: bytes, most: int) -> Excerpt:
    """The beginning of a text up to the end of a line; of a line that is longer, up to the end of a character."""
    if len(text) <= most:
        return Excerpt(text, True)
    end = text.rfind(b"\n", 0, most) + 1
    return Excerpt(text[:end] if end else text[:most].decode("utf-8", "ignore").encode(), False)
