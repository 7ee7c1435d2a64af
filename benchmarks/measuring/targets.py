"""What the figures should be, and whether they are."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from measuring.rounds import Json

LARGE = 50_000
"""From how many tokens on a vocabulary is a large one."""


class Target(NamedTuple):
    """One figure beside what it should be.

    Attributes:
        model: which model.
        name: what is measured.
        value: what was found.
        bound: what it should reach, or not exceed.
        at_least: whether ``bound`` is the least value that will do; else it is the greatest.
    """

    model: str
    name: str
    value: float
    bound: float
    at_least: bool

    @property
    def met(self) -> bool:
        """Whether the figure is what it should be."""
        return self.value >= self.bound if self.at_least else self.value <= self.bound

    def json(self) -> Json:
        """As JSON takes it, with the target in words."""
        sign = "at least" if self.at_least else "at most"
        named = {"model": self.model, "name": self.name, "value": self.value}
        return named | {"target": f"{sign} {self.bound:g}", "met": self.met}


def targets(models: Mapping[str, Json]) -> list[Json]:
    """Every target that the measured parts of every model have."""
    return [target.json() for name, model in models.items() for target in _of(name, model)]


def _of(name: str, model: Json) -> Iterator[Target]:
    if "generate" in model:
        rows = model["generate"]
        for row, least in {"greedy 1e-4": 1.0, "greedy 0": 0.8}.items():
            yield Target(name, f"{row} / transformers", rows[row]["ratio"]["median"], least, True)
        passes = rows["greedy 1e-4"]["passes_per_token"]
        yield Target(name, "greedy 1e-4, passes per token", passes, 1.15, False)
    if "sample" in model:
        yield Target(name, "sampling / transformers", model["sample"]["sampling"]["ratio"]["median"], 0.95, True)
    if "batch" in model:
        yield Target(name, "batch of 16 / one stream", model["batch"]["bytelm"]["ratio"]["median"], 6.0, True)
    if "overhead" in model and model["vocabulary"] >= LARGE:
        for way in ("greedy", "sampling"):
            found = model["overhead"][way]
            if found is not None:
                yield Target(name, f"{way}, µs per byte outside passes", found["outside"]["median"], 150.0, False)
    if "score" in model:
        yield from _of_scores(name, model)


def _of_scores(name: str, model: Json) -> Iterator[Target]:
    least = {"bytelm 1e-6": 0.4, "bytelm 0": 0.3} if model["vocabulary"] >= LARGE else {"bytelm 1e-6": 0.3}
    least = {"bytelm 0": 0.25} | least
    for rows in model["score"].values():
        for row in ("bytelm 1e-6", "bytelm 0"):
            words = f"score {rows['document_bytes'] / 1024:g} kB, {row.removeprefix('bytelm ')} / one pass"
            yield Target(name, words, rows[row]["ratio"]["median"], least[row], True)
