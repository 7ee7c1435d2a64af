"""The byte model's state after some bytes: live cursors, their weights, and the next-byte distribution."""

from collections.abc import Generator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import NamedTuple

import numpy as np

from bytelm.covers.beam import advance_beam, prune
from bytelm.covers.courses import Answers, Ask
from bytelm.covers.foresight import Foresight, most_for, settling, together
from bytelm.covers.lead import Lead
from bytelm.covers.opening import Opening
from bytelm.covers.settling import Weights, begin_anywhere, impossible, settle
from bytelm.covers.weighing import Weigher, log
from bytelm.decoding.ranking import top_symbols
from bytelm.protocol import END, SYMBOLS, FloatArray, Text, as_bytes
from bytelm.rendering import render_next
from bytelm.rendering_html import render_next_html
from bytelm.tokens.lattice import Cursor, Lattice, begin_lattice, read_lattice, restart_lattice

_REMEMBERED = 200
"""How many of the last bytes a state keeps to show them."""


class Cover(NamedTuple):
    """A live cursor, for people to look at.

    Attributes:
        tokens: the token ids of the head.
        rest: the bytes of the text after the head; the next token starts with them.
        logweight: the log-probability of the head and the bytes after it, nats; for a head that was not
            evaluated, an upper bound.
        evaluated: whether the model was asked for the distribution after the head.
    """

    tokens: tuple[int, ...]
    rest: bytes
    logweight: float
    evaluated: bool


class NextBytes(NamedTuple):
    """The masses of the next symbols, all divided by ``exp(logscale)``.

    Attributes:
        logscale: the log of what the masses are divided by.
        known: float64 ``(257,)``, from evaluated heads.
        exact: the weight of the pending heads at whose end the text stands: theirs to the last bit, though not
            yet distributed.
        vague: the weight of the other pending heads, of which an unknown part counts.
    """

    logscale: float
    known: FloatArray
    exact: float
    vague: float


@dataclass(frozen=True, eq=False, repr=False)
class CoverState:
    """A tokenized model after some bytes. Frozen: ``advance`` makes a new state.

    Attributes:
        tolerance: how much of what is known may be left unknown, as a fraction.
        lead: what stands before the head that all covers of the prompt go through, from which weights are counted.
        dropped: the posterior mass given up so far; 0 for canonical segmentation.
    """

    _weigher: Weigher
    tolerance: float
    _lattice: Lattice
    _weights: Weights
    lead: Lead
    _possible: bool
    _shown: bytes
    dropped: float = 0.0
    _foresight: Foresight = field(default_factory=Foresight)

    @property
    def logprob(self) -> float:
        """``log P(bytes so far)``, nats: a certain lower bound, at most ``log(1 + tolerance)`` too low.

        ``-inf`` once the text contains bytes that no text of the tokenizer can.
        """
        if not self._possible:
            return -np.inf
        following = self._following
        return log(float(following.known.sum()) + following.exact) + following.logscale + self.lead.logweight

    def logprobs(self) -> FloatArray:
        """The next-byte distribution: log-probabilities, float64 ``(257,)``, nats; index 256 is end of text."""
        known = self._following.known
        with np.errstate(divide="ignore"):
            logs: FloatArray = np.log(known / known.sum())
        return logs

    def bounds(self) -> tuple[FloatArray, FloatArray]:
        """Lower and upper bounds on the true log-probabilities, float64 ``(257,)`` each, nats.

        Certified for canonical segmentation. They are as far apart as the pending heads' weight allows: the
        probabilities by at most ``tolerance``.
        """
        _, known, exact, vague = self._following
        pending = exact + vague
        if pending == 0:
            return self.logprobs(), self.logprobs()
        total = float(known.sum())
        with np.errstate(divide="ignore"):
            lower = np.log(known / (total + pending))
            upper = np.log((known + pending) / (total + pending))
        return lower, upper

    def top(self, k: int) -> list[tuple[bytes | int, float]]:
        """The ``k`` most probable next symbols with their log-probabilities; the end of text as ``END``."""
        return top_symbols(self.logprobs(), k)

    def covers(self) -> list[Cover]:
        """The live cursors, best first; the weights of the evaluated ones add up to ``P(bytes so far)``."""
        found = [self._cover(cursor) for cursor in self._lattice.cursors]
        return sorted((cover for cover in found if cover.logweight > -np.inf), key=lambda cover: -cover.logweight)

    def advance(self, text: Text) -> "CoverState":
        """The state after ``text`` more bytes. Any bytes are accepted; impossible ones make ``logprob`` -inf."""
        data = as_bytes(text)
        if self._weigher.rule.heads_die:
            return _settled(self.unsettled(data))
        state = self
        for byte in data:
            state = state._step(byte)
        return state

    def refined(self, tolerance: float) -> "CoverState":
        """This state at another tolerance, which its successors keep; what is evaluated already stays so."""
        weights = settle(self._weigher, self._lattice, self._weights, tolerance)
        return replace(self, tolerance=tolerance, _weights=weights)

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

    def unsettled(self, data: bytes) -> "CoverState":
        """The state after ``data``, with nothing asked; for canonical segmentation. Only `settling` may follow."""
        rule = self._weigher.rule
        lattice, weights, lead, possible = self._lattice, self._weights, self.lead, self._possible
        foresight = self._foresight
        for byte in data:
            after, foresight = foresight.after(rule, lattice, byte)
            if not after.cursors:
                after = restart_lattice(rule, lattice, byte)
                weights, lead, possible, foresight = _anew(after), Lead(), False, Foresight()
            lattice = after
        return replace(
            self,
            _lattice=lattice,
            _weights=weights,
            lead=lead,
            _possible=possible,
            _shown=(self._shown + data)[-_REMEMBERED:],
            _foresight=foresight,
        )

    def settling(self, most: int) -> "Generator[Ask, Answers, CoverState]":
        """Asks what an unsettled state must know to its tolerance, as a course does; returns the one that knows it.

        ``most`` heads are asked about ahead of time, where the model is asked anyway.
        """
        weights, foresight = yield from settling(
            self._weigher, self._lattice, self._weights, self.tolerance, self._foresight, most
        )
        return replace(self, _weights=weights, _foresight=foresight)

    def _step(self, byte: int) -> "CoverState":
        """The state after one byte, where heads do not die and those not worth evaluating are given up."""
        lattice, weights = advance_beam(self._weigher, self._lattice, self._weights, self.tolerance, byte)
        if not lattice.cursors:
            return _settled(self.unsettled(bytes([byte])))
        shown = (self._shown + bytes([byte]))[-_REMEMBERED:]
        return _settled(replace(self, _lattice=lattice, _weights=weights, _shown=shown))

    @cached_property
    def _following(self) -> NextBytes:
        evaluated, pending = self._weights.evaluated, self._weights.pending
        heads = [*(found.logweight for found in evaluated.values()), *pending.values()]
        logscale = max((weight for weight in heads if weight > -np.inf), default=0.0)
        known = np.zeros(SYMBOLS)
        vocabulary = self._weigher.rule.vocabulary
        for head, low, high in self._lattice.cursors:
            found = evaluated.get(head)
            if found is not None:
                weight = np.exp(found.logweight - logscale)
                depth = self._lattice.end - head.end
                found.masses.add_by_byte(known, weight, vocabulary, low, high, depth)
                known[END] += weight * found.masses.end if depth == 0 else 0.0
        here = [head.end == self._lattice.end for head in pending]
        weights = np.exp(np.array(list(pending.values())) - logscale)
        exact = float(weights[here].sum())
        if not known.sum() > 0:
            raise impossible()
        return NextBytes(logscale, known, exact, float(weights.sum()) - exact if not all(here) else 0.0)

    def _cover(self, cursor: Cursor) -> Cover:
        rest = self._lattice.after(cursor.head.end)
        found = self._weights.evaluated.get(cursor.head)
        if found is not None:
            mass = found.masses.of(cursor.low, cursor.high) + (found.masses.end if not rest else 0.0)
            return Cover(cursor.head.tokens(), rest, found.logweight + log(mass) + self.lead.logweight, True)
        above = next((head for head in cursor.head.path() if head in self._weights.pending), None)
        weight = -np.inf if above is None else self._weights.pending[above]  # type: ignore[index]
        return Cover(cursor.head.tokens(), rest, weight + self.lead.logweight, False)


