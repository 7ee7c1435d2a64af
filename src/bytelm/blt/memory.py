"""All that a Blt remembers of the texts it has read, in circles: of its stacks, of open patches, of complete ones."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from bytelm.blt.config import StackConfig
from bytelm.blt.model import Blt
from bytelm.blt.rings import Ring, Where
from bytelm.blt.rows import Place, Row, Rows
from bytelm.blt.vocabulary import IdArray

SLACK = 64
"""How many bytes back a text can be left without being read anew, and how many bytes go into a pass at most."""


class StackMemory:
    """Keys and values of a stack (mutable).

    Args:
        config: of the stack.
        like: a weight, for the dtype and the device.
    """

    def __init__(self, config: StackConfig, like: Tensor) -> None:
        self.window = config.window
        shape = (config.key_value_heads, config.head_width)
        slots = 2 * SLACK if config.window is None else config.window + SLACK
        self.keys = Ring(config.layers, shape, slots, like.dtype, like.device)
        self.values = Ring(config.layers, shape, slots, like.dtype, like.device)

    @property
    def rings(self) -> tuple[Ring, Ring]:
        """Both circles."""
        return self.keys, self.values


class Memory:
    """What is remembered of texts (mutable).

    Attributes:
        entropy: of the entropy model, if there is one.
        encoder, global_transformer, decoder: of the stacks; positions of the global transformer are patches.
        states: the states of bytes that patches look at, until these are complete.
        patch_keys, patch_values: of the last complete patches, for each cross-attention of the decoder.
    """

    def __init__(self, network: Blt) -> None:
        like = network.lm_head.weight
        config = network.config
        self.entropy = None if network.patcher is None else StackMemory(network.patcher.config, like)
        self.encoder = StackMemory(config.encoder, like)
        self.global_transformer = StackMemory(config.global_transformer, like)
        self.decoder = StackMemory(config.decoder, like)
        layers = network.local_encoder.pooled_layers
        self.states = Ring(layers, (config.encoder.width,), 2 * SLACK, like.dtype, like.device)
        crossings = len(network.local_decoder.cross_attn_layers)
        shape = (config.keys_per_patch, config.decoder.key_value_heads, config.decoder.head_width)
        self.patch_keys = Ring(crossings, shape, 2 * SLACK, like.dtype, like.device)
        self.patch_values = Ring(crossings, shape, 2 * SLACK, like.dtype, like.device)
        self._rows = Rows()
        self._written = np.zeros(0, dtype=np.int64)
        self._written_patches = np.zeros(0, dtype=np.int64)
        self._device = like.device

    @property
    def _by_bytes(self) -> tuple[StackMemory, ...]:
        local = (self.encoder, self.decoder)
        return local if self.entropy is None else (self.entropy, *local)

    @property
    def _rings(self) -> list[Ring]:
        stacks = (*self._by_bytes, self.global_transformer)
        return [*(ring for stack in stacks for ring in stack.rings), self.states, self.patch_keys, self.patch_values]

    def claim(self, count: int) -> list[Row]:
        """Rows for so many texts, side by side."""
        found = self._rows.find(count)
        if found is None:
            more = max(count, self._rows.count)
            for ring in self._rings:
                ring.add_rows(more)
            self._written = np.append(self._written, np.zeros(more, dtype=np.int64))
            self._written_patches = np.append(self._written_patches, np.zeros(more, dtype=np.int64))
            self._rows.add(more)
            found = self._rows.find(count)
        assert found is not None, "there are enough rows now"
        rows = [self._rows.claim(index) for index in found]
        for row in rows:
            self._note(row, 0, 0)
        return rows

    def is_intact(self, place: Place) -> bool:
        """Whether all that is seen from a place is still there."""
        return place.row.written <= place.length + SLACK

    def fork(self, place: Place) -> Place:
        """The same place in a text of its own, so that it can go on otherwise."""
        (row,) = self.claim(1)
        for ring in self._rings:
            ring.copy_row(place.row.index, row.index)
        self._note(row, place.row.written, place.row.written_patches)
        row.append(place.row.ids(place.length), place.row.starts(place.length + 1)[1:])
        return Place(row, place.length, place.closed, place.opened, place.patching, place.newline)

    def write_bytes(self, rows: Sequence[Row], opened: Sequence[int], ends: IdArray) -> None:
        """Make room for positions up to ``ends``, of texts whose open patches began at ``opened``."""
        longest = max(int(ends.max()), 0)
        for stack in self._by_bytes:
            if stack.window is None:
                self._reserve(stack.rings, longest + SLACK, self._written)
        deepest = max(int(end) - start for start, end in zip(opened, ends, strict=True))
        self._reserve((self.states,), deepest + SLACK, self._written)
        for row, end in zip(rows, ends, strict=True):
            self._note(row, max(row.written, int(end)), row.written_patches)

    def write_patches(self, rows: Sequence[Row], ends: IdArray) -> None:
        """Make room for patches up to ``ends``."""
        stack = self.global_transformer
        if stack.window is None:
            self._reserve(stack.rings, int(ends.max()), self._written_patches)
        for row, end in zip(rows, ends, strict=True):
            self._note(row, row.written, max(row.written_patches, int(end)))

    def written(self, rows: Sequence[Row]) -> IdArray:
        """How many positions were ever written to each row, int64 ``(rows,)``."""
        return np.array([row.written for row in rows])

    def written_patches(self, rows: Sequence[Row]) -> IdArray:
        """How many patches were ever written to each row, int64 ``(rows,)``."""
        return np.array([row.written_patches for row in rows])

    def where(self, rows: Sequence[Row], positions: IdArray) -> Where:
        """The positions of a pass, on the device of the circles."""
        return Where([row.index for row in rows], torch.from_numpy(positions).to(self._device))

    def _reserve(self, rings: Sequence[Ring], slots: int, written: IdArray) -> None:
        for ring in rings:
            if ring.slots < slots:
                ring.add_slots(max(slots, 2 * ring.slots), written)

    def _note(self, row: Row, written: int, written_patches: int) -> None:
        row.written, row.written_patches = written, written_patches
        self._written[row.index] = written
        self._written_patches[row.index] = written_patches
