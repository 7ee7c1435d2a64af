"""The texts in a column of a Parquet file, a few rows at a time, as views of what is unpacked."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bytelm.corpora.extras import pyarrow
from bytelm.training.data.columns import texts_of, wrong_column
from bytelm.training.data.finding import File
from bytelm.training.data.items import Item, ReadingError, To, damaged, unreadable
from bytelm.training.data.troubles import Trouble

_BATCH_BYTES = 1 << 25
"""About what is unpacked at once; a column's chunk is not unpacked as a whole, unless its one page is."""

_MOST_ROWS = 1 << 13


def group_sizes(file: File) -> list[int]:
    """The bytes of each row group, unpacked; none where the file is damaged, which ``read_rows`` tells of.

    Raises:
        ValueError: pyarrow is not installed.
    """
    try:
        with _open(file.path) as opened:
            return [opened.metadata.row_group(group).total_byte_size for group in range(opened.num_row_groups)]
    except ReadingError:
        return []


def read_rows(file: File, field: str, first: int, last: int, size: int, to: To) -> Iterator[Item]:
    """The texts in the row groups ``[first, last)``, and what is wrong with rows that have none.

    Memory holds about 32 MiB of them, or the page that they are in: writers decide how large that is.

    Args:
        file: which.
        field: the column; of texts, or of bytes.
        first: the first row group.
        last: the one behind the last.
        size: what all these rows count for, bytes.
        to: told how many of these bytes are read.

    Raises:
        ReadingError: the file cannot be opened, or read any further.
    """
    with _open(file.path) as opened:
        row = before = sum(opened.metadata.row_group(group).num_rows for group in range(first))
        rows = sum(opened.metadata.row_group(group).num_rows for group in range(first, last))
        wrong = wrong_column(opened.schema_arrow, field)
        if wrong is not None:
            if rows:
                yield Trouble(wrong[0], repr(file.name), wrong[1], rows)
            return
        for batch in _batches(opened, field, range(first, last)):
            yield from texts_of(batch.column(0), file.name, field, row)
            row += batch.num_rows
            to(size * (row - before) // rows)


def _open(path: str) -> Any:
    reader = pyarrow("pyarrow.parquet").ParquetFile
    try:
        return reader(path, memory_map=True, page_checksum_verification=True)
    except pyarrow().ArrowException as error:
        raise damaged(error) from error
    except OSError as error:
        if Path(path).is_file() and error.errno is None:
            raise damaged(error) from error
        raise unreadable(error) from error


def _batches(file: Any, field: str, groups: range) -> Iterator[Any]:
    try:
        for group in groups:
            found = file.metadata.row_group(group)
            mean = found.total_byte_size // max(1, found.num_rows)
            count = min(_MOST_ROWS, max(1, _BATCH_BYTES // max(1, mean)))
            yield from file.iter_batches(batch_size=count, row_groups=[group], columns=[field])
    except (OSError, pyarrow().ArrowException) as error:
        raise damaged(error) from error
