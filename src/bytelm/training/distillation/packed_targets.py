"""Next-byte distributions along a batch of texts: their trunks in one pass, packed side heads in a few more.

What `bytelm.covers.distributions` computes head by head, for training: with texts in rows, on the network's device, and
without objects for heads. The trunks of all texts are one pass with a cache. It shows the weights of the heads beside
them; those that hold more than a threshold run behind, each seeing its ancestors alone, until none is left.

Shapes: R texts, H heads, T tokens of a trunk, S side heads of a text, K places of the cache, X symbols.
"""

from collections.abc import Iterator, Sequence
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor
from transformers import DynamicCache

from bytelm.covers.settling import impossible
from bytelm.engines.masks import AttentionWindows
from bytelm.protocol import SYMBOLS, FloatArray
from bytelm.tokens.rules import Rule
from bytelm.training.distillation.lattice_plans import IntArray, Plan, joined
from bytelm.training.distillation.token_masses import Asked, TokenMasses

_NEVER: Final = 2**62


class PackedTargets:
    """The distributions along texts of which there are plans (mutable: it is for one batch, and is asked once).

    Args:
        network: the teacher's.
        masses: makes masses of its logits.
        rule: of canonical segmentation.
        begin: the ids that it puts before every text.
        plans: of the texts.
    """

    def __init__(
        self, network: Any, masses: TokenMasses, rule: Rule, begin: Sequence[int], plans: Sequence[Plan]
    ) -> None:
        self._network = network
        self._masses = masses
        self._vocabulary = rule.vocabulary
        self._windows = AttentionWindows.of(network.config.get_text_config())
        self._begin = list(begin)
        self._plans = plans
        self._all = joined(plans)
        heads, columns = len(self._all.parents), int(self._all.begins[-1])
        self._logweights = np.where(self._all.parents < 0, 0.0, np.nan)
        self._evaluated = np.zeros(heads, bool)
        self._slots = np.full(heads, -1, np.int64)
        self._visible: dict[int, np.ndarray] = {}
        self._cache = DynamicCache()
        self._positions = np.zeros((len(plans), 0), np.int64)
        self._table = torch.zeros((columns, SYMBOLS), dtype=torch.float64, device=masses.device)
        self._logscales = np.zeros(columns)

    @torch.no_grad()
    def path(self) -> list[Tensor]:
        """Masses along the texts' own tokens, given where these end: of each text ``(columns, 257)``, float64."""
        trunk, begins = self._all.trunk, self._all.begins
        last = np.diff(self._all.row[trunk], append=-1) != 0
        until = np.full(len(self._all.parents), -1, np.int64)
        until[trunk] = np.where(last, _NEVER, np.append(self._all.born[trunk[1:]], _NEVER))
        self._take(trunk, self._trunk_logits(), until, weighed=False)
        return [self._table[begin:end] for begin, end in zip(begins[:-1].tolist(), begins[1:].tolist(), strict=True)]

    @torch.no_grad()
    def exact(self, threshold: float) -> list[Tensor]:
        """Those of the canonical covers, with the same shapes.

        Args:
            threshold: heads that hold no more than this share of the mass, wherever they are live, are left out; 0 for
                none.
        """
        begins = self._all.begins
        until = np.full(len(self._all.parents), _NEVER)
        self._take(self._all.trunk, self._trunk_logits(), until, weighed=True)
        while len(chosen := self._chosen(threshold)):
            self._take(chosen, self._side_logits(chosen), until, weighed=True)
        return [self._table[begin:end] for begin, end in zip(begins[:-1].tolist(), begins[1:].tolist(), strict=True)]

    def _take(self, heads: IntArray, logits: Iterator[Tensor], until: IntArray, weighed: bool) -> None:
        """Evaluate heads: the weights of their children, and their part of the columns (mutates).

        Args:
            heads: ascending.
            logits: of them.
            until: at which column each ceases to count.
            weighed: whether they count by their weights.
        """
        everything = self._all
        number = np.full(len(everything.parents), -1, np.int64)
        number[heads] = np.arange(len(heads))
        children = np.flatnonzero((everything.parents >= 0) & (number[everything.parents] >= 0))
        children = children[np.argsort(number[everything.parents[children]], kind="stable")]
        spans = everything.spans
        spans = spans[(number[spans[:, 0]] >= 0) & (spans[:, 1] < until[spans[:, 0]])]
        spans = spans[np.argsort(number[spans[:, 0]], kind="stable")]
        counts = spans[:, 3] - spans[:, 2]
        span = np.repeat(np.arange(len(spans)), counts)
        places = np.arange(len(span)) - np.repeat(np.cumsum(counts) - counts, counts) + spans[span, 2]
        found = self._masses.found(
            logits,
            Asked(
                [everything.contexts[head] for head in heads.tolist()],
                number[everything.parents[children]],
                everything.places[children],
                number[spans[span, 0]],
                places,
            ),
        )
        self._evaluated[heads] = True
        self._weigh(np.sort(children), found.log_edges[np.argsort(children)])
        if weighed and not self._logscales.any():
            self._scale()
        factors = np.ones(len(heads)) if not weighed else self._factors(heads, everything.born[heads])
        self._table.index_add_(
            0, self._placed(everything.born[heads]), found.symbols_HX.double() * self._placed(factors)[:, None]
        )
        columns = spans[span, 1]
        nexts = self._vocabulary.bytes_within(places, columns - everything.born[spans[span, 0]])
        factors = np.ones(len(span)) if not weighed else self._factors(spans[:, 0], spans[:, 1])[span]
        self._table.view(-1).index_add_(
            0, self._placed(columns * SYMBOLS + nexts), found.entries.double() * self._placed(factors)
        )

    def _weigh(self, children: IntArray, log_edges: FloatArray) -> None:
        """The weights of heads whose parents are evaluated, in the order of their numbers (mutates)."""
        weights, parents = self._logweights, self._all.parents
        for child, parent, edge in zip(children.tolist(), parents[children].tolist(), log_edges.tolist(), strict=True):
            weights[child] = weights[parent] + edge

    def _scale(self) -> None:
        """Scale each column by the weight of the trunk there (mutates)."""
        trunk = self._all.trunk
        born = np.append(self._all.born[trunk], len(self._logscales))
        self._logscales = np.repeat(self._logweights[trunk], np.diff(born))
        if not np.isfinite(self._logscales).all():
            raise impossible()

    def _factors(self, heads: IntArray, columns: IntArray) -> FloatArray:
        found: FloatArray = np.exp(self._logweights[heads] - self._logscales[columns])
        return found

    def _chosen(self, threshold: float) -> IntArray:
        """The heads to evaluate next; any other weighs at most ``threshold`` times what is known, wherever it is."""
        everything, weights = self._all, self._logweights
        pending = np.flatnonzero(~self._evaluated & (weights > -np.inf))
        if threshold > 0 and len(pending):
            born, reach = everything.born[pending], everything.reach[pending]
            known = self._table.sum(1).cpu().numpy()
            np.add.at(known, born, self._factors(pending, born))
            limit = np.log(threshold * known) + self._logscales
            heavy = np.zeros(len(pending), bool)
            for further in range(int((reach - born).max()) + 1):
                heavy |= weights[pending] > limit[np.minimum(born + further, reach)]
            pending = pending[heavy]
        chosen = set(pending.tolist())
        for head in pending.tolist():
            while (head := int(everything.next[head])) >= 0 and not self._evaluated[head]:
                chosen.add(head)
        return np.array(sorted(chosen), np.int64)

    def _trunk_logits(self) -> Iterator[Tensor]:
        """The logits behind all heads of all trunks, text by text (mutates)."""
        everything, begun = self._all, len(self._begin)
        trunk, row = everything.trunk, everything.row[everything.trunk]
        depth = everything.depths[trunk]
        ids = np.zeros((len(self._plans), begun + int(depth.max(initial=0))), np.int64)
        ids[:, :begun] = self._begin
        real = depth > 0
        ids[row[real], begun - 1 + depth[real]] = everything.tokens[trunk[real]]
        self._slots[trunk] = begun - 1 + depth
        self._positions = np.tile(np.arange(ids.shape[1]), (len(ids), 1))
        logits = self._network(input_ids=self._placed(ids), past_key_values=self._cache, use_cache=True).logits
        for number in range(len(ids)):
            yield logits[number, begun - 1 : begun + int(depth[row == number].max())]

    def _side_logits(self, heads: IntArray) -> Iterator[Tensor]:
        """The logits behind heads beside the trunks, in their order (mutates)."""
        everything, before = self._all, self._positions.shape[1]
        row = everything.row[heads]
        within = np.arange(len(heads)) - np.searchsorted(row, row)
        count = int(within.max()) + 1
        ids, places = (np.zeros((len(self._plans), count), np.int64) for _ in range(2))
        ids[row, within] = everything.tokens[heads]
        places[row, within] = len(self._begin) - 1 + everything.depths[heads]
        visible = np.zeros((len(self._plans), count, before + count), bool)
        self._slots[heads] = before + within
        for head, text, own in zip(heads.tolist(), row.tolist(), within.tolist(), strict=True):
            parent = int(everything.parents[head])
            seen, slot = self._visible.get(parent), int(self._slots[parent])
            if seen is None:
                visible[text, own, : slot + 1] = True
            else:
                visible[text, own, : len(seen)] = seen
            visible[text, own, before + own] = True
            self._visible[head] = visible[text, own]
        self._positions = np.concatenate([self._positions, places], 1)
        masks = [
            self._windows.mask(seen, at, self._network.dtype, self._masses.device)
            for seen, at in zip(visible, self._positions, strict=True)
        ]
        logits = self._network(
            input_ids=self._placed(ids),
            attention_mask=_stacked(masks),
            position_ids=self._placed(places),
            past_key_values=self._cache,
            use_cache=True,
        ).logits
        for text, many in zip(*np.unique(row, return_counts=True), strict=True):
            yield logits[int(text), : int(many)]

    def _placed(self, array: Any) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(array)).to(self._masses.device)


def _stacked(masks: Sequence[Any]) -> Any:
    """The masks of several rows as those of one batch."""
    if isinstance(masks[0], dict):
        return {kind: torch.cat([mask[kind] for mask in masks]) for kind in masks[0]}
    return torch.cat(list(masks))
