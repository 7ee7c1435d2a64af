"""The probability of every byte of some texts, in a few passes over all of them.

Columns are the places between bytes: ``known[i]`` is the log of the mass of the covers of the first ``i`` bytes
below evaluated heads. A head adds its weight to the column at its end as soon as the weight is known, and the masses
of its narrowing ranges to the columns behind when it is evaluated. So the trunk goes first, in one pass; it shows the
weights of all heads beside it, and then only those are evaluated that could change some column by more than the
tolerance allows. Where the text becomes impossible, it begins anew in columns of its own.

A long text is done in segments, so that keys and values beside the trunk are needed for one segment only. Texts that
are scored together go side by side, and share passes. They ask a model that remembers nothing from before: what comes
out is the same to the last bit whatever was asked earlier.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from math import inf, log

import numpy as np

from bytelm.covers.masses import Masses
from bytelm.covers.opening import Opening
from bytelm.covers.settling import impossible, logsum_of_two
from bytelm.covers.weighing import Weigher
from bytelm.covers.weighing import log as log_or_nothing
from bytelm.heads import Head
from bytelm.protocol import FloatArray
from bytelm.tokens.lattice import Lattice, TextHead, advance_lattice, begin_lattice, restart_lattice
from bytelm.tokens.rules import Rule

Progress = Callable[[int, int], None]

SEGMENT = 512
"""How many tokens of a text are done at a time."""

TOGETHER = 2**16
"""How many bytes of several texts go side by side, whole texts as far as they fit."""


@dataclass(slots=True, eq=False)
class _Trace:
    """What the lattices of a text say about one head.

    Attributes:
        born: the column at its end.
        spans: ``(column, low, high)`` for every later column at which its cursor lives.
        children: the heads that follow it by one token.
        reach: the last column at which it or a descendant is live.
    """

    born: int
    reach: int
    spans: list[tuple[int, int, int]] = field(default_factory=list)
    children: list[TextHead] = field(default_factory=list)


@dataclass
class _Walk:
    """All heads that a text leaves open at some place, in the order in which they were born.

    Attributes:
        traces: each head's trace.
        roots: where the text begins, and begins anew.
        before, after: for every byte, the columns on both sides of it.
        possible: for every byte, whether any text of the tokenizer goes on so.
        columns: how many columns there are.
    """

    traces: dict[Head, _Trace] = field(default_factory=dict)
    roots: list[TextHead] = field(default_factory=list)
    before: list[int] = field(default_factory=list)
    after: list[int] = field(default_factory=list)
    possible: list[bool] = field(default_factory=list)
    columns: int = 0

    def begin(self, root: TextHead) -> None:
        """Record where the text begins, or begins anew, at a new column."""
        self.roots.append(root)
        self.traces[root] = _Trace(self.columns, self.columns)
        self.columns += 1

    def enter(self, lattice: Lattice) -> None:
        """Record the live cursors of a lattice at a new column."""
        for head, low, high in lattice.cursors:
            trace = self.traces.get(head)
            if trace is not None:
                trace.spans.append((self.columns, low, high))
                continue
            self.traces[head] = _Trace(self.columns, self.columns)
            assert head.parent is not None, "only the root has no parent"
            self.traces[head.parent].children.append(head)
        self.columns += 1

    def close(self) -> None:
        """Find how far every head reaches, its descendants included."""
        for trace in reversed(self.traces.values()):
            last = trace.spans[-1][0] if trace.spans else trace.born
            trace.reach = max([last, *(self.traces[child].reach for child in trace.children)])

    def chain(self, head: TextHead) -> list[TextHead]:
        """``head`` and its descendants along the one that reaches furthest, as long as there is just one."""
        path = [head]
        while True:
            reach = self.traces[path[-1]].reach
            furthest = [child for child in self.traces[path[-1]].children if self.traces[child].reach == reach]
            if len(furthest) != 1 or self.traces[furthest[0]].born == reach:
                return path
            path.append(furthest[0])


def score_texts(
    weigher: Weigher, tolerance: float, openings: Sequence[Opening], progress: Progress | None = None
) -> list[FloatArray]:
    """``log P(byte i | what stands before)`` of each text, float64 ``(len(text),)``, nats.

    ``-inf`` at a byte that no text of the tokenizer can have there; what follows is conditioned on it.

    Args:
        weigher: of canonical segmentation.
        tolerance: how much may be left unknown, as a fraction of what is known in each column.
        openings: the texts, and what stands before each.
        progress: called now and then with the bytes done and the bytes in all.
    """
    total, done = sum(len(opening.text) for opening in openings), 0
    scores: list[FloatArray] = []
    for some in _together(openings):
        apart = weigher.apart()
        texts = [_Columns(apart.rule, opening) for opening in some]
        asked = [(text, text.needed(tolerance)) for text in texts]
        while asked := [(text, heads) for text, heads in asked if heads]:
            answers = apart.evaluate([head for _, heads in asked for head in heads])
            for text, heads in asked:
                text.learn(heads, islice(answers, len(heads)))
            asked = [(text, text.needed(tolerance)) for text, _ in asked]
            if progress is not None:
                progress(min(total, done + sum(text.done for text in texts)), total)
        scores += [text.scores() for text in texts]
        done += sum(len(opening.text) for opening in some)
    if progress is not None:
        progress(total, total)
    return scores


def _together(openings: Sequence[Opening]) -> Iterator[list[Opening]]:
    """The texts in their order, some at a time."""
    some: list[Opening] = []
    for opening in openings:
        if some and sum(len(one.text) for one in some) + len(opening.text) > TOGETHER:
            yield some
            some = []
        some.append(opening)
    if some:
        yield some


class _Columns:
    """One text on its way: what is known of its columns, and the heads whose weights are (mutable).

    Attributes:
        pending: the log-weights of the heads that are not evaluated, but whose parents are.
        done: about how many bytes are done.
    """

    def __init__(self, rule: Rule, opening: Opening) -> None:
        self.pending: dict[TextHead, float] = {}
        self.done = 0
        self._opening = opening
        self._index = rule.vocabulary.index
        self._walk = _walk(rule, opening.prefix, opening.text, opening.head)
        self._known = [-inf] * self._walk.columns
        self._limit = 0
        for root in self._walk.roots:
            self._weigh(root, 0.0)

    def needed(self, tolerance: float) -> list[TextHead]:
        """The heads of the segment, or, if it needs none, of the next one (mutates), to evaluate, parents first.

        In every column the others weigh at most ``tolerance`` times what is known. None are needed at the text's end.
        """
        chosen = self._heavy(tolerance)
        while not chosen and self._move_on():
            chosen = self._heavy(tolerance)
        chains = (head for top in chosen for head in self._walk.chain(top) if head.depth < self._limit)
        # Each once, and in an order that does not depend on addresses, so that every process gets the same bits.
        return sorted(dict.fromkeys(chains), key=lambda head: head.depth)

    def learn(self, heads: Sequence[TextHead], answers: Iterator[Masses]) -> None:
        """Takes in what follows some heads (mutates)."""
        known, traces = self._known, self._walk.traces
        for head, masses in zip(heads, answers, strict=True):
            logweight = self.pending.pop(head)
            trace = traces.pop(head)
            for column, low, high in trace.spans:
                known[column] = logsum_of_two(known[column], logweight + log_or_nothing(masses.of(low, high)))
            for child in trace.children:
                self._weigh(child, logweight + log_or_nothing(masses.at(int(self._index[child.token]))))

    def scores(self) -> FloatArray:
        """The log-probability of each byte, nats.

        Raises:
            FloatingPointError: the model gives some bytes probability zero.
        """
        known = np.array(self._known)
        if not (known > -inf).all():
            raise impossible()
        before, after = np.array(self._walk.before, dtype=np.int64), np.array(self._walk.after, dtype=np.int64)
        scores: FloatArray = known[after] - known[before]
        scores[~np.array(self._walk.possible, dtype=bool)] = -inf
        return scores[len(self._opening.prefix) :]

    def _weigh(self, head: TextHead, logweight: float) -> None:
        trace = self._walk.traces[head]
        self._known[trace.born] = logsum_of_two(self._known[trace.born], logweight)
        if trace.reach > trace.born:
            self.pending[head] = logweight

    def _heavy(self, tolerance: float) -> list[TextHead]:
        here = {head: weight for head, weight in self.pending.items() if head.depth < self._limit}
        if tolerance == 0:
            return [head for head, weight in here.items() if weight > -inf]
        traces = self._walk.traces
        born = np.array([traces[head].born for head in here], dtype=np.int64)
        reach = np.array([traces[head].reach for head in here], dtype=np.int64)
        steps = np.bincount(born + 1, minlength=self._walk.columns + 1)
        steps -= np.bincount(reach + 1, minlength=self._walk.columns + 1)
        limit = np.array(self._known) + (log(tolerance) - np.log(np.maximum(np.cumsum(steps[:-1]), 1)))
        spans = zip(here.items(), born.tolist(), reach.tolist(), strict=True)
        return [head for (head, weight), b, r in spans if weight > limit[b + 1 : r + 1].min()]

    def _move_on(self) -> bool:
        """Begins the next segment, if there is one (mutates).

        Heads that are not needed and do not reach into it are forgotten: their columns are done.
        """
        later = [head for head in self.pending if head.depth >= self._limit]
        if not later:
            return False
        traces = self._walk.traces
        self._limit = min(head.depth for head in later) + SEGMENT
        self.done = min(traces[head].born for head in later)
        for head in [head for head in self.pending if traces[head].reach <= self.done]:
            del self.pending[head]
        return True


def _walk(rule: Rule, prefix: bytes, text: bytes, head: Head | None) -> _Walk:
    lattice = begin_lattice(rule, head, -len(prefix))
    walk = _Walk()
    walk.begin(lattice.root)
    for byte in prefix + text:
        walk.before.append(walk.columns - 1)
        after = advance_lattice(rule, lattice, byte)
        walk.possible.append(bool(after.cursors))
        if not after.cursors:
            after = restart_lattice(rule, lattice, byte)
            walk.begin(after.root)
        if after.root.end < after.end:
            walk.enter(after)
        walk.after.append(walk.columns - 1)
        lattice = after
    walk.close()
    return walk
