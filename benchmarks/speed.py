"""How fast bytelm is, beside transformers on the tokens of the same models, in one run on one thread.

    python benchmarks/speed.py --out benchmarks/speed.json --genlm auto

Each round gives the same prompts or text to every system by turns, and every round has others. What is timed
begins with bytes and ends with bytes or a float: both sides read the prompt, and tokenize it. genlm-bytes is measured
in the same run where an environment of its own is named; other rivals are quoted, not run (`measuring/rivals.py`).
The table goes to standard output, progress to standard error.
"""

import argparse
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from measuring import rivals
from measuring.genlm import AUTO, GenlmError, interpreter
from measuring.hardware import CPU, DTYPES, Hardware
from measuring.notes import NOTES
from measuring.options import add_places, parse
from measuring.rounds import Json
from measuring.running import one_quiet_thread, present, saying
from measuring.subjects import ON_DEMAND, SUBJECTS, Subject
from measuring.surroundings import load_average, surroundings
from measuring.tables.table import table
from measuring.targets import targets
from measuring.workload import QUICK, Workload
from measuring.writing import write

PARTS = (
    "generate",
    "sample",
    "batch",
    "overhead",
    "score",
    "prefill",
    "prefix",
    "contexts",
    "memory",
    "compiled",
    "genlm",
)
"""What can be asked for; `measuring/parts.py` does all but the last."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark; the exit status."""
    options = _options(arguments)
    try:
        result = run(options)
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


def run(options: argparse.Namespace) -> Json:
    """Measure the named parts of the named models, as far as they are there.

    Raises:
        FileNotFoundError: none of the models is there.
        ValueError: torch cannot compute on the device.
    """
    work = QUICK if options.quick else Workload()
    hardware = Hardware(options.device, options.dtype)
    hardware.check()
    left_out: dict[str, str] = {}
    with tempfile.TemporaryDirectory(prefix="bytelm-speed-") as scratch:
        found = present(options.models, options.shared, Path(scratch), left_out, {**SUBJECTS, **ON_DEMAND})
        subjects = [replace(subject, hardware=hardware) for subject in found]
        if not subjects:
            raise FileNotFoundError("; ".join(left_out.values()) + "; name other --models, or --shared PATH")
        one_quiet_thread()
        result: Json = {**surroundings(), "label": options.label, "hardware": vars(hardware)}
        result |= {"workload": vars(work), "notes": dict(NOTES), "left_out": left_out}
        result["models"] = {one.name: _measured(one, work, options.only) for one in subjects}
        if "genlm" in options.only:
            _add_genlm(result, options.genlm, subjects, work, Path(scratch))
    result["machine"]["load_after"] = load_average()
    return result | {"targets": targets(result["models"]), "rivals": rivals.quoted()}


def _measured(subject: Subject, work: Workload, only: Sequence[str]) -> Json:
    from measuring.parts import PARTS, measure

    return saying(subject.name, lambda say: measure(subject, work, [name for name in PARTS if name in only], say))


def _add_genlm(result: Json, wanted: str | None, subjects: Sequence[Subject], work: Workload, scratch: Path) -> None:
    """Add what genlm-bytes reaches to each model, or why it does not, to ``left_out`` (mutates ``result``)."""
    from measuring.genlm import measure

    try:
        python = interpreter(wanted, scratch)
    except GenlmError as error:
        result["left_out"]["genlm-bytes"] = str(error)
        return
    for subject in subjects:
        if subject.parts is not None:
            continue
        if subject.longest is not None or subject.hardware != CPU:
            why = "it is measured on the processor in float32 alone, with contexts longer than this model's"
            result["left_out"][f"genlm-bytes, {subject.name}"] = why
            continue
        model = result["models"][subject.name]
        beside = model.get("generate", {}).get("transformers", {}).get("bytes_per_second", {}).get("median")
        try:
            found = saying(subject.name, lambda say, one=subject, rate=beside: measure(python, one, work, rate, say))
            model["genlm"] = found
        except GenlmError as error:
            result["left_out"][f"genlm-bytes, {subject.name}"] = str(error)


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="speed.py", description="Measure bytelm's speed beside transformers', on one thread."
    )
    names = [*SUBJECTS, *ON_DEMAND]
    listed = f"{', '.join(SUBJECTS)}; only where named: {', '.join(ON_DEMAND)}"
    parser.add_argument("--models", nargs="+", metavar="NAME", choices=names, default=list(SUBJECTS), help=listed)
    parser.add_argument(
        "--only", nargs="+", metavar="PART", choices=PARTS, default=list(PARTS), help=f"some of: {', '.join(PARTS)}"
    )
    parser.add_argument("--quick", action="store_true", help="a few bytes of each, to see that everything works")
    parser.add_argument(
        "--genlm", metavar="PYTHON", help=f"the Python of an environment with genlm-bytes, or '{AUTO}' to make one"
    )
    parser.add_argument("--device", default=CPU.device, help="where the networks compute, as torch names it")
    parser.add_argument("--dtype", default=CPU.dtype, choices=DTYPES, help="the numbers they compute with")
    parser.add_argument("--label", default="", help="a word about the run, kept with its figures")
    add_places(parser)
    return parse(parser, arguments)


if __name__ == "__main__":
    sys.exit(main())
