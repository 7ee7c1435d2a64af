"""A transformers causal language model whose heads share one packed tree of keys and values.

Heads share their beginnings, so they form a tree, and each of its nodes needs its keys and values once. Here
a cache slot is a node. A pass runs every head asked for together with the ancestors that have no slot yet;
its attention mask lets each position see its ancestors, and its position ids are depths. The slots of heads
that the garbage collector took are dropped in batches.

A head longer than the model's context sees a window of its tokens, as ``windows.py`` lays down: the begin
tokens and a block of the last ones, by its depth alone, so that the distribution is a function of the head
and neighbours still share a cache. Each window has a cache of its own, since a node's keys and values depend
on where the window starts; its ancestors run once more when a window is entered. The caches used last are
kept.

A pass either completes or leaves no trace: the window it works on is taken out of the table while it runs, so
an exception or Ctrl-C in the middle costs that window's cache and nothing else.
"""

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice, takewhile

import torch
from transformers import DynamicCache, PreTrainedModel

from bytelm.engines.masks import AttentionWindows
from bytelm.engines.network import Network, normalised
from bytelm.engines.protocol import Effort
from bytelm.engines.slots import IntArray
from bytelm.engines.tree import Pass, Tree
from bytelm.engines.windows import Windows, check_ids
from bytelm.heads import Head
from bytelm.protocol import FloatArray

POSITIONS = 256
"""The most positions in one pass: it bounds the mask and the activations."""

CACHES = 4
"""How many windows keep their caches."""

COMPACT_ABOVE = 64
"""Fewer dead slots than these are not worth copying the others for."""


@dataclass
class _Window:
    """One window's tree and its keys and values, ``tree.slots.count`` of them between passes.

    The cache is a plain one, of layers that keep everything: for networks with attention windows the library
    would choose layers that forget, by order of arrival.
    """

    tree: Tree
    cache: DynamicCache = field(default_factory=DynamicCache)


class HuggingFaceModel:
    """``p(token | begin tokens, head)`` of a transformers model, evaluated as a packed tree.

    Exact for architectures that take a four-dimensional mask and position ids; `selfcheck.token_model` makes
    sure of it. Not safe for use from several threads.

    Attributes:
        vocabulary_size: the length of every distribution.
        effort: running counts of the work done.
        windows: what the network sees of long heads.
    """

    def __init__(self, model: PreTrainedModel, begin: Sequence[int], context: int | None = None) -> None:
        """Puts ``model`` into evaluation mode.

        Args:
            model: loaded, on its device, in its dtype.
            begin: the ids in front of every head; at least one.
            context: how many tokens the model sees, begin tokens included; its configuration's by default.

        Raises:
            ValueError: ``begin`` is empty or has ids outside the vocabulary, or leaves no room in the
                context.
        """
        self._network = Network(model)
        self.windows = Windows(tuple(begin), self._network.context if context is None else context)
        check_ids(self.windows.begin, self._network.vocabulary_size)
        self.vocabulary_size = self._network.vocabulary_size
        self.effort = Effort()
        self._attention = AttentionWindows.of(self._network.config)
        self._caches: OrderedDict[int, _Window] = OrderedDict()

    def evaluate(self, heads: Sequence[Head]) -> Iterator[FloatArray]:
        """See `TokenModel.evaluate`. Cheapest when ancestors come before their descendants.

        Nothing but keys and values is kept: a head asked for again runs again, as one position.

        Raises:
            ValueError: a head has a token id outside the vocabulary.
            FloatingPointError: the model's logits are NaN or infinite.
        """
        waiting = list(heads)
        answered = 0
        while answered < len(waiting):
            rows = self._advance(waiting, answered)
            answered += len(rows)
            for row in rows:
                yield normalised(row)

    @property
    def slots(self) -> int:
        """How many positions have their keys and values in memory."""
        return sum(window.tree.slots.count for window in self._caches.values())

    def _advance(self, waiting: list[Head], answered: int) -> torch.Tensor:
        """Runs one pass; the logits of as many of the waiting heads, in order, as it reached, maybe none."""
        index = self.windows.index(waiting[answered].depth)
        some = islice(waiting, answered, answered + min(POSITIONS, self._network.most_logits))
        neighbours = list(takewhile(lambda head: self.windows.index(head.depth) == index, some))
        window = self._take(index)
        step = window.tree.plan(neighbours, POSITIONS)
        check_ids(step.tokens, self.vocabulary_size)
        logits = self._run(window, step)
        self._put_back(index, window)
        return logits

    def _run(self, window: _Window, step: Pass) -> torch.Tensor:
        tree = window.tree
        tree.add(step)
        mask = self._attention.mask(
            tree.slots.visible(step.first), tree.slots.positions, self._network.dtype, self._network.device
        )
        logits = self._network.packed(step.tokens, step.positions, mask, window.cache, step.wanted)
        tree.hold(step)
        self.effort.passes += 1
        self.effort.heads += len(step.wanted)
        self.effort.tokens += len(step.tokens)
        return logits

    def _take(self, index: int) -> _Window:
        """The window's cache, compacted if that pays, out of the table until `_put_back`."""
        window = self._caches.pop(index, None)
        if window is None:
            return _Window(Tree(self.windows.begin, self.windows.start(index)))
        if window.tree.dead > max(COMPACT_ABOVE, window.tree.slots.count // 2):
            _select(window.cache, window.tree.compact())
        return window

    def _put_back(self, index: int, window: _Window) -> None:
        """Files the window as the one used last, and drops those that are dead or too many."""
        for other in [other for other, held in self._caches.items() if not held.tree.live]:
            del self._caches[other]
        self._caches[index] = window
        while len(self._caches) > CACHES:
            self._caches.popitem(last=False)


@torch.inference_mode()
def _select(cache: DynamicCache, kept: IntArray) -> None:
    """Keeps the given slots' keys and values, ``(1, heads, slots, size)`` in each layer (mutates)."""
    for layer in cache.layers:
        if layer.is_initialized:
            which = torch.from_numpy(kept).to(layer.keys.device)
            layer.keys = layer.keys.index_select(-2, which)
            layer.values = layer.values.index_select(-2, which)
