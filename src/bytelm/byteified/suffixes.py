"""The longest dictionary entry that ends at each place of a sequence of ids: an automaton with one integer of state.

The entries are the subword tokens of a model, spelled in the ids of its byte tokenizer. The automaton is that of Aho
and Corasick (1975): a state is the longest end of the sequence that some entry begins with. The edges of all states are
one sorted array, so that a vocabulary of 128 thousand entries takes some megabytes.

Nothing but NumPy is needed: this file is copied beside exported checkpoints.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

IntArray = NDArray[np.int64]

UNMATCHED = 0
"""The row where no entry ends."""

REMEMBERED = 2**20
"""How many single steps are remembered."""

SINGLY = 256
"""So few ids are walked one by one."""


class SuffixAutomaton:
    """Which entry is the longest that ends at each place; frozen.

    Args:
        entries: ids and the row they stand for. Of equal ids the later entry counts. Ids are not negative.

    Attributes:
        start: the state of an empty sequence.
        longest: how many ids the longest entry has.
        highest: the highest row; 0 without entries.

    Raises:
        ValueError: an entry is empty, or has a negative id or row.
    """

    start: int = 0

    def __init__(self, entries: Iterable[tuple[tuple[int, ...], int]]) -> None:
        ids, lengths, rows = _table(entries)
        self.longest = ids.shape[1]
        self.highest = int(rows.max(initial=UNMATCHED))
        self._base = int(ids.max(initial=0)) + 1
        self._edges, self._rows, parents, depths = _trie(ids, lengths, rows, self._base)
        self._fails = np.zeros(len(self._rows), dtype=np.int64)
        self._follow_shorter(parents, depths)
        self._steps: dict[int, int] = {}

    @classmethod
    def from_config(cls, dictionary: Sequence[Any], longest: int) -> "SuffixAutomaton":
        """The automaton of a configuration's ``expand_input_ids_dict``; see `dictionary_of`.

        Args:
            dictionary: the published form.
            longest: its ``expand_input_ids_maxlen``.

        Raises:
            ValueError: it has another form, or entries of more than ``longest`` ids.
        """
        return cls(_entries_of(dictionary, longest))

    def step(self, state: int, id: int) -> int:
        """The state after one more id; any id that no entry has leads back to the start."""
        if not 0 <= id < self._base:
            return self.start
        key = state * self._base + id
        after = self._steps.get(key)
        if after is None:
            after = int(self._after(np.array([state]), np.array([id]))[0])
            if len(self._steps) >= REMEMBERED:
                self._steps.clear()
            self._steps[key] = after
        return after

    def row(self, state: int) -> int:
        """The row of the longest entry that ends here; 0 where none does."""
        return max(int(self._rows[state]), UNMATCHED)

    def rows(self, ids: IntArray) -> IntArray:
        """The row of every place.

        Args:
            ids: ``(R, N)``, each row a sequence from the start. Ids that no entry has, such as -1, are matched by none.

        Returns:
            ``(R, N)``.
        """
        if ids.size <= SINGLY:
            return self._singly(ids)
        count, length = ids.shape
        before = self.longest  # so many ids determine a state, so that a sequence can be read in parts
        part = max(1, 4 * before, min(length, ids.size // 2048))
        parts = -(-length // part)
        padded = np.full((count, before + parts * part), -1, dtype=np.int64)
        padded[:, before : before + length] = np.where((ids >= 0) & (ids < self._base), ids, -1)
        windows = np.lib.stride_tricks.sliding_window_view(padded, before + part, axis=1)[:, ::part]
        columns = np.ascontiguousarray(windows.reshape(count * parts, before + part).T)
        states = np.zeros(count * parts, dtype=np.int64)
        found = np.empty((part, count * parts), dtype=np.int64)
        for place, column in enumerate(columns):
            states = self._after(states, column)
            if place >= before:
                found[place - before] = states
        rows = np.maximum(self._rows[found], UNMATCHED).T
        return np.ascontiguousarray(rows.reshape(count, parts * part)[:, :length])

    def __deepcopy__(self, memo: object) -> "SuffixAutomaton":
        """Itself: nothing of it changes."""
        return self

    def _singly(self, ids: IntArray) -> IntArray:
        rows = np.empty(ids.shape, dtype=np.int64)
        for at, sequence in enumerate(ids.tolist()):
            state = self.start
            for place, id in enumerate(sequence):
                state = self.step(state, id)
                rows[at, place] = self.row(state)
        return rows

    def _after(self, states: IntArray, ids: IntArray) -> IntArray:
        """The states after one more id each, ``(k,)``; the start for ids below 0."""
        after = np.zeros_like(states)
        waiting = np.flatnonzero(ids >= 0)
        states, ids = states[waiting], ids[waiting]
        while waiting.size:
            found = self._children(states, ids)
            after[waiting] = np.maximum(found, self.start)
            further = np.flatnonzero((found < 0) & (states != self.start))
            waiting, states, ids = waiting[further], self._fails[states[further]], ids[further]
        return after

    def _children(self, states: IntArray, ids: IntArray) -> IntArray:
        """The states that edges lead to, -1 where there is none."""
        keys = states * self._base + ids
        places = np.searchsorted(self._edges, keys)
        there = self._edges.take(places, mode="clip") == keys if self._edges.size else np.zeros(keys.shape, dtype=bool)
        return np.where(there, places + 1, -1)

    def _follow_shorter(self, parents: IntArray, depths: IntArray) -> None:
        """Finds for each state the longest other state that it ends with, and the row it has from there (mutates)."""
        for depth in range(2, self.longest + 1):
            states = np.arange(*np.searchsorted(depths, [depth, depth + 1]))
            ids = self._edges[states - 1] - parents[states] * self._base
            self._fails[states] = self._after(self._fails[parents[states]], ids)
            unmatched = states[self._rows[states] < 0]
            self._rows[unmatched] = self._rows[self._fails[unmatched]]


def dictionary_of(
    entries: Iterable[tuple[tuple[int, ...], int]], longest: int, specials: Iterable[int]
) -> list[dict[str, int] | list[int]]:
    """The ``expand_input_ids_dict`` of a configuration, in the published form.

    Args:
        entries: ids and the row they stand for; of longer ones the last ``longest`` ids count.
        longest: the ``expand_input_ids_maxlen``.
        specials: the ids of special tokens.

    Returns:
        ``[{"ids + 1 from the last to the first, separated by commas": row + 1, …, "": -1}, [special ids]]``
    """
    written = {",".join(str(id + 1) for id in reversed(ids[-longest:])): row + 1 for ids, row in entries}
    return [written | {"": -1}, list(specials)]


def _entries_of(dictionary: Sequence[Any], longest: int) -> Iterable[tuple[tuple[int, ...], int]]:
    written = dictionary[0] if len(dictionary) else None
    if not isinstance(written, Mapping):
        raise ValueError(
            f"expand_input_ids_dict begins with {type(written).__name__}; expected a list of a dictionary such as "
            '{"102,101": 17, "": -1} and the special ids'
        )
    for key, row in written.items():
        if not key:
            continue
        try:
            ids = tuple(int(number) - 1 for number in reversed(key.split(",")))
        except ValueError as error:
            raise ValueError(
                f"expand_input_ids_dict has the key {key!r}; expected ids with commas between them, such as '102,101'"
            ) from error
        if len(ids) > longest:
            raise ValueError(
                f"expand_input_ids_dict has the key {key!r} of {len(ids)} ids, but expand_input_ids_maxlen is {longest}"
            )
        yield ids, row - 1


def _table(entries: Iterable[tuple[tuple[int, ...], int]]) -> tuple[IntArray, IntArray, IntArray]:
    """Different ids ``(n, longest)``, filled up with -1, how many each entry has, and their rows."""
    kept = dict(entries)
    wrong = next(((ids, row) for ids, row in kept.items() if not ids or min(ids) < 0 or row < 0), None)
    if wrong is not None:
        raise ValueError(f"entry {wrong[0]} with row {wrong[1]}; an entry has one id or more, and nothing is negative")
    lengths = np.fromiter(map(len, kept), dtype=np.int64, count=len(kept))
    ids = np.full((len(kept), int(lengths.max(initial=0))), -1, dtype=np.int64)
    ids[np.arange(ids.shape[1]) < lengths[:, np.newaxis]] = [id for key in kept for id in key]
    return ids, lengths, np.fromiter(kept.values(), dtype=np.int64, count=len(kept))


def _trie(ids: IntArray, lengths: IntArray, rows: IntArray, base: int) -> tuple[IntArray, IntArray, IntArray, IntArray]:
    """The tree of all beginnings of entries, its states numbered by depth and then by edge.

    Returns:
        ``parent · base + id`` of the edge to each state but the first, ascending; and of all states the row, -1 where
        no entry ends, the parent, and the depth.
    """
    edges, ends, parents, depths = [], [np.array([-1])], [np.array([0])], [np.array([0])]
    standing = np.zeros(len(ids), dtype=np.int64)
    count = 1
    for depth in range(1, ids.shape[1] + 1):
        longer = np.flatnonzero(lengths >= depth)
        made, which = np.unique(standing[longer] * base + ids[longer, depth - 1], return_inverse=True)
        standing[longer] = count + which
        whole = lengths[longer] == depth
        end = np.full(len(made), -1, dtype=np.int64)
        end[which[whole]] = rows[longer[whole]]
        edges.append(made)
        ends.append(end)
        parents.append(made // base)
        depths.append(np.full(len(made), depth))
        count += len(made)
    joined = np.concatenate(edges) if edges else np.empty(0, dtype=np.int64)
    return joined, np.concatenate(ends), np.concatenate(parents), np.concatenate(depths)
