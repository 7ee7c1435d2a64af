"""How data is prepared."""

from dataclasses import asdict, dataclass

from bytelm.training.data.finding import FORMS
from bytelm.training.data.pieces import PIECE_BYTES

SHARD_BYTES = 1 << 30


@dataclass(frozen=True)
class Options:
    """The options.

    Attributes:
        field: of a record, that holds its text; in Parquet, the column.
        form: of all files, ``jsonl``, ``parquet`` or ``text``; by default their names tell it.
        validation: the share of the documents that is held out, decided by the hash of each; 0 holds none out.
        unique: whether documents that were there already are left out, compared byte for byte by their hash.
        binary: whether binary files are kept.
        shard_bytes: the most bytes of a shard, unless one document has more.
        piece_bytes: of input, that a process reads at a time; the result is the same whatever it is.

    Raises:
        ValueError: one of them makes no sense.
    """

    field: str = "text"
    form: str | None = None
    validation: float = 0.01
    unique: bool = False
    binary: bool = False
    shard_bytes: int = SHARD_BYTES
    piece_bytes: int = PIECE_BYTES

    def __post_init__(self) -> None:
        if self.form not in (None, *FORMS):
            raise ValueError(f"form is {self.form!r}; expected one of {', '.join(FORMS)}, or None for what names tell")
        if not 0 <= self.validation < 1:
            raise ValueError(f"validation is {self.validation}; expected a share of the documents, from 0 to below 1")
        if self.shard_bytes < 1:
            raise ValueError(f"shard_bytes is {self.shard_bytes}; expected at least 1")
        if self.piece_bytes < 1:
            raise ValueError(f"piece_bytes is {self.piece_bytes}; expected at least 1")

    def as_json(self) -> dict[str, object]:
        """Those that decide about the result, by their names."""
        return {name: value for name, value in asdict(self).items() if name != "piece_bytes"}
