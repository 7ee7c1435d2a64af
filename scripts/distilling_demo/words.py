"""The result for people: a table, and who wins."""

from collections.abc import Iterator
from typing import Final

from .plan import ALM, EXACT, PATH
from .results import Json

_WHEN: Final = ("at_steps", "at_seconds")
_FIGURES: Final = (("bits_per_byte", "bits a byte"), ("kl", "nats of KL"))


def table(result: Json) -> list[str]:
    """For each loss the mean of the seeds, and a line for each of them; no line is longer than 110 characters."""
    heading = f"{'':<24}{'s/step':>8}" + "".join(f"{text:>10}" for text in ("bits/byte", "KL", "top-1"))
    after = f"{'':<32}{f'after {_steps(result)}':>30}{f'after {_seconds(result)}':>38}"
    lines = [after, heading + f"{'steps':>8}" + "".join(f"{text:>10}" for text in ("bits/byte", "KL", "top-1"))]
    for name, loss in result["losses"].items():
        seeds = loss["seeds"].values()
        count = len(seeds)
        steps = sum(one["steps"] for one in seeds) / count
        lines.append(_line(name, sum(one["seconds_per_step"] for one in seeds) / count, steps, loss["mean"]))
        if count > 1:
            lines += [
                _line(f"  seed {seed}", one["seconds_per_step"], one["steps"], one)
                for seed, one in loss["seeds"].items()
            ]
    before = result["untrained"]
    lines.append(
        f"the teacher itself: {result['teacher']['bits_per_byte']:.3f} bits/byte; the student before it learns: "
        f"{before['bits_per_byte']:.3f}, KL {before['kl']:.3f}, top-1 {before['agreement']:.3f}"
    )
    return lines


def markdown(result: Json) -> list[str]:
    """The table for a page: means of the seeds."""
    headings = ["loss", "s a step"]
    for when in (_steps(result), _seconds(result)):
        headings += [f"bits a byte after {when}", "KL, nats", "top-1"]
    rows = [headings, ["---"] * len(headings)]
    for name, loss in result["losses"].items():
        seeds = loss["seeds"].values()
        cells = [name, f"{sum(one['seconds_per_step'] for one in seeds) / len(seeds):.2f}"]
        for when in _WHEN:
            mean = loss["mean"][when]
            cells += [f"{mean['bits_per_byte']:.3f}", f"{mean['kl']:.3f}", f"{mean['agreement']:.3f}"]
        rows.append(cells)
    return [f"| {' | '.join(cells)} |" for cells in rows]


def verdict(result: Json) -> str:
    """Who wins by step, who by the clock, and whether losses of bytes beat chunks; it follows from the figures."""
    sentences = [_winner(result, when) for when in _WHEN]
    sentences += [sentence for name in (PATH, EXACT) for sentence in _beside_chunks(result, name)]
    return " ".join(sentences)


def _winner(result: Json, when: str) -> str:
    """Which loss is the best at a time, and in how many of the seeds."""
    found = _at(result, when, "bits_per_byte")
    first, second = sorted(found, key=lambda name: found[name])[:2]
    nearest = min(_at(result, when, "kl"), key=_at(result, when, "kl").__getitem__)
    wins, seeds = _better(result, when, "bits_per_byte", first, second)
    kl = "it is also" if nearest == first else f"{nearest} is"
    return (
        f"After {_time(result, when)}, {first} is the best with {found[first]:.3f} bits a byte, before {second} "
        f"({found[second]:.3f}), better from {wins} of {seeds} seeds; {kl} the nearest to the teacher, "
        f"{_at(result, when, 'kl')[nearest]:.3f} nats away."
    )


def _beside_chunks(result: Json, name: str) -> Iterator[str]:
    """Whether a loss of bytes is better than that of chunks; nothing where one of them was not trained."""
    if not {name, ALM} <= result["losses"].keys():
        return
    parts = []
    for when in _WHEN:
        for figure, unit in _FIGURES:
            own, other = _at(result, when, figure)[name], _at(result, when, figure)[ALM]
            wins, seeds = _better(result, when, figure, name, ALM)
            what = "less" if own < other else "more"
            parts.append(f"{abs(other - own):.3f} {unit} {what} ({wins} of {seeds} seeds)")
    steps, seconds = _time(result, "at_steps"), _time(result, "at_seconds")
    yield (
        f"Beside {ALM}, {name} has {parts[0]} and {parts[1]} after {steps}, {parts[2]} and {parts[3]} after {seconds}."
    )


def _at(result: Json, when: str, figure: str) -> dict[str, float]:
    return {name: float(loss["mean"][when][figure]) for name, loss in result["losses"].items()}


def _better(result: Json, when: str, figure: str, first: str, second: str) -> tuple[int, int]:
    """From how many seeds a loss has less of a figure than another one, and how many seeds there are."""
    one, other = result["losses"][first]["seeds"], result["losses"][second]["seeds"]
    return sum(one[seed][when][figure] < other[seed][when][figure] for seed in one), len(one)


def _line(name: str, per_step: float, steps: float, found: Json) -> str:
    cells = [
        "".join(f"{found[when][figure]:>10.3f}" for figure in ("bits_per_byte", "kl", "agreement")) for when in _WHEN
    ]
    return f"{name:<24}{per_step:>8.3f}{cells[0]}{steps:>8.0f}{cells[1]}"


def _time(result: Json, when: str) -> str:
    return _steps(result) if when == "at_steps" else _seconds(result)


def _steps(result: Json) -> str:
    return f"{result['steps']} step{'s' if result['steps'] != 1 else ''}"


def _seconds(result: Json) -> str:
    return f"{result['seconds']:g} s"
