"""The texts in a column of a Parquet file, a few rows at a time, as views of what is unpacked."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bytelm.corpora.extras import pyarrow
from bytelm.training.data.items import Item, ReadingError, To, damaged, unreadable
from bytelm.training.data.troubles import Trouble

_BATCH_BYTES = 1 << 25
"""About what is unpacked at once; a column's chunk is not unpacked as a whole, unless its one page is."""

_MOST_ROWS = 1 << 13


def group_sizes(path: str) -> list[int]:
    """The bytes of each row group, unpacked; none where the file is damaged, which ``read_rows`` tells of.

    Raises:
        ValueError: pyarrow is not installed.
    """
    try:
        with _open(path) as file:
            return [file.metadata.row_group(group).total_byte_size for group in range(file.num_row_groups)]
    except ReadingError:
        return []


def read_rows(path: str, field: str, first: int, last: int, size: int, to: To) -> Iterator[Item]:
    """The texts in the row groups ``[first, last)``, and what is wrong with rows that have none.

    Memory holds about 32 MiB of them, or the page that they are in: writers decide how large that is.

    Args:
        path: of the file.
        field: the column; of texts, or of bytes.
        first: the first row group.
        last: the one behind the last.
        size: what all these rows count for, bytes.
        to: told how many of these bytes are read.

    Raises:
        ReadingError: the file cannot be opened, or read any further.
    """
    with _open(path) as file:
        row = before = sum(file.metadata.row_group(group).num_rows for group in range(first))
        rows = sum(file.metadata.row_group(group).num_rows for group in range(first, last))
        wrong = _wrong_column(file.schema_arrow, field)
        if wrong is not None:
            if rows:
                yield Trouble(wrong[0], repr(path), wrong[1], rows)
            return
        for batch in _batches(file, field, range(first, last)):
            yield from _texts(batch.column(0), path, field, row)
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


def _wrong_column(schema: Any, field: str) -> tuple[str, str] | None:
    """What is wrong with the column, as the kind and the words of a trouble; ``None`` if nothing is."""
    types = pyarrow("pyarrow.types")
    if field not in schema.names:
        return "missing", f"no column {field!r}; its columns are {', '.join(map(repr, schema.names[:10]))}"
    if schema.names.count(field) > 1:
        return "not_text", f"several columns are called {field!r}"
    kind = schema.field(field).type
    kind = kind.value_type if types.is_dictionary(kind) else kind
    good = (
        types.is_string, types.is_large_string, types.is_string_view, types.is_binary, types.is_large_binary,
        types.is_binary_view, types.is_fixed_size_binary, types.is_null,
    )  # fmt: skip
    return None if any(is_one(kind) for is_one in good) else ("not_text", f"the column {field!r} is of type {kind}")


def _batches(file: Any, field: str, groups: range) -> Iterator[Any]:
    try:
        for group in groups:
            found = file.metadata.row_group(group)
            mean = found.total_byte_size // max(1, found.num_rows)
            count = min(_MOST_ROWS, max(1, _BATCH_BYTES // max(1, mean)))
            yield from file.iter_batches(batch_size=count, row_groups=[group], columns=[field])
    except (OSError, pyarrow().ArrowException) as error:
        raise damaged(error) from error


def _texts(column: Any, path: str, field: str, row: int) -> Iterator[Item]:
    arrow = pyarrow()
    if pyarrow("pyarrow.types").is_dictionary(column.type):
        column = column.dictionary_decode()
    column = column.cast(arrow.large_binary())
    ends = _ends(column)
    data = memoryview(column.buffers()[2] or b"")
    there = column.is_valid().to_pylist() if column.null_count else None
    for index in range(len(column)):
        if there is not None and not there[index]:
            yield Trouble("null", f"{path!r}, row {row + index}", f"the field {field!r} is null")
        elif ends[index] == ends[index + 1]:
            yield Trouble("empty", f"{path!r}, row {row + index}", "an empty document")
        else:
            yield data[ends[index] : ends[index + 1]]


def _ends(column: Any) -> list[int]:
    """Where each text begins, and where the last one ends."""
    offsets: NDArray[np.int64] = np.frombuffer(column.buffers()[1], np.int64)
    found: list[int] = offsets[column.offset : column.offset + len(column) + 1].tolist()
    return found
