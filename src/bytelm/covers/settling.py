"""Which heads to ask the model about, so that the answer is certain to a tolerance and no more is asked.

A head whose distribution is not known yet is *pending*. Its weight ``w`` is known as soon as its parent is
evaluated, and whatever it would contribute lies between 0 and ``w``. So at every moment

    known <= P(text) <= known + pending

and heads are evaluated, the heavy ones first, until ``pending <= tolerance * known``. Pending heads keep their
place: they can be evaluated later, when the bytes that came since have killed their rivals.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import exp, inf, log1p
from math import log as log_of

import numpy as np

from bytelm.covers.masses import Masses
from bytelm.covers.weighing import Evaluation, Weigher, log
from bytelm.heads import Head
from bytelm.tokens.lattice import Cursor, Lattice, TextHead


@dataclass(frozen=True)
class Weights:
    """What is known about the heads of a lattice.

    Attributes:
        evaluated: the heads that have live cursors and whose distributions are known.
        pending: the log-weights of the heads that are not, but whose parents are; those of weight zero too, so
            that their descendants are known for what they are.
    """

    evaluated: Mapping[TextHead, Evaluation]
    pending: Mapping[TextHead, float]


def begin_anywhere(lattice: Lattice) -> Weights:
    """Weights from the deepest head that all live ones descend from, as if the text began there.

    What comes before weighs on all of them alike; so the model need not be asked about it.
    """
    heads: set[Head] = {cursor.head for cursor in lattice.cursors}
    while len(heads) > 1:
        deepest = max(heads, key=lambda head: head.depth)
        assert deepest.parent is not None, "the root is above all"
        heads = (heads - {deepest}) | {deepest.parent}
    (head,) = heads
    assert isinstance(head, TextHead)
    return Weights({}, {head: 0.0})


class Settling:
    """Weights on their way to a tolerance: says which heads it needs, and learns the answers.

    So that several texts can ask in one pass, the model is not asked here.

    Attributes:
        evaluated, pending: as of `Weights`; those of heads that have died are left out.
        cursors: the live cursors by their heads.
        logmasses: the logs of the masses of the covers below the evaluated heads.
    """

    def __init__(self, weigher: Weigher, lattice: Lattice, weights: Weights) -> None:
        self._index = weigher.rule.vocabulary.index
        # Where heads do not die, pending ones are given up, and by their share of what was known before.
        self._end = lattice.end if weigher.rule.heads_die else None
        self._children: dict[Head, list[TextHead]] = {}
        self._lattice = lattice
        self.cursors = {cursor.head: cursor for cursor in lattice.cursors}
        self.pending: dict[TextHead, float] = {}
        self.evaluated = {head: weights.evaluated[head] for head in self.cursors if head in weights.evaluated}
        self.logmasses = {head: self._logmass(head) for head in self.evaluated}
        self._plant(weights)

    @property
    def weights(self) -> Weights:
        """What is known so far."""
        return Weights(self.evaluated, self.pending)

    @property
    def unevaluated(self) -> set[TextHead]:
        """The pending heads, and those between them and the live cursors."""
        return {*self.pending, *(child for below in self._children.values() for child in below)}

    @property
    def logknown(self) -> float:
        """The log of the mass of the covers below evaluated heads."""
        return logsum(self.logmasses.values())

    @property
    def logpending(self) -> float:
        """The log of what all pending heads weigh."""
        return logsum(self.pending.values())

    def needed(self, tolerance: float) -> list[TextHead]:
        """The heads to ask about next, parents first; the others weigh at most ``tolerance`` times what is known.

        With each goes what is certainly needed with it: its only descendants, down to the first choice. None are
        needed where the tolerance is reached.
        """
        chosen = heaviest(self.pending, self.logknown, tolerance, self._end)
        return sorted((head for top in chosen for head in self._trunk(top)), key=lambda head: head.depth)

    def learn(self, heads: Sequence[TextHead], answers: Iterable[Masses]) -> None:
        """Takes in the answers about heads, each of them pending by its turn (mutates)."""
        for head, masses in zip(heads, answers, strict=True):
            evaluation = Evaluation(self.pending.pop(head), masses)
            for child in self._children.get(head, ()):
                self.pending[child] = evaluation.logweight_after(int(self._index[child.token]))
            if head in self.cursors:
                self.evaluated[head] = evaluation
                self.logmasses[head] = self._logmass(head)

    def logweight(self, head: TextHead) -> float:
        """The log-weight of a head whose parent is evaluated; ``-inf`` for others."""
        above = head.parent
        found = self.evaluated.get(above) if isinstance(above, TextHead) else None
        return -inf if found is None else found.logweight_after(int(self._index[head.token]))

    def _logmass(self, head: TextHead) -> float:
        return _logmass(self.evaluated[head], self.cursors[head], self._lattice)

    def _plant(self, weights: Weights) -> None:
        """Link every live cursor's head to the pending head above it."""
        seen: set[Head] = set()
        for live in self.cursors:
            head = live
            while head not in seen and head not in weights.evaluated:
                seen.add(head)
                if head in weights.pending:
                    self.pending[head] = weights.pending[head]
                    break
                parent = head.parent
                assert isinstance(parent, TextHead), "every live head descends from an evaluated or a pending one"
                if parent in weights.evaluated:
                    index = int(self._index[head.token])
                    self.pending[head] = weights.evaluated[parent].logweight_after(index)
                    break
                self._children.setdefault(parent, []).append(head)
                head = parent

    def _trunk(self, head: TextHead) -> list[TextHead]:
        path = [head]
        while path[-1] not in self.cursors and len(below := self._children.get(path[-1], [])) == 1:
            path.append(below[0])
        return path


