"""How far bytelm is from brute force, from plain forward passes, and from the figures of other systems.

    python benchmarks/exactness.py --out benchmarks/exactness.json

The comparisons are those of `tests/covers`, which hold every deviation to a bound; here the largest are written down.
They need hypothesis and pytest, which `make setup` installs; what the shared folder lacks is left out and named. The
table goes to standard output, progress to standard error.
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from measuring.options import add_places, parse
from measuring.rounds import Json
from measuring.running import one_quiet_thread, saying
from measuring.surroundings import ROOT, load_average, surroundings
from measuring.writing import write

NOTES = [
    "largest: the largest deviations, nats (sum: probability less one). next_bytes: the log-probabilities of what "
    "comes next, over all 257 symbols, or over those another system lists. logprob: of a text. score: of each byte.",
    "bound: what the tests hold the deviations to. Where a sampled estimate is the judge, each text has its own.",
    "cases: texts, or prompts; of forward passes, beginnings of texts.",
    "genlm-bytes, logprob: the mass of all bytes given, a space before the text included; candidates: of "
    "each token sequence that it lists.",
    "references: the most that a listed log-probability above -6 differs from what bytelm computes, which normalises "
    "after every token; further: the symbols for which it is more than the usual bound.",
]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the comparisons; the exit status: 1 if a deviation is beyond its bound."""
    options = _options(arguments)
    try:
        result = run(options.shared, options.quick)
    except KeyboardInterrupt:
        print("\nexactness.py: interrupted; nothing was written", file=sys.stderr)
        return 130
    print("\n".join(table(result)))
    if options.out is not None:
        write(options.out, result)
    beyond = list(too_far(result))
    for name in beyond:
        print(f"exactness.py: beyond its bound: {name}", file=sys.stderr)
    return int(bool(beyond))


def run(shared: Path, quick: bool) -> Json:
    """Compare all that can be compared with what the shared folder has."""
    sys.path.append(str(ROOT / "tests"))
    from measuring.deviations import QUICK, Amount, measure

    one_quiet_thread()
    amount = QUICK if quick else Amount()
    left_out: dict[str, str] = {}
    result: Json = {**surroundings(), "amount": vars(amount), "notes": NOTES, "left_out": left_out}
    result |= saying("exactness", lambda say: measure(shared, amount, left_out, say))
    result["machine"]["load_after"] = load_average()
    return result


def too_far(result: Json) -> Iterator[str]:
    """The names of what is beyond its bound, or is not a number."""
    for name, claim in result["claims"].items():
        texts = claim.get("texts", [])
        near = [value <= claim["bound"] for value in claim["largest"].values()]
        if not all([*near, *(abs(text["nats"]) <= text["bound"] for text in texts)]):
            yield name
    for entry in result["references"]:
        if not (entry["nats"] <= entry["bound"] and entry["same_most_probable"]):
            yield f"{entry['system']}, {entry['prompt']!r}"


def table(result: Json) -> Iterator[str]:
    """The results as lines for people."""
    machine = result["machine"]
    yield f"bytelm exactness, {result['date']}, commit {result['commit']}"
    yield f"{machine['processor']}, {machine['torch_threads']} torch thread, load {machine['load_before']}"
    yield ""
    yield f"{'largest deviations, nats':<50}{'cases':>7}{'next bytes':>12}{'logprob':>10}{'score':>10}{'bound':>10}"
    for name, claim in result["claims"].items():
        largest = claim["largest"]
        cells = [largest.get("next_bytes", largest.get("sum")), largest.get("logprob"), largest.get("score")]
        shown = ["" if cell is None else f"{cell:.1e}" for cell in cells]
        yield f"{name:<50}{claim['cases']:>7}{shown[0]:>12}{shown[1]:>10}{shown[2]:>10}{claim['bound']:>10.1e}"
    for entry in sorted(result["references"], key=lambda entry: -entry["nats"]):
        title = f"{entry['system']}: {entry['prompt'][-30:]!r}"
        yield f"{title:<50}{entry['listed']:>7}{entry['nats']:>12.1e}{'':>20}{entry['bound']:>10.1e}"
    for name, why in result["left_out"].items():
        yield f"left out: {name}: {why}"


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="exactness.py", description="Measure how far bytelm is from its judges.")
    parser.add_argument("--quick", action="store_true", help="a few examples, to see that everything works")
    add_places(parser)
    return parse(parser, arguments)


if __name__ == "__main__":
    sys.exit(main())
