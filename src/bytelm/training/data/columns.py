"""The texts in a column of Arrow, as views of it, and what is wrong with the rows that have none."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bytelm.corpora.extras import pyarrow
from bytelm.training.data.items import Item
from bytelm.training.data.troubles import Trouble


def wrong_column(schema: Any, field: str) -> tuple[str, str] | None:
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


def texts_of(column: Any, name: str, field: str, row: int) -> Iterator[Item]:
    """The texts of a column.

    Args:
        column: an array of pyarrow, of a type that ``wrong_column`` finds nothing wrong with.
        name: of the file.
        field: the column's name.
        row: the number of its first row in the file.
    """
    arrow = pyarrow()
    if pyarrow("pyarrow.types").is_dictionary(column.type):
        column = column.dictionary_decode()
    column = column.cast(arrow.large_binary())
    ends = _ends(column)
    data = memoryview(column.buffers()[2] or b"")
    there = column.is_valid().to_pylist() if column.null_count else None
    for index in range(len(column)):
        if there is not None and not there[index]:
            yield Trouble("null", f"{name!r}, row {row + index}", f"the field {field!r} is null")
        elif ends[index] == ends[index + 1]:
            yield Trouble("empty", f"{name!r}, row {row + index}", "an empty document")
        else:
            yield data[ends[index] : ends[index + 1]]


def _ends(column: Any) -> list[int]:
    """Where each text begins, and where the last one ends."""
    offsets: NDArray[np.int64] = np.frombuffer(column.buffers()[1], np.int64)
    found: list[int] = offsets[column.offset : column.offset + len(column) + 1].tolist()
    return found
