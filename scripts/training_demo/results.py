"""What was found, as JSON: costs, curves, and who wins by how much."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final, TypeAlias

import numpy as np
from torch import nn

from bytelm.training.config import TrainConfig
from bytelm.training.networks import count_parameters

from .costs import Cost
from .following import Point
from .library import Excerpt

Json: TypeAlias = dict[str, Any]

_RESAMPLES: Final = 2000

NOTES: Final = [
    "flops: floating point operations of training, bytelm.training.flops: 6 for each number of a matrix, and those of "
    "attention; tables of n-grams and embeddings cost none. Those of the Byte Latent Transformer count the training "
    "of its entropy model, and its passes afterwards; its mean patch is measured on 128 rows of the texts.",
    "bits_per_byte: of the beginnings of held-out files, in windows of the training length that overlap by a quarter; "
    "the end of a text counts as a byte, for all models. For tokens: all nats of the tokenizer's own segmentation, "
    "over the same bytes.",
    "seconds: of the training steps alone, with the threads in machine. phases: of everything, by the clock.",
    "winner: the interval holds 95 % of the differences where the held-out files are drawn anew with replacement.",
]


@dataclass(frozen=True)
class Entrant:
    """A model that was trained.

    Attributes:
        title: for people.
        config: its run.
        network: trained.
        cost: what its steps cost.
        points: what it was on its way.
        text: what it writes.
    """

    title: str
    config: TrainConfig
    network: nn.Module
    cost: Cost
    points: Sequence[Point]
    text: bytes


def result_of(entrants: Mapping[str, Entrant], held_out: Sequence[Excerpt], marks: Sequence[float]) -> Json:
    """The models, their curves, and who wins.

    Args:
        entrants: the models by their names.
        held_out: what they were measured on.
        marks: at which shares of their FLOPs.
    """
    return {
        "marks": list(marks),
        "models": {name: _model(entrant, held_out) for name, entrant in entrants.items()},
        "winner": _winner({name: entrant.points[-1].nats for name, entrant in entrants.items()}, held_out),
        "notes": NOTES,
    }


def _model(entrant: Entrant, held_out: Sequence[Excerpt]) -> Json:
    counts, cost, last = count_parameters(entrant.network), entrant.cost, entrant.points[-1]
    return {
        "title": entrant.title,
        "parameters": counts.total,
        "tables": counts.tables,
        "flops_per_byte": round(cost.per_byte),
        "flops": cost.flops(last.step),
        "first_flops": cost.flops(cost.first_steps),
        "steps": last.step,
        "first_steps": cost.first_steps,
        "bytes": round(cost.bytes(last.step)),
        "seconds": round(last.seconds, 3),
        "bits_per_byte": round(bits_of(last.nats, held_out), 4),
        "curve": [_point(point, cost, held_out) for point in entrant.points],
        "text": entrant.text.decode("utf-8", "replace"),
        "model": asdict(entrant.config.model),
        "optimizer": asdict(entrant.config.optimizer),
        "rows": entrant.config.rows,
        "length": entrant.config.length,
    }


def _point(point: Point, cost: Cost, held_out: Sequence[Excerpt]) -> Json:
    return {
        "step": point.step,
        "flops": cost.flops(point.step),
        "bytes": round(cost.bytes(point.step)),
        "seconds": round(point.seconds, 3),
        "bits_per_byte": round(bits_of(point.nats, held_out), 4),
    }


def _winner(nats: Mapping[str, Sequence[float]], held_out: Sequence[Excerpt]) -> Json:
    """The best model at the end and the one behind it; files are drawn anew to see how sure that is."""
    symbols = np.array([one.symbols for one in held_out])
    first, second = sorted(nats, key=lambda name: math.fsum(nats[name]))[:2]
    more = np.array(nats[second]) - np.array(nats[first])
    drawn = np.random.default_rng(0).integers(len(symbols), size=(_RESAMPLES, len(symbols)))
    differences = more[drawn].sum(1) / symbols[drawn].sum(1) / math.log(2)
    low, high = np.quantile(differences, (0.025, 0.975))
    return {
        "name": first,
        "second": second,
        "difference": round(float(more.sum() / symbols.sum() / math.log(2)), 4),
        "interval": [round(float(low), 4), round(float(high), 4)],
        "better_on": int((more > 0).sum()),
        "files": len(symbols),
    }


def bits_of(nats: Sequence[float], held_out: Sequence[Excerpt]) -> float:
    """Bits per byte of what all texts cost together."""
    return math.fsum(nats) / sum(one.symbols for one in held_out) / math.log(2)
