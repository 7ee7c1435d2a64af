"""What was found, as JSON: curves, and every loss after the same steps and after the same seconds."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from statistics import fmean
from typing import Any, Final, TypeAlias

from .following import Point
from .measuring import Found
from .plan import ALM, TITLES, Plan

Json: TypeAlias = dict[str, Any]

FIGURES: Final = ("bits_per_byte", "kl", "agreement")

NOTES: Final = [
    "bits_per_byte: of files of Python's standard library that neither teacher nor student has seen, cut into rows; "
    "the end of a text counts as a byte.",
    "kl: KL(teacher ‖ student) in nats a place, of the teacher's exact next-byte distributions (tolerance 0.001). "
    "agreement: the share of the places at which both find the same symbol the most probable.",
    "seconds: of training alone, with the threads in machine; at_seconds is behind the first step that ends later.",
    "at_steps: behind the last step that was measured in all runs. mean: of the seeds, which order the data.",
]


def result_of(runs: Mapping[str, Mapping[int, Sequence[Point]]], plan: Plan) -> Json:
    """Each loss by its name, and at how many steps they are compared.

    Args:
        runs: what was found on the way, by loss and seed.
        plan: of all.
    """
    steps = common_step([points for own in runs.values() for points in own.values()])
    return {"steps": steps, "seconds": plan.seconds, "losses": {name: _loss(name, runs[name], steps) for name in runs}}


def common_step(runs: Sequence[Sequence[Point]]) -> int:
    """The last step at which all runs were measured."""
    common = set.intersection(*({point.step for point in points} for points in runs))
    assert common, "all runs are measured every so many steps, and made so many"
    return max(common)


def figures(found: Found) -> Json:
    """A measurement, rounded."""
    return {name: round(value, 5) for name, value in asdict(found).items()}


def _loss(name: str, seeds: Mapping[int, Sequence[Point]], steps: int) -> Json:
    own = {str(seed): _seed(points, steps) for seed, points in seeds.items()}
    return {
        "title": TITLES[name],
        "mixing": "gradients" if name == ALM else "fixed",
        "seeds": own,
        "mean": {
            when: {figure: round(fmean(one[when][figure] for one in own.values()), 5) for figure in FIGURES}
            for when in ("at_steps", "at_seconds")
        },
    }


def _seed(points: Sequence[Point], steps: int) -> Json:
    last = points[-1]
    return {
        "steps": last.step,
        "seconds": round(last.seconds, 2),
        "seconds_per_step": round(last.seconds / last.step, 4),
        "at_steps": next(figures(point.found) for point in points if point.step == steps),
        "at_seconds": figures(last.found),
        "curve": [{"step": one.step, "seconds": round(one.seconds, 2), **figures(one.found)} for one in points],
    }
