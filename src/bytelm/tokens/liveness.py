"""Whether a token sequence that has not reached a border can still reach one.

The borders and the tokens must hold together: where the automaton demands characters that no allowed token spells, the
sequence is the beginning of no text. Behind a border every text goes on; so the search ends at the next one.
"""

from functools import lru_cache

import numpy as np

from bytelm.tokens.automaton import DEAD, Automaton
from bytelm.tokens.segmenting import Segment, Segmenter
from bytelm.tokens.vocabulary import Vocabulary
from bytelm.tokens.walks import Walks
from bytelm.utf8 import completions

_CACHED = 2**16
_SINGLES = 16


class Liveness:
    """The search for a next border.

    Args:
        vocabulary: the tokens, sorted.
        segmenter: what cuts a pre-token.
        automaton: the borders.
        walks: where tokens lead.
    """

    def __init__(self, vocabulary: Vocabulary, segmenter: Segmenter, automaton: Automaton, walks: Walks) -> None:
        self._vocabulary = vocabulary
        self._segmenter = segmenter
        self._automaton = automaton
        self._walks = walks
        self._singles = walks.singles(_SINGLES)
        self._searched = lru_cache(maxsize=_CACHED)(self._search)
        self._completes = lru_cache(maxsize=_CACHED)(self._complete)

    def lives(self, segment: Segment, state: int, tail: bytes) -> bool:
        """Whether some text goes on behind a segment, in a state, with an unfinished character ``tail``."""
        if not tail and self._automaton.at_border[state]:
            return self._segmenter.may_close(segment)
        return self._searched(segment, state, tail)

    def _search(self, segment: Segment, state: int, tail: bytes) -> bool:
        """Look for tokens that may follow up to the next border."""
        if self._closes(segment, state, tail):
            return True
        seen = {(segment, state, tail)}
        waiting = [(segment, state, tail)]
        while waiting:
            segment, state, tail = waiting.pop()
            walked = self._walks.all(state, tail)
            if (walked.closed & self._segmenter.closing(segment)).any():
                return True
            for index in np.flatnonzero((walked.inside != DEAD) & self._segmenter.allowed(segment)).tolist():
                after = self._segmenter.advance(segment, int(self._vocabulary.order[index]))
                node = (after, int(walked.inside[index]), self._walks.tail(index, tail))
                if node not in seen:
                    seen.add(node)
                    waiting.append(node)
        return False

    def _closes(self, segment: Segment, state: int, tail: bytes) -> bool:
        """Whether, as a quick look shows, one more character may follow and a border behind that."""
        step = self._automaton.step
        if tail:
            closing = frozenset(c for c in self._walks.range_of(tail) if step(state, c, True) != DEAD)
            return self._completes(segment, tail, closing)
        return any(
            step(state, c, True) != DEAD and any(self._ends(segment, token) for token in tokens)
            for c, tokens in self._singles.items()
        )

    def _ends(self, segment: Segment, token: int) -> bool:
        """Whether a token may follow, and the pre-token end behind it."""
        after = self._segmenter.advance(segment, token)
        return after is not None and self._segmenter.may_close(after)

    def _complete(self, segment: Segment, tail: bytes, wanted: frozenset[int]) -> bool:
        """Whether tokens that may follow finish a character of a ``wanted`` class, and the pre-token with it."""
        if not wanted & self._walks.range_of(tail):
            return False
        missing = len(chr(completions(tail).start).encode()) - len(tail)
        for index in self._walks.continuing:
            word, token = self._vocabulary.bytes_at(index), int(self._vocabulary.order[index])
            if len(word) > missing:
                break
            spelled = self._walks.spelled(token, tail)
            after = None if spelled is None else self._segmenter.advance(segment, token)
            if spelled is not None and after is not None:
                if spelled.tail and self._completes(after, spelled.tail, wanted):
                    return True
                if not spelled.tail and spelled.classes[0] in wanted and self._segmenter.may_close(after):
                    return True
        return False
