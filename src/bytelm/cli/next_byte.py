"""``bytelm next``: what may follow a text, and how its tokens may be cut."""

import argparse
import sys
from collections.abc import Sequence

from bytelm.cli.inputs import add_prompt_arguments, read_prompt
from bytelm.cli.loaded import LoadedModel, Tokenizer, add_model_arguments, open_model
from bytelm.cli.outputs import finite, text_fields, wants_colour, write_json, write_line
from bytelm.cli.seen import note_unseen
from bytelm.decoding.checks import check_whole
from bytelm.decoding.ranking import top_symbols
from bytelm.ensembles.rendering import render_members
from bytelm.ensembles.state import EnsembleState
from bytelm.protocol import END, State
from bytelm.rendering import CoverLike, render_next

NAME = "next"
SUMMARY = "the next-byte distribution of a text, and its live covers token by token"
EXAMPLE = """\
With --json: one object with prompt, logprob (nats), dropped, next (byte, text, logprob, lower, upper; best
first), end, and covers (tokens, pieces, rest, logweight, evaluated). null stands for minus infinity. Of an ensemble
there are members (model, weight), and each symbol has their log-probabilities in that order.

example:
  bytelm next 'An apple a day keeps the ' -k 5
  bytelm next 'import nu' --model bundled:code --model bundled:code-sp
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's own options."""
    add_prompt_arguments(parser)
    parser.add_argument("-k", type=int, default=10, metavar="N", help="how many bytes to show (default: 10)")
    parser.add_argument("--json", action="store_true", help="one JSON object")
    add_model_arguments(parser, ensembles=True)


def run(arguments: argparse.Namespace) -> None:
    """Show the state after the prompt."""
    check_whole("-k", arguments.k, "how many bytes to show")
    prompt = read_prompt(arguments)
    model = open_model(arguments)
    note_unseen(model, prompt, "the prompt", arguments)
    state = model.prefill(prompt)
    if arguments.json:
        write_json(as_json(model, state, prompt, arguments.k))
    elif isinstance(state, EnsembleState):
        write_line(as_members(state, prompt, arguments.k))
    else:
        write_line(as_text(model, state, prompt, arguments.k))


def as_text(model: LoadedModel, state: State, prompt: bytes, k: int) -> str:
    """The table for people, coloured on a terminal."""
    covers = _covers(state)
    return render_next(
        state.logprobs(),
        state.bounds(),
        covers,
        model.tokenizer.token_bytes if covers else lambda _: b"",
        prompt,
        k,
        logprob=state.logprob,
        dropped=state.dropped,
        colour=wants_colour(sys.stdout),
    )


def as_members(state: EnsembleState, prompt: bytes, k: int) -> str:
    """What an ensemble gives to each symbol, and what each of its members does."""
    return render_members(
        state.logprobs(), state.wanted(), state.weights, state.names, prompt, k, logprob=state.logprob
    )


def as_json(model: LoadedModel, state: State, prompt: bytes, k: int) -> dict[str, object]:
    """The same for programs. ``next`` lists bytes only; the end of text is ``end``."""
    logprobs = state.logprobs()
    lower, upper = state.bounds()
    members = state.wanted().tolist() if isinstance(state, EnsembleState) else []
    symbols = [symbol[0] for symbol, _ in top_symbols(logprobs, k + 1) if isinstance(symbol, bytes)][:k]

    def figures(symbol: int) -> dict[str, object]:
        named = {"logprob": logprobs, "lower": lower, "upper": upper}
        found: dict[str, object] = {name: finite(values[symbol]) for name, values in named.items()}
        return found | ({"members": [finite(row[symbol]) for row in members]} if members else {})

    shown: dict[str, object] = {
        **text_fields("prompt", prompt),
        "logprob": finite(state.logprob),
        "dropped": state.dropped,
        "next": [{"byte": b, **text_fields("text", bytes([b])), **figures(b)} for b in symbols],
        "end": figures(END),
        "covers": [cover_json(model.tokenizer, cover) for cover in _covers(state)],
    }
    if isinstance(state, EnsembleState):
        named = zip(state.names, state.weights.tolist(), strict=True)
        shown["members"] = [{"model": name, "weight": weight} for name, weight in named]
    return shown


def _covers(state: State) -> Sequence[CoverLike]:
    """The live covers of a model that has tokens."""
    return state.covers() if hasattr(state, "covers") else ()


def cover_json(tokenizer: Tokenizer, cover: CoverLike) -> dict[str, object]:
    """A live cover for programs."""
    return {
        "tokens": list(cover.tokens),
        "pieces": [tokenizer.token_bytes(t).decode("utf-8", "backslashreplace") for t in cover.tokens],
        **text_fields("rest", cover.rest),
        "logweight": finite(cover.logweight),
        "evaluated": cover.evaluated,
    }
