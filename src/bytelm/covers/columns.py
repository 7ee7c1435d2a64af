"""Texts on their way: which of their heads to ask about, until what is left could change no place by much.

A head adds its weight to the column at its end as soon as the weight is known, and the masses of its narrowing ranges
to the columns behind when it is evaluated. So the trunk goes first, in one pass; it shows the weights of all heads
beside it, and then only those are evaluated that could change some column by more than the tolerance allows. A long
text is done in segments, so that keys and values beside the trunk are needed for one segment only.
"""

from collections.abc import Iterator, Sequence
from math import inf, log

import numpy as np

from bytelm.covers.masses import Masses
from bytelm.covers.opening import Opening
from bytelm.covers.settling import logsum_of_two
from bytelm.covers.walk import Trace, walk_of
from bytelm.covers.weighing import log as log_or_nothing
from bytelm.tokens.lattice import TextHead
from bytelm.tokens.rules import Rule

SEGMENT = 512
"""How many tokens of a text are done at a time."""

TOGETHER = 2**16
"""How many bytes of several texts go side by side, whole texts as far as they fit."""


class Columns:
    """One text on its way: what is known of its columns, and the heads whose weights are (mutable).

    Attributes:
        pending: the log-weights of the heads that are not evaluated, but whose parents are.
        done: about how many bytes are done.
        known: of each column the log of the mass of the covers below evaluated heads, nats.
        walk: the heads of the text.
        opening: the text, and what stands before it.
        asks_from: how many columns behind its own are the first that a head is evaluated for; how much it adds to its
            own is known without.
    """

    asks_from = 1

    def __init__(self, rule: Rule, opening: Opening) -> None:
        self.pending: dict[TextHead, float] = {}
        self.done = 0
        self.opening = opening
        self._index = rule.vocabulary.index
        self.walk = walk_of(rule, opening.prefix, opening.text, opening.head)
        self.known = [-inf] * self.walk.columns
        self._limit = 0
        for root in self.walk.roots:
            self._weigh(root, 0.0)

    def needed(self, tolerance: float) -> list[TextHead]:
        """The heads of the segment, or, if it needs none, of the next one (mutates), to evaluate, parents first.

        In every column the others weigh at most ``tolerance`` times what is known. None are needed at the text's end.
        """
        chosen = self._heavy(tolerance)
        while not chosen and self._move_on():
            chosen = self._heavy(tolerance)
        chains = (head for top in chosen for head in self.walk.chain(top, self._limit))
        # Each once, and in an order that does not depend on addresses, so that every process gets the same bits.
        return sorted(dict.fromkeys(chains), key=lambda head: head.depth)

    def learn(self, heads: Sequence[TextHead], answers: Iterator[Masses]) -> None:
        """Takes in what follows some heads (mutates)."""
        for head, masses in zip(heads, answers, strict=True):
            logweight = self.pending.pop(head)
            trace = self.walk.traces.pop(head)
            self.take(trace, logweight, masses)
            for child in trace.children:
                self._weigh(child, logweight + log_or_nothing(masses.at(int(self._index[child.token]))))

    def take(self, trace: Trace, logweight: float, masses: Masses) -> None:
        """Takes in what follows one head (mutates)."""
        for column, low, high in trace.spans:
            mass = log_or_nothing(masses.of(low, high))
            self.known[column] = logsum_of_two(self.known[column], logweight + mass)

    def _weigh(self, head: TextHead, logweight: float) -> None:
        trace = self.walk.traces[head]
        self.known[trace.born] = logsum_of_two(self.known[trace.born], logweight)
        if trace.reach >= trace.born + self.asks_from:
            self.pending[head] = logweight

    def _heavy(self, tolerance: float) -> list[TextHead]:
        here = {head: weight for head, weight in self.pending.items() if head.depth < self._limit}
        if tolerance == 0:
            return [head for head, weight in here.items() if weight > -inf]
        traces = self.walk.traces
        born = np.array([traces[head].born for head in here], dtype=np.int64)
        reach = np.array([traces[head].reach for head in here], dtype=np.int64)
        born += self.asks_from
        steps = np.bincount(born, minlength=self.walk.columns + 1)
        steps -= np.bincount(reach + 1, minlength=self.walk.columns + 1)
        limit = np.array(self.known) + (log(tolerance) - np.log(np.maximum(np.cumsum(steps[:-1]), 1)))
        spans = zip(here.items(), born.tolist(), reach.tolist(), strict=True)
        return [head for (head, weight), b, r in spans if weight > limit[b : r + 1].min()]

    def _move_on(self) -> bool:
        """Begins the next segment, if there is one (mutates).

        Heads that are not needed and do not reach into it are forgotten: their columns are done.
        """
        later = [head for head in self.pending if head.depth >= self._limit]
        if not later:
            return False
        traces = self.walk.traces
        self._limit = min(head.depth for head in later) + SEGMENT
        self.done = min(traces[head].born for head in later)
        for head in [head for head in self.pending if traces[head].reach < self.done + self.asks_from]:
            del self.pending[head]
        return True


def side_by_side(openings: Sequence[Opening]) -> Iterator[list[Opening]]:
    """The texts in their order, some at a time."""
    some: list[Opening] = []
    for opening in openings:
        if some and sum(len(one.text) for one in some) + len(opening.text) > TOGETHER:
            yield some
            some = []
        some.append(opening)
    if some:
        yield some
