"""The options that say how the next byte is chosen, and when to stop."""

import argparse
import os
from typing import TypedDict


def add_sampling_arguments(parser: argparse.ArgumentParser) -> None:
    """Those of ``generate`` and ``infill``."""
    group = parser.add_argument_group("generation")
    group.add_argument("--max-bytes", type=int, default=64, metavar="N", help="most bytes (default: 64)")
    group.add_argument("--temperature", type=float, default=0.0, metavar="T", help="0 is greedy (default: 0)")
    group.add_argument("--top-k", type=int, default=0, metavar="K", help="keep the K best bytes; 0 keeps all")
    group.add_argument("--top-p", type=float, default=1.0, metavar="P", help="keep the best with probability P")
    group.add_argument("--min-p", type=float, default=0.0, metavar="P", help="keep those P times the best")
    group.add_argument(
        "--stop", action="append", default=[], metavar="S", help="end before this text; repeat for several"
    )
    group.add_argument("--seed", type=int, default=0, metavar="N", help="fixes the draws (default: 0)")


class Sampled(TypedDict):
    """Those options, as the models take them."""

    max_bytes: int
    temperature: float
    top_p: float
    top_k: int
    min_p: float
    stop: list[bytes]
    seed: int


def sampled(arguments: argparse.Namespace) -> Sampled:
    """What the options say."""
    return Sampled(
        max_bytes=arguments.max_bytes,
        temperature=arguments.temperature,
        top_p=arguments.top_p,
        top_k=arguments.top_k,
        min_p=arguments.min_p,
        stop=[os.fsencode(text) for text in arguments.stop],
        seed=arguments.seed,
    )
