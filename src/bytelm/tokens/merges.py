"""Which tokens may stand side by side inside one pre-token: the adjacency rule of byte-pair encoding.

A sequence of tokens is what byte-pair encoding makes of its bytes exactly when every adjacent pair is. A pair
``(left, right)`` fails exactly when some merge ``(a, b)`` crosses the border and comes first: ``a`` lies on the
right spine of ``left``'s merge tree, ``b`` on the left spine of ``right``'s, and the merge's rank is below the
rank at which ``a`` is consumed inside ``left`` (strictly: of two equal merges the leftmost goes first) and not
above the rank at which ``b`` is consumed inside ``right``. Ranks are counted so that no merge precedes its parts.

The mask over all right neighbours: order the tokens by a depth-first walk of the forest "parent of a token = left
part of its merge", children by rank. For a merge ``(a, b)`` the tokens that fail are ``b`` itself and those of its
descendants that consume it at that rank or later, which is one contiguous run. So a mask is a few range updates
and one cumulative sum.
"""

from collections.abc import Iterator, Mapping
from functools import lru_cache
from heapq import heappop, heappush

import numpy as np
from numpy.typing import NDArray

NEVER = np.iinfo(np.int64).max // 4
"""The rank at which a whole token is consumed inside itself."""

_PAIRS_CACHED = 2**18


