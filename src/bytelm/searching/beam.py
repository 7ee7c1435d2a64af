"""The beam of one prompt: hypotheses in numbered slots, and which of their children take the slots next.

Slot ``i`` goes to the most probable child, not yet taken, of the hypotheses in the slots up to ``i``. That is the
monotone beam search of Lemons, Linares López, Holte and Ruml 2022 ("Beam Search: Faster and Monotonic", ICAPS). What
stands in a slot does not depend on the slots behind it, so a wider beam sees all that a narrower one sees. The first
slot follows the most probable byte, so every beam sees what greedy decoding gives.
"""

import heapq
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any, NamedTuple

import numpy as np

from bytelm.decoding.ranking import ranked
from bytelm.protocol import END, FloatArray, State
from bytelm.searching.completion import Completion
from bytelm.searching.nbest import NBest
from bytelm.searching.objective import Objective


@dataclass(frozen=True, slots=True, eq=False)
class Hypothesis:
    """The beginning of continuations.

    Attributes:
        text: its bytes.
        logprobs: of each byte, nats.
        logprob: their sum.
        state: of the model after them.
    """

    text: bytes
    logprobs: tuple[float, ...]
    logprob: float
    state: State


class Child(NamedTuple):
    """A hypothesis with one more byte, whose state is not known yet.

    Attributes:
        parent: the hypothesis.
        byte: the byte.
        step: its log-probability, nats.
        logprob: that of all bytes.
    """

    parent: Hypothesis
    byte: int
    step: float
    logprob: float


class Beam:
    """The hypotheses of one prompt, and the best continuations that they met (mutable).

    Args:
        objective: what is searched for.
        state: after the prompt.
        before: the prompt's text.
    """

    def __init__(self, objective: Objective, state: State, before: bytes) -> None:
        self._objective = objective
        self._found = NBest(objective.best, before)
        self._slots: list[Hypothesis | None] = [Hypothesis(b"", (), 0.0, state)]
        self._children: list[Child | None] = []
        if objective.max_bytes == 0:
            self._slots = []
            self._found.offer(0.0, Completion(b"", np.zeros(0), None, "max_bytes"))

    @property
    def best_first(self) -> list[Completion]:
        """The best continuations so far."""
        return self._found.best_first

    def grow(self) -> list[Child]:
        """The children that go on, in the order of their slots; none where nothing can change the best any more.

        What is complete with one more symbol is looked at first, of every hypothesis: its probability is known already.
        A child that cannot become worth more than the last of the best is given up, and takes no slot from one that
        can. Mutates; give the states of the children to `take` before the next call.
        """
        rows = [None if one is None else one.state.logprobs() for one in self._slots]
        for hypothesis, row in zip(self._slots, rows, strict=True):
            if hypothesis is not None and row is not None:
                self._look_at_ends(hypothesis, row)
        pairs = zip(self._slots, rows, strict=True)
        self._children = fill(
            [iter(()) if one is None or row is None else self._live(one, row) for one, row in pairs],
            self._objective.beams,
        )
        self._slots = []
        return [child for child in self._children if child is not None]

    def take(self, states: Sequence[Any]) -> None:
        """The states of the children of the last `grow`, in its order (mutates)."""
        given = iter(states)
        self._slots = [None if child is None else _grown(child, next(given)) for child in self._children]
        self._children = []

    def _look_at_ends(self, hypothesis: Hypothesis, row: FloatArray) -> None:
        """Offer what is complete with one more symbol behind a hypothesis."""
        text, stopping = hypothesis.text, self._objective.stopping(hypothesis.text)
        full = len(text) + 1 == self._objective.max_bytes
        for symbol in ranked(row).tolist() if full else (END, *stopping):
            logprob = float(row[symbol])
            score = self._objective.score(hypothesis.logprob + logprob, len(text) + 1)
            if not score > self._found.floor:
                continue
            self._found.offer(score, _completed(hypothesis, symbol, logprob, stopping.get(symbol, 0)))

    def _live(self, hypothesis: Hypothesis, row: FloatArray) -> Iterator[Child]:
        """The children that are not complete and may become one of the best; the most probable first."""
        if len(hypothesis.text) + 1 == self._objective.max_bytes:
            return
        complete, floor = {END, *self._objective.stopping(hypothesis.text)}, self._found.floor
        for symbol in ranked(row).tolist():
            step = float(row[symbol])
            if not self._objective.limit(hypothesis.logprob + step) > floor:
                return
            if symbol not in complete:
                yield Child(hypothesis, symbol, step, hypothesis.logprob + step)


def fill(children: Sequence[Iterator[Child]], beams: int) -> list[Child | None]:
    """Who takes which slot: the best child, not yet taken, of the hypotheses in this slot and those before it.

    ``None`` where there is none; the slots behind keep their numbers. Among equals the child of the earlier slot comes
    first.

    Args:
        children: of the hypothesis in each slot, the most probable first.
        beams: how many slots there are.
    """
    waiting: list[tuple[float, int, int, Child]] = []
    order = count()

    def wait(slot: int) -> None:
        child = next(children[slot], None)
        if child is not None:
            heapq.heappush(waiting, (-child.logprob, slot, next(order), child))

    filled: list[Child | None] = []
    for slot in range(beams):
        if slot < len(children):
            wait(slot)
        if not waiting:
            filled.append(None)
            continue
        *_, parent, _, child = heapq.heappop(waiting)
        wait(parent)
        filled.append(child)
    return filled


def _grown(child: Child, state: State) -> Hypothesis:
    parent = child.parent
    return Hypothesis(parent.text + bytes((child.byte,)), (*parent.logprobs, child.step), child.logprob, state)


def _completed(hypothesis: Hypothesis, symbol: int, logprob: float, stop: int) -> Completion:
    """A hypothesis that ``symbol`` completes; the last ``stop`` bytes are then a stop string."""
    if symbol == END:
        return Completion(hypothesis.text, np.array(hypothesis.logprobs), logprob, "end")
    text, logprobs = hypothesis.text + bytes((symbol,)), np.array((*hypothesis.logprobs, logprob))
    if not stop:
        return Completion(text, logprobs, None, "max_bytes")
    cut = len(text) - stop
    return Completion(text[:cut], logprobs[:cut], float(logprobs[cut:].sum()), "stop")
