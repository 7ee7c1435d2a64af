"""Texts cut into patches, of any length, without computing more of the network than says where they begin."""

import copy
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from bytelm.blt.lm import BltLM
from bytelm.blt.patching.options import Patching
from bytelm.blt.patching.statistics import PatchSizes, patch_sizes
from bytelm.blt.patching.whole import patch_starts
from bytelm.blt.vocabulary import IdArray, document, ids_of
from bytelm.model import Progress
from bytelm.protocol import FloatArray

PART = 2**15
"""How many positions the entropy model reads at a time, besides those that it looks back to."""


@dataclass(frozen=True, eq=False)
class Cut:
    """A text, or a stretch of one, cut into patches.

    Attributes:
        text: the text.
        starts: whether a patch starts at each byte, and behind the last one; bool ``(len(text) + 1,)``.
        entropies: how uncertain the entropy model is about each byte, given those before it, and about what follows;
            float64 ``(len(text) + 1,)``, nats. ``None`` where no entropy model decides.
    """

    text: bytes
    starts: NDArray[np.bool_]
    entropies: FloatArray | None

    @property
    def patches(self) -> list[bytes]:
        """The patches. Those at the ends of a stretch are only what of them lies within."""
        places = [0, *(np.flatnonzero(self.starts[1:-1]) + 1).tolist(), len(self.text)]
        return [self.text[begin:end] for begin, end in pairwise(places) if begin < end]

    @property
    def sizes(self) -> PatchSizes:
        """How many patches there are of which size."""
        return patch_sizes(ids_of(self.text), self.starts)

    def stretch(self, begin: int, end: int) -> "Cut":
        """The bytes from ``begin`` to before ``end``, cut where the whole text is."""
        entropies = None if self.entropies is None else self.entropies[begin : end + 1]
        return Cut(self.text[begin:end], self.starts[begin : end + 1], entropies)


def repatched(model: BltLM, patching: Patching) -> BltLM:
    """The same network, whose weights it shares, with patches that start elsewhere.

    Raises:
        ValueError: the patching needs an entropy model, and the network has none; or it needs a tokenizer, and
            the model has none.
    """
    network = copy.copy(model.network)
    network.config = replace(network.config, patching=patching)
    return BltLM(network, model.reader.tokenizer, model.speculate)


def cut(model: BltLM, text: bytes, progress: Progress | None = None) -> Cut:
    """A text as the model cuts it.

    Args:
        model: the model; its patching decides.
        text: of any length.
        progress: called with the bytes done and the bytes in all.
    """
    patching, ids = model.config.patching, document(text)
    if not patching.needs_entropies:
        return Cut(text, model.reader.starts(ids)[1:], None)
    return cut_by(patching, text, entropies_behind(model, ids, progress))


def cut_by(patching: Patching, text: bytes, entropies: FloatArray) -> Cut:
    """A text as its entropies say.

    Args:
        patching: one by entropies.
        text: the text.
        entropies: about each byte and about what follows, ``(len(text) + 1,)``, nats.
    """
    return Cut(text, patch_starts(patching, document(text), entropies, documents=False)[1:], entropies)


def entropies_behind(model: BltLM, ids: IdArray, progress: Progress | None = None) -> FloatArray:
    """The entropies behind each id of one text, float64 ``(len(ids),)``, nats.

    A long text is read in parts. Each begins as far back as the layers of the entropy model look together, so nothing
    that matters is missing.

    Args:
        model: one with an entropy model.
        ids: of a document, ``(n,)``.
        progress: called with the ids done and those in all.
    """
    assert model.network.patcher is not None, "asked of models with an entropy model only"
    config = model.network.patcher.config
    if config.window is None:
        return model.reader.entropies(ids)
    reach, found = config.layers * (config.window - 1), []
    for begin in range(0, len(ids), PART):
        low = max(0, begin - reach)
        found.append(model.reader.entropies(ids[low : begin + PART])[begin - low :])
        if progress is not None:
            progress(min(begin + PART, len(ids)), len(ids))
    return np.concatenate(found)
