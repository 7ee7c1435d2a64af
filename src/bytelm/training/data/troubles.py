"""What is not as it should be in the inputs: counted, with a few examples, and never silently dropped."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

LEFT_OUT: Final[Mapping[str, str]] = {
    "corrupt": "lines that hold no JSON object",
    "missing": "records without the field",
    "null": "records whose field is null",
    "not_text": "records whose field holds no text",
    "too_large": "lines with more than 64 MiB beside their texts",
    "empty": "empty documents",
    "duplicate": "documents that were there already",
    "binary": "binary files",
    "hidden": "hidden files and folders",
    "special": "links to folders, broken links, and what else is no file",
    "passed_over": "files of datasets, of another form or split than those that were taken",
    "unreadable": "files and folders that cannot be read",
    "damaged": "files that are damaged; what stands before the damage is kept",
}
"""The kinds of what is left out, and how to call several of a kind."""

REPAIRED: Final[Mapping[str, str]] = {"surrogates": "documents with halves of characters, replaced by U+FFFD"}
"""The kinds of what is kept, but not as it was."""

MOST_EXAMPLES = 3
"""Of each kind."""


class Trouble(NamedTuple):
    """Something that is not as it should be.

    Attributes:
        kind: one of ``LEFT_OUT`` and ``REPAIRED``.
        where: the file, and the place in it.
        what: is wrong, or was done.
        times: how many there are of it.
    """

    kind: str
    where: str
    what: str
    times: int = 1


@dataclass(frozen=True)
class Troubles:
    """All that was found.

    Attributes:
        counts: how many of each kind; only of those that there are.
        examples: of each kind the first ones, as ``where: what``.
    """

    counts: Mapping[str, int]
    examples: Mapping[str, tuple[str, ...]]

    @property
    def left_out(self) -> dict[str, int]:
        """How many of each kind were left out."""
        return {kind: self.counts[kind] for kind in LEFT_OUT if kind in self.counts}

    @property
    def repaired(self) -> dict[str, int]:
        """How many of each kind were repaired."""
        return {kind: self.counts[kind] for kind in REPAIRED if kind in self.counts}

    def as_json(self) -> dict[str, object]:
        """The troubles as JSON has them; see ``from_json``."""
        examples = {kind: list(some) for kind, some in self.examples.items()}
        return {"left_out": self.left_out, "repaired": self.repaired, "examples": examples}

    @staticmethod
    def from_json(found: Mapping[str, Mapping[str, int]], examples: Mapping[str, Iterable[str]]) -> "Troubles":
        """The troubles with these fields ``left_out`` and ``repaired``, and these examples."""
        counts = {**found["left_out"], **found["repaired"]}
        return Troubles(counts, {kind: tuple(some) for kind, some in examples.items()})


class Tally:
    """Counts troubles. Mutable."""

    def __init__(self) -> None:
        self._counts: dict[str, int] = {}
        self._examples: dict[str, tuple[str, ...]] = {}

    def add(self, trouble: Trouble) -> None:
        """Count one."""
        self._add(trouble.kind, trouble.times, (f"{trouble.where}: {trouble.what}",))

    def add_all(self, troubles: Troubles) -> None:
        """Count those of another tally, which stand behind those that were counted before."""
        for kind, count in troubles.counts.items():
            self._add(kind, count, troubles.examples.get(kind, ()))

    def troubles(self) -> Troubles:
        """All that was counted, the kinds in the order in which they are declared."""
        kinds = [kind for kind in (*LEFT_OUT, *REPAIRED) if self._counts.get(kind)]
        return Troubles(
            {kind: self._counts[kind] for kind in kinds},
            {kind: self._examples[kind] for kind in kinds if self._examples[kind]},
        )

    def _add(self, kind: str, count: int, examples: tuple[str, ...]) -> None:
        assert kind in LEFT_OUT or kind in REPAIRED
        self._counts[kind] = self._counts.get(kind, 0) + count
        self._examples[kind] = (*self._examples.get(kind, ()), *examples)[:MOST_EXAMPLES]


def troubles_text(troubles: Troubles) -> str:
    """What there is of each kind, in a sentence without an end; empty where there is nothing."""
    names = {**LEFT_OUT, **REPAIRED}
    return ", ".join(f"{count:,} {names[kind]}" for kind, count in troubles.counts.items())
