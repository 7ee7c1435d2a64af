"""A transformers causal language model whose heads share trees of keys and values.

Heads share their beginnings, so they form a tree, and each of its nodes needs its keys and values once. Here a slot of
a lane (`forest.py`) is a node. A pass runs every head asked for together with the ancestors that have no slot yet, of
all lanes side by side; attention lets each position see its ancestors (`attention.py`), and its position id is its
depth. The slots of heads that the garbage collector took are dropped in batches.

A head longer than the model's context sees a window of its tokens, as ``windows.py`` lays down: the begin tokens and a
block of the last ones, by its depth alone, so that the distribution is a function of the head and neighbours still
share a lane. Each window has lanes of its own, since a node's keys and values depend on where the window starts; its
ancestors run once more when a window is entered.

The lanes of texts that are gone, and of windows that were left, are kept while there is room, for texts that begin
alike.

A pass either completes or leaves no trace: an exception or Ctrl-C in the middle costs the keys and values of the
lanes it ran in, and nothing else.
"""

from collections.abc import Iterator, Sequence

import torch
from transformers import PreTrainedModel

from bytelm.engines.attention import TreePass
from bytelm.engines.forest import Forest
from bytelm.engines.keyvalues import KeyValues, Row
from bytelm.engines.lane import Lane
from bytelm.engines.masks import AttentionWindows
from bytelm.engines.network import Network
from bytelm.engines.passes import Pass
from bytelm.engines.protocol import Effort, Logits, TokenModel
from bytelm.engines.sights import Group, Sight
from bytelm.engines.suffixes import SuffixStates
from bytelm.engines.windows import Windows, check_ids
from bytelm.heads import Head

POSITIONS = 512
"""The most positions in one pass: it bounds the masks and the activations."""

COMPACT_ABOVE = 64
"""Fewer dead slots than these are not worth moving the others for."""

COMPACT_SHARE = 1 / 16
"""Nor are fewer than this share of all slots."""

COMPACT_AFTER = 16
"""A lane that has run so many passes since is rid of any: where all slots are seen, attention needs no mask."""

IDLE_BYTES = 256 * 2**20
"""How much memory the keys and values of texts that are gone, and of windows that were left, may take."""

IDLE_LANES = 64
"""How many of those may be kept: each text that begins is compared with them."""

SELDOM = 64
"""Every how many passes memory is looked after where no lane begins."""

HELD_BYTES = 4 * 2**30
"""How much memory those of all texts may take, beyond which the ones unused for longest are computed again."""


