"""Heads as rows that go on from what the network remembers of an ancestor: for networks that take no tree.

Recurrent networks, and those whose attention takes neither masks nor positions, can still be called with a cache of
what came before. So heads are run in stretches, one behind the other; a copy of the cache is kept for the last head of
each, and a head costs the tokens behind its nearest ancestor that has one. Stretches of one length behind caches of one
shape are rows of one call, without padding. Copies go with their heads, and beyond ``HELD_BYTES`` those unused for
longest.
"""

from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from weakref import WeakKeyDictionary

import torch
from transformers import PreTrainedModel

from bytelm.engines.network import Network
from bytelm.engines.protocol import Effort, Logits, TokenModel
from bytelm.engines.states import State, bytes_of, joined, row_of, signature
from bytelm.engines.windows import Windows, check_ids
from bytelm.heads import Head

HEADS = 512
"""The most heads that are planned together."""

ROWS = 16
"""The most rows in one pass."""

POSITIONS = 512
"""The most positions in one pass of several rows, and in one stretch."""

OPENING = 8192
"""The most positions in the first stretch of a text, where all further ones take one token."""

HELD_BYTES = 2**30
"""How much memory the caches may take."""


@dataclass(eq=False)
class Kept:
    """What the network remembers of a head's text.

    Attributes:
        state: its cache.
        kind: what caches must have in common to be rows of one.
        logits: the answer, ``(vocabulary_size,)``.
        size: how many bytes the cache takes.
        used: when it was used last, as the engine counts calls.
    """

    state: State
    kind: Hashable
    logits: torch.Tensor
    size: int
    used: int


@dataclass(eq=False)
class Stretch:
    """Heads one behind the other, run as one row.

    Attributes:
        start: how many leading tokens of the heads are left out.
        base: what they go on from; ``None`` for nothing.
        heads: the heads, the shallowest first; behind nothing, the first one stands for the begin tokens alone.
        tokens: the token ids.
    """

    start: int
    base: Kept | None
    heads: list[Head]
    tokens: list[int]

    def places(self, wanted: set[tuple[int, Head]]) -> dict[Head, int]:
        """Where in the row the heads of ``wanted`` are, and the last one."""
        first = len(self.tokens) - len(self.heads)
        found = {head: first + at for at, head in enumerate(self.heads) if (self.start, head) in wanted}
        return found | {self.heads[-1]: len(self.tokens) - 1}


@dataclass(eq=False)
class _Call:
    """A few heads on their way to their answers. What is a head's is so in one window: its start comes first.

    Attributes:
        wanted: the heads asked for.
        below: the heads that are to run behind another one.
        tops: those that stand for the begin tokens alone and are to run.
        bases: the heads that others are to go on from.
        answers: what has been found.
    """

    wanted: set[tuple[int, Head]] = field(default_factory=set)
    below: dict[tuple[int, Head], list[Head]] = field(default_factory=dict)
    tops: list[tuple[int, Head]] = field(default_factory=list)
    bases: dict[tuple[int, Head], Kept] = field(default_factory=dict)
    answers: dict[tuple[int, Head], torch.Tensor] = field(default_factory=dict)


