"""The Byte Latent Transformer that a command works with: which one, and where its patches start."""

import argparse
from dataclasses import replace
from typing import TYPE_CHECKING

from bytelm.blt.patching.options import MODES, UNCERTAIN, Patching

if TYPE_CHECKING:
    from bytelm.blt.lm import BltLM

BUNDLED = "bundled:blt"
"""The bundled model that commands take by default."""

CHOICES = tuple(mode for mode in MODES if mode != "tokenizer")
"""The patchings that a command line can ask for."""


def add_blt_arguments(parser: argparse.ArgumentParser) -> None:
    """The options that say which model, and where it runs."""
    group = parser.add_argument_group("model")
    group.add_argument("--model", metavar="PATH", help="model directory or hub id (default: the bundled model)")
    group.add_argument("--dtype", help="float32, bfloat16 or float16 (default: float32 on a CPU, else the model's)")
    group.add_argument("--device", help="where the model runs: cpu, cuda, … (default: cuda where there is one)")


def open_blt(arguments: argparse.Namespace) -> "BltLM":
    """Load the model that the options name.

    Raises:
        ValueError: it is of another kind.
        FileNotFoundError: there is no such model.
    """
    from bytelm import loading
    from bytelm.blt.lm import BltLM

    name = arguments.model or BUNDLED
    model: object = loading.load(name, dtype=arguments.dtype, device=arguments.device)
    if not isinstance(model, BltLM):
        raise ValueError(f"{name} is not a Byte Latent Transformer; give --model the directory of one")
    return model


def add_patching_arguments(parser: argparse.ArgumentParser, threshold: bool = True) -> None:
    """The options that change where patches start; with or without that of the threshold.

    Without it, there are only the patchings that have one.
    """
    group = parser.add_argument_group("patching, by default the model's own")
    choices = CHOICES if threshold else UNCERTAIN
    group.add_argument("--patching", choices=choices, metavar="MODE", help=f"what starts a patch: {', '.join(choices)}")
    if threshold:
        group.add_argument(
            "--threshold", type=float, metavar="T", help="entropy, both: of the entropy, monotonic: of its rise; nats"
        )
        group.add_argument("--size", type=int, metavar="N", help="static: how many bytes a patch has")
    group.add_argument("--rise", type=float, metavar="T", help="both: the threshold of the rise, nats")
    group.add_argument("--longest", type=int, metavar="N", help="cut longer patches to pieces of N bytes; 0: never")
    group.add_argument(
        "--newlines",
        choices=("reset", "keep"),
        metavar="WHAT",
        help="whether the entropy model forgets what stands before a newline: reset or keep",
    )


def chosen_patching(own: Patching, arguments: argparse.Namespace) -> Patching:
    """What the options make of the model's own patching.

    Raises:
        ValueError: an option that the patching does not have, or a number out of its range; or the model's threshold is
            one of something else, and no other is given.
    """
    mode = arguments.patching or own.mode
    threshold, size = getattr(arguments, "threshold", None), getattr(arguments, "size", None)
    _check("--threshold", threshold, mode, UNCERTAIN)
    _check("--size", size, mode, ("static",))
    _check("--rise", arguments.rise, mode, ("both",))
    _check("--newlines", arguments.newlines, mode, UNCERTAIN)
    if hasattr(arguments, "threshold") and threshold is None and mode in UNCERTAIN and not _alike(mode, own.mode):
        raise ValueError(
            f"the model cuts by {own.mode!r} and has no threshold for {mode!r}; "
            "give --threshold, or find one with 'bytelm blt calibrate'"
        )
    longest = own.longest if arguments.longest is None else arguments.longest or None
    return replace(
        own,
        mode=mode,
        threshold=own.threshold if threshold is None else threshold,
        rise=own.rise if arguments.rise is None else arguments.rise,
        size=own.size if size is None else size,
        longest=longest,
        resets_at_newlines=own.resets_at_newlines if arguments.newlines is None else arguments.newlines == "reset",
    )


def with_patching(model: "BltLM", patching: Patching) -> "BltLM":
    """The model, cutting by these options."""
    from bytelm.blt.cutting import repatched

    return model if patching == model.config.patching else repatched(model, patching)


def described(patching: Patching) -> str:
    """In words where patches start."""
    rules = {
        "entropy": f"entropy > {patching.threshold:.4g} nats",
        "monotonic": f"entropy rises by > {patching.threshold:.4g} nats",
        "both": f"entropy > {patching.threshold:.4g} nats and rises by > {patching.rise:.4g} nats",
        "space": "behind spaces",
        "static": f"every {patching.size} bytes",
        "byte": "every byte",
        "tokenizer": "borders between tokens",
    }
    longest = "" if patching.longest is None else f", at most {patching.longest} bytes"
    resets = ", newlines reset" if patching.needs_entropies and patching.resets_at_newlines else ""
    return rules[patching.mode] + longest + resets


def _check(option: str, value: object, mode: str, modes: tuple[str, ...]) -> None:
    if value is not None and mode not in modes:
        raise ValueError(f"{option} is for patching by {' or '.join(map(repr, modes))}, and this is by {mode!r}")


def _alike(mode: str, own: str) -> bool:
    """Whether the thresholds of two patchings are of the same thing: the entropy, or its rise."""
    return own in UNCERTAIN and (mode == "monotonic") == (own == "monotonic")
