"""Patches that start where a border between a tokenizer's tokens has become certain.

The bytes read so far leave several token sequences open, which the lattice of the tokenizer walks. What all of them
have in common is certain: the *settled* head, the deepest that all live ones descend from. Whenever a byte moves its
end forward, a patch starts behind that byte. So a patch starts when the tokenizer has made up its mind, which is often
a byte after the border itself: nobody knows where a word ends before the space behind it.

To look for the settled head anew would cost as much as there is undecided text, for every byte. So each live head is
kept with its *branch*, the child of the settled head above it; the settled head moves when there is but one left.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bytelm.blt.vocabulary import OFFSET, SIZE, IdArray
from bytelm.heads import Head
from bytelm.tokens.lattice import Lattice, advance_lattice, begin_lattice
from bytelm.tokens.tokenizer import Tokenizer


@dataclass(frozen=True, slots=True, eq=False)
class Borders:
    """The certain borders of a text. Frozen: `after` makes a new one.

    Attributes:
        tokenizer: whose borders.
        lattice: what the bytes so far leave open.
        settled: the deepest head that all live ones descend from.
        branches: for each live head the child of ``settled`` that it descends from; ``settled`` itself for itself.
        moved: whether the last id made a border certain.
    """

    tokenizer: Tokenizer
    lattice: Lattice
    settled: Head
    branches: Mapping[Head, Head]
    moved: bool

    def after(self, id: int) -> "Borders":
        """The borders after one more id.

        Behind an id that is no byte, and with a byte that no text goes on with, a border is certain: the text begins
        anew.
        """
        if not OFFSET <= id < SIZE:
            return begin_borders(self.tokenizer)
        rule, byte = self.tokenizer.canonical, id - OFFSET
        lattice = advance_lattice(rule, self.lattice, byte)
        if not lattice.cursors:
            return _begun(self.tokenizer, _anew(self.tokenizer, self.lattice.end, byte))
        branches: dict[Head, Head] = {cursor.head: self._branch(cursor.head) for cursor in lattice.cursors}
        left = set(branches.values())
        if len(left) > 1 or self.settled in left:
            return Borders(self.tokenizer, lattice, self.settled, branches, False)
        return _begun(self.tokenizer, lattice)

    def _branch(self, head: Head) -> Head:
        found = self.branches.get(head)
        if found is not None:
            return found
        assert head.parent is not None, "a new head is the child of one that was live"
        return head if head.parent is self.settled else self.branches[head.parent]


def begin_borders(tokenizer: Tokenizer | None) -> Borders:
    """The borders of a text before its first byte.

    Raises:
        ValueError: there is no tokenizer.
    """
    if tokenizer is None:
        raise ValueError(
            "patching by 'tokenizer' follows the borders between the tokens of a tokenizer, got none; "
            "give tokenizer=bytelm.Tokenizer(…)"
        )
    lattice = begin_lattice(tokenizer.canonical, end=-len(tokenizer.prefix))
    for byte in tokenizer.prefix:
        lattice = advance_lattice(tokenizer.canonical, lattice, byte)
    return _begun(tokenizer, lattice)


def borders_move(tokenizer: Tokenizer | None, ids: IdArray) -> NDArray[np.bool_]:
    """Whether each id makes a border certain, bool ``(n,)``.

    Raises:
        ValueError: there is no tokenizer.
    """
    moved = np.zeros(len(ids), dtype=bool)
    borders = begin_borders(tokenizer)
    for position, id in enumerate(ids.tolist()):
        borders = borders.after(id)
        moved[position] = borders.moved
    return moved


def _begun(tokenizer: Tokenizer, lattice: Lattice) -> Borders:
    """The borders of a lattice of which a border has just become certain."""
    live: list[Head] = [cursor.head for cursor in lattice.cursors]
    settled = _meeting(live)
    return Borders(tokenizer, lattice, settled, {head: _below(settled, head) for head in live}, True)


def _anew(tokenizer: Tokenizer, end: int, byte: int) -> Lattice:
    """The lattice of a text that begins anew with a byte ``end`` bytes into it, or behind that byte if it begins none.

    As of `bytelm.tokens.lattice.restart_lattice`, but without the tokens before, which no border depends on and which
    not every tokenizer has for every byte.
    """
    after = advance_lattice(tokenizer.canonical, begin_lattice(tokenizer.canonical, end=end), byte)
    return after if after.cursors else begin_lattice(tokenizer.canonical, end=end + 1)


def _meeting(live: Iterable[Head]) -> Head:
    """The deepest head that all live ones descend from."""
    heads = set(live)
    while len(heads) > 1:
        deepest = max(heads, key=lambda head: head.depth)
        assert deepest.parent is not None, "the root is above all"
        heads = (heads - {deepest}) | {deepest.parent}
    return heads.pop()


def _below(settled: Head, head: Head) -> Head:
    """The child of ``settled`` that a head descends from; the head itself if it is ``settled``."""
    while head is not settled and head.parent is not settled:
        assert head.parent is not None, "all live heads descend from the settled one"
        head = head.parent
    return head
