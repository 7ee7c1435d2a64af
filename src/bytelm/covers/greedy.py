"""Greedy decoding that asks the token model no more than it takes to be certain of the best symbol.

A distribution to a tolerance of 1e-6 is more than greedy decoding needs. A symbol is certainly the best where what is
known of it exceeds what is known of any other and all that is pending. And where one token holds more than half of
all that is left, all its bytes are certain at once, without a look at the others. The result is that of
``tolerance=0``, byte for byte.

When the model must be asked, it is also asked about the heads along a guess of what follows (DESIGN 2.5): the rest of
the best token, and what followed the last time that the text was at such a place. Where the guess comes true, the
bytes behind need no pass of their own.
"""

import sys
from collections import deque
from collections.abc import Generator, Mapping, Sequence
from itertools import accumulate
from math import exp, inf, log

import numpy as np

from bytelm.covers.courses import Answers, Ask, Course
from bytelm.covers.guessing import Repeats
from bytelm.covers.masses import Masses
from bytelm.covers.settling import Settling, begin_anywhere, impossible
from bytelm.covers.weighing import Weigher
from bytelm.engines.protocol import Logits
from bytelm.heads import Head
from bytelm.protocol import END, SYMBOLS
from bytelm.tokens.lattice import Lattice, TextHead, advance_lattice
from bytelm.tokens.rules import Rule

FINER = (0.2, 1e-2, 1e-4, 0.0)
"""How much may stay pending, as a fraction of what is known, before the best symbol is looked for again."""

ROUNDED = 8
"""How many times less is left pending when the model is asked anyway."""

CLEARLY = 0.5 + 1e-6
"""What share of all that is left makes a token's bytes certain."""

FINELY = 1 + 1e-6
"""What a head adds to single symbols is at most so many times its mass, as sums of float32 round."""

GUESSED = 6
"""How many heads on the guessed way a text may ask about at once, if it asks alone."""

GUESSED_EACH = 2
"""How many, however many texts ask together."""

CROWDED = 32
"""A guess goes no further than where it leaves more heads open than this."""

HEAVY = log(0.01)
"""Heads beside it are asked about, too, where their weight is known and is this much of what is known."""

BESIDE = 16
"""How many heads beside it are asked about because the like of them was needed before."""


def greedy_course(
    weigher: Weigher, lattice: Lattice, text: bytes, guessed: int = GUESSED, most: int = sys.maxsize
) -> Course:
    """The most probable symbols after a text, of equal ones the lowest; ``END`` is the last.

    Args:
        weigher: of canonical segmentation.
        lattice: of the text.
        text: its bytes; guesses are looked for in them.
        guessed: the most heads to guess in one pass.
        most: how many symbols will be read; nothing is guessed behind them.
    """
    path = _Path(weigher.rule, lattice, text, most)
    weights = begin_anywhere(lattice)
    del lattice  # its heads may go when the path has moved on
    while True:
        work = Settling(weigher, path.lattice, weights)
        data = yield from _certain(weigher, work, path, guessed)
        if data is None:
            yield (END,)
            return
        path.advance(data)
        weights = work.weights
        yield data


class _Path:
    """The lattice of a text in the making, those of its guessed continuation, and answers ahead of time (mutable).

    Attributes:
        lattice: of the text.
        seen: its bytes.
        answers: the logits of heads that were asked about ahead of time.
        left: how many bytes are still to be made.
    """

    def __init__(self, rule: Rule, lattice: Lattice, text: bytes, left: int) -> None:
        self.lattice = lattice
        self.seen = Repeats(text)
        self.answers: dict[TextHead, Logits] = {}
        self.left = left
        self._rule = rule
        self._beside: set[tuple[int, int]] = set()
        self._ahead: deque[tuple[int, Lattice]] = deque()

    def advance(self, data: bytes) -> None:
        """Goes on by some bytes (mutates); a guess that they disprove is forgotten."""
        self.seen.append(data)
        self.left -= len(data)
        for byte in data:
            if self._ahead and self._ahead[0][0] == byte:
                self.lattice = self._ahead.popleft()[1]
                self.seen.came_true()
                continue
            if self._ahead:
                self._ahead.clear()
                self.answers.clear()
                self.seen.failed()
            self.lattice = advance_lattice(self._rule, self.lattice, byte)

    def asked(self, heads: Sequence[TextHead], unevaluated: set[TextHead], beside: bool) -> None:
        """Notes that the model must be asked about heads, and forgets answers that nobody will need (mutates).

        They would hold their heads, and so keys and values, for as long as the guesses come true.

        Args:
            heads: what it is asked about.
            unevaluated: all heads that it has not been asked about.
            beside: whether more is known than is pending, so that the heads stand beside others.
        """
        self.answers = {
            head: logits for head, logits in self.answers.items() if head.end > self.lattice.end or head in unevaluated
        }
        if beside:
            self._beside.update(map(_ending, heads))

    def needed_before(self, head: TextHead) -> bool:
        """Whether a head with the same last tokens stood beside others: where a text repeats itself, it will again."""
        return _ending(head) in self._beside

    def guess(self, data: bytes) -> tuple[TextHead | None, list[TextHead]]:
        """Walks on along ``data`` as far as it goes (mutates).

        Returns:
            the deepest head that all covers of the text and ``data`` go through, if there is any, and the heads that
            are born on the way and live for some bytes, or stand at its end.
        """
        ahead, self._ahead = self._ahead, deque()
        lattice, others = self.lattice, list[TextHead]()
        for byte in data:
            if ahead and ahead[0][0] == byte:
                after = ahead.popleft()[1]
            else:
                ahead.clear()
                after = advance_lattice(self._rule, lattice, byte)
            if not 0 < len(after.cursors) <= CROWDED:
                break
            others += [head for head, *_ in after.cursors if head.end == lattice.end]
            lattice = after
            self._ahead.append((byte, after))
        else:
            others += [head for head, *_ in lattice.cursors if head.end == lattice.end]
        deepest = next(iter(begin_anywhere(lattice).pending)) if self._ahead else None
        return deepest, others