class Merges:
    """The merges of a byte-pair encoding over token ids.

    Args:
        ranked: ``(left id, right id) -> (rank, id of the result)``.
        atoms: the ids that byte-pair encoding starts from (bytes or characters).
        size: how many ids there are.

    Attributes:
        reachable: bool ``(size,)``, whether merging a token's own bytes yields the token.

    Raises:
        ValueError: the merges are in an order that cannot be followed.
    """

    def __init__(self, ranked: Mapping[tuple[int, int], tuple[int, int]], atoms: list[int], size: int) -> None:
        self._rank: dict[tuple[int, int], int] = {}
        self._left = np.full(size, -1, dtype=np.int64)
        self._right = np.full(size, -1, dtype=np.int64)
        self._made_at = np.full(size, -1, dtype=np.int64)
        self.reachable = np.zeros(size, dtype=bool)
        self.reachable[atoms] = True
        self._grow_trees(ranked)
        self._stands = lru_cache(maxsize=_PAIRS_CACHED)(self._stands_uncrossed)
        self._walk_forest()
        self._index_merges()

    def allows(self, left: int, right: int) -> bool:
        """Whether ``right`` may follow ``left`` inside one pre-token."""
        return self._stands(left, right)

    def allowed_after(self, left: int) -> NDArray[np.bool_]:
        """Bool ``(size,)`` by token id: which reachable tokens may follow ``left`` inside one pre-token."""
        chosen = [self._merge_slice(a, limit) for a, limit in self._right_spine(left)]
        rows = np.concatenate([np.arange(part.start, part.stop) for part in chosen])
        size = len(self._position)
        runs = np.bincount(self._run_low[rows], minlength=size + 1)
        runs = runs - np.bincount(self._run_high[rows], minlength=size + 1)
        blocked = np.cumsum(runs[:-1]) > 0
        blocked[self._position[self._merge_b[rows]]] = True
        return self.reachable & ~blocked[self._position]

    def _grow_trees(self, ranked: Mapping[tuple[int, int], tuple[int, int]]) -> None:
        """Find the merge that makes each token out of its own bytes: the first one nothing crosses before.

        Merges have their turns by rank, but not before their parts are made: some tokenizers list
        ``(" ", "the")`` before ``("t", "he")``. The turns take the place of the ranks from here on.
        """
        latest, lefts = -1, set[int]()
        for turn, (rank, a, b) in enumerate(self._turns(ranked)):
            self._rank[a, b] = turn
            result = ranked[a, b][1]
            early = rank < latest
            if not early:
                latest, lefts = rank, {a}
            if (self.reachable[result] and not early) or self._crossed(a, b, turn):
                continue
            if early and b in lefts:
                raise ValueError(
                    f"merge {rank} of the tokenizer comes before merge {latest} that makes one of its parts, and "
                    'which goes first depends on the text; load the model with segmentation="all"'
                )
            lefts.add(a)
            if not self.reachable[result]:
                self._left[result], self._right[result], self._made_at[result] = a, b, turn
                self.reachable[result] = True

    def _turns(self, ranked: Mapping[tuple[int, int], tuple[int, int]]) -> Iterator[tuple[int, int, int]]:
        """The merges, as (rank, left, right), lowest rank first among those whose parts are reachable by then."""
        waiting: dict[int, list[tuple[int, int, int]]] = {}
        for merge in sorted((rank, a, b) for (a, b), (rank, _) in ranked.items()):
            ready = [merge]
            while ready:
                rank, a, b = heappop(ready)
                missing = a if not self.reachable[a] else b
                if not self.reachable[missing]:
                    waiting.setdefault(missing, []).append((rank, a, b))
                    continue
                yield rank, a, b
                result = ranked[a, b][1]
                for released in waiting.pop(result, ()) if self.reachable[result] else ():
                    heappush(ready, released)

    def _stands_uncrossed(self, left: int, right: int) -> bool:
        return not self._crossed(left, right, NEVER)

    def _crossed(self, left: int, right: int, below: int) -> bool:
        """Whether a merge of rank under ``below`` crosses the border before its parts are consumed."""
        for a, limit_a in self._right_spine(left):
            for b, limit_b in self._left_spine(right):
                rank = self._rank.get((a, b), NEVER)
                if rank < below and rank < limit_a and rank <= limit_b:
                    return True
        return False

    def _right_spine(self, token: int) -> Iterator[tuple[int, int]]:
        """``token``, its right part, the right part of that …, each with the rank at which it is consumed."""
        consumed = NEVER
        while token >= 0:
            yield token, consumed
            consumed, token = int(self._made_at[token]), int(self._right[token])

    def _left_spine(self, token: int) -> Iterator[tuple[int, int]]:
        consumed = NEVER
        while token >= 0:
            yield token, consumed
            consumed, token = int(self._made_at[token]), int(self._left[token])

    def _walk_forest(self) -> None:
        """Number the tokens depth first: descendants of a token follow it, those of lower rank first."""
        size = len(self._left)
        children: list[list[int]] = [[] for _ in range(size)]
        for token in np.argsort(self._made_at, kind="stable").tolist():
            if self._left[token] >= 0:
                children[self._left[token]].append(token)
        self._position = np.zeros(size, dtype=np.int64)
        self._subtree_end = np.zeros(size, dtype=np.int64)
        clock = 0
        stack = [(token, False) for token in range(size - 1, -1, -1) if self._left[token] < 0]
        while stack:
            token, done = stack.pop()
            if done:
                self._subtree_end[token] = clock
                continue
            self._position[token] = clock
            clock += 1
            stack.append((token, True))
            stack.extend((child, False) for child in reversed(children[token]))

    def _index_merges(self) -> None:
        """Store every merge, sorted by left part and rank, with the run of right neighbours that it forbids."""
        rows = sorted((a, rank, b) for (a, b), rank in self._rank.items())
        merges = np.array(rows, dtype=np.int64).reshape(-1, 3)
        self._merge_rank, self._merge_b = merges[:, 1].copy(), merges[:, 2].copy()
        self._merge_start = np.searchsorted(merges[:, 0], np.arange(len(self._left) + 1))
        made = np.flatnonzero(self._left >= 0)
        made = made[np.lexsort((self._made_at[made], self._left[made]))]
        span = 1 + max(int(self._made_at.max(initial=0)), int(self._merge_rank.max(initial=0)))
        keys = self._left[made] * span + self._made_at[made]
        first = np.searchsorted(keys, self._merge_b * span + self._merge_rank)
        last = np.searchsorted(keys, (self._merge_b + 1) * span)
        self._run_high = self._subtree_end[self._merge_b]
        self._run_low = self._run_high.copy()
        some = first < last
        self._run_low[some] = self._position[made[first[some]]]

    def _merge_slice(self, left: int, limit: int) -> slice:
        """The stored merges with left part ``left`` and a rank below ``limit``."""
        start, stop = int(self._merge_start[left]), int(self._merge_start[left + 1])
        return slice(start, start + int(np.searchsorted(self._merge_rank[start:stop], limit)))
