"""Which tokens the network sees when a head is longer than its context.

A network takes at most ``context`` tokens, begin tokens included. The byte model above must stay a proper
distribution, so what the network sees must be a function of the head alone, not of the calls that led there.
And it must not change with every token, or no cache could be shared between a head and the next. So windows
move in blocks. With ``B`` begin tokens there is room for ``R = context - B`` others, and the stride is
``S = context // 2`` (at least 1, at most ``R``). A head of ``d`` tokens has

- ``d <= R``: window 0, the begin tokens and all its tokens;
- otherwise: window ``w = ceil((d - R) / S)``, the begin tokens and the tokens from number ``w · S`` on.

Every head so sees more than ``R - S`` tokens behind the begin tokens, and ``S`` successive depths share a
window.
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass

from bytelm.heads import Head

UNLIMITED = sys.maxsize
"""The context of a network that takes texts of any length."""


@dataclass(frozen=True)
class Windows:
    """The windows of one network.

    Attributes:
        begin: the token ids in front of every window; at least one.
        context: how many tokens the network takes, begin tokens included.
    """

    begin: tuple[int, ...]
    context: int

    def __post_init__(self) -> None:
        if not self.begin:
            raise ValueError("a begin token is needed: the first token's distribution is p(. | begin tokens)")
        if self.context <= len(self.begin):
            raise ValueError(
                f"a context of {self.context} tokens leaves no room behind {len(self.begin)} begin token(s)"
            )

    @property
    def room(self) -> int:
        """How many tokens fit behind the begin tokens."""
        return self.context - len(self.begin)

    @property
    def stride(self) -> int:
        """How many tokens one window starts behind the one before."""
        return max(1, min(self.context // 2, self.room))

    def index(self, depth: int) -> int:
        """The window of the heads of ``depth`` tokens; 0 for those that fit whole."""
        return max(0, -(-(depth - self.room) // self.stride))

    def start(self, index: int) -> int:
        """How many leading tokens of a head the window leaves out."""
        return index * self.stride

    def input_of(self, head: Head) -> list[int]:
        """The token ids that the network sees for ``head``, begin tokens first."""
        return [*self.begin, *head.tokens()[self.start(self.index(head.depth)) :]]


def check_ids(ids: Sequence[int], vocabulary_size: int) -> None:
    """Refuses token ids that the network has no embedding for.

    Raises:
        ValueError: an id is negative, or not below ``vocabulary_size``.
    """
    for token in ids:
        if not 0 <= token < vocabulary_size:
            raise ValueError(f"token id {token} is outside the model's vocabulary of {vocabulary_size}")
