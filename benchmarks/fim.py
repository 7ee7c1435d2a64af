"""Filling gaps that begin and end anywhere: naive prompting, token healing, and conditioning on covers.

    python benchmarks/fim.py --out benchmarks/fim.json

The bundled model was trained on gaps cut between characters, in the order prefix, suffix, middle. The gaps are at
random bytes of held-out files of the Python standard library, and those of HumanEval's random spans (light). For each
way: the log-probability of the true middle and of its end, and how often the greedy filling is the true middle. The
table goes to standard output, progress to standard error.
"""

import argparse
import statistics
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from measuring.gaps import WAYS, Filling, Gap, compared, held_out_gaps, humaneval_gaps, inside
from measuring.options import add_places, parse
from measuring.rounds import Json, Say
from measuring.running import one_quiet_thread, saying
from measuring.surroundings import load_average, surroundings
from measuring.writing import write

COUNT, SEED = 400, 1
NOTES = [
    "nats: the mean log-probability of the true middle over the gaps where it is finite for every way; with_end: with "
    "that of the end of the filling. Token by token these are of the tokens' own sequence, of the model as it is; "
    "byte-exact ones are of the bytes, over all covers, of the model renormalised over what may follow.",
    "unreachable: gaps where the way gives the true middle probability zero: the healed token must begin with "
    "the one taken back.",
    "begun: how often the greedy filling begins with the true middle; exact, met: how often it is the true middle, up "
    "to the model's own mark, or up to where it meets the suffix.",
    "inside: the gap begins inside a token of the whole text; border: it does not.",
]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the comparison; the exit status."""
    options = _options(arguments)
    try:
        result = run(options.shared, 20 if options.quick else options.count)
    except KeyboardInterrupt:
        print("\nfim.py: interrupted; nothing was written", file=sys.stderr)
        return 130
    print("\n".join(table(result)))
    if options.out is not None:
        write(options.out, result)
    return 0


def run(shared: Path, count: int) -> Json:
    """Compare the ways on each set of gaps that is there."""
    one_quiet_thread()
    left_out: dict[str, str] = {}
    result: Json = {**surroundings(), "seed": SEED, "notes": NOTES, "left_out": left_out}
    sets = {"held-out files": held_out_gaps(count, SEED)}
    try:
        sets["HumanEval, random spans"] = humaneval_gaps(shared, count)
    except FileNotFoundError as error:
        left_out["HumanEval, random spans"] = f"is not here: {error.filename}"
    result["sets"] = {name: saying(name, lambda say, gaps=gaps: measure(gaps, say)) for name, gaps in sets.items()}
    result["machine"]["load_after"] = load_average()
    return result


def measure(gaps: list[Gap], say: Say) -> Json:
    """One set of gaps, those that begin inside a token and the others apart."""
    import bytelm

    lm = bytelm.load(tolerance=0)
    found = list(compared(lm, gaps, say))
    cut = [inside(lm, gap) for gap, _ in found]
    parts = {
        "all": found,
        "inside": [one for one, within in zip(found, cut, strict=True) if within],
        "border": [one for one, within in zip(found, cut, strict=True) if not within],
    }
    return {name: summed(part) for name, part in parts.items()}


def summed(found: list[tuple[Gap, dict[str, Filling]]]) -> Json:
    """What the ways come to."""
    finite = [all(np.isfinite(one.logprob) for one in ways.values()) for _, ways in found]
    return {
        "gaps": len(found),
        "compared": sum(finite),
        "bytes": sum(len(gap.middle) for gap, _ in found),
        "ways": {name: _of_one(name, found, finite) for name in WAYS} if found else {},
    }


def _of_one(name: str, found: list[tuple[Gap, dict[str, Filling]]], finite: list[bool]) -> Json:
    pairs = [(gap.middle, ways[name]) for gap, ways in found]
    counted = [one for (_, one), fine in zip(pairs, finite, strict=True) if fine]
    nats = [one.logprob for one in counted]
    return {
        "nats": round(statistics.fmean(nats), 4) if nats else None,
        "with_end": round(statistics.fmean(one.logprob + one.logend for one in counted), 4) if nats else None,
        "unreachable": sum(not np.isfinite(one.logprob) for _, one in pairs),
        "begun": sum(one.marked.startswith(middle) for middle, one in pairs),
        "exact": sum(one.marked == middle for middle, one in pairs),
        "met": sum(one.met == middle for middle, one in pairs),
    }


def table(result: Json) -> Iterator[str]:
    """The results as lines for people."""
    yield f"filling gaps, {result['date']}, commit {result['commit']}"
    for name, parts in result["sets"].items():
        for part, found in parts.items():
            yield ""
            yield f"{name}, {part}: {found['gaps']} gaps, {found['compared']} compared"
            yield f"  {'':<28}{'nats':>10}{'with end':>10}{'unreachable':>13}{'begun':>8}{'exact':>8}{'met':>6}"
            for way, row in found["ways"].items():
                figures = [
                    f"{row[key]:>10.3f}" if row[key] is not None else f"{'-':>10}" for key in ("nats", "with_end")
                ]
                counts = f"{row['unreachable']:>13}{row['begun']:>8}{row['exact']:>8}{row['met']:>6}"
                yield f"  {way:<28}{''.join(figures)}{counts}"
    for name, why in result["left_out"].items():
        yield f"left out: {name}: {why}"


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="fim.py", description="Compare ways to fill gaps in texts.")
    parser.add_argument("--quick", action="store_true", help="a few gaps, to see that everything works")
    parser.add_argument("--count", type=int, default=COUNT, metavar="N", help=f"gaps of each set (default: {COUNT})")
    add_places(parser)
    return parse(parser, arguments)


if __name__ == "__main__":
    sys.exit(main())
