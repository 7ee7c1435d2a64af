"""What every benchmark's script does around its measurements."""

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from measuring.rounds import Json, Say
from measuring.subjects import SUBJECTS, Maker, Subject


def present(
    names: Sequence[str],
    shared: Path,
    scratch: Path,
    left_out: dict[str, str],
    makers: Mapping[str, Maker] = SUBJECTS,
) -> Iterator[Subject]:
    """The models that are there; the others are named in ``left_out`` (mutates it)."""
    for name in dict.fromkeys(names):
        try:
            yield makers[name](shared, scratch)
        except FileNotFoundError as error:
            left_out[name] = str(error)


def one_quiet_thread() -> None:
    """Let torch compute with one thread, and transformers say nothing."""
    import torch
    from transformers.utils import logging

    torch.set_num_threads(1)
    logging.set_verbosity_error()
    logging.disable_progress_bar()


def saying(name: str, measure: Callable[[Say], Json]) -> Json:
    """What ``measure`` finds, with its progress on standard error behind ``name``."""
    in_place = sys.stderr.isatty()

    def say(text: str) -> None:
        line = f"{name}: {text}"
        print(f"\r\x1b[K{line}" if in_place else line, end="" if in_place else "\n", file=sys.stderr, flush=True)

    measured = measure(say)
    if in_place:
        print("\r\x1b[K", end="", file=sys.stderr, flush=True)
    return measured
