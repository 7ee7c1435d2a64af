"""How data is prepared."""

from dataclasses import asdict, dataclass

from bytelm.training.data.forms import FORMS
from bytelm.training.data.pieces import PIECE_BYTES

SHARD_BYTES = 1 << 30


@dataclass(frozen=True)
class Options:
    """The options.

    Attributes:
        field: of a record, that holds its text; in Parquet, the column.
        form: of all files, ``jsonl``, ``parquet``, ``arrow`` or ``text``; by default their names tell it.
        validation: the share of the documents that is held out, decided by the hash of each; 0 holds none out.
        unique: whether documents that were there already are left out, compared byte for byte by their hash.
        binary: whether binary files are kept.
        shard_bytes: the most bytes of a shard, unless one document has more.
        files: so many of the files are read, drawn by ``seed``; ``None`` for all.
        bytes: files are read until they have so many bytes, drawn by ``seed``; ``None`` for all.
        seed: of the draw.
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
    files: int | None = None
    bytes: int | None = None
    seed: int = 0
    piece_bytes: int = PIECE_BYTES

    def __post_init__(self) -> None:
        if self.form not in (None, *FORMS):
            raise ValueError(f"form is {self.form!r}; expected one of {', '.join(FORMS)}, or None for what names tell")
        if not 0 <= self.validation < 1:
            raise ValueError(f"validation is {self.validation}; expected a share of the documents, from 0 to below 1")
        for name in ("shard_bytes", "piece_bytes", "files", "bytes"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ValueError(f"{name} is {value}; expected at least 1")
        if self.files is not None and self.bytes is not None:
            raise ValueError(f"files is {self.files} and bytes is {self.bytes}; give one of them")
        if not 0 <= self.seed < 2**64:
            raise ValueError(f"seed is {self.seed}; expected a number from 0 to 2^64 - 1")

    def as_json(self) -> dict[str, object]:
        """Those that decide about the result, by their names; of the draw only where there is one."""
        found = {name: value for name, value in asdict(self).items() if name != "piece_bytes"}
        drawn = {name: found.pop(name) for name in ("files", "bytes", "seed")}
        if self.files is None and self.bytes is None:
            return found
        return found | {name: value for name, value in drawn.items() if value is not None}
