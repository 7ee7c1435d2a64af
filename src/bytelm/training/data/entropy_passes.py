"""The entropies behind all bytes of documents, by passes of an entropy model that are bounded in memory."""

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bytelm.blt.attention import whole
from bytelm.blt.entropy import EntropyModel, entropies
from bytelm.blt.vocabulary import BOS, OFFSET, PADDING, IdArray
from bytelm.training.data.pool import Tell

Bytes = NDArray[np.uint8]
Values = NDArray[np.float16]


class EntropyPasses:
    """An entropy model that reads documents, each as if it stood alone.

    Args:
        network: the entropy model.
        positions: that a pass has at most, besides those that a stretch of a long document looks back to. A model that
            sees all that is before it reads a long document at once.
    """

    def __init__(self, network: EntropyModel, positions: int) -> None:
        self._network = network
        self._positions = positions

    def values(self, documents: Sequence[Bytes], tell: Tell) -> Values:
        """The entropies behind the BOS and each byte of documents, one document behind the other; float16, nats.

        They follow from the documents and the number of positions, which decide what goes through a pass together.

        Args:
            documents: uint8 ``(size,)`` each.
            tell: told of the bytes that are done.

        Raises:
            ValueError: the entropy model gives what is no number.
        """
        sizes = np.array([len(document) + 1 for document in documents])
        found = np.empty(int(sizes.sum()), "<f2")
        lines = np.split(found, np.cumsum(sizes)[:-1])
        for chosen in _together(sizes, self._positions):
            if sizes[chosen[0]] > self._positions:
                self._read_long(documents[chosen[0]], lines[chosen[0]], tell)
            else:
                self._read_short([documents[index] for index in chosen], [lines[index] for index in chosen], tell)
        if not np.isfinite(found).all():
            raise ValueError("the entropy model gives entropies that are no numbers; give one that was trained well")
        return found

    def _read_short(self, documents: Sequence[Bytes], lines: Sequence[Values], tell: Tell) -> None:
        """Write the entropies of documents, which go through a pass side by side, padded at their ends."""
        ids = np.full((len(documents), max(map(len, lines))), PADDING, np.int64)
        for row, document in zip(ids, documents, strict=True):
            row[: len(document) + 1] = _ids(document, 0, len(document) + 1)
        for line, found in zip(lines, self._pass(ids), strict=True):
            line[:] = found[: len(line)]
        tell(sum(map(len, documents)))

    def _read_long(self, document: Bytes, line: Values, tell: Tell) -> None:
        """Write the entropies of a document, stretch by stretch.

        Each begins as far back as the layers look together, so nothing that matters is missing.
        """
        config = self._network.config
        reach, size = 0, len(line)
        if config.window is not None:
            reach, size = config.layers * (config.window - 1), self._positions
        for begin in range(0, len(line), size):
            low, end = max(0, begin - reach), min(begin + size, len(line))
            line[begin:end] = self._pass(_ids(document, low, end)[None])[0, begin - low :]
            tell(end - max(1, begin))

    @torch.inference_mode()
    def _pass(self, ids_RN: IdArray) -> NDArray[np.float32]:
        own = self._network
        ids: Tensor = torch.from_numpy(ids_RN).to(own.lm_head.weight.device)
        rotate = own.rotary.upto(ids.shape[1], own.embed_tokens.weight)
        found: NDArray[np.float32] = entropies(own.logits(ids, rotate, whole(ids, own.config.window))).cpu().numpy()
        return found


def _together(sizes: NDArray[np.int64], positions: int) -> Iterator[list[int]]:
    """Which documents go through a pass together: those of about one length, the longest first."""
    order = np.argsort(-sizes, kind="stable").tolist()
    begin = 0
    while begin < len(order):
        many = max(1, positions // int(sizes[order[begin]]))
        yield order[begin : begin + many]
        begin += many


def _ids(document: Bytes, begin: int, end: int) -> IdArray:
    """The ids of BOS and the bytes of a document, from ``begin`` to before ``end``."""
    found = np.empty(end - begin, np.int64)
    found[:] = BOS
    inner = found[max(0, 1 - begin) :]
    inner[:] = document[max(0, begin - 1) : end - 1]
    inner += OFFSET
    return found
