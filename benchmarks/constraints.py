"""How many outputs under random constraints are valid, by judges that know nothing of bytelm.

    python benchmarks/constraints.py --out benchmarks/constraints.json

The constraints are those of `tests/constraints`, where fewer are tried: bounded regular expressions, judged by Python's
own engine, and JSON schemas, judged by jsonschema. Each is compiled, and one output is drawn to its end at temperature
1, from a random table of bytes that knows nothing of any language, and from the model in the package. The table goes to
standard output, progress to standard error.
"""

import argparse
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from importlib.metadata import version
from random import Random
from typing import Any

from bytelm.constraints.building import constrain
from bytelm.constraints.model import ConstrainedLM
from bytelm.model import ByteLM
from measuring.options import add_places, parse
from measuring.rounds import Json, Say
from measuring.running import one_quiet_thread, saying
from measuring.surroundings import ROOT, load_average, surroundings
from measuring.writing import write

LONGEST = 4096
NOTES = [
    "Each constraint is drawn from its seed, from 0 to constraints - 1; one output of each, at temperature 1.",
    f"finished: outputs that ended within {LONGEST} bytes; valid: those of which the judge says so.",
    "seconds, by the clock: compile makes all constraints, generate draws all outputs. bytes: of all outputs. "
    "choices: the places in them, ends included, where more than one symbol was allowed and the base model was asked.",
]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the measurement; the exit status: 1 if an output is not valid."""
    parser = argparse.ArgumentParser(prog="constraints.py", description="Measure how many outputs are valid.")
    parser.add_argument("--count", type=int, default=1000, metavar="N", help="how many of each (default: 1000)")
    add_places(parser)
    options = parse(parser, arguments)
    # In the tests these modules are in a folder that has the name of this script.
    sys.path += [str(ROOT / "tests"), str(ROOT / "tests" / "constraints")]
    one_quiet_thread()
    result: Json = {**surroundings(), "notes": NOTES}
    result["versions"] |= {name: version(name) for name in ("llguidance", "jsonschema")}
    result["models"] = saying("constraints", lambda say: _measured(options.count, say))
    result["machine"]["load_after"] = load_average()
    print("\n".join(table(result["models"])))
    if options.out is not None:
        write(options.out, result)
    return int(any(one["valid"] < one["constraints"] for kinds in result["models"].values() for one in kinds.values()))


def table(found: Json) -> Iterator[str]:
    """The results for people."""
    head = f"{'model':<10}{'constraints':<14}{'count':>7}{'finished':>10}{'valid':>7}"
    yield f"{head}{'bytes':>8}{'choices':>9}{'seconds':>9}"
    for model, kinds in found.items():
        for kind, one in kinds.items():
            seconds = one["seconds"]["compile"] + one["seconds"]["generate"]
            yield (
                f"{model:<10}{kind:<14}{one['constraints']:>7}{one['finished']:>10}{one['valid']:>7}"
                f"{one['bytes']:>8}{one['choices']:>9}{seconds:>9.1f}"
            )


def _measured(count: int, say: Say) -> Json:
    from random_constraints import (  # type: ignore[import-not-found]
        matches,
        random_regex,
        random_schema,
        validates,
    )

    import bytelm
    from decoding.byte_models import markov  # type: ignore[import-not-found]

    bundled = bytelm.load()
    models: dict[str, Callable[[int], ByteLM[Any]]] = {"table": markov, "bundled": lambda _: bundled}
    kinds = {"regex": (random_regex, matches), "json_schema": (random_schema, validates)}
    return {
        model: {
            kind: _tried(lm, kind, draw, judge, count, lambda text, name=f"{model}, {kind}": say(f"{name}: {text}"))
            for kind, (draw, judge) in kinds.items()
        }
        for model, lm in models.items()
    }


def _tried(
    lm: Callable[[int], ByteLM[Any]],
    kind: str,
    draw: Callable[[Random], Any],
    judge: Callable[[Any, bytes], bool],
    count: int,
    say: Say,
) -> Json:
    """One output of each of so many constraints of one kind."""
    seconds = {"compile": 0.0, "generate": 0.0}
    outputs, invalid, finished, choices = 0, [], 0, 0
    for seed in range(count):
        if seed % 50 == 0:
            say(f"{seed} of {count}")
        constraint, base = draw(Random(seed)), lm(seed)
        begun = time.perf_counter()
        model = constrain(base, **{kind: constraint}, after="data = ")
        made = time.perf_counter()
        output = model.generate(b"", max_bytes=LONGEST, temperature=1, seed=seed)
        seconds["generate"] += time.perf_counter() - made
        seconds["compile"] += made - begun
        outputs, choices = outputs + len(output), choices + _choices(model, output)
        finished += len(output) < LONGEST
        if not judge(constraint, output):
            invalid.append({"seed": seed, "output": output.decode("utf-8", "backslashreplace")})
    return {
        "constraints": count,
        "finished": finished,
        "valid": count - len(invalid),
        "invalid": invalid,
        "bytes": outputs,
        "choices": choices,
        "seconds": {name: round(value, 2) for name, value in seconds.items()},
    }


def _choices(model: ConstrainedLM, output: bytes) -> int:
    """At how many places of an output there was a choice; the base model is not asked for it."""
    state, found = model.prefill(b""), 0
    for byte in output:
        found += int(state.allowed().sum() > 1)
        state = state.advance(bytes((byte,)))
    return found + int(state.allowed().sum() > 1)


if __name__ == "__main__":
    sys.exit(main())
