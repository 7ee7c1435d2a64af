"""The model a command works with: its options, and what commands ask of it."""

import argparse
import gc
import sys
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any, Protocol

from bytelm.chats import Message
from bytelm.cli.ensembles import Names, add_ensemble_arguments, is_ensemble, open_ensemble, open_member
from bytelm.decoding.texts import Texts
from bytelm.model import Progress
from bytelm.prompts import Prompt, Special, Text
from bytelm.protocol import FloatArray, State
from bytelm.rendering import CoverLike
from bytelm.searching.completion import Completion


class Tokenizer(Protocol):
    """The byte view of a tokenizer, as far as commands need it."""

    def token_bytes(self, token: int, /) -> bytes:
        """The bytes of one token; empty for special ones."""
        ...

    def normalize(self, text: Text, /) -> bytes:
        """What the tokenizer sees of a text."""
        ...

    def parse(self, text: Text, /) -> Prompt:
        """The prompt that a text is in which special tokens are spelled out."""
        ...


class CoverState(State, Protocol):
    """A state that can list its live covers."""

    def covers(self) -> Sequence[CoverLike]:
        """The live cursors, best first."""
        ...


class LoadedModel(Protocol):
    """What ``bytelm.loading.load`` returns, as far as commands need it."""

    @property
    def tokenizer(self) -> Tokenizer:
        """The byte view of the model's tokenizer."""
        ...

    def prefill(self, prompt: Text, /) -> CoverState:
        """The state after ``prompt``."""
        ...

    def score(self, texts: Texts, /, *, progress: Progress | None = None) -> list[FloatArray]:
        """For each text ``log P(byte i | bytes before i)``, float64 ``(len,)``, nats."""
        ...

    def continue_tokens(self, prompt: Text, /, *, max_bytes: int) -> bytes:
        """What the token model itself makes of the prompt's own tokens."""
        ...

    def chat_prompt(self, messages: Sequence[Message], /) -> Prompt:
        """The prompt that the model's chat template makes of messages."""
        ...

    def infill(
        self,
        prefix: Text,
        suffix: Text,
        /,
        *,
        max_bytes: int = 64,
        temperature: float = 0.0,
        top_p: float = 1.0,
        top_k: int = 0,
        min_p: float = 0.0,
        stop: Text | Texts = (),
        seed: int = 0,
        end: str | None = None,
        match: int | None = None,
        order: str | None = None,
        tokens: Sequence[str | Special] | None = None,
    ) -> bytes | list[bytes]:
        """What stands between two texts."""
        ...

    def complete(
        self,
        prompt: Text | Prompt,
        /,
        *,
        max_bytes: int = 64,
        temperature: float = 0.0,
        top_p: float = 1.0,
        top_k: int = 0,
        min_p: float = 0.0,
        stop: Text | Texts = (),
        seed: int = 0,
    ) -> Completion:
        """The continuation, with its log-probabilities and why it ended."""
        ...

    def stream(
        self,
        prompt: Text | Prompt,
        /,
        *,
        max_bytes: int = 64,
        temperature: float = 0.0,
        top_p: float = 1.0,
        top_k: int = 0,
        min_p: float = 0.0,
        stop: Text | Texts = (),
        seed: int = 0,
        raw: bool = False,
    ) -> Iterator[bytes]:
        """The continuation, piece by piece."""
        ...


def add_network_arguments(parser: argparse.ArgumentParser, several: bool = False) -> argparse._ArgumentGroup:
    """The options that say which model, or which several, and where it runs; their group."""
    group = parser.add_argument_group("model")
    group.add_argument(
        "--model",
        metavar="PATH",
        action=Names if several else "store",
        help="model directory or hub id (default: the bundled model)",
    )
    group.add_argument("--dtype", help="float32, bfloat16 or float16 (default: float32 on a CPU, else the model's)")
    group.add_argument("--device", help="where the model runs: cpu, cuda, … (default: cuda where there is one)")
    group.add_argument(
        "--begin",
        type=int,
        action="append",
        metavar="ID",
        help="token id that every text begins with, instead of the tokenizer's; repeat for several",
    )
    return group


def add_model_arguments(parser: argparse.ArgumentParser, ensembles: bool = False) -> None:
    """The options that say which model, and how exact; with ``ensembles``, those of several models, too."""
    group = add_network_arguments(parser, ensembles)
    group.add_argument(
        "--segmentation",
        choices=("canonical", "all"),
        help="count what the tokenizer itself can produce, or every token sequence (default: canonical; for what "
        "bytelm trained on plain bytes: all)",
    )
    group.add_argument(
        "--tolerance",
        type=float,
        metavar="X",
        help="part of the probability that may stay unknown; 0 asks the model all (default: 1e-6; 1e-4 for all)",
    )
    group.add_argument(
        "--compile",
        action="store_true",
        help="let torch compile the network: quicker passes, slow to load the first time",
    )
    group.add_argument(
        "--method",
        choices=("exact", "beam"),
        default="exact",
        help="the segmentation to the tolerance, or the fixed beam of genlm-bytes over every token sequence",
    )
    group.add_argument("--width", type=int, metavar="N", help="hypotheses that the beam keeps (default: 5)")
    group.add_argument(
        "--prune", type=float, metavar="X", help="share that a hypothesis of the beam must exceed (default: 0.05)"
    )
    group.add_argument(
        "--speculate",
        type=int,
        metavar="N",
        help="bytes drafted for each pass of a Byte Latent Transformer; changes its speed alone (default: 0)",
    )
    if ensembles:
        add_ensemble_arguments(parser)


def open_model(arguments: argparse.Namespace) -> LoadedModel:
    """Load the model that the options name, or the ensemble of several."""
    if arguments.compile:
        print(
            "bytelm: compiling the network; that takes some seconds, some tens of them the first time", file=sys.stderr
        )
    if is_ensemble(arguments):
        model: LoadedModel = open_ensemble(arguments, partial(_open_one, arguments))
    else:
        model = open_member(arguments.model or "", partial(_open_one, arguments))
    gc.freeze()  # it is there to stay: else the collector walks a million objects of torch again and again
    return model


def _open_one(arguments: argparse.Namespace, name: str | None) -> LoadedModel:
    from bytelm.loading import load  # not before it is needed: it brings torch, and --help is to be instant

    model: Any = load(
        name or None,
        segmentation=arguments.segmentation,
        tolerance=arguments.tolerance,
        method=arguments.method,
        width=arguments.width,
        prune=arguments.prune,
        begin=arguments.begin,
        dtype=arguments.dtype,
        device=arguments.device,
        compile=arguments.compile,
        speculate=arguments.speculate,
    )
    loaded: LoadedModel = model
    return loaded
