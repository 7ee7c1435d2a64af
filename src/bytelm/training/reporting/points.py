"""What is told of a run, as points of curves and texts by name."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bytelm.training.metrics import StepReport


@dataclass(frozen=True)
class Points:
    """What is told behind one step.

    Attributes:
        step: the x axis.
        scalars: the points of curves.
        texts: what the model wrote.
    """

    step: int
    scalars: Mapping[str, float]
    texts: Mapping[str, str]


def points_of(kind: str, values: Mapping[str, Any] | StepReport) -> Points:
    """The points of a step, or of what was found behind one: numbers and texts, ``NAME/KIND``; other values have none.

    Args:
        kind: such as ``"validation"``.
        values: with ``step``.
    """
    if isinstance(values, StepReport):
        return _of_step(values)
    scalars = {f"{name}/{kind}": value for name, value in values.items() if _is_number(value) and name != "step"}
    texts = {f"{name}/{kind}": value for name, value in values.items() if isinstance(value, str)}
    return Points(int(values["step"]), scalars, texts)


def _of_step(report: StepReport) -> Points:
    part = "train" if report.stage == "model" else f"train_{report.stage}"
    scalars = {
        f"bits_per_byte/{part}": report.bits_per_byte,
        "optimizer/learning_rate": report.rate,
        "optimizer/gradient_norm": report.norm,
        "speed/bytes_per_second": report.targets / report.seconds,
        **{f"{name}/{part}": value for name, value in report.losses.items()},
    }
    return Points(report.step, scalars, {})


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