def heaviest(
    pending: Mapping[TextHead, float], logknown: float, tolerance: float, end: int | None = None
) -> list[TextHead]:
    """The heaviest of some pending heads, so many that the others weigh little.

    Args:
        pending: their log-weights, nats.
        logknown: the log of what is known, nats.
        tolerance: the others weigh at most this times what is known then.
        end: the weight of a chosen head that ends here becomes known to the last bit, and counts as known.
    """
    if tolerance == 0:
        return [head for head, weight in pending.items() if weight > -inf]
    limit = log(tolerance)
    if logsum(pending.values()) <= logknown + limit:
        return []
    falling = sorted(pending, key=lambda head: -pending[head])
    rests = np.logaddexp.accumulate([pending[head] for head in reversed(falling)])[::-1].tolist()
    for count, head in enumerate(falling):
        if rests[count] <= logknown + limit:
            return falling[:count]
        if head.end == end:
            logknown = logsum([logknown, pending[head]])
    return falling


def settle(weigher: Weigher, lattice: Lattice, weights: Weights, tolerance: float) -> Weights:
    """Evaluate pending heads until their weight is at most ``tolerance`` times what is known.

    Returns:
        the weights of the live cursors' heads; those of others are left out.
    """
    work = Settling(weigher, lattice, weights)
    while heads := work.needed(tolerance):
        work.learn(heads, weigher.evaluate(heads))
    return work.weights


def logknown(lattice: Lattice, evaluated: Mapping[TextHead, Evaluation]) -> float:
    """The log of the mass of the covers below evaluated heads."""
    found = [cursor for cursor in lattice.cursors if cursor.head in evaluated]
    return logsum([_logmass(evaluated[cursor.head], cursor, lattice) for cursor in found])


def _logmass(found: Evaluation, cursor: Cursor, lattice: Lattice) -> float:
    """The log of the mass of the covers below an evaluated head, with the end of the text where it stands there."""
    end = found.masses.end if cursor.head.end == lattice.end else 0.0
    return found.logweight + log(found.masses.of(cursor.low, cursor.high) + end)


def impossible() -> FloatingPointError:
    """The error that the text so far has probability zero."""
    return FloatingPointError("the token model gives the bytes so far probability zero")


def logsum(logs: Iterable[float]) -> float:
    """The log of the sum of numbers given by their logs."""
    found = tuple(logs)
    top = max(found, default=-inf)
    return top if top == -inf or len(found) == 1 else top + log_of(sum([exp(value - top) for value in found]))


def logsum_of_two(one: float, other: float) -> float:
    """The same for two."""
    high, low = (one, other) if one > other else (other, one)
    return high if low == -inf else high + log1p(exp(low - high))