class HuggingFaceModel(TokenModel):
    """``p(token | begin tokens, head)`` of a transformers model, evaluated as packed trees.

    Exact for architectures that take attention from outside, or a four-dimensional mask, and position ids;
    `selfcheck.token_model` makes sure of it. Not safe for use from several threads.

    Attributes:
        vocabulary_size: the length of every distribution.
        effort: running counts of the work done.
        windows: what the network sees of long heads.
    """

    def __init__(
        self,
        model: PreTrainedModel,
        begin: Sequence[int],
        context: int | None = None,
        masked: bool = False,
        compiled: bool = False,
    ) -> None:
        """Puts ``model`` into evaluation mode.

        Args:
            model: loaded, on its device, in its dtype.
            begin: the ids in front of every head; at least one.
            context: how many tokens the model sees, begin tokens included; its configuration's by default.
            masked: whether the model keeps its own attention and is given masks, one lane a pass; for those that do
                not take attention from outside.
            compiled: whether torch compiles the network; not together with ``masked``.

        Raises:
            ValueError: ``begin`` is empty or has ids outside the vocabulary, or leaves no room in the context; or the
                model cannot be compiled.
        """
        self._network = Network(model, compiled)
        self.windows = Windows(tuple(begin), self._network.context if context is None else context)
        check_ids(self.windows.begin, self._network.vocabulary_size)
        self.vocabulary_size = self._network.vocabulary_size
        self.effort = Effort()
        self._attention = AttentionWindows.of(self._network.config)
        self._masked = masked
        self._forget()

    def logits(self, heads: Sequence[Head]) -> Iterator[Logits]:
        """See `TokenModel.logits`. Cheapest when ancestors come before their descendants.

        Nothing but keys and values is kept: a head asked for again runs again, as one position.

        Raises:
            ValueError: a head has a token id outside the vocabulary.
        """
        waiting = list(heads)
        answered = 0
        while answered < len(waiting):
            some = waiting[answered : answered + min(POSITIONS, self._network.most_logits)]
            rows = self._advance(some)
            answered += len(rows)
            if len(rows):
                yield self._network.handed(rows)

    def apart(self) -> "HuggingFaceModel":
        """See `TokenModel.apart`."""
        return self._copied(forks=False)

    def afresh(self) -> "HuggingFaceModel":
        """The same network, compiled as far as it is, with nothing remembered and nothing counted."""
        other = self._copied(forks=True)
        other.effort = Effort()
        return other

    @property
    def slots(self) -> int:
        """How many positions have their keys and values in memory."""
        return sum(lane.slots.count for lane in self._forest.lanes)

    @property
    def bytes(self) -> int:
        """How much memory keys and values take, room for more included."""
        return self._store.bytes

    def _copied(self, forks: bool) -> "HuggingFaceModel":
        other = object.__new__(HuggingFaceModel)
        vars(other).update(vars(self))
        other._forget(forks)
        return other

    def _forget(self, forks: bool = True) -> None:
        self._forest = Forest(self.windows, self._masked, forks)
        self._store = KeyValues()
        self._rows: dict[Lane, Row] = {}
        suffixes = self._network.suffixes
        self._suffixes = None if suffixes is None else SuffixStates(suffixes)
        self._passes = 0

    def _advance(self, heads: list[Head]) -> torch.Tensor:
        """Runs one pass; the logits of as many of the heads, in order, as it reached, maybe none."""
        step = self._forest.plan(heads, POSITIONS)
        for part in step.parts.values():
            check_ids(part.tokens, self.vocabulary_size)
        try:
            logits = self._run(step)
            self._forest.hold(step)
            self._tidy(step)
        except BaseException:
            for lane in step.parts:
                self._drop(lane)
            raise
        self.effort.passes += 1
        self.effort.heads += len(step.wanted)
        self.effort.tokens += step.size
        return logits

    def _run(self, step: Pass) -> torch.Tensor:
        for fork in step.forks:
            row = self._rows[fork.lane] = self._store.row(len(fork.path))
            row.fill(self._rows[fork.source], fork.path, len(fork.path))
            if self._suffixes is not None:
                self._suffixes.fork(fork)
        self._forest.add(step)
        groups: dict[int, Group] = {}
        tokens: list[int] = []
        positions: list[int] = []
        for lane, part in step.parts.items():
            row = self._row(lane, part.first)
            group = groups.setdefault(row.pool.capacity, Group(row.pool))
            slots = lane.slots
            chain = part.first == 0 and slots.trunk == slots.count
            visible = slots.visible(part.first)
            group.sights.append(Sight(row.number, len(tokens), part.first, visible, slots.positions, chain))
            tokens += part.tokens
            positions += part.positions
        suffix_rows = None if self._suffixes is None else self._suffixes.extend(step)
        attention = None if self._masked else self._network.own_attention
        through = TreePass(list(groups.values()), attention, None if self._masked else self._attention)
        if not self._masked:
            return self._network.packed(tokens, positions, through, step.offsets(), suffix_rows)
        (sight,) = next(iter(groups.values())).sights
        mask = self._attention.mask(sight.visible, sight.positions, self._network.dtype, self._network.device)
        return self._network.masked(tokens, positions, mask, through, step.offsets(), suffix_rows)

    def _row(self, lane: Lane, used: int) -> Row:
        """The lane's row, with room for all its slots."""
        count = lane.slots.count
        if lane not in self._rows:
            self._rows[lane] = self._store.row(count)
        self._rows[lane].reserve(count, used)
        return self._rows[lane]

    def _tidy(self, step: Pass) -> None:
        """Drops dead slots where that pays, and now and then the lanes unused for longest where memory runs short."""
        self._passes += 1
        for lane in step.parts:
            lane.used = self._passes
            lane.passes += 1
            most = max(COMPACT_ABOVE, COMPACT_SHARE * lane.slots.count) if lane.passes < COMPACT_AFTER else 0
            if lane.dead > most:
                kept = lane.compact(len(self.windows.begin))
                self._rows[lane].keep(kept)
                if self._suffixes is not None:
                    self._suffixes.keep(lane, kept)
        if step.begun or self._passes % SELDOM == 0:
            others = [lane for lane in self._forest.lanes if lane.used != self._passes]
            others.sort(key=lambda lane: lane.used, reverse=True)
            idle = [lane for lane in others if lane.passed or not lane.live]
            self._cut(idle, IDLE_LANES, IDLE_BYTES)
            self._cut(others, len(others), HELD_BYTES)

    def _cut(self, lanes: list[Lane], most: int, limit: int) -> None:
        """Drops all but the first of ``lanes``: at most as many as given, of as many bytes."""
        taken = 0
        for number, lane in enumerate(lanes):
            if lane in self._rows:
                taken += self._rows[lane].bytes
                if number >= most or taken > limit:
                    self._drop(lane)

    def _drop(self, lane: Lane) -> None:
        self._forest.drop(lane)
        if self._suffixes is not None:
            self._suffixes.drop(lane)
        row = self._rows.pop(lane, None)
        if row is not None:
            row.free()
