"""Bytes guessed without the large transformer, as if the last complete patch stayed the last one."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from bytelm.blt import hashing
from bytelm.blt.memory import Memory
from bytelm.blt.model import Blt
from bytelm.blt.passing import BytePass, ids_before
from bytelm.blt.rows import Place
from bytelm.blt.vocabulary import IdArray


class Draft:
    """Guesses of what follows some places, id by id (mutable). Rows stay as they are: a pass must read what is kept.

    Args:
        network: the network.
        memory: what it remembers.
        places: where the texts stand, each at the end of a row of its own.
        most: how many steps there are at most, fewer than ``SLACK``.
    """

    def __init__(self, network: Blt, memory: Memory, places: Sequence[Place], most: int) -> None:
        self._network = network
        self._memory = memory
        self._rows = [place.row for place in places]
        begins = [place.length for place in places]
        self._ends = np.array(begins)
        self._before = ids_before(self._rows, begins, hashing.context(network.config.hashes))
        memory.write_bytes(self._rows, [place.opened for place in places], self._ends + most)
        self._patches = np.array([[place.closed - 1] for place in places])

    @torch.inference_mode()
    def step(self, ids: IdArray) -> Tensor:
        """The logits behind one more id of each text, ``(texts, size)``; ``ids`` is int64 ``(texts,)``."""
        one = BytePass(self._network, self._memory, self._rows, self._ends, ids[:, None], self._before)
        logits = one.decoded(one.encoded()[-1], one.seen(self._patches))
        self._ends = self._ends + 1
        self._before = np.concatenate([self._before, ids[:, None]], axis=1)[:, 1:]
        return logits[:, -1]
