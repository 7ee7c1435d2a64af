"""What a token model makes of the segmentations of one text.

The tokenizer gives a text one segmentation, but the token model gives others probability too. And where a text stops,
most of the probability may belong to tokens that go on behind the place.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from bytelm.covers.model import TokenizedLM
from bytelm.covers.state import Cover, CoverState
from bytelm.protocol import Text
from bytelm.tokens.tokenizer import Tokenizer

CANONICAL_TOLERANCE = 1e-6
ALL_TOLERANCE = 1e-4

Progress = Callable[[int, int], None]
"""Called with the bytes done and their number."""


@dataclass(frozen=True)
class Segmentation:
    """A text as the tokenizer's own tokens.

    Attributes:
        text: what the tokenizer sees of the text, without the prefix.
        tokens: the token ids; those of the prefix included.
        pieces: the bytes of each token.
    """

    text: bytes
    tokens: tuple[int, ...]
    pieces: tuple[bytes, ...]


@dataclass(frozen=True)
class CutAudit:
    """The live canonical covers of a text cut at one place.

    Attributes:
        cut: the place, in bytes of the text.
        covers: the live covers, best first. Those with a ``rest`` go on behind the cut in their next token.
        logprob: the log-probability of the bytes before the cut, nats.
        straddling: the part of it that belongs to tokens that straddle the cut, 0 to 1.
    """

    cut: int
    covers: tuple[Cover, ...]
    logprob: float
    straddling: float


@dataclass(frozen=True)
class Audit:
    """Segmentations of a text, weighed. Log-probabilities are nats, under the token model over tokens with bytes.

    Attributes:
        segmentation: the tokenizer's own tokens.
        own: the log-probability of exactly these tokens.
        spelled: that of all segmentations whose tokens end where the text ends; a lower bound.
        total: that of all segmentations, the last token of which may go on behind the text; a lower bound.
        dropped: the posterior mass that the search gave up: the expected relative shortfall of ``total``.
        cuts: what the covers are where the text is cut, for every cut asked for.
    """

    segmentation: Segmentation
    own: float
    spelled: float
    total: float
    dropped: float
    cuts: tuple[CutAudit, ...]

    @property
    def others(self) -> float:
        """The part of ``spelled`` that belongs to segmentations other than the tokenizer's own, 0 to 1."""
        return _rest_of(self.own, self.spelled)

    @property
    def beyond(self) -> float:
        """The part of ``total`` that belongs to tokens that go on behind the end of the text, 0 to 1."""
        return _rest_of(self.spelled, self.total)


def segment(tokenizer: Tokenizer, text: Text) -> Segmentation:
    """The tokenizer's own segmentation of a text.

    Raises:
        ValueError: ``text`` is not valid UTF-8.
    """
    tokens = tuple(tokenizer.encode(text))
    return Segmentation(tokenizer.normalize(text), tokens, tuple(map(tokenizer.token_bytes, tokens)))


def audit(
    model: TokenizedLM,
    text: Text,
    *,
    cuts: Iterable[int] | None = None,
    tolerance: float = ALL_TOLERANCE,
    progress: Progress | None = None,
) -> Audit:
    """Weigh the segmentations of a text.

    Args:
        model: a token model with its tokenizer.
        text: the text.
        cuts: where to look at the covers that are live, in bytes of what the tokenizer sees of the text; at its end
            by default.
        tolerance: segmentations of less posterior probability than that are given up.
        progress: called with the bytes done and their number.

    Raises:
        ValueError: ``text`` is empty or not valid UTF-8, its tokens do not spell it, or a cut is not in it.
    """
    own = segment(model.tokenizer, text)
    size = len(own.text)
    wanted = sorted({size} if cuts is None else set(cuts))
    if wanted and not 0 <= wanted[0] <= wanted[-1] <= size:
        raise ValueError(f"cuts are {wanted}; expected places from 0 to {size}, the length of the text in bytes")
    if not own.text:
        raise ValueError("the text is empty, so there is nothing to segment; give at least one character")
    if b"".join(own.pieces) != model.tokenizer.prefix + own.text:
        raise ValueError(f"the tokenizer's own tokens {list(own.tokens)} do not spell the text")
    every = model.over(model.tokenizer.every, tolerance)
    own_weight = every.tokens_logprob(own.tokens)
    state = _read(every.prefill(b""), own.text, progress)
    evaluated = [cover for cover in state.covers() if cover.evaluated or not cover.rest]
    spelled = _sum([own_weight, *(c.logweight for c in evaluated if not c.rest and c.tokens != own.tokens)])
    total = _sum([spelled, *(cover.logweight for cover in evaluated if cover.rest)])
    at_cuts = _cuts(model.over(model.tokenizer.canonical, CANONICAL_TOLERANCE), own.text, wanted)
    return Audit(own, own_weight, spelled, total, state.dropped, at_cuts)


def _read(state: CoverState, text: bytes, progress: Progress | None) -> CoverState:
    for place in range(len(text)):
        state = state.advance(text[place : place + 1])
        if progress is not None:
            progress(place + 1, len(text))
    return state


def _cuts(model: TokenizedLM, text: bytes, wanted: list[int]) -> tuple[CutAudit, ...]:
    found = []
    state, read = model.prefill(b""), 0
    for cut in wanted:
        state, read = state.advance(text[read:cut]), cut
        covers = tuple(state.covers())
        certain = [cover for cover in covers if cover.evaluated or not cover.rest]
        straddling = _sum([cover.logweight for cover in certain if cover.rest])
        share = float(np.exp(straddling - _sum([cover.logweight for cover in certain])))
        found.append(CutAudit(cut, covers, state.logprob, share))
    return tuple(found)


def _sum(logs: list[float]) -> float:
    """The log of the sum of what ``logs`` are the logs of; ``-inf`` for none."""
    return float(np.logaddexp.reduce(logs)) if logs else -np.inf


def _rest_of(part: float, whole: float) -> float:
    """How much of ``whole`` is not ``part``, both given as logs."""
    return max(0.0, float(-np.expm1(part - whole)))
