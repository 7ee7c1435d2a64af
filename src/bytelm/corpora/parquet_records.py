"""Records in Parquet, a few rows at a time."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from bytelm.corpora.extras import pyarrow
from bytelm.corpora.records import Document, Fields, plain

_ROWS = 1024
"""Rows that are unpacked at once: enough to make it quick, few enough for long documents."""


class ParquetRecord(NamedTuple):
    """A row of some columns, not taken out of them yet."""

    file: str
    number: int
    size: int
    place: int
    columns: Mapping[str, Any]
    row: int

    @property
    def checksum(self) -> int:
        """0: a file has a date."""
        return 0

    def document(self, fields: Fields) -> Document:
        """Take the row out of the columns; see ``Record``."""
        text = self.columns[fields.text][self.row].as_py()
        kept = tuple(plain(self.columns[name][self.row].as_py()) for name in fields.keep)
        data = text.encode() if isinstance(text, str) else bytes(text or b"")
        return Document(self.file, self.number, data, kept)


def read_file(path: str, fields: Fields) -> Iterator[ParquetRecord]:
    """The records of a file; memory holds the compressed columns of one row group at most.

    Raises:
        ValueError: it cannot be read, or its columns are not what ``fields`` asks for.
    """
    whole = Path(path).stat().st_size
    with _open(path) as file:
        rows = file.metadata.num_rows
        check_columns(path, file.schema_arrow, fields)
        names = list(dict.fromkeys((fields.text, *fields.keep)))
        count = 0
        for batch in _batches(path, file, names):
            columns = {name: _plain_column(batch.column(name)) for name in names}
            for row, size in enumerate(_sizes(columns[fields.text])):
                yield ParquetRecord(path, count, size, whole * (count + 1) // rows, columns, row)
                count += 1


def check_file(path: str, fields: Fields) -> None:
    """Look at the columns of a file before anything is scored; errors as in ``read_file``."""
    with _open(path) as file:
        check_columns(path, file.schema_arrow, fields)


def check_columns(path: str, schema: Any, fields: Fields) -> None:
    """Refuse a schema in which a column is missing, or of a type that cannot be read."""
    types = pyarrow("pyarrow.types")
    for name in (fields.text, *fields.keep):
        if name not in schema.names:
            there = ", ".join(repr(other) for other in schema.names)
            option = "--field" if name == fields.text else "--keep"
            raise ValueError(
                f"{path!r} has no column {name!r}; its columns are {there}: name one of them with {option}"
            )
        if schema.names.count(name) > 1:
            raise ValueError(f"{path!r} has several columns called {name!r}; give them different names")
    kind = _value_type(schema.field(fields.text).type)
    if not (_is_text(kind) or _is_binary(kind) or types.is_null(kind)):
        raise ValueError(
            f"{path!r}: the column {fields.text!r} is of type {kind}; expected texts or bytes: "
            "name the column of the text with --field"
        )
    for name in fields.keep:
        kind = _value_type(schema.field(name).type)
        if _is_binary(kind):
            raise ValueError(
                f"{path!r}: the column {name!r} holds bytes ({kind}), which cannot be copied; leave it out"
            )


def _open(path: str) -> Any:
    try:
        return pyarrow("pyarrow.parquet").ParquetFile(path, memory_map=True)
    except OSError as error:
        reason = error.strerror or error
        raise ValueError(f"cannot read {path!r}: {reason}; give a file that can be read") from error
    except pyarrow().ArrowException as error:
        raise ValueError(f"{path!r} is damaged, or no Parquet file: {error}; make it anew") from error


def _batches(path: str, file: Any, names: list[str]) -> Iterator[Any]:
    try:
        yield from file.iter_batches(batch_size=_ROWS, columns=names)
    except (OSError, pyarrow().ArrowException) as error:
        raise ValueError(f"{path!r} is damaged: {error}; make it anew") from error


def _plain_column(column: Any) -> Any:
    return column.dictionary_decode() if pyarrow("pyarrow.types").is_dictionary(column.type) else column


def _sizes(column: Any) -> list[int]:
    """The bytes of every value; 0 for null."""
    if pyarrow("pyarrow.types").is_null(column.type):
        return [0] * len(column)
    lengths = pyarrow("pyarrow.compute").binary_length(column)
    found: list[int] = lengths.fill_null(0).to_pylist()
    return found


def _value_type(kind: Any) -> Any:
    return kind.value_type if pyarrow("pyarrow.types").is_dictionary(kind) else kind


def _is_text(kind: Any) -> bool:
    types = pyarrow("pyarrow.types")
    return bool(types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind))


def _is_binary(kind: Any) -> bool:
    types = pyarrow("pyarrow.types")
    return bool(
        types.is_binary(kind)
        or types.is_large_binary(kind)
        or types.is_fixed_size_binary(kind)
        or types.is_binary_view(kind)
    )
