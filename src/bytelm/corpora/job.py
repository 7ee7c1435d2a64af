"""What is to be done: everything that decides about the results, and nothing else."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from bytelm.corpora.chunks import CHUNK_BYTES, CHUNK_RECORDS, Chunk, chunks
from bytelm.corpora.inputs import Input
from bytelm.corpora.records import Fields


@dataclass(frozen=True)
class Job:
    """A corpus, and how it is scored.

    Attributes:
        inputs: in the order in which they are read.
        fields: where the text is, and what is copied.
        per_byte: whether the results have the log-probability of every byte.
        form: the form of the results, ``jsonl`` or ``parquet``.
        chunk_bytes: the most bytes of a chunk.
        model: the options that the model is loaded with, by name; JSON values.
        skip_bad: whether records without a text are left out, instead of ending the work. It is no setting: parts
            that were made without it are those of the same job, so what a bad record has stopped can be gone on with.
    """

    inputs: tuple[Input, ...]
    fields: Fields
    per_byte: bool = False
    form: str = "jsonl"
    chunk_bytes: int = CHUNK_BYTES
    model: Mapping[str, object] = field(default_factory=dict)
    skip_bad: bool = False

    def __post_init__(self) -> None:
        if self.chunk_bytes < 1:
            raise ValueError(f"a chunk of {self.chunk_bytes} bytes cannot be; give at least 1")
        piped = sum(source.piped for source in self.inputs)
        if piped > 1:
            raise ValueError(f"standard input is named {piped} times and can be read once; name it once")

    @property
    def size(self) -> int:
        """The bytes of all inputs as they lie there; 0 if one is standard input."""
        return 0 if self.piped else sum(source.size for source in self.inputs)

    @property
    def piped(self) -> bool:
        """Whether an input is standard input."""
        return any(source.piped for source in self.inputs)

    def chunks(self) -> Iterator[Chunk]:
        """All chunks, in order."""
        return chunks(self.inputs, self.fields, self.chunk_bytes)

    def settings(self) -> dict[str, object]:
        """All that decides about the results, as JSON has it, for comparing with that of earlier work."""
        from importlib.metadata import version  # slow to import, and --help is to be instant

        return {
            "bytelm": version("bytelm"),
            "model": dict(self.model),
            "inputs": [
                {"name": one.name, "format": one.format, "size": one.size, "modified": one.modified}
                for one in self.inputs
            ],
            "field": self.fields.text,
            "keep": list(self.fields.keep),
            "per_byte": self.per_byte,
            "form": self.form,
            "chunk_bytes": self.chunk_bytes,
            "chunk_records": CHUNK_RECORDS,
        }


def differences(earlier: Mapping[str, object], now: Mapping[str, object]) -> list[str]:
    """What differs between the settings of two jobs, in words; nothing where they are the same."""
    old, new = _flat(earlier), _flat(now)
    names = list(dict.fromkeys((*old, *new)))
    return [
        f"{name}: {_shown(old, name)} then, {_shown(new, name)} now" for name in names if old.get(name) != new.get(name)
    ]


def changed_inputs(inputs: tuple[Input, ...]) -> list[str]:
    """The names of the inputs that are not as they were when the work began."""
    return [one.name for one in inputs if not one.piped and _state(one.name) != (one.size, one.modified)]


def _state(name: str) -> tuple[int, int] | None:
    try:
        found = Path(name).stat()
    except OSError:
        return None
    return found.st_size, found.st_mtime_ns


def _flat(settings: Mapping[str, object]) -> dict[str, object]:
    """The settings of the model and of each input beside the others."""
    found = {name: value for name, value in settings.items() if name not in ("model", "inputs")}
    model, inputs = settings.get("model"), settings.get("inputs")
    if isinstance(model, Mapping):
        found |= model
    if isinstance(inputs, list):
        found["inputs"] = [one["name"] for one in inputs]
        found |= {f"{key} of {one['name']}": one[key] for one in inputs for key in one if key != "name"}
    return found


def _shown(settings: Mapping[str, object], name: str) -> str:
    return repr(settings[name]) if name in settings else "not given"
