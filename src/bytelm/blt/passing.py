"""A few more ids of several texts on their way through the stacks over bytes, beside what these remember.

Shapes: R texts, N positions of the pass, M remembered ones.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from bytelm.blt import hashing
from bytelm.blt.attention import scaled
from bytelm.blt.decoder import PatchKeys
from bytelm.blt.memory import Memory, StackMemory
from bytelm.blt.model import Blt
from bytelm.blt.rings import Where, held_positions, sight
from bytelm.blt.rows import Row
from bytelm.blt.vocabulary import IdArray


class Part(NamedTuple):
    """Texts of a pass that read what they remember together.

    Attributes:
        texts: which of them.
        rows: where they stand in the circles.
        used: how many slots they read.
        mask: which of these they see, bool ``(texts, N, used)``; ``None`` where all are seen.
    """

    texts: slice
    rows: slice | Tensor
    used: int
    mask: Tensor | None


class Continuing:
    """Attention to what is remembered of a stack, which the pass adds to.

    Args:
        stack: what is remembered.
        where: what the pass writes.
        parts: what it reads.
    """

    def __init__(self, stack: StackMemory, where: Where, parts: Sequence[Part]) -> None:
        self._stack = stack
        self._where = where
        self._parts = parts

    def __call__(self, layer: int, query_RNHD: Tensor, key_RNKD: Tensor, value_RNKD: Tensor) -> Tensor:
        keys, values = self._stack.rings
        keys.write(layer, self._where, key_RNKD)
        values.write(layer, self._where, value_RNKD)
        found = [
            scaled(query_RNHD[texts], keys.read(layer, rows, used), values.read(layer, rows, used), mask)
            for texts, rows, used, mask in self._parts
        ]
        return found[0] if len(found) == 1 else torch.cat(found)


def parts_read(
    stack: StackMemory, where: Where, written: IdArray, numbers: IdArray, first: IdArray | None = None
) -> list[Part]:
    """What a pass reads of a stack.

    Args:
        stack: what is remembered.
        where: the rows and the positions that are written; patches for the global transformer.
        written: how many positions were ever written to each row, those of the pass included, int64 ``(R,)``.
        numbers: the positions again, int64 ``(R, N)``.
        first: the first position that each one sees, int64 ``(R, N)``; ``None`` where it is the first of all.
    """
    slots, found = stack.keys.slots, []
    for texts, rows in where.parts():
        used = min(slots, int(numbers[texts].max()) + 1)
        held = held_positions(written[texts], slots, used)
        seen = sight(held, numbers[texts], stack.window, None if first is None else first[texts])
        mask = None if seen is None else torch.from_numpy(seen).to(where.positions.device)
        found.append(Part(texts, rows, used, mask))
    return found


class BytePass:
    """Ids of texts, and what the stacks over bytes make of them. It adds to what is remembered of the rows.

    Args:
        network: the network.
        memory: what it remembers, with room for the new positions.
        rows: where the texts stand.
        begins: at which position the ids of each text stand, int64 ``(R,)``.
        ids: int64 ``(R, N)``.
        before: the ids before them, int64 ``(R, hashing.context)``; 0 where there are none.
    """

    def __init__(
        self, network: Blt, memory: Memory, rows: Sequence[Row], begins: IdArray, ids: IdArray, before: IdArray
    ) -> None:
        self._network = network
        self._memory = memory
        self._rows = rows
        self.positions = begins[:, None] + np.arange(ids.shape[1])
        self.where = memory.where(rows, self.positions)
        device = self.where.positions.device
        self.ids = torch.from_numpy(ids).to(device)
        self._before = torch.from_numpy(before).to(device)
        self._reach = int(self.positions.max()) + 1
        self._parts: dict[tuple[int, int | None, bool], list[Part]] = {}

    def entropy_logits(self, first: IdArray | None) -> Tensor:
        """The logits of the entropy model, ``(R, N, size)``; each position sees back to ``first``."""
        patcher, stack = self._network.patcher, self._memory.entropy
        assert patcher is not None
        assert stack is not None
        rotate = patcher.rotary.at(self.where.positions, self._reach, patcher.embed_tokens.weight)
        return patcher.logits(self.ids, rotate, self._attend(stack, first))

    def encoded(self) -> list[Tensor]:
        """The states of the bytes, as of `LocalEncoder.states`; they are remembered."""
        encoder = self._network.local_encoder
        table_rows = hashing.table_rows(self.ids, self._network.config.hashes, self._before)
        x = self._network.embed(table_rows, self.ids)
        rotate = encoder.rotary.at(self.where.positions, self._reach, x)
        states = encoder.states(x, rotate, self._attend(self._memory.encoder))
        for layer, found in enumerate(states):
            self._memory.states.write(layer, self.where, found)
        return states

    def decoded(self, state_RNW: Tensor, seen: list[PatchKeys]) -> Tensor:
        """The logits of the network, ``(R, N, size)``, where each byte sees the keys of a patch."""
        decoder = self._network.local_decoder
        rotate = decoder.rotary.at(self.where.positions, self._reach, state_RNW)
        found = decoder.run_with(state_RNW, seen, rotate, self._attend(self._memory.decoder))
        logits: Tensor = self._network.lm_head(found)
        return logits

    def seen(self, numbers: IdArray) -> list[PatchKeys]:
        """The keys and values of patches, by their numbers, int64 ``(R, N)``: ``(R, N, C, K, D)`` each."""
        memory, index = self._memory, torch.from_numpy(numbers).to(self.ids.device)
        rows = self.where.index.expand(index.shape)
        layers = range(memory.patch_keys.layers)
        keys = (memory.patch_keys.take(layer, rows, index) for layer in layers)
        values = (memory.patch_values.take(layer, rows, index) for layer in layers)
        return [PatchKeys(*pair) for pair in zip(keys, values, strict=True)]

    def _attend(self, stack: StackMemory, first: IdArray | None = None) -> Continuing:
        """Attention to what is remembered of a stack; stacks of one window read the same positions."""
        kind = (stack.keys.slots, stack.window, first is None)
        if kind not in self._parts:
            self._parts[kind] = parts_read(stack, self.where, self._memory.written(self._rows), self.positions, first)
        return Continuing(stack, self.where, self._parts[kind])


def padded(texts: Sequence[IdArray]) -> IdArray:
    """Ids side by side, int64 ``(texts, longest)``, with padding behind the shorter ones."""
    found = np.zeros((len(texts), max(map(len, texts))), dtype=np.int64)
    for line, text in zip(found, texts, strict=True):
        line[: len(text)] = text
    return found


def ids_before(rows: Sequence[Row], begins: Sequence[int], count: int) -> IdArray:
    """The last ``count`` ids before a position of each row, int64 ``(rows, count)``, 0 where there are none."""
    found = np.zeros((len(rows), count), dtype=np.int64)
    for line, row, begin in zip(found, rows, begins, strict=True):
        known = row.ids(begin)[max(0, begin - count) :]
        line[count - len(known) :] = known
    return found
