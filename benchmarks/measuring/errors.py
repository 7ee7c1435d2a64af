"""What the segmentations and methods cost, beside how far each is from its own exact value."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from bytelm import load
from bytelm.covers.beam_model import FixedBeamLM
from bytelm.covers.model import TokenizedLM
from measuring.rounds import Json, Meter, Say, by_turns, summary
from measuring.subjects import Subject, pieces

Family = Literal["canonical", "all", "beam"]

FAMILIES: tuple[Family, ...] = ("canonical", "all", "beam")

LEVELS = (1.0, 0.1, 0.01, 0.001)
"""The errors at which the families are compared: nats, of a whole text."""

TOLERANCES: Mapping[Family, tuple[float, ...]] = {
    "canonical": (0.1, 1e-2, 1e-4, 1e-6),
    "all": (0.3, 0.1, 1e-2, 1e-3, 1e-4),
}

BEAMS = ((5, 0.05), (2, 0.0), (5, 0.0), (10, 0.0), (20, 0.0))
"""Widths and pruned shares of the fixed beam; the first is what ``method="beam"`` has by default."""

Model = TokenizedLM | FixedBeamLM


@dataclass(frozen=True)
class Amount:
    """How much is measured.

    Attributes:
        texts: how many texts.
        size: how long each is, bytes.
        exact_width: the fixed beam that stands for the exact value of narrower ones.
        estimate_width: of the drawn segmentations that stand for that of ``segmentation="all"``.
    """

    texts: int = 2
    size: int = 200
    exact_width: int = 80
    estimate_width: int = 64


QUICK = Amount(texts=1, size=40, exact_width=30, estimate_width=8)
"""Enough to see that everything works; the figures mean little."""


def measure(subject: Subject, amount: Amount, say: Say) -> Json:
    """All families on the same texts of one model."""
    say("loading")
    first, *texts = pieces(subject.corpus, 1 + amount.texts, amount.size)
    references = _references(subject, amount, texts, say)
    models = _models(subject)
    for lm in models.values():
        lm.score(first[:40])
    meters = {name: Meter(lm.effort) for name, lm in models.items()}
    systems = {name: lm.score for name, lm in models.items()}
    found = by_turns(systems, [[text] for text in texts], say)
    size = sum(map(len, texts))
    rows: Json = {}
    for name, one in found.items():
        meters[name].stop()
        exact = references[_family(name)]["logprobs"]
        rates = [len(text) / seconds for text, seconds in zip(texts, one.seconds, strict=True)]
        rows[name] = {"family": _family(name), "bytes_per_second": summary(rates)}
        rows[name] |= meters[name].read({"byte": size})
        rows[name] |= errors([float(outputs[0].sum()) for outputs in one.outputs], exact)
        rows[name]["dropped"] = [float(f"{models[name].prefill(text).dropped:.3g}") for text in texts]
    return {
        "about": subject.about,
        "text": subject.corpus.name,
        "bytes": size,
        "exact": references,
        "rows": rows,
        "at_equal_error": {f"{level:g}": cheapest(rows, level) for level in LEVELS},
    }


def errors(found: list[float], exact: list[float]) -> Json:
    """How far log-probabilities of texts are from the exact ones, nats, and the worst of them."""
    gaps = [float(f"{one - other:.3g}") for one, other in zip(found, exact, strict=True)]
    return {"nats_off": gaps, "worst_text": max(map(abs, gaps))}


def cheapest(rows: Mapping[str, Json], level: float) -> dict[str, str | None]:
    """For each family the row with the fewest evaluated heads that is off by at most ``level`` on every text."""
    best: dict[str, str | None] = {}
    for family in FAMILIES:
        right = [name for name, row in rows.items() if row["family"] == family and row["worst_text"] <= level]
        best[family] = min(right, key=lambda name: float(rows[name]["per_byte"]["heads"]), default=None)
    return best


def _models(subject: Subject) -> dict[str, Model]:
    models: dict[str, Model] = {}
    for family, tolerances in TOLERANCES.items():
        for tolerance in tolerances:
            models[f"{family} {tolerance:g}"] = load(subject.path, segmentation=family, tolerance=tolerance)
    for width, prune in BEAMS:
        models[f"beam {width}, {prune:g}"] = load(subject.path, method="beam", width=width, prune=prune)
    return models


def _family(name: str) -> Family:
    return next(family for family in FAMILIES if name.startswith(family))


def _references(subject: Subject, amount: Amount, texts: list[bytes], say: Say) -> dict[Family, Json]:
    """Each family's own exact log-probabilities, as near as they can be had."""
    say("the exact values")
    canonical, every = (load(subject.path, segmentation=name, tolerance=0) for name in ("canonical", "all"))
    beam = load(subject.path, method="beam", width=amount.exact_width, prune=0)
    estimates = [every.estimate_logprob(text, width=amount.estimate_width) for text in texts]
    return {
        "canonical": {
            "about": "tolerance 0",
            "logprobs": [float(canonical.score(text).sum()) for text in texts],
        },
        "all": {
            "about": f"{estimates[0].samples} samples of drawn segmentations of width {amount.estimate_width}",
            "logprobs": [found.logprob for found in estimates],
            "standard_errors": [float(f"{found.standard_error:.3g}") for found in estimates],
        },
        "beam": {
            "about": f"width {amount.exact_width}, nothing pruned",
            "logprobs": [float(beam.score(text).sum()) for text in texts],
            "dropped": [float(f"{beam.prefill(text).dropped:.3g}") for text in texts],
        },
    }
