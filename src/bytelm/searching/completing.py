"""What a model generates, with its log-probabilities."""

import sys
from collections.abc import Iterator, Sequence
from typing import Any, Protocol, overload

import numpy as np

from bytelm.batch import BatchState
from bytelm.decoding import generation
from bytelm.decoding.sampling import Sampling
from bytelm.decoding.texts import Prompts, Texts, as_prompts, text_of
from bytelm.prompts import Prompt, Text, is_batch
from bytelm.protocol import END, FloatArray
from bytelm.searching.completion import Completion


class CompletedModel(generation.ByteModel, Protocol):
    """A byte model, as far as completing needs it; ``ByteLM`` is one."""

    def prefill(self, prompt: Prompts, /) -> BatchState[Any]:
        """The states after some prompts."""
        ...

    def score(self, text: Prompts, /) -> list[FloatArray]:
        """The log-probabilities of the bytes of some prompts."""
        ...


@overload
def complete(
    model: CompletedModel,
    prompt: Text | Prompt,
    *,
    max_bytes: int = 64,
    temperature: float = 0.0,
    top_p: float = 1.0,
    top_k: int = 0,
    min_p: float = 0.0,
    stop: Text | Texts = (),
    seed: int = 0,
) -> Completion: ...


@overload
def complete(
    model: CompletedModel,
    prompt: Prompts,
    *,
    max_bytes: int = 64,
    temperature: float = 0.0,
    top_p: float = 1.0,
    top_k: int = 0,
    min_p: float = 0.0,
    stop: Text | Texts = (),
    seed: int = 0,
) -> list[Completion]: ...


def complete(
    model: CompletedModel,
    prompt: Text | Prompt | Prompts,
    *,
    max_bytes: int = 64,
    temperature: float = 0.0,
    top_p: float = 1.0,
    top_k: int = 0,
    min_p: float = 0.0,
    stop: Text | Texts = (),
    seed: int = 0,
) -> Completion | list[Completion]:
    """What ``generate`` gives, with its log-probabilities and why it ended; a list of prompts gives a list.

    The bytes are those of ``generate`` with the same options and seed. Then the prompt and they are scored at once, and
    where the model ended the text, one more pass tells how probable that was. The log-probabilities are the model's
    own, without temperature and filters, known to its tolerance.

    Args:
        model: any byte model.
        prompt: as of ``generate``, with all other options: see ``bytelm.decoding.generation``.
        max_bytes: the most bytes to generate, those of a stop string included.
        temperature: 0 takes the most probable byte.
        top_p: keep the fewest most probable symbols that hold this much probability.
        top_k: keep this many most probable symbols; 0 keeps all.
        min_p: keep symbols at least this many times as probable as the best one.
        stop: strings that end the output and are left out of it.
        seed: fixes the draws.

    Raises:
        ValueError: an option outside its range.
    """
    prompts = as_prompts(prompt)
    watched = _Watched(model)
    texts = generation.generate(
        watched,
        prompts,
        max_bytes=max_bytes,
        temperature=temperature,
        top_p=top_p,
        top_k=top_k,
        min_p=min_p,
        stop=stop,
        seed=seed,
    )
    results = _scored(model, prompts, texts, watched.made)
    return results if is_batch(prompt) else results[0]


class _Watched:
    """A byte model whose symbols are kept as they are read (mutable).

    Attributes:
        made: what was read behind each prompt, ``END`` included.
    """

    def __init__(self, model: generation.ByteModel) -> None:
        self._model = model
        self.made: list[list[int]] = []

    def symbols(
        self,
        prompts: Sequence[bytes | Prompt],
        sampling: Sampling,
        rngs: Sequence[np.random.Generator],
        most: int = sys.maxsize,
    ) -> list[Iterator[int]]:
        """Those of the model."""
        streams = self._model.symbols(prompts, sampling, rngs, most)
        self.made = [[] for _ in streams]
        return [_kept(symbols, made) for symbols, made in zip(streams, self.made, strict=True)]


def _kept(symbols: Iterator[int], made: list[int]) -> Iterator[int]:
    for symbol in symbols:
        made.append(symbol)
        yield symbol


def _scored(
    model: CompletedModel, prompts: Sequence[bytes | Prompt], texts: Sequence[bytes], made: Sequence[Sequence[int]]
) -> list[Completion]:
    """The completions, given what was generated and which symbols were read for it."""
    read = [bytes(symbols[:-1] if symbols[-1:] == [END] else symbols) for symbols in made]
    whole = [Prompt(prompt, more) for prompt, more in zip(prompts, read, strict=True)]
    scores = model.score(whole)
    closed = [place for place, symbols in enumerate(made) if symbols[-1:] == [END]]
    ends = {}
    if closed:
        states = model.prefill([whole[place] for place in closed])
        ends = {place: float(state.logprobs()[END]) for place, state in zip(closed, states, strict=True)}
    return [
        _completion(text, scores[place][len(text_of(prompts[place])) :], ends.get(place))
        for place, text in enumerate(texts)
    ]


def _completion(text: bytes, logprobs: FloatArray, logend: float | None) -> Completion:
    """A completion, given the log-probabilities of all bytes that were read: behind the text stands a stop string."""
    own, rest = logprobs[: len(text)].copy(), logprobs[len(text) :]
    if logend is not None:
        return Completion(text, own, logend, "end")
    return Completion(text, own, float(rest.sum()), "stop") if len(rest) else Completion(text, own, None, "max_bytes")
