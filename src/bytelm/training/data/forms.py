"""The forms of files that hold documents, and which of them a file's name tells."""

from typing import Final

TEXT: Final = "text"
FORMS: Final = ("jsonl", "parquet", "arrow", TEXT)
"""Each record is a document; of the last, the whole file."""

_ENDINGS: Final = (
    ("parquet", (".parquet",)),
    ("jsonl", (".jsonl", ".jsonl.gz", ".jsonl.zst")),
    ("arrow", (".arrow",)),
)

_ENDINGS_ON_THE_HUB: Final = (
    *_ENDINGS,
    ("jsonl", (".ndjson", ".ndjson.gz", ".ndjson.zst")),
    ("jsonl", (".json", ".json.gz", ".json.zst")),
    (TEXT, (".txt",)),
)
"""The better ones first: many repositories hold their documents in several. A ``.json`` there is mostly lines too."""

LAST_RANK: Final = len(_ENDINGS_ON_THE_HUB)


def form_of(name: str) -> str:
    """The form of a file of this machine: a text, unless its name tells another one."""
    return next((form for form, endings in _ENDINGS if name.endswith(endings)), TEXT)


def form_on_the_hub(name: str) -> str | None:
    """The form of a file in a repository of datasets; ``None`` for one that is none of its data."""
    return next((form for form, endings in _ENDINGS_ON_THE_HUB if name.endswith(endings)), None)


def rank_on_the_hub(name: str) -> int:
    """How good a file's form is, 0 the best; ``LAST_RANK`` for a file that is no data."""
    ranks = (rank for rank, (_, endings) in enumerate(_ENDINGS_ON_THE_HUB) if name.endswith(endings))
    return next(ranks, LAST_RANK)


def compression_of(name: str) -> str:
    """``gz`` or ``zst``; empty for what is not compressed as a whole."""
    return next((one for one in ("gz", "zst") if name.endswith("." + one)), "")
