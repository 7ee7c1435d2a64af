"""Train a Byte Latent Transformer, a byte transformer and a BPE transformer for equal FLOPs, and say which wins.

    make train-demo
    python scripts/train_demo.py --out benchmarks/train_demo.json --picture docs/train_demo.png

They learn from the source of Python's standard library, on two threads in less than a quarter of an hour. All work is
kept in build/train-demo: Ctrl-C saves and leaves, and the same command goes on from there.
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
    work = ROOT / "build" / "train-demo"
    parser.add_argument("--work", type=Path, default=work, metavar="DIR", help="default: build/train-demo")
    parser.add_argument("--out", type=Path, metavar="FILE", help="the result as JSON (default: result.json in --work)")
    parser.add_argument("--picture", type=Path, metavar="FILE", help="the curves (default: curves.png in --work)")
    parser.add_argument("--threads", type=int, default=2, help="of torch (default: 2)")
    parser.add_argument("--share", type=float, default=1.0, metavar="S", help="of the FLOPs, for slow machines")
    parser.add_argument("--fresh", action="store_true", help="remove what is in --work, and begin anew")
    parser.add_argument("--quick", action="store_true", help="a few steps of tiny models: does all of it run?")
    parser.add_argument("--quiet", action="store_true", help="say nothing")
    parser.add_argument("--markdown", type=Path, metavar="RESULT", help="print the table of a result, and leave")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run it, or print what was found; the exit status."""
    options = parse_arguments(arguments)
    if options.markdown is not None:
        from training_demo.words import markdown, verdict

        result = json.loads(options.markdown.read_text("utf-8"))
        print("\n".join([*markdown(result), "", verdict(result)]))
        return 0
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "true" if options.threads > 1 else "false")
    try:
        return run(options)
    except (ValueError, OSError) as error:
        print(f"train_demo.py: {error}\n(--fresh begins anew)", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("train_demo.py: interrupted; the same command goes on from the last pause", file=sys.stderr)
        return 130


def run(options: argparse.Namespace) -> int:
    """Train, measure, and write what was found; the exit status."""
    import torch
    from training_demo.demo import PARTS, Demo
    from training_demo.following import Stopped
    from training_demo.picture import draw
    from training_demo.plan import FULL, QUICK
    from training_demo.talking import Talk
    from training_demo.words import table, verdict

    from bytelm.training.stopping import stop_sign
    from measuring.writing import write

    torch.set_num_threads(options.threads)
    if options.fresh:
        shutil.rmtree(options.work, ignore_errors=True)
    plan = QUICK if options.quick else FULL
    talk = Talk(PARTS, options.quiet)
    with stop_sign() as sign:
        try:
            result = Demo(plan.shortened(options.share), options.work, sign, talk).run()
        except Stopped:
            talk.line("\nstopped; the same command goes on from there")
            return 0
    talk.part("which wins")
    out, picture = options.out or options.work / "result.json", options.picture or options.work / "curves.png"
    write(out, result)
    draw(result, picture)
    talk.line("\n".join([*table(result), "", verdict(result), "", f"{out}, {picture}"]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
