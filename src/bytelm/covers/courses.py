"""Texts in the making that ask the same model: each runs as far as it can, then all ask in one pass.

A *course* is one text's way: a generator that yields the symbols it made, or asks about heads and is sent the answers.
It is ordinary code, written as if it were alone. `together` gives an iterator of symbols for each; they may be read
in any order, at any pace, and left at any time.
"""

import sys
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from bytelm.covers.weighing import Weigher
from bytelm.tokens.lattice import TextHead


@dataclass(frozen=True)
class Ask:
    """The heads that a course must know about to go on, parents first.

    Attributes:
        heads: those of which it wants to know the `Masses`.
        bare: those behind them of which it wants the logits as they are, ``(1, ids)`` each.
    """

    heads: Sequence[TextHead] = ()
    bare: Sequence[TextHead] = ()


Answers = list[Any]
"""`Masses` of the heads, and logits of the bare ones, in their order."""

Course = Generator[Ask | Sequence[int], Answers, None]
"""Yields symbols, 0 to 256, some at a time, or asks, and is sent the answers."""


Begin = Callable[[], Course]
"""Begins a course, when its first symbol is asked for."""


AHEAD = 64
"""A course with so many symbols unread asks no more until some are read."""


class _Runner:
    """One course and what it has made (mutable)."""

    def __init__(self, course: Course, most: int) -> None:
        self.made: deque[int] = deque()
        self.asks: Ask | None = None
        self.ended = False
        self._course = course
        self._left = most
        self._follow(None)

    def answer(self, answers: Answers) -> None:
        """Lets the course go on up to its next question (mutates)."""
        self.asks = None
        self._follow(answers)

    def leave(self) -> None:
        """Ends the course (mutates)."""
        self.ended, self.asks = True, None
        self._course.close()

    def _follow(self, answers: Answers | None) -> None:
        try:
            step = next(self._course) if answers is None else self._course.send(answers)
            while not isinstance(step, Ask):
                self.made.extend(step)
                self._left -= len(step)
                step = next(self._course)
            self.asks = step
            if self._left <= 0:
                self.leave()
        except StopIteration:
            self.ended = True


class _Shared:
    """The courses that ask together (mutable)."""

    def __init__(self, weigher: Weigher, courses: Sequence[Begin], most: int) -> None:
        self._weigher = weigher
        self._most = most
        self._waiting = list(courses)
        self._runners: list[_Runner] = []

    def symbols(self, index: int) -> Iterator[int]:
        """The symbols of one course."""
        self._start()
        runner = self._runners[index]
        try:
            while True:
                while runner.made:
                    yield runner.made.popleft()
                if runner.ended:
                    return
                self._ask()
        finally:
            runner.leave()

    def _start(self) -> None:
        if self._waiting:
            self._runners = [_Runner(begin(), self._most) for begin in self._waiting]
            self._waiting = []

    def _ask(self) -> None:
        """One round of questions: those of all courses that are not far ahead of their readers."""
        asking = [(one, one.asks) for one in self._runners if one.asks is not None and len(one.made) < AHEAD]
        for (one, _), answers in zip(asking, answers_of(self._weigher, [ask for _, ask in asking]), strict=True):
            one.answer(answers)


def answers_of(weigher: Weigher, asks: Sequence[Ask]) -> list[Answers]:
    """What several ask, in passes that they share."""
    heads = [head for ask in asks for head in ask.heads]
    answers = _answers(weigher, heads, [head for ask in asks for head in ask.bare])
    masses = iter(list(islice(answers, len(heads))))
    bare = iter(list(answers))
    return [[*islice(masses, len(ask.heads)), *islice(bare, len(ask.bare))] for ask in asks]


def _answers(weigher: Weigher, heads: Sequence[TextHead], bare: Sequence[TextHead]) -> Iterator[Any]:
    done = 0
    for logits in weigher.model.logits([*heads, *bare]):
        some = heads[done : done + len(logits)]
        yield from weigher.restricted(some, logits[: len(some)])
        yield from (logits[row : row + 1] for row in range(len(some), len(logits)))
        done += len(logits)


def together(weigher: Weigher, courses: Sequence[Begin], most: int = sys.maxsize) -> list[Iterator[int]]:
    """The symbols of each course, of which no more than ``most`` will be read.

    Whenever one that is read has to ask, all ask, but those with ``AHEAD`` symbols that wait to be read.
    """
    shared = _Shared(weigher, courses, most)
    return [shared.symbols(index) for index in range(len(courses))]
