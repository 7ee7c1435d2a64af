"""The result for people: a table, and who wins."""

from collections.abc import Collection, Iterator, Sequence
from itertools import pairwise

import numpy as np

from .results import Json


def table(result: Json) -> list[str]:
    """A line for each model, and the bits per byte on the way; no line is longer than 100 characters."""
    models = result["models"].values()
    lines = [
        f"{'':<24}{'parameters':>12}{'in tables':>11}{'MFLOP/byte':>12}{'MB read':>9}{'seconds':>9}{'bits/byte':>11}"
    ]
    for model in models:
        lines.append(
            f"{model['title']:<24}{model['parameters'] / 1e6:>10.2f} M{model['tables'] / 1e6:>9.2f} M"
            f"{model['flops_per_byte'] / 1e6:>12.2f}{model['bytes'] / 1e6:>9.2f}{model['seconds']:>9,.0f}"
            f"{model['bits_per_byte']:>11.4f}"
        )
    lines += ["", f"{'bits/byte after':<24}" + "".join(f"{mark:>9.0%}" for mark in result["marks"])]
    lines += [f"{model['title']:<24}" + "".join(f"{bits:>9.3f}" for bits in _bits(model)) for model in models]
    return lines


def markdown(result: Json) -> list[str]:
    """The table for a page."""
    headings = ("", "parameters (in tables)", "MFLOP a byte", "MB read", "seconds", "bits a byte", "at half the FLOPs")
    rows = [
        (
            model["title"],
            f"{model['parameters'] / 1e6:.1f} M ({model['tables'] / 1e6:.1f} M)",
            f"{model['flops_per_byte'] / 1e6:.1f}",
            f"{model['bytes'] / 1e6:.1f}",
            f"{model['seconds']:,.0f}",
            f"{model['bits_per_byte']:.3f}",
            f"{_at(model, 'flops', result['flops'] / 2):.3f}",
        )
        for model in result["models"].values()
    ]
    return [f"| {' | '.join(cells)} |".replace("|  |", "| |") for cells in (headings, ["---"] * len(headings), *rows)]


def verdict(result: Json) -> str:
    """Who wins, by how much, and how sure that is; in words that follow from the figures."""
    winner, models = result["winner"], result["models"]
    first, second = models[winner["name"]], models[winner["second"]]
    (third,) = (model for name, model in models.items() if name not in (winner["name"], winner["second"]))
    low, high = winner["interval"]
    sure = (
        f"The {first['title']} wins"
        if low > 0
        else f"The {first['title']} is ahead, by less than so few files can tell"
    )
    sentences = [
        f"{sure}: {first['bits_per_byte']:.3f} bits a byte, {_less(first, second)} less than the {second['title']} "
        f"({second['bits_per_byte']:.3f}) and {_less(first, third)} less than the {third['title']} "
        f"({third['bits_per_byte']:.3f}), for the same {result['flops'] / 1e12:.3g}·10¹² FLOPs of training.",
        f"It is better than the {second['title']} on {winner['better_on']} of {winner['files']} held-out files; the "
        f"difference is {winner['difference']:.3f} bits a byte ({low:.3f} to {high:.3f}, 95 %).",
    ]
    share = _catches_up(first, second)
    if share is not None:
        sentences.append(f"It was as good as the {second['title']} ends after {100 * share:.0f} % of the FLOPs.")
    sentences.append(_by_the_clock(models.values()))
    return " ".join(sentences)


def _by_the_clock(models: Collection[Json]) -> str:
    """Who is best in the time that the quickest model took."""
    times = ", ".join(f"{model['title']} {model['seconds']:,.0f} s" for model in models)
    quickest = min(models, key=lambda model: float(model["seconds"]))
    then = {model["title"]: _at(model, "seconds", quickest["seconds"]) for model in models}
    best = min(then, key=lambda title: then[title])
    found = ", ".join(f"{title} {bits:.3f}" for title, bits in then.items())
    return (
        f"The same FLOPs are not the same time ({times}): after the {quickest['seconds']:,.0f} s of the quickest, "
        f"the {best} is the best ({found} bits a byte)."
    )


def _bits(model: Json) -> list[float]:
    return [point["bits_per_byte"] for point in model["curve"]]


def _less(first: Json, second: Json) -> str:
    return f"{1 - first['bits_per_byte'] / second['bits_per_byte']:.1%}".replace("%", " %")


def _catches_up(first: Json, second: Json) -> float | None:
    """After which share of its FLOPs a model needs no more bits than another one at its end; ``None`` if never."""
    return next(iter(_crossings(first["curve"], second["bits_per_byte"], first["flops"])), None)


def _crossings(curve: Sequence[Json], bits: float, flops: float) -> Iterator[float]:
    """Shares of the FLOPs at which a curve falls below so many bits, between its points along a line."""
    if curve[0]["bits_per_byte"] <= bits:
        yield curve[0]["flops"] / flops
    for before, after in pairwise(curve):
        if before["bits_per_byte"] > bits >= after["bits_per_byte"]:
            part = (before["bits_per_byte"] - bits) / (before["bits_per_byte"] - after["bits_per_byte"])
            yield (before["flops"] + part * (after["flops"] - before["flops"])) / flops


def _at(model: Json, what: str, amount: float) -> float:
    """Bits per byte after so many ``flops`` or ``seconds``, along lines between the points."""
    curve = model["curve"]
    return float(np.interp(amount, [point[what] for point in curve], _bits(model)))
