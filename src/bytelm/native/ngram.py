"""A byte model that counts: contexts of a few bytes, in a corpus and in the text itself.

It knows nothing and learns at once: a cheap member of an ensemble, which knows the names of the file at hand. Estimates
of longer contexts are blended with those of shorter ones by absolute discounting: half a count of every symbol seen
goes to the shorter context. That is PPM with escape method D (Howard 1993, "The Design and Analysis of Efficient
Lossless Data Compression Systems", section 2), blended instead of excluded.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial

import numpy as np
from numpy.typing import NDArray

from bytelm.batch import BatchState
from bytelm.decoding.ranking import top_symbols
from bytelm.decoding.texts import Texts, as_texts, text_of
from bytelm.later import Later
from bytelm.model import ByteLM, Progress
from bytelm.native.contexts import LONGEST, Contexts
from bytelm.prompts import Prompt, Text
from bytelm.protocol import SYMBOLS, FloatArray, as_bytes
from bytelm.rendering import render_next
from bytelm.rendering_html import render_next_html

HISTORY = 2**16
"""How many of its last bytes a text learns from."""

DISCOUNT = 0.5


@dataclass(frozen=True, eq=False, repr=False)
class NgramState:
    """Counts, after some bytes. Frozen: ``advance`` makes a new state.

    Attributes:
        model: the counts of the corpus.
        text: the bytes so far, or the last ``HISTORY`` of them.
    """

    model: "NgramLM"
    text: bytes
    _opening: Later[float]
    _since: float = 0.0

    dropped = 0.0

    @property
    def logprob(self) -> float:
        """``log P(bytes so far)``, nats. A prompt is scored when this is asked for first."""
        return self._opening.value + self._since

    def logprobs(self) -> FloatArray:
        """The next-byte distribution: log-probabilities, float64 ``(257,)``, nats; sums to one."""
        return self._logprobs

    def bounds(self) -> tuple[FloatArray, FloatArray]:
        """The log-probabilities twice: they are exact."""
        return self._logprobs, self._logprobs

    def top(self, k: int) -> list[tuple[bytes | int, float]]:
        """The ``k`` most probable next symbols with their log-probabilities; the end of text as ``END``."""
        return top_symbols(self._logprobs, k)

    def advance(self, text: Text) -> "NgramState":
        """The state after ``text`` more bytes."""
        state = self
        for byte in as_bytes(text):
            after = (state.text + bytes((byte,)))[-HISTORY:]
            state = replace(state, text=after, _since=state._since + float(state._logprobs[byte]))
        return state

    def __repr__(self) -> str:
        logprob = self.logprob if self._opening.known else None
        return render_next(self._logprobs, self.bounds(), (), lambda _: b"", self.text[-200:], 5, logprob=logprob)

    def _repr_html_(self) -> str:
        logprob = self.logprob if self._opening.known else None
        return render_next_html(self._logprobs, self.bounds(), (), lambda _: b"", self.text[-200:], 5, logprob=logprob)

    @cached_property
    def _logprobs(self) -> FloatArray:
        found: FloatArray = np.log(self.model.probabilities(self.text))
        return found


class NgramLM(ByteLM[NgramState]):
    """The byte model of counts; see ``bytelm.ngram``.

    Args:
        texts: what is counted; none for a model that learns from the text alone.
        order: how many bytes of context count, at most 7.
        adaptive: whether the text itself is counted, too.

    Raises:
        ValueError: the order is out of range.
    """

    def __init__(self, texts: Text | Texts = (), order: int = 6, adaptive: bool = True) -> None:
        if isinstance(order, bool) or not 0 <= order <= LONGEST:
            raise ValueError(f"order is how many bytes of context count, from 0 to {LONGEST}; got {order!r}")
        self.order = order
        self.adaptive = adaptive
        self._contexts = Contexts(as_texts(texts))

    def probabilities(self, before: bytes) -> FloatArray:
        """The probabilities of the next symbol, float64 ``(257,)``."""
        known = self._contexts.following(before, self.order)
        own = _following(before, self.order) if self.adaptive else []
        found = np.full(SYMBOLS, 1 / SYMBOLS)
        for length in range(max(len(known), len(own))):
            counts = np.sum([rows[length] for rows in (known, own) if length < len(rows)], axis=0)
            total = counts.sum()
            if total:
                lent = DISCOUNT * np.count_nonzero(counts)
                found = (np.maximum(counts - DISCOUNT, 0) + lent * found) / total
        return found

    def _prefill_all(self, prompts: Sequence[bytes | Prompt]) -> BatchState[NgramState]:
        texts = [text_of(prompt) for prompt in prompts]
        return BatchState(tuple(NgramState(self, t[-HISTORY:], Later(partial(self._logprob, t))) for t in texts))

    def _logprob(self, text: bytes) -> float:
        return math.fsum(self.score(text))

    def _score_all(self, texts: Sequence[bytes | Prompt], progress: Progress | None) -> list[FloatArray]:
        given = [text_of(text) for text in texts]
        done, total = 0, sum(map(len, given))
        scores = [np.empty(len(text)) for text in given]
        for text, found in zip(given, scores, strict=True):
            for place, byte in enumerate(text):
                found[place] = math.log(self.probabilities(text[max(0, place - HISTORY) : place])[byte])
                done += 1
                if progress is not None:
                    progress(done, total)
        return scores


def ngram(texts: Text | Texts = (), *, order: int = 6, adaptive: bool = True) -> NgramLM:
    """A byte model that counts contexts of a few bytes, in ``texts`` and in the text that it is asked about.

    Args:
        texts: what is counted, with the end of each; none for a model that learns from the text alone.
        order: how many bytes of context count, from 0 to 7.
        adaptive: whether the text itself is counted, too, its last 65,536 bytes.

    Raises:
        ValueError: the order is out of range.
        TypeError: ``texts`` is neither a text nor a list of texts.
    """
    return NgramLM(texts, order, adaptive)


def _following(text: bytes, longest: int) -> list[NDArray[np.int64]]:
    """How often each symbol followed the last 0, 1, … bytes of a text inside it, ``(257,)`` each.

    The list ends with the longest context that occurred before, of at most ``longest`` bytes.
    """
    symbols = np.frombuffer(text, dtype=np.uint8)
    counts = [np.bincount(symbols, minlength=SYMBOLS)]
    places = np.arange(len(symbols))
    for length in range(1, min(longest, len(text)) + 1):
        places = places[places >= length]
        places = places[symbols[places - length] == symbols[-length]]
        if not places.size:
            break
        counts.append(np.bincount(symbols[places], minlength=SYMBOLS))
    return counts
