"""What the runs begin with: Python's standard library, and the teacher as a byte model that knows little yet."""

from collections.abc import Callable
from pathlib import Path

from bundled_training.corpus import Document, load_corpus, standard_library

from bytelm.byteified.converting import byteify
from bytelm.loading import resolve
from bytelm.training.data.manifest import TRAIN, Manifest
from bytelm.training.data.options import Options
from bytelm.training.data.preparing import prepare
from bytelm.training.data.shards import Shards
from bytelm.training.distillation.pieces import PackedRows, Pieces

from .plan import HELD_OUT, PREPARED, STUDENT, TEACHER, Plan


def prepare_sources(work: Path, plan: Plan, progress: Callable[[int, int, str], None]) -> Manifest:
    """Prepare the files of the standard library that are no tests, in folders of ``work``, unless they are there.

    Those that the teacher has not seen either are held out, by the same hash of their names.

    Args:
        work: the folder of the demonstration.
        plan: how many files.
        progress: told how far it has come.

    Returns:
        the manifest of the files to learn from.
    """
    corpus = load_corpus(standard_library())
    learned, held_out = (_files(some, plan.files) for some in (corpus.train, corpus.held_out))
    prepare(held_out, work / HELD_OUT, Options(validation=0.0), progress=progress)
    return prepare(learned, work / PREPARED, Options(validation=0.0), progress=progress)


def held_out_rows(work: Path, plan: Plan) -> PackedRows:
    """The rows of the files that are held out, in an order of their own."""
    return PackedRows(Pieces(Shards(work / HELD_OUT, TRAIN), plan.length), plan.length, 0, epochs=1)


def _files(documents: list[Document], most: int | None) -> list[Path]:
    found = [standard_library() / one.path for one in documents if not one.is_test]
    return found if most is None else found[:: -(-len(found) // most)]


def make_student(work: Path) -> None:
    """Byteify the teacher, with the embeddings of the tokens that end at each byte, if that is not done already."""
    if not (work / STUDENT / "config.json").is_file():
        byteify(resolve(TEACHER), work / STUDENT)
