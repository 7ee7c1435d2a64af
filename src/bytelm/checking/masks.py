"""The mask of allowed next tokens against the tokenizer's own verdict on every token of the vocabulary.

One continuation proves most allowed tokens: their own bytes, or those and one more character. A token that the mask
refuses is tried with a few continuations, which refute the mask if one of them makes the tokenizer produce it.
"""

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from random import Random

import numpy as np
from numpy.typing import NDArray

from bytelm.checking.continuations import AWAITED, CHARACTERS
from bytelm.checking.counterexamples import ALLOWED, REFUSED, Counterexample
from bytelm.checking.judge import MANY, Judge

TELLING = ("", "a", " ", "\n", "1", "'")
"""Continuations that every refused token is tried with."""

THOROUGH = (*CHARACTERS, *AWAITED)
"""Continuations that a sample of the refused tokens is tried with."""

_SAMPLE = 600
_ENDINGS = 6
"""How many ways to complete a cut character each of a refused token's continuations stands behind."""


@dataclass(frozen=True)
class MaskVerdict:
    """What was tried after one context.

    Attributes:
        allowed: how many tokens the mask allows.
        refused: how many tokens with bytes it refuses.
        seconds: how long the byte view took to make the mask, in time of this thread.
        wrong: the counterexamples.
    """

    allowed: int
    refused: int
    seconds: float
    wrong: tuple[Counterexample, ...]


def check_mask(judge: Judge, head: tuple[int, ...], random: Random, tries: int = MANY) -> MaskVerdict:
    """Decide for every token of the vocabulary whether it may follow, and compare with ``allowed_next``.

    Args:
        judge: the judge.
        head: a beginning of the tokenizer's encoding of some text.
        random: chooses the refused tokens that are tried with more continuations (mutated).
        tries: how many texts to try to prove an allowed token.
    """
    begun = time.thread_time()
    allowed = _allowed(judge, head)
    seconds = time.thread_time() - begun
    spelled = np.array([bool(word) for word in judge.words])
    witnessed: dict[int, bytes] = {}
    _witness(judge, head, np.flatnonzero(spelled).tolist(), ("",), witnessed)
    for continuation in TELLING[1:3]:
        _witness(judge, head, np.flatnonzero(allowed).tolist(), (continuation,), witnessed)
    refused = np.flatnonzero(spelled & ~allowed).tolist()
    _witness(judge, head, refused, TELLING[1:], witnessed)
    _witness(judge, head, random.sample(refused, min(_SAMPLE, len(refused))), THOROUGH, witnessed)
    end = len(judge.spell(head))
    wrong = []
    for token in np.flatnonzero(allowed).tolist():
        if token not in witnessed and not judge.produces((*head, token), b"", tries=tries):
            wrong.append(Counterexample(ALLOWED, judge.spell((*head, token)), end, (*head, token)))
    wrong += [
        Counterexample(REFUSED, data, end, (*head, token)) for token, data in witnessed.items() if not allowed[token]
    ]
    return MaskVerdict(int(allowed.sum()), len(refused), seconds, tuple(wrong))


def _allowed(judge: Judge, head: tuple[int, ...]) -> NDArray[np.bool_]:
    """The mask; nothing is allowed after a head that the byte view holds to be impossible."""
    try:
        return judge.tokenizer.allowed_next(head)
    except ValueError:
        return np.zeros(judge.tokenizer.size, dtype=bool)


def _witness(
    judge: Judge,
    head: tuple[int, ...],
    tokens: Iterable[int],
    continuations: tuple[str, ...],
    witnessed: dict[int, bytes],
) -> None:
    """Look for texts that make the tokenizer produce each of the tokens after ``head`` (mutates ``witnessed``)."""
    begun = judge.spell(head)
    for token in tokens:
        if token not in witnessed:
            for data in _continued(judge, begun + judge.words[token], continuations):
                following = judge.following(data, head)
                if following is not None:
                    witnessed.setdefault(following, data)
                if following == token:
                    break


def _continued(judge: Judge, data: bytes, continuations: tuple[str, ...]) -> Iterator[bytes]:
    """``data`` before each continuation, and where its last character is cut, with some ways to complete it."""
    most = _ENDINGS * len(continuations)
    return islice(judge.continuations.after(data, continuations), most)
