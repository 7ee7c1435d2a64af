"""Which heads to ask the model about, so that the answer is certain to a tolerance and no more is asked.

A head whose distribution is not known yet is *pending*. Its weight ``w`` is known as soon as its parent is
evaluated, and whatever it would contribute lies between 0 and ``w``. So at every moment

    known <= P(text) <= known + pending

and heads are evaluated, the heavy ones first, until ``pending <= tolerance * known``. Pending heads keep their
place: they can be evaluated later, when the bytes that came since have killed their rivals.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np

from bytelm.covers.weighing import Evaluation, Weigher
from bytelm.heads import Head
from bytelm.tokens.lattice import Cursor, TextHead


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


@dataclass
class _Forest:
    """The heads between the pending ones and the live cursors.

    Attributes:
        pending: the log-weights of the topmost heads.
        children: the heads directly below each head.
        live: the heads with a live cursor of their own.
    """

    pending: dict[TextHead, float] = field(default_factory=dict)
    children: dict[Head, list[TextHead]] = field(default_factory=dict)
    live: set[Head] = field(default_factory=set)

    def trunk(self, head: TextHead) -> list[TextHead]:
        """``head`` and what is certainly needed with it: its only descendants, down to the first choice."""
        path = [head]
        while path[-1] not in self.live and len(below := self.children.get(path[-1], [])) == 1:
            path.append(below[0])
        return path


def settle(weigher: Weigher, cursors: Iterable[Cursor], weights: Weights, tolerance: float) -> Weights:
    """Evaluate pending heads until their weight is at most ``tolerance`` times what is known.

    Returns:
        the weights of the live cursors' heads; those of others are left out.
    """
    cursors = tuple(cursors)
    forest = _plant(cursors, weights, weigher)
    evaluated = {c.head: weights.evaluated[c.head] for c in cursors if c.head in weights.evaluated}
    while chosen := _heavy(forest.pending, logknown(cursors, evaluated), tolerance):
        heads = sorted((head for top in chosen for head in forest.trunk(top)), key=lambda head: head.depth)
        for head, (masses, end) in zip(heads, weigher.evaluate(heads), strict=True):
            evaluation = Evaluation(forest.pending.pop(head), masses, end)
            for child in forest.children.get(head, ()):
                index = int(weigher.rule.vocabulary.index[child.token])
                forest.pending[child] = evaluation.logweight_after(index)
            if head in forest.live:
                evaluated[head] = evaluation
    return Weights(evaluated, forest.pending)


def logknown(cursors: Iterable[Cursor], evaluated: Mapping[TextHead, Evaluation]) -> float:
    """The log of the mass of the covers below evaluated heads."""
    known = -np.inf
    for head, low, high in cursors:
        found = evaluated.get(head)
        if found is not None:
            whole = low == 0 and high == len(found.masses)
            mass = 1.0 if whole else float(found.masses[low:high].sum())
            known = np.logaddexp(known, found.logweight + np.log(mass)) if mass > 0 else known
    return float(known)


def _plant(cursors: Iterable[Cursor], weights: Weights, weigher: Weigher) -> _Forest:
    """Link every live cursor's head to the pending head above it."""
    forest = _Forest()
    seen: set[Head] = set()
    for cursor in cursors:
        forest.live.add(cursor.head)
        head = cursor.head
        while head not in seen and head not in weights.evaluated:
            seen.add(head)
            if head in weights.pending:
                forest.pending[head] = weights.pending[head]
                break
            parent = head.parent
            assert isinstance(parent, TextHead), "every live head descends from an evaluated or a pending one"
            if parent in weights.evaluated:
                index = int(weigher.rule.vocabulary.index[head.token])
                forest.pending[head] = weights.evaluated[parent].logweight_after(index)
                break
            forest.children.setdefault(parent, []).append(head)
            head = parent
    return forest


def _heavy(pending: Mapping[TextHead, float], logmass: float, tolerance: float) -> list[TextHead]:
    """The heaviest of the pending heads; what is left over weighs at most ``tolerance`` times what is known."""
    if tolerance == 0:
        return [head for head, weight in pending.items() if weight > -np.inf]
    rising = sorted(pending, key=lambda head: pending[head])
    together = np.logaddexp.accumulate([pending[head] for head in rising])
    return rising[int(np.searchsorted(together, logmass + np.log(tolerance), side="right")) :]
