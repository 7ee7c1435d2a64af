"""Which tokens may stand side by side inside one pre-token: the adjacency rule of byte-pair encoding.

A sequence of tokens is what byte-pair encoding makes of its bytes exactly when every adjacent pair is. A pair
``(left, right)`` fails exactly when some merge ``(a, b)`` crosses the border and comes first: ``a`` lies on the
right spine of ``left``'s merge tree, ``b`` on the left spine of ``right``'s, and the merge's rank is below the
rank at which ``a`` is consumed inside ``left`` (strictly: of two equal merges the leftmost goes first) and not
above the rank at which ``b`` is consumed inside ``right``. Ranks are counted so that no merge precedes its parts.

The mask over all right neighbours: order the tokens by a depth-first walk of the forest "parent of a token = left
part of its merge", children by rank. For a merge ``(a, b)`` the tokens that fail are ``b`` itself and those of its
descendants that consume it at that rank or later, which is one contiguous run. So a mask is a few ranges.
"""

from collections.abc import Iterator, Mapping
from functools import cached_property, lru_cache
from heapq import heappop, heappush
from typing import Any

import numpy as np
from numpy.typing import NDArray

NEVER = np.iinfo(np.int64).max // 4
"""The rank at which a whole token is consumed inside itself."""

_PAIRS_CACHED = 2**18
Ranked = Mapping[tuple[int, int], tuple[int, int]]
"""Merges: ``(left id, right id) -> (rank, id of the result)``."""

