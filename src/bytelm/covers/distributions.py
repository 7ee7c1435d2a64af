"""The next-byte distribution at every place of some texts, in a few passes over all of them.

As `bytelm.covers.columns` lays down: the trunk first, in packed passes, then only the heads beside it that could change
some place by more than the tolerance allows. What a head gives to a place is not one number here but the masses of its
narrowing range by their next byte; and a head counts at the place where it ends, too.
"""

from collections.abc import Iterator, Sequence
from itertools import islice

import numpy as np

from bytelm.covers.columns import Columns, side_by_side
from bytelm.covers.masses import Masses
from bytelm.covers.opening import Opening
from bytelm.covers.scoring import Progress
from bytelm.covers.settling import impossible
from bytelm.covers.walk import Trace
from bytelm.covers.weighing import Weigher
from bytelm.protocol import END, SYMBOLS, FloatArray
from bytelm.tokens.rules import Rule

_FURTHER = 30.0
"""By how many nats a contribution may exceed the scale of its place before the place is scaled anew."""


def distributions_of(
    weigher: Weigher, tolerance: float, openings: Sequence[Opening], progress: Progress | None = None
) -> list[FloatArray]:
    """The log-probabilities of what comes at every place of each text, float64 ``(len(text) + 1, 257)``, nats.

    Args:
        weigher: of canonical segmentation, or of tokens none of which begins another one.
        tolerance: how much may be left unknown, as a fraction of what is known at each place: each probability is off
            by no more.
        openings: the texts, and what stands before each.
        progress: called now and then with the bytes done and the bytes in all.

    Raises:
        FloatingPointError: the model gives what stands in a text probability zero.
    """
    total, done = sum(len(opening.text) for opening in openings), 0
    found: list[FloatArray] = []
    for some in side_by_side(openings):
        apart = weigher.apart()
        for place, rows in enumerate(_together(apart, tolerance, some)):
            found.append(rows)
            done += len(some[place].text)
            if progress is not None:
                progress(done, total)
    return found


def _together(weigher: Weigher, tolerance: float, openings: Sequence[Opening]) -> Iterator[FloatArray]:
    """The distributions of texts that share passes."""
    texts = [_Rows(weigher.rule, opening) for opening in openings]
    asked = [(text, text.needed(tolerance)) for text in texts]
    while asked := [(text, heads) for text, heads in asked if heads]:
        answers = weigher.evaluate([head for _, heads in asked for head in heads])
        for text, heads in asked:
            text.learn(heads, islice(answers, len(heads)))
        asked = [(text, text.needed(tolerance)) for text, _ in asked]
    return (text.rows() for text in texts)


class _Rows(Columns):
    """One text on its way: what comes at each of its places, as far as it is known (mutable)."""

    asks_from = 0

    def __init__(self, rule: Rule, opening: Opening) -> None:
        super().__init__(rule, opening)
        self._vocabulary = rule.vocabulary
        # Of each column, scaled by exp(-logscale), so that long texts do not underflow.
        self._masses = np.zeros((self.walk.columns, SYMBOLS))
        self._logscales = np.full(self.walk.columns, -np.inf)

    def take(self, trace: Trace, logweight: float, masses: Masses) -> None:
        super().take(trace, logweight, masses)
        if logweight == -np.inf:
            return
        row, scale = self._row(trace.born, logweight)
        masses.add_by_byte(row, scale, self._vocabulary, 0, self._vocabulary.size, 0)
        row[END] += scale * masses.end
        for column, low, high in trace.spans:
            row, scale = self._row(column, logweight)
            masses.add_by_byte(row, scale, self._vocabulary, low, high, column - trace.born)

    def rows(self) -> FloatArray:
        """The log-probabilities at each place, float64 ``(len(text) + 1, 257)``, nats.

        Raises:
            FloatingPointError: the model gives what stands in the text probability zero.
        """
        walk = self.walk
        places = [*walk.before, walk.after[-1] if walk.after else 0][len(self.opening.prefix) :]
        masses = self._masses[places]
        totals = masses.sum(axis=1, keepdims=True)
        if not (totals > 0).all():
            raise impossible()
        with np.errstate(divide="ignore"):
            logs: FloatArray = np.log(masses / totals)
        return logs

    def _row(self, column: int, logweight: float) -> tuple[FloatArray, float]:
        """The masses of a column, and what those of a head of this weight are multiplied by (mutates)."""
        logscale = self._logscales[column]
        if logweight > logscale + _FURTHER:
            self._masses[column] *= np.exp(logscale - logweight)
            self._logscales[column] = logscale = logweight
        return self._masses[column], float(np.exp(logweight - logscale))
