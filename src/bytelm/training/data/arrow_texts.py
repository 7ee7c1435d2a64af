"""The texts in a column of a file of Arrow, in either of its formats: a stream, as ``datasets`` writes, or a file."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from bytelm.corpora.extras import pyarrow
from bytelm.training.data.columns import texts_of, wrong_column
from bytelm.training.data.finding import File
from bytelm.training.data.items import Item, ReadingError, To, damaged, unreadable
from bytelm.training.data.troubles import Trouble

_MAGIC: Final = b"ARROW1"
"""What a file of the format with a footer begins with."""

_END: Final = b"\xff\xff\xff\xff\0\0\0\0"
"""What a stream ends with; readers take one that ends behind any record batch for a whole one."""


def read_batches(file: File, field: str, to: To) -> Iterator[Item]:
    """The texts of a file, and what is wrong with rows that have none.

    The file is mapped into memory, and so are its record batches, one after the other, unless they are compressed.

    Args:
        file: which.
        field: the column; of texts, or of bytes.
        to: told how many of the file's bytes are read.

    Raises:
        ReadingError: it cannot be opened, or read any further.
    """
    with _mapped(file) as mapped:
        reader, whole = _reader(mapped)
        wrong = wrong_column(reader.schema, field)
        row = 0
        for batch in _batches(reader):
            if wrong is None:
                yield from texts_of(_sound(batch.column(batch.schema.names.index(field))), file.name, field, row)
            row += batch.num_rows
            to(mapped.tell())
        if wrong is not None and row:
            yield Trouble(wrong[0], repr(file.name), wrong[1], row)
        if not whole:
            raise ReadingError("damaged", "it ends without the mark that ends a stream")


@contextmanager
def _mapped(file: File) -> Iterator[Any]:
    try:
        mapped = pyarrow().memory_map(file.path)
    except OSError as error:
        raise (unreadable(error) if not Path(file.path).is_file() or file.size else damaged(error)) from error
    with mapped:
        yield mapped


def _reader(mapped: Any) -> tuple[Any, bool]:
    """What reads it, and whether its end is marked."""
    arrow, streams = pyarrow(), pyarrow("pyarrow.ipc")
    size = mapped.size()
    try:
        if mapped.read(len(_MAGIC)) == _MAGIC:
            return streams.open_file(mapped), True
        mapped.seek(max(0, size - len(_END)))
        whole = mapped.read(len(_END)) == _END
        mapped.seek(0)
        return streams.open_stream(mapped), whole
    except (OSError, arrow.ArrowException) as error:
        raise damaged(error) from error


def _batches(reader: Any) -> Iterator[Any]:
    try:
        if hasattr(reader, "get_batch"):
            yield from map(reader.get_batch, range(reader.num_record_batches))
        else:
            yield from reader
    except (OSError, pyarrow().ArrowException) as error:
        raise damaged(error) from error


def _sound(column: Any) -> Any:
    """The column, if it is right in itself: what is mapped is used as it stands there."""
    try:
        column.validate(full=True)
    except pyarrow().ArrowException as error:
        raise damaged(error) from error
    return column
