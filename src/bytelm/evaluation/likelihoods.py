"""How probable continuations of prompts are, at the level of bytes: log P(prompt continuation) - log P(prompt).

Where a prompt ends and its continuation begins does not matter, be it inside a word or inside a character: nothing is
cut into tokens there. A prompt is scored together with its continuation, and the bytes of the continuation are added
up. Of a text and those that it begins with the longest is scored for all, so in one call the parts of a text add up to
the whole. A long prompt with several continuations, as in multiple choice, is read once, and its state is advanced by
each; that agrees to the rounding of the network.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from bytelm.batch import advance_all
from bytelm.decoding.sampling import Sampling
from bytelm.decoding.texts import as_prompts, text_of
from bytelm.model import ByteLM
from bytelm.prompts import Prompt, Special, as_bytes
from bytelm.protocol import END

Readable = bytes | Prompt
"""A prompt as ``as_prompt`` gives it: a ``Prompt`` where it has special tokens, else bytes."""

Pair = tuple[Readable, bytes]
"""A prompt and a continuation."""

TOGETHER = 16
"""How many prompts are read side by side by default: the keys and values of all of them are in memory."""


class Likelihood(NamedTuple):
    """Of a continuation: ``log P(continuation | prompt)``, nats, and whether greedy decoding would write it."""

    logprob: float
    greedy: bool


def likelihoods(
    model: ByteLM[Any],
    asked: Sequence[tuple[bytes | str | Prompt, bytes | str]],
    *,
    together: int = TOGETHER,
    progress: Callable[[int], object] | None = None,
) -> list[Likelihood]:
    """The likelihood of each continuation behind its prompt.

    Args:
        model: any byte model.
        asked: prompts and continuations; an empty continuation is certain.
        together: how many prompts are read side by side.
        progress: called with how many more of ``asked`` are done.

    Raises:
        ValueError: a prompt has special tokens and the model reads none, or a ``str`` has a lone surrogate.
    """
    prompts = as_prompts(tuple(prompt for prompt, _ in asked))
    pairs = [(prompt, as_bytes(continuation)) for prompt, (_, continuation) in zip(prompts, asked, strict=True)]
    wanted: dict[Readable, list[bytes]] = {}
    for prompt, continuation in dict.fromkeys(pairs):
        wanted.setdefault(prompt, []).append(continuation)
    counts = Counter(prompts)
    often = {prompt for prompt, several in wanted.items() if _pays(prompt, several)}
    logprobs = _scored(model, [pair for pair in dict.fromkeys(pairs) if pair[0] not in often])
    written: dict[Readable, bytes] = {}
    # Neighbours in this order begin alike the furthest, and an engine reads only once what they share.
    ordered = sorted(wanted, key=_order)
    for some in (ordered[begun : begun + together] for begun in range(0, len(ordered), together)):
        logprobs |= _advanced(model, {prompt: wanted[prompt] for prompt in some if prompt in often})
        written |= _greedy(model, {prompt: wanted[prompt] for prompt in some})
        if progress is not None:
            progress(sum(counts[prompt] for prompt in some))
    return [Likelihood(logprobs[pair], written[pair[0]].startswith(pair[1])) for pair in pairs]


def _pays(prompt: Readable, several: Sequence[bytes]) -> bool:
    """Whether to read a prompt once and go on from its state, rather than read it with each continuation."""
    size = len(prompt.spelled if isinstance(prompt, Prompt) else prompt)
    return len(several) > 1 and size > max(map(len, several))


def _scored(model: ByteLM[Any], pairs: Sequence[Pair]) -> dict[Pair, float]:
    """The log-probability of each continuation, from a score of the whole text or a longer one."""
    joined = {pair: _joined(*pair) for pair in pairs}
    texts = sorted(set(joined.values()), key=_order)
    # Sorted, a text that others begin with stands right before one of them.
    longest = [text for text, after in pairwise(texts) if not _begins(text, after)] + texts[-1:]
    scores = iter(zip(longest, model.score(longest), strict=True))
    long, score = next(scores, (b"", np.empty(0)))
    by_text = {}
    for text in texts:
        if not _begins(text, long):
            long, score = next(scores)
        by_text[text] = score
    return {
        pair: float(by_text[text][len(text_of(pair[0])) : len(text_of(text))].sum()) for pair, text in joined.items()
    }


def _advanced(model: ByteLM[Any], wanted: Mapping[Readable, Sequence[bytes]]) -> dict[Pair, float]:
    """The log-probabilities of several continuations of each prompt, each prompt read once."""
    starts = model.prefill(list(wanted))
    pairs = [(prompt, continuation) for prompt, several in wanted.items() for continuation in several]
    before = [state for state, several in zip(starts, wanted.values(), strict=True) for _ in several]
    after = advance_all(starts.together, before, [continuation for _, continuation in pairs])
    found = {
        pair: float(end.logprob - start.logprob)
        for pair, start, end in zip(pairs, before, after, strict=True)
        if start.logprob > -np.inf
    }
    # No text of the tokenizer begins like such a prompt; scores are conditioned on it all the same.
    return found | _scored(model, [pair for pair in pairs if pair not in found])


def _greedy(model: ByteLM[Any], wanted: Mapping[Readable, Sequence[bytes]]) -> dict[Readable, bytes]:
    """What greedy decoding writes behind each prompt, as far as a continuation agrees with it."""
    most = max((len(continuation) for several in wanted.values() for continuation in several), default=0)
    streams = model.symbols(list(wanted), Sampling(), [np.random.default_rng(0) for _ in wanted], most)
    written = dict.fromkeys(wanted, b"")
    running = dict(zip(wanted, streams, strict=True))
    while running := {
        prompt: stream
        for prompt, stream in running.items()
        if any(len(text) > len(written[prompt]) and text.startswith(written[prompt]) for text in wanted[prompt])
    }:
        for prompt, stream in list(running.items()):
            symbol = next(stream)
            if symbol == END:
                del running[prompt]
            else:
                written[prompt] += bytes([symbol])
    return written


def _joined(prompt: Readable, continuation: bytes) -> Readable:
    return Prompt(prompt, continuation) if isinstance(prompt, Prompt) else prompt + continuation


def _begins(text: Readable, other: Readable) -> bool:
    return _fixed(text) == _fixed(other) and text_of(other).startswith(text_of(text))


def _order(prompt: Readable) -> tuple[tuple[tuple[int, bytes], ...], bytes]:
    """Sorts prompts so that those that begin alike are neighbours."""
    fixed = ((part.token, b"") if isinstance(part, Special) else (-1, part) for part in _fixed(prompt))
    return tuple(fixed), text_of(prompt)


def _fixed(prompt: Readable) -> tuple[bytes | Special, ...]:
    return prompt.fixed if isinstance(prompt, Prompt) else ()
