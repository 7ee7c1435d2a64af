"""How fast bytelm is, beside transformers on the tokens of the same models, in one run on one thread.

    python benchmarks/speed.py --out benchmarks/speed.json

Each round gives the same prompts or text to every system by turns, and every round has others. What is timed
begins with bytes and ends with bytes or a float: both sides read the prompt, and tokenize it.
The table goes to standard output, progress to standard error. Rivals are quoted, not run (`measuring/rivals.py`).
"""

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from measuring import rivals
from measuring.options import add_places, parse
from measuring.rounds import Json
from measuring.running import one_quiet_thread, present, saying
from measuring.subjects import QUICK, SUBJECTS, Subject, Workload
from measuring.surroundings import load_average, surroundings
from measuring.table import table
from measuring.writing import write

NOTES = [
    "generate: 'greedy' is bytelm's generate, the same at every tolerance and certain of no more than the best byte; "
    "'step X' asks for the whole next-byte distribution to tolerance X at every byte, as sampling does. "
    "transformers makes a fixed number of tokens, about as many bytes as bytelm, and is kept from "
    "ending the text; bytelm may end it.",
    "score, token level: the log-probability of the text's own tokens, one plain call for each window of the context, "
    "windows half a context apart as bytelm's are. It leaves out all other segmentations and bytelm renormalises over "
    "the canonical ones, so their bits per byte differ a little.",
    "per_byte, per_token, per_prompt: forward passes, evaluated heads (distributions asked for), and token positions "
    "run through the network. For generate, those of reading the prompts are taken off; the time includes them.",
    "ratio: bytes per second over those of transformers in the same round; above 1 is faster.",
]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark; the exit status."""
    options = _options(arguments)
    try:
        result = run(options.models, options.shared, QUICK if options.quick else Workload())
    except KeyboardInterrupt:
        print("\nspeed.py: interrupted; nothing was written", file=sys.stderr)
        return 130
    except (FileNotFoundError, ValueError) as error:
        print(f"speed.py: {error}", file=sys.stderr)
        return 2
    print(table(result))
    if options.out is not None:
        write(options.out, result)
    return 0


def run(names: Sequence[str], shared: Path, work: Workload) -> Json:
    """Measure the named models, as far as they are there.

    Raises:
        FileNotFoundError: none of them is there.
    """
    left_out: dict[str, str] = {}
    with tempfile.TemporaryDirectory(prefix="bytelm-speed-") as scratch:
        subjects = list(present(names, shared, Path(scratch), left_out))
        if not subjects:
            raise FileNotFoundError("; ".join(left_out.values()) + "; name other --models, or --shared PATH")
        one_quiet_thread()
        result: Json = {**surroundings(), "workload": vars(work), "notes": NOTES, "left_out": left_out}
        result["models"] = {subject.name: _measured(subject, work) for subject in subjects}
    result["machine"]["load_after"] = load_average()
    return result | {"rivals": rivals.quoted()}


def _measured(subject: Subject, work: Workload) -> Json:
    from measuring.tasks import measure

    return saying(subject.name, lambda say: measure(subject, work, say))


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="speed.py", description="Measure bytelm's speed beside transformers', on one thread."
    )
    parser.add_argument(
        "--models", nargs="+", metavar="NAME", choices=list(SUBJECTS), default=list(SUBJECTS), help=", ".join(SUBJECTS)
    )
    parser.add_argument("--quick", action="store_true", help="a few bytes of each, to see that everything works")
    add_places(parser)
    return parse(parser, arguments)


if __name__ == "__main__":
    sys.exit(main())
