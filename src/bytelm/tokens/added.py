"""Added tokens that text produces: they are cut out of a text before anything else looks at it.

The text is read from left to right; at every place the longest added token that stands there is taken, and what lies
between them are sections that the rest of the tokenizer sees as texts of their own. So a beginning of a text says of
every place where an added token could have begun to stand, that none did: it must not be completed later. These
unfinished ones are nodes of a trie, and the set of them is all that must be remembered.
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

Unfinished = frozenset[int]
"""Nodes of the trie: added tokens that have begun where none may stand."""


class AddedToken(NamedTuple):
    """An added token that is not special.

    Attributes:
        token: its id.
        content: its characters, as they stand in the text seen.
        strips_left, strips_right: whether it swallows the white space before it, behind it.
        behind: what is put before the text behind it: a space, or nothing.
        normalized: whether it is looked for in the normalized text, so that its last characters may be joined.
    """

    token: int
    content: str
    strips_left: bool = False
    strips_right: bool = False
    behind: str = ""
    normalized: bool = False


class AddedTokens:
    """The trie of the added tokens' characters.

    Attributes:
        by_id: the added tokens by id.
    """

    def __init__(self, added: Iterable[AddedToken]) -> None:
        self.by_id: Mapping[int, AddedToken] = {entry.token: entry for entry in added}
        self._children: list[dict[str, int]] = [{}]
        self._whole: list[bool] = [False]
        for entry in self.by_id.values():
            node = 0
            for char in entry.content:
                if char not in self._children[node]:
                    self._children[node][char] = len(self._children)
                    self._children.append({})
                    self._whole.append(False)
                node = self._children[node][char]
            self._whole[node] = True

    @property
    def characters(self) -> str:
        """All characters of added tokens, and of what is put behind them."""
        return "".join(sorted({char for entry in self.by_id.values() for char in entry.content + entry.behind}))

    def read(self, unfinished: Unfinished, char: str) -> Unfinished | None:
        """After one more character that no added token covers; ``None`` if one is completed."""
        return self._grow(unfinished | {0}, char)

    def take(self, unfinished: Unfinished, token: int) -> Unfinished | None:
        """After an added token; ``None`` if an earlier or a longer one would have been taken."""
        node = 0
        for char in self.by_id[token].content:
            grown = self._grow(unfinished, char)
            if grown is None:
                return None
            unfinished, node = grown, self._children[node][char]
        return unfinished | {node} if self._children[node] else unfinished

    def _grow(self, unfinished: Unfinished, char: str) -> Unfinished | None:
        grown = {self._children[node][char] for node in unfinished if char in self._children[node]}
        return None if any(self._whole[node] for node in grown) else frozenset(grown)
