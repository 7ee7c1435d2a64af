"""What the canonical engine, the adaptive beam and the fixed beam cost at equal error, in one run on one thread.

    python benchmarks/beams.py --out benchmarks/beams.json

Every byte of the same texts is scored by each of them, and each is compared with its own exact value: they are three
different byte models. The table goes to standard output, progress to standard error.
"""

import argparse
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from measuring.options import add_places, parse
from measuring.rounds import Json
from measuring.running import one_quiet_thread, present, saying
from measuring.subjects import SUBJECTS
from measuring.surroundings import load_average, surroundings
from measuring.writing import write

MODELS = ("stories260K", "pycode-bpe4k")

NOTES = [
    "off: the score of a whole text less its exact value, nats, the worst of the texts. float32 alone moves it by some "
    "1e-5 for every hundred bytes.",
    "canonical T and all T: the segmentation to tolerance T. beam W, S: the fixed beam of width W, without shares up "
    "to S. Canonical scoring packs a whole text into a few passes; the others advance byte by byte.",
    "exact: what stands for the exact value of each; that of 'all' is an unbiased estimate with a standard error: no "
    "tolerance is fine enough on every text.",
    "heads: distributions that the token model was asked for. dropped: the posterior mass given up, as the states say.",
    "at_equal_error: for each family the row with the fewest heads that is off by no more than so many nats.",
]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark; the exit status."""
    options = _options(arguments)
    try:
        result = run(options.models, options.shared, options.quick)
    except KeyboardInterrupt:
        print("\nbeams.py: interrupted; nothing was written", file=sys.stderr)
        return 130
    except (FileNotFoundError, ValueError) as error:
        print(f"beams.py: {error}", file=sys.stderr)
        return 2
    print("\n".join(table(result)))
    if options.out is not None:
        write(options.out, result)
    return 0


def run(names: Sequence[str], shared: Path, quick: bool) -> Json:
    """Measure the named models, as far as they are there.

    Raises:
        FileNotFoundError: none of them is there.
    """
    from measuring.errors import QUICK, Amount, measure

    amount = QUICK if quick else Amount()
    left_out: dict[str, str] = {}
    with tempfile.TemporaryDirectory(prefix="bytelm-beams-") as scratch:
        subjects = list(present(names, shared, Path(scratch), left_out))
        if not subjects:
            raise FileNotFoundError("; ".join(left_out.values()) + "; name other --models, or --shared PATH")
        one_quiet_thread()
        result: Json = {**surroundings(), "amount": vars(amount), "notes": NOTES, "left_out": left_out}
        result["models"] = {
            subject.name: saying(subject.name, lambda say, subject=subject: measure(subject, amount, say))
            for subject in subjects
        }
    result["machine"]["load_after"] = load_average()
    return result


def table(result: Json) -> Iterator[str]:
    """The results as lines for people."""
    machine = result["machine"]
    yield f"bytelm beams, {result['date']}, commit {result['commit']}"
    yield f"{machine['processor']}, {machine['torch_threads']} torch thread, load {machine['load_before']}"
    for name, model in result["models"].items():
        yield ""
        yield f"{name}: {model['bytes']} bytes of {model['text']}"
        yield f"{'':<16}{'bytes/s':>9}{'heads/B':>9}{'passes/B':>10}{'off, nats':>12}{'dropped':>10}"
        for label, row in model["rows"].items():
            per = row["per_byte"]
            yield (
                f"{label:<16}{row['bytes_per_second']['median']:>9.0f}{per['heads']:>9.2f}{per['passes']:>10.3f}"
                f"{row['worst_text']:>12.2g}{max(row['dropped']):>10.1g}"
            )
        for level, best in model["at_equal_error"].items():
            chosen = ", ".join(f"{family}: {label or 'none'}" for family, label in best.items())
            yield f"at most {level} nats off: {chosen}"
        sure = max(model["exact"]["all"]["standard_errors"])
        yield f"standard error of the exact value of all: {sure:.2g} nats"


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="beams.py", description="Measure what three ways to sum over covers cost.")
    parser.add_argument(
        "--models", nargs="+", metavar="NAME", choices=list(SUBJECTS), default=list(MODELS), help=", ".join(SUBJECTS)
    )
    parser.add_argument("--quick", action="store_true", help="a few bytes of each, to see that everything works")
    add_places(parser)
    return parse(parser, arguments)


if __name__ == "__main__":
    sys.exit(main())
