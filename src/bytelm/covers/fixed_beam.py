"""The beam of a fixed width over all token sequences, as genlm-bytes computes it.

Before every byte the beam is cut to its ``width`` heaviest hypotheses, and to those whose share of the mass exceeds
``prune``. Then each hypothesis reads the byte; so does every token that ends before it, if its share exceeds ``prune``,
and the model is asked about all of these in one call. What was cut never comes back, and how far the result is from
the sum over all token sequences is not known. If nothing is left after a byte, the heaviest hypothesis that can be
cut into other tokens is healed.

Vieira et al. 2025, From Language Models over Tokens to Language Models over Characters, ICML.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from bytelm.covers.hypotheses import Finished, Hypothesis, Opened, heal, open_heads, whole
from bytelm.covers.state import Cover
from bytelm.covers.weighing import Weigher, log
from bytelm.decoding.ranking import top_symbols
from bytelm.heads import Head
from bytelm.protocol import SYMBOLS, FloatArray, Text, as_bytes
from bytelm.rendering import render_next
from bytelm.rendering_html import render_next_html

_SHOWN = 200
"""How many of the last bytes a state keeps to show them."""


@dataclass(frozen=True)
class Limits:
    """What a beam keeps.

    Attributes:
        width: how many hypotheses.
        prune: the share of the mass that a hypothesis must exceed.
    """

    width: int
    prune: float


@dataclass(frozen=True, eq=False, repr=False)
class BeamState:
    """A tokenized model after some bytes, seen through a fixed beam. Frozen: ``advance`` makes a new state.

    Attributes:
        dropped: the posterior mass given up so far, each part of it reckoned before the byte that came next.
    """

    _weigher: Weigher
    _limits: Limits
    _beam: tuple[Hypothesis, ...]
    _logbase: float
    _shown: bytes
    _length: int
    dropped: float = 0.0
    _opened: dict[Head, Opened] = field(default_factory=dict)

    @property
    def logprob(self) -> float:
        """``log P(bytes so far)``, nats: the mass of the hypotheses. No more than that of all token sequences."""
        return self._logmass - self._logbase

    def logprobs(self) -> FloatArray:
        """The next-byte distribution: log-probabilities, float64 ``(257,)``, nats; index 256 is end of text."""
        return self._logprobs.copy()

    def bounds(self) -> tuple[FloatArray, FloatArray]:
        """``logprobs()`` twice: a beam knows no bounds. How much may be missing, ``dropped`` estimates."""
        return self.logprobs(), self.logprobs()

    def top(self, k: int) -> list[tuple[bytes | int, float]]:
        """The ``k`` most probable next symbols with their log-probabilities; the end of text as ``END``."""
        return top_symbols(self.logprobs(), k)

    def covers(self) -> list[Cover]:
        """The hypotheses, best first; all of them were evaluated, and their weights add up to ``P(bytes so far)``."""
        return [
            Cover(found.opened.head.tokens(), found.rest, found.logweight - self._logbase, True) for found in self._beam
        ]

    def advance(self, text: Text) -> "BeamState":
        """The state after ``text`` more bytes.

        Raises:
            ValueError: the beam has no tokens of a probability above zero to spell one of the bytes.
        """
        state = self
        for byte in as_bytes(text):
            state = state._step(byte)
        return state

    def __repr__(self) -> str:
        return render_next(
            self.logprobs(),
            self.bounds(),
            self.covers(),
            lambda token: self._weigher.rule.vocabulary.token_bytes[token],
            self._shown,
            5,
            logprob=self.logprob,
            dropped=self.dropped,
        )

    def _repr_html_(self) -> str:
        return render_next_html(
            self.logprobs(),
            self.bounds(),
            self.covers(),
            lambda token: self._weigher.rule.vocabulary.token_bytes[token],
            self._shown,
            5,
            logprob=self.logprob,
            dropped=self.dropped,
        )

    @cached_property
    def _logmass(self) -> float:
        return _logsum(self._beam)

    @cached_property
    def _finished(self) -> tuple[list[Finished], ...]:
        """For each hypothesis, the heads that come of ending its token here."""
        return tuple(found.finished(self._weigher.rule.vocabulary) for found in self._beam)

    @cached_property
    def _logprobs(self) -> FloatArray:
        chosen, others = self._worthwhile(self._finished, self._logmass)
        known = self._following(chosen)
        if not known.sum() > 0:
            known = self._following([*chosen, *others])
        if not known.sum() > 0:
            raise FloatingPointError("the token model gives all that may follow the bytes so far probability zero")
        with np.errstate(divide="ignore"):
            logs: FloatArray = np.log(known / known.sum())
        return logs

    def _following(self, finished: Sequence[Finished]) -> FloatArray:
        """The masses of the next symbols behind the hypotheses and some finished heads, scaled: float64 ``(257,)``."""
        beam = [*self._beam, *map(whole, self._open(finished))]
        top = max(found.opened.logweight for found in beam)
        known = np.zeros(SYMBOLS)
        for found in beam:
            known += np.exp(found.opened.logweight - top) * found.following(self._weigher.rule.vocabulary)
        return known

    def _step(self, byte: int) -> "BeamState":
        vocabulary = self._weigher.rule.vocabulary
        count = self._kept()
        kept, cut = self._beam[:count], self._beam[count:]
        beam = _possible(found.read(vocabulary, byte) for found in kept)
        chosen, skipped = self._worthwhile(self._finished[:count], _logsum(beam))
        beam += _possible(whole(opened).read(vocabulary, byte) for opened in self._open(chosen))
        if not beam:
            beam = [self._healed(kept, byte)]
        beam.sort(key=lambda found: -found.logweight)
        given_up = [found.logweight for found in cut] + [one.logweight for one in skipped]
        lost = float(np.exp(np.array(given_up) - self._logmass).sum())
        return replace(
            self,
            _beam=tuple(beam),
            _shown=(self._shown + bytes([byte]))[-_SHOWN:],
            _length=self._length + 1,
            dropped=min(1.0, self.dropped + (1 - self.dropped) * lost),
            _opened={},
        )

    def _kept(self) -> int:
        """How many hypotheses read the next byte: the heaviest always."""
        shares = [found.logweight - self._logmass for found in self._beam]
        return max(1, sum(share > log(self._limits.prune) for share in shares[: self._limits.width]))

    def _worthwhile(
        self, finished: Iterable[Sequence[Finished]], logmass: float
    ) -> tuple[list[Finished], list[Finished]]:
        """The heads whose share, of a mass with that of all of them on top, is large enough, and the others."""
        heads = [one for some in finished for one in some]
        logtotal = np.logaddexp(logmass, _logsum(heads))
        large = [one.logweight > logtotal + log(self._limits.prune) for one in heads]
        return (
            [one for one, worth in zip(heads, large, strict=True) if worth],
            [one for one, worth in zip(heads, large, strict=True) if not worth],
        )

    def _open(self, finished: Sequence[Finished]) -> list[Opened]:
        """The model's answers about heads; each is asked about once."""
        unknown = [one for one in finished if one.head not in self._opened]
        if unknown:
            self._opened.update((opened.head, opened) for opened in open_heads(self._weigher, unknown))
        return [self._opened[one.head] for one in finished]

    def _healed(self, beam: Sequence[Hypothesis], byte: int) -> Hypothesis:
        found = next(filter(None, (heal(self._weigher, one, byte) for one in beam)), None)
        if found is None:
            raise ValueError(
                f"the beam has no tokens of a probability above zero to spell byte 0x{byte:02x} at position "
                f"{self._length} of the text; a larger width may find some"
            )
        return found


def begin_beam(weigher: Weigher, limits: Limits, prefix: bytes, head: Head | None = None) -> BeamState:
    """The state before any text behind ``head``, conditioned on the bytes that the tokenizer puts before every text."""
    (opened,) = open_heads(weigher, [Finished(Head() if head is None else head, 0.0)])
    state = BeamState(weigher, limits, (whole(opened),), 0.0, b"", 0).advance(prefix)
    return replace(state, _logbase=state.logprob, _shown=b"", _length=0)


def _possible(found: Iterable[Hypothesis | None]) -> list[Hypothesis]:
    return [one for one in found if one is not None and one.logweight > -np.inf]


def _logsum(weighted: Sequence[Hypothesis] | Sequence[Finished]) -> float:
    """The log of the sum of the weights; ``-inf`` of none."""
    return float(np.logaddexp.reduce([one.logweight for one in weighted], initial=-np.inf))
