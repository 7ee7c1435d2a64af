"""Teach a byte model what a token model knows by four losses, for as many steps and as many seconds; say which wins.

    make distill-demo
    python scripts/distill_demo.py --out benchmarks/distill_demo.json --picture docs/distill_demo.png

The teacher is the bundled token model, the student its body over bytes; they read Python's standard library, on two
threads in less than a quarter of an hour. Runs that are finished are kept in build/distill-demo: Ctrl-C leaves, and
the same command goes on with the run that was cut off, from its beginning.
"""

import argparse
import json
import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "scripts"), str(ROOT / "benchmarks")]


def parse_arguments(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    work = ROOT / "build" / "distill-demo"
    parser.add_argument("--work", type=Path, default=work, metavar="DIR", help="default: build/distill-demo")
    parser.add_argument("--out", type=Path, metavar="FILE", help="the result as JSON (default: result.json in --work)")
    parser.add_argument("--picture", type=Path, metavar="FILE", help="the curves (default: curves.png in --work)")
    parser.add_argument("--threads", type=int, default=2, help="of torch (default: 2)")
    parser.add_argument("--seconds", type=float, metavar="T", help="of training for each run (default: 75)")
    parser.add_argument("--seeds", type=int, metavar="N", help="runs of each loss (default: 2)")
    parser.add_argument("--rate", type=float, metavar="R", help="the learning rate (default: 1e-3)")
    parser.add_argument("--fresh", action="store_true", help="remove what is in --work, and begin anew")
    parser.add_argument("--quick", action="store_true", help="a few steps of each: does all of it run?")
    parser.add_argument("--quiet", action="store_true", help="say nothing")
    parser.add_argument("--markdown", type=Path, metavar="RESULT", help="print the table of a result, and leave")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run it, or print what was found; the exit status."""
    options = parse_arguments(arguments)
    if options.markdown is not None:
        from distilling_demo.words import markdown, verdict

        result = json.loads(options.markdown.read_text("utf-8"))
        print("\n".join([*markdown(result), "", verdict(result)]))
        return 0
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "true" if options.threads > 1 else "false")
    try:
        return run(options)
    except (ValueError, OSError) as error:
        print(f"distill_demo.py: {error}\n(--fresh begins anew)", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(
            "distill_demo.py: interrupted; the same command goes on behind the last run that is finished",
            file=sys.stderr,
        )
        return 130


def run(options: argparse.Namespace) -> int:
    """Train, measure, and write what was found; the exit status."""
    import torch
    from distilling_demo.demo import PARTS, Demo
    from distilling_demo.following import Stopped
    from distilling_demo.picture import draw
    from distilling_demo.plan import FULL, QUICK
    from distilling_demo.words import table, verdict
    from training_demo.talking import Talk
    from transformers.utils import logging

    from bytelm.training.stopping import stop_sign
    from measuring.writing import write

    logging.disable_progress_bar()
    torch.set_num_threads(options.threads)
    plan = (QUICK if options.quick else FULL).limited(options.seconds, options.seeds, options.rate)
    if options.fresh:
        shutil.rmtree(options.work, ignore_errors=True)
    talk = Talk(PARTS, options.quiet)
    with stop_sign() as sign:
        try:
            result = Demo(plan, options.work, sign, talk).run()
        except Stopped:
            talk.line("\nstopped; the same command goes on behind the last run that is finished")
            return 0
    talk.part("which wins")
    out, picture = options.out or options.work / "result.json", options.picture or options.work / "curves.png"
    write(out, result)
    draw(result, picture)
    talk.line("\n".join([*table(result), "", verdict(result), "", f"{out}, {picture}"]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
