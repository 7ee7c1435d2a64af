"""``bytelm demo``: a text that stops in the middle of a word, and what the model makes of it."""

import argparse
import math
import os
import sys
import time

from bytelm.cli.loaded import CoverState, add_model_arguments, open_model
from bytelm.cli.next_byte import as_text
from bytelm.cli.outputs import wants_colour, write_bytes, write_line
from bytelm.rendering import logtotal

NAME = "demo"
SUMMARY = "complete a text that stops in the middle of a word, and show how"
EXAMPLE = """\
example:
  bytelm demo
"""

PROMPT = "import json\n\ndef load(path):\n    with open(path) as f:\n        return json.lo"
STOP = "\n\n"
TOKEN_LEVEL_BYTES = 24


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's own options."""
    parser.add_argument("prompt", nargs="?", metavar="PROMPT", default=PROMPT, help="another text to complete")
    parser.add_argument("--max-bytes", type=int, default=160, metavar="N", help="most bytes (default: 160)")
    parser.add_argument("-k", type=int, default=6, metavar="N", help="how many bytes to show (default: 6)")
    add_model_arguments(parser)


def run(arguments: argparse.Namespace) -> None:
    """Show the next-byte distribution and the live covers, then the completion by tokens and by bytes."""
    prompt = os.fsencode(arguments.prompt)
    model = open_model(arguments)
    continuation = model.stream(prompt, max_bytes=arguments.max_bytes, stop=STOP)
    state = model.prefill(prompt)
    write_line(as_text(model, state, prompt, arguments.k))

    colour = wants_colour(sys.stdout)
    write_line("\n" + own_tokens_line(state))
    write_line("\n" + _title("what the token model makes of them, without bytelm", colour))
    write_bytes(_dimmed(prompt, colour) + model.continue_tokens(prompt, max_bytes=TOKEN_LEVEL_BYTES) + " …\n".encode())

    write_line("\n" + _title("what the byte model makes of the text, up to an empty line", colour))
    write_bytes(_dimmed(prompt, colour))
    begun, count = time.perf_counter(), 0
    for piece in continuation:
        write_bytes(piece)
        count += len(piece)
    seconds = time.perf_counter() - begun
    write_line(f"\n\n{count} bytes in {seconds:.2f} s, {count / max(seconds, 1e-9):,.0f} bytes/s")


def own_tokens_line(state: CoverState) -> str:
    """How much of the probability the tokens of the text as it stands hold.

    It is the cover with no bytes left over. A token model that is given just that bets everything on the
    text's having been cut there.
    """
    covers = state.covers()
    share = math.fsum(math.exp(cover.logweight - logtotal(covers)) for cover in covers if not cover.rest)
    figure = f"{share:.2%}" if share >= 1e-4 else "less than 0.01%"
    return f"Without bytelm a token model is given the text's own tokens, a cover that holds {figure}."


def _title(text: str, colour: bool) -> str:
    return f"\x1b[1m{text}\x1b[0m" if colour else text


def _dimmed(text: bytes, colour: bool) -> bytes:
    return b"\x1b[2m" + text + b"\x1b[0m" if colour else text
