"""The inputs of a corpus: of which format each is, what tells it from a later version, and its records."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bytelm.corpora import json_lines, parquet_records
from bytelm.corpora.records import Fields, Record

STANDARD_INPUT = "-"
FORMATS = ("jsonl", "parquet")


@dataclass(frozen=True)
class Input:
    """One input.

    Attributes:
        name: as it was given; ``-`` is standard input.
        format: one of ``FORMATS``.
        size: in bytes; 0 for standard input.
        modified: nanoseconds since 1970; 0 for standard input.
    """

    name: str
    format: str
    size: int
    modified: int

    @property
    def piped(self) -> bool:
        """Whether it is standard input, which can be read once only."""
        return self.name == STANDARD_INPUT

    def records(self, fields: Fields) -> Iterator[Record]:
        """The records in their order.

        Raises:
            ValueError: it cannot be read.
        """
        if self.piped:
            return json_lines.read_standard_input(self.name)
        if self.format == "parquet":
            return parquet_records.read_file(self.name, fields)
        return json_lines.read_file(self.name, self.name.endswith(".gz"))


def format_of(name: str) -> str | None:
    """The format that a file's name tells; ``None`` if it tells none."""
    if name.endswith((".jsonl", ".jsonl.gz")):
        return "jsonl"
    return "parquet" if name.endswith(".parquet") else None


def find_input(name: str, format: str, fields: Fields) -> Input:
    """The input of this name, looked at as far as that is quick.

    Raises:
        ValueError: it cannot be read, or lacks the columns that ``fields`` names.
    """
    if name == STANDARD_INPUT:
        if format != "jsonl":
            raise ValueError(f"standard input is read as jsonl, not as {format}; give the {format} file by its name")
        return Input(name, format, 0, 0)
    try:
        found = Path(name).stat()
        with open(name, "rb"):  # noqa: PTH123 - the name is as given, and shown so
            pass
    except OSError as error:
        raise ValueError(
            f"cannot read {name!r}: {error.strerror}; give a file that can be read, or - for standard input"
        ) from error
    if format == "parquet":
        parquet_records.check_file(name, fields)
    return Input(name, format, found.st_size, found.st_mtime_ns)