class BranchesModel(TokenModel):
    """``p(token | begin tokens, head)`` of a transformers model, its cache copied for every branch.

    Not safe for use from several threads.

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
        rows: int = ROWS,
        further: int = POSITIONS,
    ) -> None:
        """Puts ``model`` into evaluation mode.

        Args:
            model: see `HuggingFaceModel`.
            begin: see there, for the errors too.
            context: see there.
            rows: the most rows in one pass; one for networks that are wrong about several.
            further: the most tokens that go on from a cache at once; one for networks that are wrong about several.
        """
        self._network = Network(model)
        self.windows = Windows(tuple(begin), self._network.context if context is None else context)
        check_ids(self.windows.begin, self._network.vocabulary_size)
        self.vocabulary_size = self._network.vocabulary_size
        self.effort = Effort()
        self._rows = rows
        self._further = further
        self._forget()

    def logits(self, heads: Sequence[Head]) -> Iterator[Logits]:
        """See `TokenModel.logits`.

        Raises:
            ValueError: a head has a token id outside the vocabulary.
        """
        waiting = list(heads)
        most = min(HEADS, self._network.most_logits)
        for first in range(0, len(waiting), most):
            some = waiting[first : first + most]
            answers = self._answers(some)
            self.effort.heads += len(some)
            yield self._network.handed(torch.stack(answers))

    def apart(self) -> "BranchesModel":
        """See `TokenModel.apart`."""
        other = object.__new__(BranchesModel)
        vars(other).update(vars(self))
        other._forget()
        return other

    @property
    def bytes(self) -> int:
        """How much memory the caches take."""
        return sum(kept.size for places in self._kept.values() for kept in places.values())

    def _forget(self) -> None:
        self._kept: dict[int, WeakKeyDictionary[Head, Kept]] = {}
        self._calls = 0

    def _start(self, head: Head) -> int:
        return self.windows.start(self.windows.index(head.depth))

    def _answers(self, heads: list[Head]) -> list[torch.Tensor]:
        """One row of logits for each head."""
        self._calls += 1
        call = _Call()
        for head in heads:
            self._plan(head, self._start(head), call)
        ready = [self._stretch(start, None, top, call) for start, top in call.tops]
        for (start, head), kept in call.bases.items():
            ready += [self._stretch(start, kept, first, call) for first in call.below[start, head]]
        while ready:
            batch = self._batch(ready, call)
            ready = [stretch for stretch in ready if stretch not in batch]
            ready += self._run(batch, call)
            self._drop()
        return [call.answers[self._start(head), head] for head in heads]

    def _plan(self, head: Head, start: int, call: _Call) -> None:
        """Notes what must run for a head (mutates ``call``)."""
        if (start, head) in call.wanted:
            return
        call.wanted.add((start, head))
        places: Mapping[Head, Kept] = self._kept.get(start, {})
        kept = places.get(head)
        if kept is not None:
            kept.used = self._calls
            call.answers[start, head] = kept.logits
            return
        node, below = head, None
        while True:
            known = (start, node) in call.below
            call.below.setdefault((start, node), [])
            if below is not None:
                call.below[start, node].append(below)
            kept = places.get(node)
            if known:
                return
            if kept is not None:
                kept.used = self._calls
                call.bases[start, node] = kept
                return
            if node.depth <= start:
                call.tops.append((start, node))
                return
            assert node.parent is not None
            node, below = node.parent, node

    def _stretch(self, start: int, base: Kept | None, first: Head, call: _Call) -> Stretch:
        """The heads from ``first`` on, up to where they branch or end, or as many as may run at once."""
        most = self._further if base is not None else POSITIONS if self._further > 1 else OPENING
        heads = [first]
        while len(heads) < most and len(call.below[start, heads[-1]]) == 1:
            heads += call.below[start, heads[-1]]
        tokens = [head.token for head in heads]
        if base is None:
            tokens[:1] = self.windows.begin
        check_ids(tokens, self.vocabulary_size)
        return Stretch(start, base, heads, tokens)

    def _batch(self, ready: list[Stretch], call: _Call) -> list[Stretch]:
        """Stretches that can share a pass: as many as there are of one kind, within the limits."""
        kinds: dict[Hashable, list[Stretch]] = {}
        for stretch in ready:
            behind = None if stretch.base is None else stretch.base.kind
            kinds.setdefault((len(stretch.tokens), behind), []).append(stretch)
        alike = max(kinds.values(), key=len)
        offsets = {place for stretch in alike for place in stretch.places(call.wanted).values()}
        most = min(POSITIONS // len(alike[0].tokens), self._network.most_logits // len(offsets), self._rows)
        return alike[: max(1, most)]

    def _run(self, batch: list[Stretch], call: _Call) -> list[Stretch]:
        """Runs a pass; what goes on behind it."""
        places = [stretch.places(call.wanted) for stretch in batch]
        offsets = sorted({place for row in places for place in row.values()})
        bases = [stretch.base.state for stretch in batch if stretch.base is not None]
        logits, state = self._network.continued(
            [stretch.tokens for stretch in batch], joined(bases) if bases else None, offsets
        )
        self.effort.passes += 1
        self.effort.tokens += sum(len(stretch.tokens) for stretch in batch)
        following: list[Stretch] = []
        for row, (stretch, found) in enumerate(zip(batch, places, strict=True)):
            for head, place in found.items():
                call.answers[stretch.start, head] = logits[row, offsets.index(place)].clone()
            last = stretch.heads[-1]
            own = row_of(state, row)
            kept = Kept(own, signature(own), call.answers[stretch.start, last], bytes_of(own), self._calls)
            self._kept.setdefault(stretch.start, WeakKeyDictionary())[last] = kept
            following += [self._stretch(stretch.start, kept, head, call) for head in call.below[stretch.start, last]]
        return following

    def _drop(self) -> None:
        """Drops the caches unused for longest where they take too much."""
        taken = self.bytes
        if taken <= HELD_BYTES:
            return
        held = [(kept.used, start, head) for start, places in self._kept.items() for head, kept in places.items()]
        for _, start, head in sorted(held, key=lambda one: (one[0], one[2].depth)):
            if taken <= HELD_BYTES:
                return
            taken -= self._kept[start].pop(head).size