def _certain(weigher: Weigher, work: Settling, path: _Path, guessed: int) -> Generator[Ask, Answers, bytes | None]:
    """The next bytes, as soon as they are certain; ``None`` for the end of the text."""
    for tolerance in FINER:
        while True:
            data = _best(weigher.rule, work, path.lattice, last=tolerance == 0 and not work.needed(0.0))
            if data is not None:
                return data if data != b"" else None
            if not work.needed(tolerance):
                break
            yield from _ask(weigher, work, path, work.needed(tolerance / ROUNDED), guessed)
    raise AssertionError("with nothing pending the best symbol is certain")


def _best(rule: Rule, work: Settling, lattice: Lattice, last: bool) -> bytes | None:
    """The bytes that certainly come next, empty for the end of the text; ``None`` if none are certain yet.

    ``last``: nothing is pending, so that the lowest of equal symbols is the best.
    """
    vocabulary, masses = rule.vocabulary, work.logmasses
    heaviest = max(masses, key=masses.__getitem__, default=None)
    if heaviest is None or masses[heaviest] == -inf:
        if last:
            raise impossible()
        return None
    scale = masses[heaviest]
    pending = exp(min(700.0, work.logpending - scale))
    found, cursor = work.evaluated[heaviest], work.cursors[heaviest]
    total = pending + sum(exp(mass - scale) for mass in masses.values())
    depth = lattice.end - heaviest.end
    share = exp(scale - found.logweight)
    best = found.masses.best(cursor.low, cursor.high)
    if found.masses.at(best) > CLEARLY * share * total:
        return vocabulary.words[best][depth:]
    known = np.zeros(SYMBOLS)
    for head, rest in _rests(masses, scale, pending):
        evaluation, (_, low, high) = work.evaluated[head], work.cursors[head]
        weight, after = exp(evaluation.logweight - scale), lattice.end - head.end
        evaluation.masses.add_by_byte(known, weight, vocabulary, low, high, after)
        known[END] += weight * evaluation.masses.end if after == 0 else 0.0
        symbol = int(known.argmax())
        most, known[symbol] = known[symbol], -1.0
        if most > known.max() + rest or (last and rest == pending):
            return b"" if symbol == END else bytes((symbol,))
        known[symbol] = most
    return None


def _rests(logmasses: Mapping[TextHead, float], scale: float, pending: float) -> list[tuple[TextHead, float]]:
    """Heads, the heavy ones first, and with each how much the others behind it and all that is pending may add."""
    falling = sorted(logmasses, key=logmasses.__getitem__, reverse=True)
    behind = [FINELY * exp(logmasses[head] - scale) for head in falling[:0:-1]]
    return list(zip(falling, [*accumulate(behind, initial=pending)][::-1], strict=True))


def _ask(
    weigher: Weigher, work: Settling, path: _Path, heads: Sequence[TextHead], guessed: int
) -> Generator[Ask, Answers, None]:
    """Asks about heads, and about those along a guess, unless all are answered already."""
    missing = [head for head in heads if head not in path.answers]
    known: dict[TextHead, Masses] = {}
    if missing:
        path.asked(missing, work.unevaluated, work.logknown > work.logpending)
        further = _along_guess(weigher.rule, work, path, missing, guessed) if guessed else []
        answers = yield Ask(missing, bare=further)
        known = dict(zip(missing, answers, strict=False))
        path.answers.update(zip(further, answers[len(missing) :], strict=True))
    ahead = (head for head in heads if head not in known)
    known.update((head, next(weigher.restricted((head,), path.answers.pop(head)))) for head in ahead)
    work.learn(heads, (known[head] for head in heads))


def _along_guess(rule: Rule, work: Settling, path: _Path, asked: Sequence[TextHead], most: int) -> list[TextHead]:
    """The heads to be asked about ahead of time if the text goes on as guessed, without those known or asked."""
    behind = b""
    if work.logknown > work.logpending:
        head = max(work.evaluated, key=lambda head: work.evaluated[head].logweight)
        _, low, high = work.cursors[head]
        behind = rule.vocabulary.words[work.evaluated[head].masses.best(low, high)][path.lattice.end - head.end :]
    deepest, others = path.guess(path.seen.guess(behind)[: max(0, path.left - 1)])
    known = {*asked, *work.evaluated, *path.answers}
    further: list[TextHead] = []
    while deepest is not None and deepest not in known:
        further.append(deepest)
        above = deepest.parent
        deepest = above if isinstance(above, TextHead) else None
    further = further[::-1][:most]
    known.update(further)
    heavy = work.logknown + HEAVY
    others = [head for head in others if head not in known]
    again = [head for head in others if path.needed_before(head)][:BESIDE]
    return further + again + [head for head in others if work.logweight(head) > heavy and head not in again]


def _ending(head: Head) -> tuple[int, int]:
    """The last two tokens."""
    return (-1 if head.parent is None else head.parent.token), head.token