_ARRAYS = (
    *("left", "right", "made_at", "pairs", "turns_of_pairs", "position", "subtree_end"),
    *("merge_rank", "merge_b", "merge_start", "run_low", "run_high", "b_position"),
)


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

    def __init__(self, ranked: Ranked, atoms: list[int], size: int) -> None:
        self._size = size
        self._left = np.full(size, -1, dtype=np.int64)
        self._right = np.full(size, -1, dtype=np.int64)
        self._made_at = np.full(size, -1, dtype=np.int64)
        self.reachable = np.zeros(size, dtype=bool)
        self.reachable[atoms] = True
        self._rank = ranks = dict[int, int]()
        self._prepare()
        self._grow_trees(ranked)
        self._pairs = np.fromiter(ranks, dtype=np.int64, count=len(ranks))
        self._turns_of_pairs = np.fromiter(ranks.values(), dtype=np.int64, count=len(ranks))
        self._walk_forest()
        self._index_merges()

    @classmethod
    def restored(cls, arrays: Mapping[str, NDArray[Any]]) -> "Merges":
        """The merges that :meth:`arrays` described."""
        merges = cls.__new__(cls)
        for name in _ARRAYS:
            setattr(merges, "_" + name, arrays[name])
        merges._size = len(merges._left)
        merges.reachable = arrays["reachable"]
        merges._prepare()
        return merges

    def arrays(self) -> dict[str, NDArray[Any]]:
        """All that was found out, to be kept, by name."""
        return {name: getattr(self, "_" + name) for name in _ARRAYS} | {"reachable": self.reachable}

    @cached_property
    def _rank(self) -> dict[int, int]:
        """When each merge has its turn, by ``left id * size + right id``."""
        return dict(zip(self._pairs.tolist(), self._turns_of_pairs.tolist(), strict=True))

    def allows(self, left: int, right: int) -> bool:
        """Whether ``right`` may follow ``left`` inside one pre-token."""
        return self._stands(left, right)

    def refused_after(self, left: int) -> NDArray[np.bool_]:
        """Bool ``(size,)`` by :meth:`positions`: which tokens a merge crosses the border to."""
        chosen = [self._merge_slice(a, limit) for a, limit in self._right_spine(left)]
        rows = np.concatenate([np.arange(part.start, part.stop) for part in chosen])
        blocked = np.zeros(self._size, dtype=bool)
        blocked[self._b_position[rows]] = True
        # Few tokens have more than a hundred merges, and a sum over the whole vocabulary is slow.
        for low, high in zip(self._run_low[rows].tolist(), self._run_high[rows].tolist(), strict=True):
            blocked[low:high] = True
        return blocked

    def positions(self, tokens: NDArray[np.int64]) -> NDArray[np.int64]:
        """Where tokens stand in the order of :meth:`refused_after`."""
        return self._position[tokens]

    def _grow_trees(self, ranked: Ranked) -> None:
        """Find the merge that makes each token out of its own bytes: the first one nothing crosses before.

        Merges have their turns by rank, but not before their parts are made: some tokenizers list
        ``(" ", "the")`` before ``("t", "he")``. The turns take the place of the ranks from here on.
        """
        reachable, size, turns = _view(self.reachable), self._size, self._rank
        waiting: dict[int, list[tuple[int, int, int, int]]] = {}
        latest, lefts = -1, set[int]()
        for merge in sorted((rank, a, b, result) for (a, b), (rank, result) in ranked.items()):
            ready = [merge]
            while ready:
                rank, a, b, result = found = heappop(ready) if len(ready) > 1 else ready.pop()
                if not (reachable[a] and reachable[b]):
                    waiting.setdefault(b if reachable[a] else a, []).append(found)
                    continue
                turn = turns[a * size + b] = len(turns)
                early = rank < latest
                if not early:
                    latest, lefts = rank, {a}
                if (early or not reachable[result]) and not self._crossed(a, b, turn):
                    if early and b in lefts:
                        raise ValueError(
                            f"merge {rank} of the tokenizer comes before merge {latest} that makes one of its parts, "
                            'and which goes first depends on the text; load the model with segmentation="all"'
                        )
                    lefts.add(a)
                    if not reachable[result]:
                        self._left[result], self._right[result], self._made_at[result] = a, b, turn
                        reachable[result] = True
                if result in waiting and reachable[result]:
                    for released in waiting.pop(result):
                        heappush(ready, released)

    def _prepare(self) -> None:
        self._stands = lru_cache(maxsize=_PAIRS_CACHED)(self._stands_uncrossed)
        self._left_view, self._right_view = _view(self._left), _view(self._right)
        self._made_view = _view(self._made_at)

    def _stands_uncrossed(self, left: int, right: int) -> bool:
        return not self._crossed(left, right, NEVER)

    def _crossed(self, left: int, right: int, below: int) -> bool:
        """Whether a merge of rank under ``below`` crosses the border before its parts are consumed."""
        rank_of, size = self._rank.get, self._size
        lefts, made_at = self._left_view, self._made_view
        for a, limit_a in self._right_spine(left):
            b, limit_b, row = right, NEVER, a * size
            limit_a = min(limit_a, below)
            while b >= 0:
                rank = rank_of(row + b, NEVER)
                if rank < limit_a and rank <= limit_b:
                    return True
                b, limit_b = lefts[b], made_at[b]
        return False

    def _right_spine(self, token: int) -> Iterator[tuple[int, int]]:
        """``token``, its right part, the right part of that …, each with the rank at which it is consumed."""
        consumed = NEVER
        while token >= 0:
            yield token, consumed
            consumed, token = self._made_view[token], self._right_view[token]

    def _walk_forest(self) -> None:
        """Number the tokens depth first: descendants of a token follow it, those of lower rank first."""
        parents, order = self._left.tolist(), np.argsort(self._made_at, kind="stable").tolist()
        sizes = [1] * self._size
        for token in reversed(order):
            if parents[token] >= 0:
                sizes[parents[token]] += sizes[token]
        places = [0] * self._size
        free = [0] * self._size
        roots = 0
        for token in order:
            parent = parents[token]
            if parent < 0:
                places[token], roots = roots, roots + sizes[token]
            else:
                places[token], free[parent] = free[parent], free[parent] + sizes[token]
            free[token] = places[token] + 1
        self._position = np.array(places, dtype=np.int64)
        self._subtree_end = self._position + np.array(sizes, dtype=np.int64)

    def _index_merges(self) -> None:
        """Store every merge, sorted by left part and rank, with the run of right neighbours that it forbids."""
        pairs, turns = self._pairs, self._turns_of_pairs
        order = np.lexsort((turns, pairs // self._size))
        self._merge_rank, self._merge_b = turns[order], pairs[order] % self._size
        self._merge_start = np.searchsorted((pairs // self._size)[order], np.arange(self._size + 1))
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
        self._b_position = self._position[self._merge_b]

    def _merge_slice(self, left: int, limit: int) -> slice:
        """The stored merges with left part ``left`` and a rank below ``limit``."""
        start, stop = int(self._merge_start[left]), int(self._merge_start[left + 1])
        return slice(start, start + int(np.searchsorted(self._merge_rank[start:stop], limit)))


def _view(array: NDArray[Any]) -> Any:
    """The array as Python's own numbers, which loops read and write faster."""
    return memoryview(array)  # type: ignore[arg-type]
