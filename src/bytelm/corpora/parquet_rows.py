"""Results as Parquet. In a part the copied fields are JSON text: only in the end is known what columns they need."""

import io
import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import IO, Any

from bytelm.corpora.extras import pyarrow
from bytelm.corpora.forms import Header
from bytelm.corpora.kinds import Kinds, column_kind
from bytelm.corpora.records import Fields
from bytelm.corpora.rows import Row

_HEADER = b"bytelm"
_COMPRESSION = "zstd"

_GROUP_ROWS = 1 << 17
_GROUP_BYTES = 1 << 26
"""A row group has the rows of the parts until one of these is reached: what readers like, and what memory holds."""


class ParquetForm:
    """See ``Form``. Minus infinity is itself; the bits per byte of an empty document are null."""

    suffix = ".parquet"

    def pack(self, header: Header, rows: Sequence[Row], fields: Fields, per_byte: bool) -> bytes:
        """A small Parquet file with the header in its metadata."""
        table = _table(rows, fields, per_byte).replace_schema_metadata({_HEADER: header.to_json()})
        data = io.BytesIO()
        pyarrow("pyarrow.parquet").write_table(table, data, compression=_COMPRESSION)
        return data.getvalue()

    def header(self, path: Path) -> Header:
        """The header in the metadata."""
        return Header.from_json(pyarrow("pyarrow.parquet").read_schema(path).metadata[_HEADER])

    def join(self, parts: Iterable[Path], kinds: Kinds, target: IO[bytes]) -> None:
        """One file of large row groups, its columns of the narrowest types that take all values."""
        writer = None
        for group in _groups(parts, kinds):
            if writer is None:
                writer = pyarrow("pyarrow.parquet").ParquetWriter(target, group.schema, compression=_COMPRESSION)
            writer.write_table(group, row_group_size=_GROUP_ROWS)
        assert writer is not None, "there are no results without records"
        writer.close()


def _table(rows: Sequence[Row], fields: Fields, per_byte: bool) -> Any:
    arrow = pyarrow()
    documents = [row.document for row in rows]
    columns: dict[str, Any] = {
        "file": arrow.array([document.file for document in documents], arrow.string()),
        "record": arrow.array([document.record for document in documents], arrow.int64()),
    }
    for number, name in enumerate(fields.keep):
        values = (document.kept[number] for document in documents)
        columns[name] = arrow.array([None if value is None else json.dumps(value) for value in values], arrow.string())
    columns["bytes"] = arrow.array([len(document.text) for document in documents], arrow.int64())
    columns["logprob"] = arrow.array([row.logprob for row in rows], arrow.float64())
    columns["bits_per_byte"] = arrow.array([row.bits_per_byte for row in rows], arrow.float64())
    if per_byte:
        columns["logprobs"] = arrow.array([row.logprobs for row in rows], arrow.list_(arrow.float64()))
    return arrow.table(columns)


def _groups(parts: Iterable[Path], kinds: Kinds) -> Iterator[Any]:
    """The tables of row groups."""
    arrow = pyarrow()
    held: list[Any] = []
    rows = size = 0
    for part in parts:
        table = _typed(pyarrow("pyarrow.parquet").ParquetFile(part).read(), kinds)
        if held and (rows + table.num_rows > _GROUP_ROWS or size + table.nbytes > _GROUP_BYTES):
            yield arrow.concat_tables(held).combine_chunks()
            held, rows, size = [], 0, 0
        held.append(table)
        rows += table.num_rows
        size += table.nbytes
    if held:
        yield arrow.concat_tables(held).combine_chunks()


def _typed(table: Any, kinds: Kinds) -> Any:
    """The table with the copied fields in columns of their own types, and without the header."""
    arrow = pyarrow()
    types = {
        "boolean": arrow.bool_(),
        "integer": arrow.int64(),
        "number": arrow.float64(),
        "string": arrow.string(),
    }
    for name, found in kinds.items():
        kind = column_kind(found)
        if kind == "other":
            continue
        texts = table.column(name).to_pylist()
        values = [None if text is None else json.loads(text) for text in texts]
        if kind == "number":
            values = [None if value is None else float(value) for value in values]
        place = table.schema.get_field_index(name)
        table = table.set_column(place, name, arrow.array(values, types[kind]))
    return table.replace_schema_metadata(None)