def begin(weigher: Weigher, tolerance: float, opening: Opening) -> CoverState:
    """The state after the text of a prompt."""
    if weigher.rule.heads_die:
        return _settled(begin_unsettled(weigher, tolerance, opening))
    lattice = begin_lattice(weigher.rule, opening.head, -len(opening.prefix))
    first = CoverState(weigher, 0.0 if opening.prefix else tolerance, lattice, _anew(lattice), Lead(), True, b"")
    before = _settled(first).advance(opening.prefix)
    state = _settled(replace(before, tolerance=tolerance, lead=Lead(known=-before.logprob), _shown=b""))
    return state.advance(opening.text)


def begin_unsettled(weigher: Weigher, tolerance: float, opening: Opening) -> CoverState:
    """The same with nothing asked; for canonical segmentation. Only `CoverState.settling` may follow."""
    start = begin_lattice(weigher.rule, opening.head, -len(opening.prefix))
    lattice = read_lattice(weigher.rule, start, opening.prefix + opening.text)
    weights = begin_anywhere(lattice)
    possible = lattice.root is start.root
    lead = Lead(weigher, lattice.root, next(iter(weights.pending)), opening.prefix if possible else b"")
    return CoverState(weigher, tolerance, lattice, weights, lead, possible, opening.text[-_REMEMBERED:])


def advance_together(states: Sequence[CoverState], texts: Sequence[bytes]) -> tuple[CoverState, ...]:
    """The states of one model, each after more bytes; what they ask shares passes."""
    if not states or not states[0]._weigher.rule.heads_die:
        return tuple(state.advance(text) for state, text in zip(states, texts, strict=True))
    return settled_together([state.unsettled(text) for state, text in zip(states, texts, strict=True)])


def settled_together(states: Sequence[CoverState]) -> tuple[CoverState, ...]:
    """Unsettled states of one model with what must be known to their tolerances, in passes that they share."""
    most = most_for(len(states))
    return tuple(together(states[0]._weigher, [state.settling(most) for state in states])) if states else ()


def _anew(lattice: Lattice) -> Weights:
    """The weights at the beginning of a text: the head that everything descends from is pending, and certain."""
    return Weights({}, {lattice.root: 0.0})


def _settled(state: CoverState) -> CoverState:
    """The state with what must be known to its tolerance, and without what is not worth following."""
    if state._weigher.rule.heads_die:
        return settled_together([state])[0]
    weights = settle(state._weigher, state._lattice, state._weights, state.tolerance)
    lattice, weights, lost = prune(state._lattice, weights)
    return replace(state, _lattice=lattice, _weights=weights, dropped=state.dropped + (1 - state.dropped) * lost)
