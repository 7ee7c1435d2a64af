"""Texts read from their beginnings, in one pass over whole sequences that leaves behind all that is needed to go on."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from bytelm.blt.attention import Attend
from bytelm.blt.decoder import PatchKeys
from bytelm.blt.memory import Memory, StackMemory
from bytelm.blt.model import Keep
from bytelm.blt.rings import Ring
from bytelm.blt.rows import Row


class Last:
    """The last positions of some texts, as far as a circle holds them.

    Args:
        rows: where the texts go.
        counts: how many positions each has.
        firsts: where each begins among the positions of all; by default they are padded to the longest.
        slots: how many positions the circle holds.
    """

    def __init__(
        self,
        rows: Sequence[Row],
        counts: Sequence[int],
        firsts: Sequence[int] | None,
        slots: int,
        device: torch.device,
    ) -> None:
        if firsts is None:
            firsts = range(0, len(counts) * max(counts), max(counts))
        kept = [np.arange(max(0, count - slots), count) for count in counts]
        sizes = list(map(len, kept))
        self.position = torch.from_numpy(np.concatenate(kept)).to(device)
        self.index = self.position + torch.from_numpy(np.repeat(firsts, sizes)).to(device)
        self.row = torch.from_numpy(np.repeat([row.index for row in rows], sizes)).to(device)

    def put(self, ring: Ring, layer: int, values: Tensor) -> None:
        """Remember these of ``values``, ``(positions of all, …)``."""
        ring.put(layer, self.row, self.position, values[self.index])


class Remembering:
    """Attention that leaves the keys and values of the last positions in a memory; arguments as of ``Last``."""

    def __init__(
        self,
        attend: Attend,
        stack: StackMemory,
        rows: Sequence[Row],
        counts: Sequence[int],
        firsts: Sequence[int] | None = None,
    ) -> None:
        self._attend = attend
        self._stack = stack
        self._last = Last(rows, counts, firsts, stack.keys.slots, stack.keys.data.device)

    def __call__(self, layer: int, query_RNHD: Tensor, key_RNKD: Tensor, value_RNKD: Tensor) -> Tensor:
        self._last.put(self._stack.keys, layer, key_RNKD.flatten(0, 1))
        self._last.put(self._stack.values, layer, value_RNKD.flatten(0, 1))
        return self._attend(layer, query_RNHD, key_RNKD, value_RNKD)


class Opening(Keep):
    """What a pass over the beginnings of texts leaves in memory.

    Args:
        memory: with room for these texts.
        rows: where they go.
        lengths: how many ids each has.
        closed: how many complete patches each has.
    """

    def __init__(self, memory: Memory, rows: Sequence[Row], lengths: Sequence[int], closed: Sequence[int]) -> None:
        self._memory = memory
        self._rows = rows
        self._lengths = lengths
        self._closed = closed
        self._first_patches: Sequence[int] = ()

    def patches(self, first_R: Tensor) -> None:
        self._first_patches = first_R.tolist()

    def encoder(self, attend: Attend) -> Attend:
        return Remembering(attend, self._memory.encoder, self._rows, self._lengths)

    def global_transformer(self, attend: Attend) -> Attend:
        stack = self._memory.global_transformer
        return Remembering(attend, stack, self._rows, self._closed, self._first_patches)

    def decoder(self, attend: Attend) -> Attend:
        return Remembering(attend, self._memory.decoder, self._rows, self._lengths)

    def states(self, states_RNW: list[Tensor]) -> None:
        ring = self._memory.states
        last = Last(self._rows, self._lengths, None, ring.slots, ring.data.device)
        for layer, states in enumerate(states_RNW):
            last.put(ring, layer, states.flatten(0, 1))

    def patch_keys(self, keys_PCKD: list[PatchKeys]) -> None:
        memory = self._memory
        ring = memory.patch_keys
        last = Last(self._rows, self._closed, self._first_patches, ring.slots, ring.data.device)
        for layer, (keys, values) in enumerate(keys_PCKD):
            last.put(memory.patch_keys, layer, keys)
            last.put(memory.patch_values, layer, values)
