"""Attention of a pass whose positions stand in different lanes, each seeing its ancestors alone.

All positions of a pass go through the network side by side, as one row; only attention must know which lane each one
stands in. It is called by the networks themselves, under the name ``NAME``, through the interface that transformers has
for this. Lanes whose rows stand in one tensor share one call; a lane by itself has one of its own.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import partial
from typing import Any

import torch
from torch.nn.functional import scaled_dot_product_attention
from transformers import AttentionInterface, Cache

from bytelm.engines.masks import AttentionWindows, additive
from bytelm.engines.sights import STRETCH, Group, Sight, Stretch, stretched

NAME = "bytelm_tree"
"""What this attention is called in transformers."""

Attention = Callable[..., tuple[torch.Tensor, torch.Tensor | None]]
"""What transformers takes for attention: keys and values in, ``(1, positions, heads, size)`` and weights out."""


_Kind = tuple[int, int | None, int, torch.dtype, torch.device]
"""What masks are told apart by: the lane or lanes, the window, how many heads share keys, and what they are for."""


class TreePass(Cache):  # type: ignore[misc]
    """One pass on its way through the network: writes keys and values, and knows what sees what.

    Args:
        groups: all its lanes.
        attention: the network's own attention, where it does more than plain scaled products; else ``None``.
        windows: how far back the layers look, if attention calls back to fetch keys and values; ``None`` where it does
            not, and is handed those of the only lane.
    """

    def __init__(self, groups: list[Group], attention: Attention | None, windows: AttentionWindows | None) -> None:
        super().__init__(layers=[])
        self.groups = groups
        self.attention = attention
        self._windows = windows
        self._stretched: dict[_Kind, list[Stretch]] = {}
        self._masks: dict[_Kind, torch.Tensor | None] = {}

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, layer_idx: int, *_: Any, **__: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Writes the new keys and values ``(1, heads, k, size)`` of a layer."""
        for group in self.groups:
            keys, values = group.pool.layer(layer_idx, key_states, value_states)
            if len(group.sights) == 1:
                (sight,) = group.sights
                new, old = slice(sight.at, sight.at + sight.size), slice(sight.first, sight.first + sight.size)
                keys[sight.row, :, old] = key_states[0, :, new]
                values[sight.row, :, old] = value_states[0, :, new]
            else:
                rows, slots, _numbers, places = group.index(key_states.device)
                keys[rows, :, slots] = key_states[0].transpose(0, 1)[places]
                values[rows, :, slots] = value_states[0].transpose(0, 1)[places]
        if self._windows is not None:
            return key_states, value_states
        (sight,) = self.groups[0].sights
        row, count = slice(sight.row, sight.row + 1), sight.visible.shape[1]
        return keys[row, :, :count], values[row, :, :count]

    def get_seq_length(self, layer_idx: int = 0) -> int:
        """How many slots the first lane has, as networks ask that place positions by it; ours are given."""
        return self.groups[0].sights[0].first

    def attend(
        self, layer: int, query: torch.Tensor, window: int | None, scaling: float | None, own: Attention | None
    ) -> torch.Tensor:
        """Attention of one layer: ``(1, positions, heads, size)``.

        Args:
            layer: its number.
            query: ``(1, heads, positions, size)``.
            window: how far back it looks.
            scaling: of the products; ``None`` for one by the root of the size.
            own: the layer's own attention, if it does more than scaled products.

        Raises:
            RuntimeError: the layer asks for another window than its configuration, so that its own masks, unlike ours,
                do more than the window.
        """
        if self._windows is None or self._windows.of_layer(layer) != window:
            raise RuntimeError(f"layer {layer} asks for an attention window of {window}, its configuration does not")
        if len(self.groups) == 1 and len(self.groups[0].sights) == 1:
            return self._single(layer, query, self.groups[0], self.groups[0].sights[0], window, scaling, own)
        made = query.new_empty((1, query.shape[2], query.shape[1], self.groups[0].pool.values[layer].shape[3]))
        for group in self.groups:
            if own is None and group.stacks:
                self._stacked(query, group, layer, window, scaling, made)
                continue
            for sight in group.sights:
                here = slice(sight.at, sight.at + sight.size)
                made[:, here] = self._single(layer, query[:, :, here], group, sight, window, scaling, own)
        return made

    def _single(
        self,
        layer: int,
        query: torch.Tensor,
        group: Group,
        sight: Sight,
        window: int | None,
        scaling: float | None,
        own: Attention | None,
    ) -> torch.Tensor:
        row, count = slice(sight.row, sight.row + 1), sight.visible.shape[1]
        keys, values = group.pool.keys[layer][row, :, :count], group.pool.values[layer][row, :, :count]
        if own is not None:
            mask = self._mask(sight, window, 1, query)
            return own(query, keys, values, mask, scaling=scaling, sliding_window=window)[0]
        shared = query.shape[1] // keys.shape[1]
        if shared == 1 and sight.whole and (window is None or window >= count):
            return scaled_dot_product_attention(query, keys, values, scale=scaling).transpose(1, 2)
        if sight.chain and (window is None or window >= count):
            attended = scaled_dot_product_attention(
                query, keys, values, is_causal=True, scale=scaling, enable_gqa=shared > 1
            )
            return attended.transpose(1, 2)
        made = []
        for stretch in self._stretches(sight, window, shared, query):
            some = query[:, :, stretch.queries]
            folded = some.reshape(1, keys.shape[1], shared * some.shape[2], query.shape[3])
            near, worth = stretch.seen(keys), stretch.seen(values)
            attended = scaled_dot_product_attention(folded, near, worth, attn_mask=stretch.mask, scale=scaling)
            made.append(attended.reshape(1, query.shape[1], some.shape[2], values.shape[3]).transpose(1, 2))
        return made[0] if len(made) == 1 else torch.cat(made, dim=1)

    def _stacked(
        self,
        query: torch.Tensor,
        group: Group,
        layer: int,
        window: int | None,
        scaling: float | None,
        made: torch.Tensor,
    ) -> None:
        """Attention of neighbouring rows of a pool at once; rows and queries that are not in the pass see nothing."""
        rows, _, numbers, places = group.index(query.device)
        rows = rows - group.rows.start
        new, count = group.longest
        keys, values = group.pool.keys[layer][group.rows, :, :count], group.pool.values[layer][group.rows, :, :count]
        padded = query.new_zeros((len(keys), query.shape[1], new, query.shape[3]))
        padded[rows, :, numbers] = query[0].transpose(0, 1)[places]
        shared = query.shape[1] // keys.shape[1]
        folded = padded.reshape(len(keys), keys.shape[1], shared * new, query.shape[3])
        mask = self._masks_together(group, window, shared, query)
        attended = scaled_dot_product_attention(folded, keys, values, attn_mask=mask, scale=scaling)
        unfolded = attended.reshape(len(keys), query.shape[1], new, values.shape[3])
        made[0, places] = unfolded[rows, :, numbers]

    def _stretches(self, sight: Sight, window: int | None, shared: int, query: torch.Tensor) -> list[Stretch]:
        """A lane's positions, some at a time, each stretch with no more slots than it sees."""
        key = (id(sight), window, shared, query.dtype, query.device)
        if key not in self._stretched:
            if sight.size <= STRETCH:
                mask = self._mask(sight, window, shared, query)
                self._stretched[key] = [Stretch(slice(None), None, mask)]
            else:
                self._stretched[key] = [
                    stretched(sight, slice(start, start + STRETCH), window, shared, query)
                    for start in range(0, sight.size, STRETCH)
                ]
        return self._stretched[key]

    def _mask(self, sight: Sight, window: int | None, shared: int, query: torch.Tensor) -> torch.Tensor | None:
        """Additive ``(1, 1, shared · k, n)``; ``None`` where every position sees every slot."""
        key = (id(sight), window, shared, query.dtype, query.device)
        if key not in self._masks:
            seen = torch.from_numpy(sight.within(window))
            everything = bool(seen.all())
            self._masks[key] = None if everything else additive(seen.repeat(shared, 1), query.dtype, query.device)
        return self._masks[key]

    def _masks_together(self, group: Group, window: int | None, shared: int, query: torch.Tensor) -> torch.Tensor:
        """Additive ``(rows, 1, shared · k, n)``."""
        key = (id(group), window, shared, query.dtype, query.device)
        found = self._masks.get(key)
        if found is None:
            new, count = group.longest
            seen = torch.zeros((group.rows.stop - group.rows.start, new, count), dtype=torch.bool)
            for sight in group.sights:
                within = torch.from_numpy(sight.within(window))
                seen[sight.row - group.rows.start, : within.shape[0], : within.shape[1]] = within
            found = self._masks[key] = additive(seen.repeat(1, shared, 1), query.dtype, query.device)
        return found


_RUNNING: ContextVar[TreePass] = ContextVar("the pass whose attention is asked for")


def tree_attention(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    scaling: float | None = None,
    sliding_window: int | None = None,
    **extra: Any,
) -> tuple[torch.Tensor, None]:
    """Attention of the running pass, as transformers calls it; see `TreePass.attend`."""
    step, layer = running_pass(), int(module.layer_idx)  # type: ignore[arg-type]
    own = None if step.attention is None else partial(step.attention, module, **extra)
    return step.attend(layer, query, sliding_window, scaling, own), None


def running_pass() -> TreePass:
    """The pass that attention belongs to."""
    return _RUNNING.get()


@contextmanager
def running(step: TreePass) -> Iterator[None]:
    """Makes ``step`` the pass that attention belongs to."""
    token = _RUNNING.set(step)
    try:
        yield
    finally:
        _RUNNING.reset(token)


AttentionInterface.register(NAME, tree_attention)
