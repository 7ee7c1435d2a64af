"""Settling whole distributions with few passes: where the model must be asked, it is asked about what comes next, too.

To know a distribution to the tolerance, heads beside the most probable one must be evaluated at nearly every byte. Each
would take a pass of its own. But most of them can be told beforehand: if the text goes on with the most probable token,
those heads will be needed that end inside it, and that at its end. So they are asked about in the first pass
that is made anyway, and their logits wait for the bytes to come. What the text does not go on with is forgotten.

A `Foresight` is frozen and belongs to one state; a state that is advanced twice hands it to both.
"""

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import inf, log
from typing import TypeVar

from bytelm.covers.courses import Answers, Ask, answers_of
from bytelm.covers.settling import Settling, Weights
from bytelm.covers.weighing import Weigher
from bytelm.engines.protocol import Logits
from bytelm.tokens.lattice import Lattice, TextHead, advance_lattice
from bytelm.tokens.rules import Rule

MOST = 12
"""How many heads are asked about ahead of time for a text at most."""

SHARED = 64
"""How many for all texts that ask together: their logits take memory, and crowded passes pay for every head."""

CROWDED = 32
"""A guess goes no further than where it leaves more heads open than this."""

LIGHTEST = 1e-6
"""Heads that weigh less than this share of the most probable token are not asked about ahead of time."""

FoundT = TypeVar("FoundT")


@dataclass(frozen=True)
class Foresight:
    """Lattices of a guessed continuation, and what is known of heads on it.

    Attributes:
        path: the guessed bytes, each with the lattice after it.
        answers: the logits of heads that were asked about ahead of time, ``(1, ids)`` each.
    """

    path: tuple[tuple[int, Lattice], ...] = ()
    answers: Mapping[TextHead, Logits] = field(default_factory=dict)

    def after(self, rule: Rule, lattice: Lattice, byte: int) -> "tuple[Lattice, Foresight]":
        """The lattice after one more byte, and what is foreseen from there."""
        if self.path and self.path[0][0] == byte:
            return self.path[0][1], replace(self, path=self.path[1:])
        lattice = advance_lattice(rule, lattice, byte)
        living = {cursor.head for cursor in lattice.cursors}
        return lattice, Foresight((), {head: found for head, found in self.answers.items() if head in living})

    def walked(self, rule: Rule, lattice: Lattice, data: bytes) -> "tuple[Foresight, list[TextHead]]":
        """The same with a path along ``data`` as far as it goes, and the heads that are born on it."""
        path: list[tuple[int, Lattice]] = []
        born: list[TextHead] = []
        known = self.path
        for place, byte in enumerate(data):
            known = known if place < len(known) and known[place][0] == byte else ()
            lattice = known[place][1] if known else advance_lattice(rule, lattice, byte)
            if not 0 < len(lattice.cursors) <= CROWDED:
                break
            path.append((byte, lattice))
            born += [cursor.head for cursor in lattice.cursors if cursor.head.end == lattice.end]
        return replace(self, path=tuple(path)), born


def settling(
    weigher: Weigher, lattice: Lattice, weights: Weights, tolerance: float, foresight: Foresight, most: int
) -> Generator[Ask, Answers, tuple[Weights, Foresight]]:
    """Evaluates pending heads of a text until their weight is at most ``tolerance`` times what is known.

    Asks as a course does, for canonical segmentation; about ``most`` heads ahead of time.

    Returns:
        the weights of the live cursors' heads, and what is foreseen from there.
    """
    work = Settling(weigher, lattice, weights)
    while heads := work.needed(tolerance):
        missing = [head for head in heads if head not in foresight.answers]
        known = {head: foresight.answers[head] for head in heads if head in foresight.answers}
        found = {head: next(weigher.restricted((head,), logits)) for head, logits in known.items()}
        if missing:
            foresight, further = _looked_ahead(weigher.rule, work, lattice, foresight, {*heads}, most)
            answers = yield Ask(missing, bare=further)
            found.update(zip(missing, answers, strict=False))
            ahead = dict(zip(further, answers[len(missing) :], strict=True))
            foresight = replace(foresight, answers={**foresight.answers, **ahead})
        work.learn(heads, (found[head] for head in heads))
    kept = {head: logits for head, logits in foresight.answers.items() if head not in work.evaluated}
    return work.weights, replace(foresight, answers=kept)


def most_for(texts: int) -> int:
    """How many heads each of so many texts that ask together may ask about ahead of time."""
    return min(MOST, SHARED // max(1, texts))


def together(weigher: Weigher, works: Sequence[Generator[Ask, Answers, FoundT]]) -> list[FoundT]:
    """Runs several that ask to their ends, in passes that they share; what each returns."""
    done: dict[int, FoundT] = {}
    asking: dict[int, Ask] = {}

    def go_on(index: int, answers: Answers | None) -> None:
        try:
            asking[index] = next(works[index]) if answers is None else works[index].send(answers)
        except StopIteration as ended:
            done[index] = ended.value

    for index in range(len(works)):
        go_on(index, None)
    while asking:
        asks, asking = asking, {}
        for index, answers in zip(asks, answers_of(weigher, list(asks.values())), strict=True):
            go_on(index, answers)
    return [done[index] for index in range(len(works))]


def _looked_ahead(
    rule: Rule, work: Settling, lattice: Lattice, foresight: Foresight, asked: set[TextHead], most: int
) -> tuple[Foresight, list[TextHead]]:
    """A path along the most probable token that the text may be in, and the heads on it that will be needed."""
    if most == 0 or not work.logknown > work.logpending:
        return foresight, []
    above = max(work.logmasses, key=work.logmasses.__getitem__)
    _, low, high = work.cursors[above]
    if low == high:
        return foresight, []
    best = work.evaluated[above].masses.best(low, high)
    foresight, born = foresight.walked(rule, lattice, rule.vocabulary.words[best][lattice.end - above.end :])
    least = max(work.evaluated[above].logweight_after(best) + log(LIGHTEST), -inf)
    weights = {head: work.logweight(head) for head in born if head not in asked and head not in foresight.answers}
    heavy = sorted((head for head, weight in weights.items() if weight > least), key=lambda head: -weights[head])
    return foresight, heavy[:most]
