"""``bytelm blt demo``: a text that a Byte Latent Transformer writes, patch by patch."""

import argparse
import os
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bytelm.cli.blt_model import add_blt_arguments, described, open_blt
from bytelm.cli.blt_showing import border, patch_text
from bytelm.cli.outputs import text_fields, wants_colour, write_bytes, write_json, write_line
from bytelm.decoding.generation import Plan
from bytelm.decoding.sampling import Sampling, choose
from bytelm.protocol import END

if TYPE_CHECKING:
    from bytelm.blt.lm import BltLM, BltState

NAME = "demo"
SUMMARY = "continue a text, and show the patches it is written in"
EXAMPLE = """\
▏ stands before each patch. The large transformer runs once for a patch, not for a byte. With --json: one object
with prompt, text, bytes, seconds, bytes_per_second, patches (the texts of those of prompt and text together), steps
(of the large transformer, for the text), and mean (bytes a step); text that is not valid UTF-8 is given as text_hex
as well.

example:
  bytelm blt demo
  bytelm blt demo 'A BLT has' --model PATH --max-bytes 200 --temperature 0.7
"""

PROMPT = "import os\n\ndef read_lines(path):\n    with open("


@dataclass
class Written:
    """What has been generated (mutable).

    Attributes:
        state: of the model behind it.
        text: it; the prompt is not repeated.
        seconds: it took, without reading the prompt.
        steps: of the large transformer: how many patches began.
    """

    state: "BltState"
    text: bytes = b""
    seconds: float = 0.0
    steps: int = 0

    @property
    def mean(self) -> float | None:
        """Bytes a step; ``None`` where there was none."""
        return len(self.text) / self.steps if self.steps else None

    @property
    def speed(self) -> float:
        """Bytes a second."""
        return len(self.text) / max(self.seconds, 1e-9)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's own options."""
    parser.add_argument("prompt", nargs="?", metavar="PROMPT", default=PROMPT, help="another text to continue")
    parser.add_argument("--max-bytes", type=int, default=160, metavar="N", help="most bytes (default: 160)")
    parser.add_argument("--temperature", type=float, default=0.0, metavar="T", help="0 is greedy (default: 0)")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="fixes the draws (default: 0)")
    parser.add_argument("--json", action="store_true", help="one JSON object at the end")
    add_blt_arguments(parser)


def run(arguments: argparse.Namespace) -> None:
    """Write the text, patch by patch, and say how much work it was."""
    prompt = os.fsencode(arguments.prompt)
    plan = Plan(arguments.max_bytes, Sampling(arguments.temperature), (), arguments.seed)
    model = open_blt(arguments)
    written = Written(model.prefill(prompt))
    if arguments.json:
        for _ in write(written, plan):
            pass
        write_json(_as_json(prompt, written))
        return
    _stream(prompt, written, plan, wants_colour(sys.stdout))
    write_line("\n".join(summary(model, prompt, written)))


def write(written: Written, plan: Plan) -> Iterator[bool]:
    """Generate byte by byte; after each one, whether it began a patch."""
    (rng,) = plan.rngs(1)
    begun = time.perf_counter()
    while len(written.text) < plan.max_bytes:
        symbol = choose(written.state.logprobs(), plan.sampling, rng)
        if symbol == END:
            return
        starts = written.state.place.patching.starts
        written.state = written.state.advance(bytes([symbol]))
        written.text += bytes([symbol])
        written.steps += starts
        written.seconds = time.perf_counter() - begun
        yield starts


def summary(model: "BltLM", prompt: bytes, written: Written) -> Iterator[str]:
    """How much work it was, in words."""
    count, patches = len(written.text), len(model.patches(prompt))
    yield f"a patch starts: {described(model.config.patching)}"
    yield f"prompt: {len(prompt):,} bytes in {patches:,} patches"
    yield f"text:   {count:,} bytes in {written.seconds:.2f} s, {written.speed:,.0f} bytes/s"
    if written.mean is not None:
        saved = 1 - written.steps / count
        yield (
            f"steps of the large transformer: {written.steps:,} instead of {count:,}, one for "
            f"{written.mean:.1f} bytes; {saved:.0%} saved"
        )


def _stream(prompt: bytes, written: Written, plan: Plan, colour: bool) -> None:
    """Show each patch when it is complete; the prompt paler."""
    patches, held = written.state.patches, b""
    for index, patch in enumerate(patches):
        _put(border(colour) + patch_text(patch, index, colour, dim=True))
    index = len(patches) - 1
    for starts in write(written, plan):
        if starts:
            _put(patch_text(held, index, colour) + border(colour))
            index, held = index + 1, b""
        held += written.text[-1:]
    _put(patch_text(held, index, colour) + "\n\n")


def _put(text: str) -> None:
    write_bytes(text.encode(sys.stdout.encoding or "utf-8", "replace"))


def _as_json(prompt: bytes, written: Written) -> dict[str, object]:
    return {
        **text_fields("prompt", prompt),
        **text_fields("text", written.text),
        "bytes": len(written.text),
        "seconds": round(written.seconds, 6),
        "bytes_per_second": written.speed,
        "patches": [text_fields("text", patch) for patch in written.state.patches],
        "steps": written.steps,
        "mean": written.mean,
    }
