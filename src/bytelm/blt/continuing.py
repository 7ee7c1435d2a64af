"""A few more bytes of several texts in one pass: what the network computes of them beside what it remembers.

Shapes: R texts, N positions of the pass, M remembered ones, X bytes of completed patches, P of these patches, W width.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bytelm.blt import hashing
from bytelm.blt.attention import scaled
from bytelm.blt.decoder import PatchKeys
from bytelm.blt.entropy import entropies
from bytelm.blt.memory import Memory, StackMemory
from bytelm.blt.model import Blt
from bytelm.blt.rings import Where, sight
from bytelm.blt.rows import Place, Row
from bytelm.blt.vocabulary import IdArray


class Continued(NamedTuple):
    """What a pass found.

    Attributes:
        places: where the texts stand now.
        logits_RNV: of the id behind each position; those behind a text's own bytes mean nothing.
    """

    places: list[Place]
    logits_RNV: Tensor


class Closed(NamedTuple):
    """A patch that a pass completed: its text in the batch, its number, where it starts and where it ends."""

    text: int
    number: int
    start: int
    end: int


class Continuing:
    """Attention to what is remembered of a stack, which the pass adds to.

    Args:
        stack: what is remembered.
        where: the positions that are written.
        used: how many slots are read.
        mask: which slots are seen, bool ``(R, N, used)``; ``None`` where all are.
    """

    def __init__(self, stack: StackMemory, where: Where, used: int, mask: Tensor | None) -> None:
        self._stack = stack
        self._where = where
        self._used = used
        self._mask = mask

    def __call__(self, layer: int, query_RNHD: Tensor, key_RNKD: Tensor, value_RNKD: Tensor) -> Tensor:
        keys, values = self._stack.rings
        keys.write(layer, self._where, key_RNKD)
        values.write(layer, self._where, value_RNKD)
        key_RMKD = keys.read(layer, self._where.rows, self._used)
        return scaled(query_RNHD, key_RMKD, values.read(layer, self._where.rows, self._used), self._mask)


class Continuation:
    """One pass over the next ids of texts whose rows end where they stand.

    Args:
        network: the network.
        memory: what it remembers.
        places: where the texts stand.
        texts: their next ids, at least one and at most ``SLACK`` each.
    """

    def __init__(self, network: Blt, memory: Memory, places: Sequence[Place], texts: Sequence[IdArray]) -> None:
        self._network = network
        self._memory = memory
        self._places = list(places)
        self._texts = texts
        self._rows = [place.row for place in places]
        lengths = np.array([place.length for place in places])
        ids = np.zeros((len(texts), max(map(len, texts))), dtype=np.int64)
        for row, text in zip(ids, texts, strict=True):
            row[: len(text)] = text
        self._ids = torch.from_numpy(ids).to(network.lm_head.weight.device)
        self._positions = lengths[:, None] + np.arange(ids.shape[1])
        memory.write_bytes(self._rows, [place.opened for place in places], self._positions[:, -1] + 1)
        self._where = memory.where(self._rows, self._positions)

    def run(self) -> Continued:
        """The logits, and the places behind."""
        after, starts = self._cut()
        states_RNW = self._encoded()
        closed = self._closed(starts)
        if closed:
            self._complete(closed)
        seen = self._seen(starts)
        decoder, states = self._network.local_decoder, states_RNW[-1]
        rotate = decoder.rotary.at(self._where.positions, self._reach, states)
        found = decoder.run_with(states, seen, rotate, self._by_bytes(self._memory.decoder))
        for row, text, flags in zip(self._rows, self._texts, starts, strict=True):
            row.append(text, np.array(flags))
        return Continued(after, self._network.lm_head(found))

    @property
    def _reach(self) -> int:
        return int(self._positions.max()) + 1

    def _by_bytes(self, stack: StackMemory, first: IdArray | None = None) -> Continuing:
        """Attention over the bytes remembered of a stack."""
        used = min(stack.keys.slots, self._reach)
        held = self._memory.held(self._rows, stack.keys.slots, used)
        return Continuing(stack, self._where, used, self._mask(sight(held, self._positions, stack.window, first)))

    def _mask(self, seen: NDArray[np.bool_] | None) -> Tensor | None:
        return None if seen is None else torch.from_numpy(seen).to(self._ids.device)

    def _cut(self) -> tuple[list[Place], list[list[bool]]]:
        """The places behind the texts, and whether a patch starts behind each of their ids."""
        uncertain, newlines = self._entropies()
        after, starts = [], []
        for text, (place, ids) in enumerate(zip(self._places, self._texts, strict=True)):
            state, closed, opened, flags = place.patching, place.closed, place.opened, []
            for step, value in enumerate(ids.tolist()):
                state = state.after(value, None if uncertain is None else uncertain[text][step])
                flags.append(state.starts)
                if state.starts:
                    closed, opened = closed + 1, place.length + step + 1
            newline = place.newline if newlines is None else int(newlines[text, len(ids) - 1])
            after.append(
                replace(
                    place, length=place.length + len(ids), closed=closed, opened=opened, patching=state, newline=newline
                )
            )
            starts.append(flags)
        return after, starts

    def _entropies(self) -> tuple[list[list[float]] | None, IdArray | None]:
        """The entropies behind the ids, and from where on each position sees in the entropy model."""
        patching = self._network.config.patching
        patcher, stack = self._network.patcher, self._memory.entropy
        if not patching.needs_entropies:
            return None, None
        assert patcher is not None
        assert stack is not None
        first = None
        if patching.resets_at_newlines:
            first = newlines_before(self._ids.cpu().numpy(), self._positions, [p.newline for p in self._places])
        rotate = patcher.rotary.at(self._where.positions, self._reach, patcher.embed_tokens.weight)
        logits = patcher.logits(self._ids, rotate, self._by_bytes(stack, first))
        return entropies(logits).tolist(), first

    def _encoded(self) -> list[Tensor]:
        """The states of the bytes, which are remembered too."""
        encoder, hashes = self._network.local_encoder, self._network.config.hashes
        many = hashing.context(hashes)
        before = np.zeros((len(self._rows), many), dtype=np.int64)
        for line, row in zip(before, self._rows, strict=True):
            known = row.ids(row.length)[max(0, row.length - many) :]
            line[many - len(known) :] = known
        rows = hashing.table_rows(self._ids, hashes, torch.from_numpy(before).to(self._ids.device))
        x = self._network.embed(rows, self._ids)
        rotate = encoder.rotary.at(self._where.positions, self._reach, x)
        states = encoder.states(x, rotate, self._by_bytes(self._memory.encoder))
        for layer, found in enumerate(states):
            self._memory.states.write(layer, self._where, found)
        return states

    def _closed(self, starts: list[list[bool]]) -> list[Closed]:
        """The patches that end inside the texts, in the order of their texts."""
        found = []
        for text, (place, flags) in enumerate(zip(self._places, starts, strict=True)):
            number, start = place.closed, place.opened
            for end in (place.length + step + 1 for step, flag in enumerate(flags) if flag):
                found.append(Closed(text, number, start, end))
                number, start = number + 1, end
        return found

    def _complete(self, closed: Sequence[Closed]) -> None:
        """Run the global transformer over completed patches, and remember what the decoder sees of them."""
        vectors_PX = self._vectors(closed)
        counts = np.bincount([patch.text for patch in closed], minlength=len(self._rows))
        texts = np.flatnonzero(counts)
        rows: list[Row] = [self._rows[text] for text in texts]
        before = np.array([self._places[text].closed for text in texts])
        numbers = before[:, None] + np.arange(counts.max())
        memory, own = self._memory, self._network.global_transformer
        memory.write_patches(rows, numbers[:, -1] + 1)
        where = memory.where(rows, numbers)
        inside = torch.from_numpy(np.arange(counts.max()) < counts[texts, None]).to(vectors_PX.device)
        padded = vectors_PX.new_zeros(*inside.shape, vectors_PX.shape[-1])
        padded[inside] = vectors_PX
        x = own.token_embedding_projection(padded)
        reach = int(numbers.max()) + 1
        stack = memory.global_transformer
        used = min(stack.keys.slots, reach)
        held = memory.held(rows, stack.keys.slots, used, patches=True)
        attend = Continuing(stack, where, used, self._mask(sight(held, numbers, stack.window)))
        outputs = own.run(x, own.rotary.at(where.positions, reach, x), attend)
        for layer, (keys, values) in enumerate(self._network.local_decoder.patch_keys(outputs)):
            memory.patch_keys.write(layer, where, keys)
            memory.patch_values.write(layer, where, values)

    def _vectors(self, closed: Sequence[Closed]) -> Tensor:
        """What stands for completed patches, ``(P, k W)``, from the states of their bytes."""
        sizes = [patch.end - patch.start for patch in closed]
        rows = np.repeat([self._rows[patch.text].index for patch in closed], sizes)
        positions = np.concatenate([np.arange(patch.start, patch.end) for patch in closed])
        device = self._ids.device
        patch_X = torch.from_numpy(np.repeat(np.arange(len(closed)), sizes)).to(device)
        at = torch.from_numpy(rows).to(device), torch.from_numpy(positions).to(device)
        ring = self._memory.states
        states = [ring.take(layer, *at) for layer in range(ring.data.shape[0])]
        return self._network.local_encoder.pool(states, patch_X, len(closed))

    def _seen(self, starts: list[list[bool]]) -> list[PatchKeys]:
        """The keys and values of the patch that each byte sees, ``(R, N, C, K, D)``, for each cross-attention."""
        numbers = np.zeros(self._positions.shape, dtype=np.int64)
        for line, place, flags in zip(numbers, self._places, starts, strict=True):
            line[: len(flags)] = place.closed - 1 + np.cumsum(flags)
        rows = torch.tensor([row.index for row in self._rows], device=self._ids.device)[:, None].expand(numbers.shape)
        seen = torch.from_numpy(numbers).to(self._ids.device)
        memory = self._memory
        layers = range(memory.patch_keys.data.shape[0])
        return [
            PatchKeys(memory.patch_keys.take(layer, rows, seen), memory.patch_values.take(layer, rows, seen))
            for layer in layers
        ]


def newlines_before(ids: IdArray, positions: IdArray, before: Sequence[int]) -> IdArray:
    """The position of the last newline at or before each one, ``(rows, positions)``; ``before`` where none came."""
    newline = ord("\n") + 4
    found = np.where(ids == newline, positions, np.array(before)[:, None])
    return np.maximum.accumulate(found, axis=1)
