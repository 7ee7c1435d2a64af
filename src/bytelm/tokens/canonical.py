"""The rule of ``segmentation="canonical"``: only token sequences that the tokenizer itself can produce.

A sequence counts if it is a prefix of ``encode(y)`` for some text ``y``. What decides it: the segmenter, inside a
pre-token (:mod:`bytelm.tokens.segmenting`); the borders between pre-tokens that some continuation still makes possible
(:mod:`bytelm.tokens.borders`); the characters, which a token may cut but which must come out as valid UTF-8 that the
normalizer leaves alone (:mod:`bytelm.tokens.normalizing`); and the added tokens (:mod:`bytelm.tokens.added`).
They must hold together: where the borders demand a continuation that the segmenter forbids, the sequence ends nowhere,
and does not count (:mod:`bytelm.tokens.liveness`).
"""

from collections.abc import Mapping
from functools import lru_cache
from itertools import takewhile
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bytelm.tokens.added import AddedToken
from bytelm.tokens.automaton import DEAD, Automaton
from bytelm.tokens.liveness import Liveness
from bytelm.tokens.normalizing import Normalization, joins
from bytelm.tokens.rules import Context
from bytelm.tokens.sections import SectionAutomaton
from bytelm.tokens.segmenting import Segment, Segmenter
from bytelm.tokens.steps import Steps
from bytelm.tokens.vocabulary import Vocabulary
from bytelm.tokens.walks import Walks
from bytelm.utf8 import completions

_MASK_CACHE_BYTES = 64 * 2**20
_STEPS_CACHED = 2**16
_COMPLETIONS_TRIED = 4096


class CanonicalContext(NamedTuple):
    """What decides which tokens may follow a canonical sequence.

    Attributes:
        guesses: pairs of what the segmenter remembers and the automaton's state after the last whole character, one
            for each guess of borders that agrees with the sequence and with some text.
        pending: the bytes of a character that the last tokens began and did not finish.
        open_end: the last characters, if what follows could join them.
    """

    guesses: frozenset[tuple[Segment, int]]
    pending: bytes
    open_end: str


