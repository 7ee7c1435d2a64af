"""Train a bundled model on a directory of Python files and export it as a model directory.

    python scripts/train_bundled.py --which code --out src/bytelm/bundled/code --minutes 32

Progress goes to stderr. Every few minutes the run is saved (``--state``) and the model exported
(``--out``); Ctrl-C (or SIGTERM) does both and exits, and ``--resume`` goes on from there. A resumed run
whose time is used up already just measures and exports again.
"""

from __future__ import annotations

import argparse
import signal
import sys
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).resolve().parent))

from bundled_training.corpus import standard_library
from bundled_training.loop import Budget
from bundled_training.recipe import RECIPES
from bundled_training.run import Options, train


def parse_arguments(arguments: list[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--which", choices=sorted(RECIPES), required=True)
    parser.add_argument("--out", type=Path, required=True, help="directory to export the model to")
    parser.add_argument("--data", type=Path, default=standard_library(), help="default: the standard library")
    parser.add_argument("--state", type=Path, help="directory of checkpoints (build/bundled-training/WHICH)")
    length = parser.add_mutually_exclusive_group(required=True)
    length.add_argument("--minutes", type=float, help="train for so long")
    length.add_argument("--steps", type=int, help="train for so many steps")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--resume", action="store_true", help="go on from the checkpoint in --state")
    parser.add_argument("--no-compile", action="store_true", help="do without torch.compile (slower)")
    parser.add_argument("--checkpoint-minutes", type=float, default=4.0)
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> None:
    """Entry point."""
    parsed = parse_arguments(arguments)
    for stop in (signal.SIGINT, signal.SIGTERM):  # a shell's background jobs ignore SIGINT otherwise
        signal.signal(stop, signal.default_int_handler)
    torch.set_num_threads(parsed.threads)
    options = Options(
        data=parsed.data,
        out=parsed.out,
        state=parsed.state or Path("build/bundled-training") / parsed.which,
        budget=Budget(parsed.minutes * 60 if parsed.minutes else None, parsed.steps),
        seed=parsed.seed,
        resume=parsed.resume,
        compiled=not parsed.no_compile,
        checkpoint_seconds=parsed.checkpoint_minutes * 60,
    )
    train(RECIPES[parsed.which], options)


if __name__ == "__main__":
    main()
