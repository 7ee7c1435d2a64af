"""The best continuations found so far, no two of which look alike."""

import numpy as np

from bytelm.searching.completion import Completion
from bytelm.utf8 import unfinished


class NBest:
    """The ``count`` best of the completions that it was offered (mutable).

    Of those whose texts are the same but for an unfinished last character only the best is kept: the cut of
    ``max_bytes`` would else make many of one, and a text may end in two ways.

    Args:
        count: how many to keep.
        before: the text in front of them, which may end inside a character.
    """

    def __init__(self, count: int, before: bytes = b"") -> None:
        self._count = count
        self._begun = before[len(before) - unfinished(before) :]
        self._kept: dict[bytes, tuple[float, Completion]] = {}

    @property
    def floor(self) -> float:
        """What a completion must be worth more than to be kept; ``-inf`` while there is room."""
        if len(self._kept) < self._count:
            return -np.inf
        return min(score for score, _ in self._kept.values())

    @property
    def best_first(self) -> list[Completion]:
        """What was kept, by falling score; of equals, the one offered first comes first."""
        return [completion for _, completion in sorted(self._kept.values(), key=lambda pair: -pair[0])]

    def offer(self, score: float, completion: Completion) -> None:
        """Keep a completion if it is one of the best (mutates)."""
        look = self._look(completion.text)
        if score <= self._kept.get(look, (self.floor,))[0]:
            return
        self._kept[look] = (score, completion)
        if len(self._kept) > self._count:
            del self._kept[min(self._kept, key=lambda kept: self._kept[kept][0])]

    def _look(self, text: bytes) -> bytes:
        """The text without an unfinished last character."""
        whole = self._begun + text
        return whole[: len(whole) - unfinished(whole)]
