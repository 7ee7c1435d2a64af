"""The probability of every byte of a text, in a few passes over all of it.

Columns are the places between bytes: ``known[i]`` is the log of the mass of the covers of the first ``i`` bytes
below evaluated heads. A head adds its weight to the column at its end as soon as the weight is known, and the masses
of its narrowing ranges to the columns behind when it is evaluated. So the trunk goes first, in one pass; it shows the
weights of all heads beside it, and then only those are evaluated that could change some column by more than the
tolerance allows. Where the text becomes impossible, it begins anew in columns of its own.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from bytelm.covers.weighing import Weigher, log
from bytelm.heads import Head
from bytelm.protocol import FloatArray
from bytelm.tokens.lattice import Lattice, TextHead, advance_lattice, begin_lattice, restart_lattice
from bytelm.tokens.rules import Rule

Progress = Callable[[int, int], None]


@dataclass
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


def score_text(
    weigher: Weigher,
    tolerance: float,
    prefix: bytes,
    text: bytes,
    progress: Progress | None = None,
    head: Head | None = None,
) -> FloatArray:
    """``log P(byte i | head, prefix, bytes before i)``: float64 ``(len(text),)``, nats.

    ``-inf`` at a byte that no text of the tokenizer can have there; what follows is conditioned on it.
    """
    walk = _walk(weigher.rule, prefix, text, head)
    logknown = _fill(weigher, walk, tolerance, progress)
    if not (logknown > -np.inf).all():
        raise FloatingPointError("the token model gives the bytes so far probability zero")
    before, after = np.array(walk.before, dtype=np.int64), np.array(walk.after, dtype=np.int64)
    scores = logknown[after] - logknown[before]
    scores[~np.array(walk.possible, dtype=bool)] = -np.inf
    if progress is not None:
        progress(len(text), len(text))
    return scores[len(prefix) :]


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


def _fill(weigher: Weigher, walk: _Walk, tolerance: float, progress: Progress | None) -> FloatArray:
    """The log-masses of all columns, float64 ``(columns,)``, nats, each at most ``log(1 + tolerance)`` too low."""
    known = np.full(walk.columns, -np.inf)
    pending: dict[TextHead, float] = {}

    def learn(head: TextHead, logweight: float) -> None:
        trace = walk.traces[head]
        known[trace.born] = np.logaddexp(known[trace.born], logweight)
        if trace.reach > trace.born:
            pending[head] = logweight

    for root in walk.roots:
        learn(root, 0.0)
    index = weigher.rule.vocabulary.index
    while chosen := _needed(walk, pending, known, tolerance):
        # Not a set: its order is that of addresses, and the last bits of the masses depend on what is evaluated when.
        found = dict.fromkeys(head for top in chosen for head in walk.chain(top))
        heads = sorted(found, key=lambda head: head.depth)
        for head, (masses, _) in zip(heads, weigher.evaluate(heads), strict=True):
            logweight = pending.pop(head)
            trace = walk.traces[head]
            for column, low, high in trace.spans:
                known[column] = np.logaddexp(known[column], logweight + log(float(masses[low:high].sum())))
            for child in trace.children:
                learn(child, logweight + log(float(masses[index[child.token]])))
            if progress is not None:
                progress(min(trace.born, len(walk.before)), len(walk.before))
    return known


def _needed(walk: _Walk, pending: dict[TextHead, float], known: FloatArray, tolerance: float) -> list[TextHead]:
    """The pending heads to evaluate: in every column the others weigh at most ``tolerance`` times what is known."""
    if tolerance == 0:
        return [head for head, weight in pending.items() if weight > -np.inf]
    steps = np.zeros(walk.columns + 1, dtype=np.int64)
    for head in pending:
        trace = walk.traces[head]
        steps[trace.born + 1] += 1
        steps[trace.reach + 1] -= 1
    count = np.maximum(np.cumsum(steps[:-1]), 1)
    limit = known + np.log(tolerance / count)
    traces = walk.traces
    return [h for h, w in pending.items() if w > limit[traces[h].born + 1 : traces[h].reach + 1].min()]
