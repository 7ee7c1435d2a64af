"""``bytelm generate``: continue a text."""

import argparse
import json
import sys
import time
from collections.abc import Iterator
from typing import Any

from bytelm.cli.constrained import add_constraint_arguments, constrained
from bytelm.cli.ensembles import is_ensemble
from bytelm.cli.inputs import add_prompt_arguments, read_file, read_prompt
from bytelm.cli.loaded import LoadedModel, add_model_arguments, open_model
from bytelm.cli.outputs import finite, text_fields, write_bytes, write_json
from bytelm.cli.sampled import add_sampling_arguments, sampled
from bytelm.cli.seen import note_unseen
from bytelm.prompts import Prompt

NAME = "generate"
SUMMARY = "continue a text, byte by byte"
EXAMPLE = """\
The continuation goes to standard output as it is generated: its bytes and nothing else. With --json: one
object with prompt, text, bytes, seconds, and ended (end, stop or max_bytes), logprob (nats, with what ended the
text), logend, logprobs (one for each byte), bits_per_byte; text that is not valid UTF-8 is given as text_hex as
well.

example:
  bytelm generate 'import numpy as n' --max-bytes 80 --stop $'\\n\\n'
  bytelm generate --model PATH --chat 'Why is the sky blue?'
  bytelm generate 'import nu' --model bundled:code --model bundled:code-sp --how product
  bytelm generate 'for i in range(' --regex '[0-9]+'
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's own options."""
    add_prompt_arguments(parser)
    kinds = parser.add_argument_group("kinds of prompts").add_mutually_exclusive_group()
    kinds.add_argument("--chat", action="store_true", help="the prompt is a message to the model's chat template")
    kinds.add_argument("--messages", metavar="F", help="read a chat from a file instead: JSON, role and content each")
    kinds.add_argument("--special", action="store_true", help="special tokens are spelled out in the prompt")
    add_sampling_arguments(parser)
    add_constraint_arguments(parser)
    add_model_arguments(parser, ensembles=True)
    group = parser.add_argument_group("output")
    group.add_argument("--raw", action="store_true", help="do not wait for whole characters; --json never does")
    group.add_argument("--echo", action="store_true", help="print the prompt first")
    group.add_argument("--json", action="store_true", help="one JSON object at the end")


def run(arguments: argparse.Namespace) -> None:
    """Stream the continuation to standard output."""
    given = _read_messages(arguments) if arguments.messages is not None else read_prompt(arguments)
    model = open_model(arguments)
    prompt = make_prompt(model, given, arguments)
    if isinstance(prompt, bytes):
        note_unseen(model, prompt, "the prompt", arguments)
    shown = prompt.spelled if isinstance(prompt, Prompt) else prompt
    model, prompt = constrained(model, prompt, arguments)
    if arguments.json:
        _report(model, prompt, shown, arguments)
        return
    continuation = stream(model, prompt, arguments)
    if arguments.echo:
        write_bytes(shown)
    for piece in continuation:
        write_bytes(piece)
    if sys.stdout.isatty():
        write_bytes(b"\n")


def make_prompt(model: LoadedModel, given: Any, arguments: argparse.Namespace) -> bytes | Prompt:
    """What was given, bytes or messages, as the kind of prompt that the options ask for.

    Raises:
        ValueError: an ensemble has no special tokens of its own, and no chat template.
    """
    if is_ensemble(arguments) and (arguments.messages is not None or arguments.special or arguments.chat):
        raise ValueError("an ensemble reads bytes alone: --chat, --messages and --special take one --model")
    if not hasattr(model, "tokenizer") and (arguments.messages is not None or arguments.special or arguments.chat):
        raise ValueError("this model reads bytes alone, and has neither special tokens nor a chat template")
    if arguments.messages is not None:
        return model.chat_prompt(given)
    if arguments.special:
        return model.tokenizer.parse(given)
    if not arguments.chat:
        assert isinstance(given, bytes)
        return given
    try:
        return model.chat_prompt([{"role": "user", "content": given.decode("utf-8")}])
    except UnicodeDecodeError as error:
        raise ValueError(f"a message is valid UTF-8; byte {error.start} of this one is not") from error


def stream(model: LoadedModel, prompt: bytes | Prompt, arguments: argparse.Namespace) -> Iterator[bytes]:
    """The continuation that the options ask for."""
    return model.stream(prompt, **sampled(arguments), raw=arguments.raw)


def _read_messages(arguments: argparse.Namespace) -> Any:
    if arguments.prompt is not None or arguments.file is not None:
        raise ValueError("--messages stands in the place of a prompt; give one of them")
    data = read_file(arguments.messages)
    try:
        return json.loads(data)
    except ValueError as error:
        raise ValueError(f"{arguments.messages!r} is not valid JSON: {error}") from error


def _report(model: LoadedModel, prompt: bytes | Prompt, shown: bytes, arguments: argparse.Namespace) -> None:
    begun = time.perf_counter()
    found = model.complete(prompt, **sampled(arguments))
    seconds = time.perf_counter() - begun
    write_json(
        {
            **text_fields("prompt", shown),
            **text_fields("text", found.text),
            "bytes": len(found.text),
            "ended": found.ended,
            "logprob": finite(found.logprob),
            "logend": None if found.logend is None else finite(found.logend),
            "logprobs": [finite(logprob) for logprob in found.logprobs],
            "bits_per_byte": None if found.bits_per_byte is None else finite(found.bits_per_byte),
            "seconds": round(seconds, 6),
        }
    )
