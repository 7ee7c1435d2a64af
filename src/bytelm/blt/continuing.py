"""A few more bytes of several texts in one pass, with all that they complete.

Shapes: R texts, N positions of the pass, T bytes of completed patches, P of these patches, W width.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from bytelm.blt import hashing
from bytelm.blt.entropy import entropies
from bytelm.blt.memory import Memory
from bytelm.blt.model import Blt
from bytelm.blt.passing import BytePass, Continuing, ids_before, padded, parts_read
from bytelm.blt.rows import Place
from bytelm.blt.vocabulary import OFFSET, IdArray


class Continued(NamedTuple):
    """What a pass found.

    Attributes:
        trails: the places of each text behind each of its ids.
        logits_RNV: of the id behind each position; those behind a text's own ids mean nothing.
    """

    trails: list[list[Place]]
    logits_RNV: Tensor


class Closed(NamedTuple):
    """A patch that a pass completed: its text in the batch, where it starts and where it ends."""

    text: int
    start: int
    end: int


class Continuation:
    """One pass over the next ids of texts whose rows end where they stand.

    Args:
        network: the network.
        memory: what it remembers.
        places: where the texts stand, each in a row of its own.
        texts: their next ids, at least one and at most ``SLACK`` each.
    """

    def __init__(self, network: Blt, memory: Memory, places: Sequence[Place], texts: Sequence[IdArray]) -> None:
        self._network = network
        self._memory = memory
        self._places = places
        self._texts = texts
        self._rows = [place.row for place in places]
        begins = [place.length for place in places]
        before = ids_before(self._rows, begins, hashing.context(network.config.hashes))
        ids = padded(texts)
        memory.write_bytes(self._rows, [place.opened for place in places], np.array(begins) + ids.shape[1])
        self._bytes = BytePass(network, memory, self._rows, np.array(begins), ids, before)

    def run(self) -> Continued:
        """The logits, and the places behind; the rows grow when all is done."""
        trails = self._trails()
        states_RNW = self._bytes.encoded()
        closed = self._closed(trails)
        if closed:
            self._complete(closed)
        logits_RNV = self._bytes.decoded(states_RNW[-1], self._bytes.seen(self._seen(trails)))
        for row, text, trail in zip(self._rows, self._texts, trails, strict=True):
            row.append(text, np.array([place.patching.starts for place in trail]))
        return Continued(trails, logits_RNV)

    def _trails(self) -> list[list[Place]]:
        """The places behind the ids of each text."""
        uncertain, newlines = self._entropies()
        found = []
        for text, (place, ids) in enumerate(zip(self._places, self._texts, strict=True)):
            trail = []
            for step, value in enumerate(ids.tolist()):
                state = place.patching.after(value, None if uncertain is None else uncertain[text][step])
                end = place.length + 1
                place = Place(
                    place.row,
                    end,
                    place.closed + state.starts,
                    end if state.starts else place.opened,
                    state,
                    place.newline if newlines is None else int(newlines[text, step]),
                )
                trail.append(place)
            found.append(trail)
        return found

    def _entropies(self) -> tuple[list[list[float]] | None, IdArray | None]:
        """The entropies behind the ids, and from where on each position sees in the entropy model."""
        patching = self._network.config.patching
        if not patching.needs_entropies:
            return None, None
        first = None
        if patching.resets_at_newlines:
            before = [place.newline for place in self._places]
            first = newlines_before(padded(self._texts), self._bytes.positions, before)
        uncertain: list[list[float]] = entropies(self._bytes.entropy_logits(first)).tolist()
        return uncertain, first

    def _closed(self, trails: list[list[Place]]) -> list[Closed]:
        """The patches that end inside the texts, text by text."""
        found = []
        for text, (place, trail) in enumerate(zip(self._places, trails, strict=True)):
            for after in trail:
                if after.closed > place.closed:
                    found.append(Closed(text, place.opened, after.opened))
                    place = after
        return found

    def _complete(self, closed: Sequence[Closed]) -> None:
        """Run the global transformer over completed patches, and remember what the decoder sees of them."""
        vectors_PX = self._vectors(closed)
        counts = np.bincount([patch.text for patch in closed], minlength=len(self._rows))
        texts = np.flatnonzero(counts).tolist()
        rows = [self._rows[text] for text in texts]
        numbers = np.array([[self._places[text].closed] for text in texts]) + np.arange(counts.max())
        memory, own = self._memory, self._network.global_transformer
        memory.write_patches(rows, numbers[:, -1] + 1)
        where = memory.where(rows, numbers)
        inside = torch.from_numpy(np.arange(counts.max()) < counts[texts, None]).to(vectors_PX.device)
        vectors_RPX = vectors_PX.new_zeros(*inside.shape, vectors_PX.shape[-1])
        vectors_RPX[inside] = vectors_PX
        x = own.token_embedding_projection(vectors_RPX)
        rotate = own.rotary.at(where.positions, int(numbers.max()) + 1, x)
        parts = parts_read(memory.global_transformer, where, memory.written_patches(rows), numbers)
        outputs = own.run(x, rotate, Continuing(memory.global_transformer, where, parts))
        for layer, (keys, values) in enumerate(self._network.local_decoder.patch_keys(outputs)):
            memory.patch_keys.write(layer, where, keys)
            memory.patch_values.write(layer, where, values)

    def _vectors(self, closed: Sequence[Closed]) -> Tensor:
        """What stands for completed patches, ``(P, k W)``, from the states of their bytes."""
        sizes = [patch.end - patch.start for patch in closed]
        device = self._bytes.ids.device
        rows = np.repeat([self._rows[patch.text].index for patch in closed], sizes)
        positions = np.concatenate([np.arange(patch.start, patch.end) for patch in closed])
        patch_T = torch.from_numpy(np.repeat(np.arange(len(closed)), sizes)).to(device)
        ring = self._memory.states
        at = torch.from_numpy(rows).to(device), torch.from_numpy(positions).to(device)
        states = [ring.take(layer, *at) for layer in range(ring.layers)]
        return self._network.local_encoder.pool(states, patch_T, len(closed))

    def _seen(self, trails: list[list[Place]]) -> IdArray:
        """The last patch that is complete behind each id, int64 ``(R, N)``."""
        found = np.zeros(self._bytes.positions.shape, dtype=np.int64)
        for line, trail in zip(found, trails, strict=True):
            line[: len(trail)] = [place.closed - 1 for place in trail]
        return found


def newlines_before(ids: IdArray, positions: IdArray, before: Sequence[int]) -> IdArray:
    """The position of the last newline at or before each one, ``(rows, positions)``; ``before`` where none came."""
    found = np.where(ids == ord("\n") + OFFSET, positions, np.array(before)[:, None])
    return np.maximum.accumulate(found, axis=1)