class CanonicalRule:
    """Canonical sequences of a tokenizer.

    Args:
        vocabulary: the tokens, sorted.
        segmenter: what cuts a pre-token into tokens.
        automaton: where pre-tokens may end.
        walks: where tokens lead.
        normalization: what happens to characters first.
        added: the added tokens that text produces, by id, if there are any; then ``automaton`` is a
            :class:`SectionAutomaton`.
    """

    heads_die = True

    def __init__(
        self,
        vocabulary: Vocabulary,
        segmenter: Segmenter,
        automaton: Automaton,
        walks: Walks,
        normalization: Normalization,
        added: Mapping[int, AddedToken] | None = None,
    ) -> None:
        self.vocabulary = vocabulary
        self._segmenter = segmenter
        self._automaton = automaton
        self._walks = walks
        self._normalization = normalization
        self._added = added or {}
        self._joining = _by_run(walks.joining)
        self._liveness = Liveness(vocabulary, segmenter, automaton, walks)
        self.start: Context = CanonicalContext(frozenset({(segmenter.start, automaton.start)}), b"", "")
        self.steps = Steps(self)
        self._advance = lru_cache(maxsize=_STEPS_CACHED)(self._follow)
        masks = max(64, _MASK_CACHE_BYTES // vocabulary.size)
        self._inside = lru_cache(maxsize=masks)(self._living_inside)
        self._known_inside: dict[int, NDArray[np.uint8]] = {}
        self._may_end = lru_cache(maxsize=_STEPS_CACHED)(self._ends)
        self._allowed = lru_cache(maxsize=masks)(self._mask)
        self._joined = lru_cache(maxsize=masks)(self._joins_wrongly)
        self._taken = lru_cache(maxsize=_STEPS_CACHED)(self._take_added)

    def kept(self, limit: int) -> dict[int, NDArray[np.uint8]]:
        """For ``limit`` states which tokens lead on from them, packed bits, uint8 ``(vocabulary.size / 8,)``."""
        states = range(min(limit, len(self._automaton.at_border)))
        return {state: np.packbits(self._inside(state, b"")) for state in states}

    def restore(self, kept: dict[int, NDArray[np.uint8]]) -> None:
        """Take up what :meth:`kept` returned."""
        self._known_inside = kept

    def advance(self, context: Context, token: int) -> Context | None:
        return self._advance(context, token)

    def allowed(self, context: Context) -> NDArray[np.bool_]:
        return self._allowed(context)

    def may_end(self, context: Context) -> bool:
        return self._may_end(context)

    def _ends(self, context: CanonicalContext) -> bool:
        guesses, pending, _ = context
        return not pending and any(self._automaton.may_end[state] for _, state in guesses)

    def _follow(self, context: CanonicalContext, token: int) -> CanonicalContext | None:
        guesses, pending, open_end = context
        if token in self._added:
            states = set() if pending else {self._taken(state).get(token, DEAD) for _, state in guesses} - {DEAD}
            after = frozenset((self._segmenter.start, state) for state in states)
            entry = self._added[token]
            open_end = self._normalization.open_end(entry.content) if entry.normalized else ""
            return CanonicalContext(after, b"", open_end) if after else None
        spelled = self._walks.spelled(token, pending)
        if spelled is None or not self._normalization.holds(open_end, spelled.text):
            return None
        if self._normalization.joins and spelled.text:
            open_end = self._normalization.open_end(open_end + spelled.text)
        if spelled.tail and not self._may_complete(open_end, spelled.tail):
            return None
        living: set[tuple[Segment, int]] = set()
        for segment, state in guesses:
            segment_after = self._segmenter.advance(self._segment(segment, state, pending), token)
            if segment_after is not None:
                ends, tail = self._walks.one(state, token, pending)
                living |= {(segment_after, end) for end in ends if self._liveness.lives(segment_after, end, tail)}
        return CanonicalContext(frozenset(living), spelled.tail, open_end) if living else None

    def _segment(self, segment: Segment, state: int, pending: bytes) -> Segment:
        """What the segmenter remembers of the pre-token that goes on or begins in a state."""
        return self._segmenter.start if self._automaton.at_border[state] and not pending else segment

    def _mask(self, context: CanonicalContext) -> NDArray[np.bool_]:
        guesses, pending, open_end = context
        mask = np.zeros(self.vocabulary.size, dtype=bool)
        for segment, state in guesses:
            mask |= self._following(self._segment(segment, state, pending), state, pending)
        if self._normalization.joins:
            self._forbid_joined(mask, pending, open_end)
        for _, state in guesses if self._added and not pending else ():
            mask[self.vocabulary.index[list(self._taken(state))]] = True
        mask.flags.writeable = False
        return mask

    def _following(self, segment: Segment, state: int, pending: bytes) -> NDArray[np.bool_]:
        """Which tokens may follow one guess: those behind which a border may be, and those that lead to one."""
        walked = self._walks.all(state, pending)
        mask: NDArray[np.bool_] = walked.closed & self._segmenter.closing(segment)
        remaining = (walked.inside != DEAD) & self._segmenter.allowed(segment) & ~mask
        exceptional = self._segmenter.exceptional(segment)
        exceptional = exceptional[remaining[exceptional]]
        remaining[exceptional] = False
        if remaining.any():
            mask |= remaining & self._inside(state, pending)
        for index in exceptional.tolist():
            after = self._segmenter.advance(segment, int(self.vocabulary.order[index]))
            mask[index] = self._liveness.lives(after, int(walked.inside[index]), self._walks.tail(index, pending))
        return mask

    def _living_inside(self, state: int, pending: bytes) -> NDArray[np.bool_]:
        """Which tokens may follow a state with no border behind them, what stands before them aside: sorted order."""
        if not pending and state in self._known_inside:
            return np.unpackbits(self._known_inside[state], count=self.vocabulary.size).astype(bool)
        walked = self._walks.all(state, pending)
        reach = np.zeros(self.vocabulary.size, dtype=bool)
        for index in np.flatnonzero((walked.inside != DEAD) & ~walked.closed).tolist():
            token = int(self.vocabulary.order[index])
            reach[index] = self._liveness.lives(token, int(walked.inside[index]), self._walks.tail(index, pending))
        return reach

    def _take_added(self, state: int) -> dict[int, int]:
        """The added tokens that may stand in a state, and the states behind them."""
        assert isinstance(self._automaton, SectionAutomaton), "there are added tokens"
        taken = {token: self._automaton.take(state, token) for token in self._added}
        return {token: after for token, after in taken.items() if after != DEAD}

    def _forbid_joined(self, mask: NDArray[np.bool_], pending: bytes, open_end: str) -> None:
        """Strike out the tokens whose characters the normalizer would join to those before them."""
        if not pending:
            mask[self._joined(open_end)] = False
            return
        for index in np.flatnonzero(mask).tolist():
            spelled = self._walks.spelled(int(self.vocabulary.order[index]), pending)
            assert spelled is not None, "the token was walked"
            if not self._normalization.holds(open_end, spelled.text):
                mask[index] = False

    def _joins_wrongly(self, open_end: str) -> NDArray[np.int64]:
        """The indices of tokens that cannot follow an open end."""
        wrong = [where for run, where in self._joining.items() if not self._normalization.holds(open_end, run)]
        return np.concatenate(wrong) if wrong else np.empty(0, dtype=np.int64)

    def _may_complete(self, open_end: str, tail: bytes) -> bool:
        """Whether an unfinished character can become one that does not join an open end."""
        if not self._normalization.joins:
            return True
        codes = completions(tail)[:_COMPLETIONS_TRIED]
        return any(self._normalization.holds(open_end, chr(code)) for code in codes)


def _by_run(joining: Mapping[int, str]) -> dict[str, NDArray[np.int64]]:
    """The indices of tokens by the joining characters that they begin with, all that can meet an open end."""
    found: dict[str, list[int]] = {}
    for index, text in joining.items():
        found.setdefault("".join(takewhile(joins, text)), []).append(index)
    return {run: np.array(where, dtype=np.int64) for run, where in found.items()}
