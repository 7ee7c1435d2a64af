"""Networks for every way to cut texts and to remember them, and texts that are read on from many places."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache, cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from torch import Tensor

from blt.networks import TINY, cut, ids_of_text, network, whole
from bytelm.blt.config import StackConfig
from bytelm.blt.model import Blt
from bytelm.blt.patching.options import Patching
from bytelm.blt.reader import Reader
from bytelm.blt.rows import Place
from bytelm.blt.vocabulary import IdArray
from bytelm.tokens.tokenizer import Tokenizer
from tokens.tiny import PATTERNS, trained


def _unlimited(stack: StackConfig | None) -> StackConfig:
    assert stack is not None
    return replace(stack, window=None)


UNLIMITED = {name: _unlimited(getattr(TINY, name)) for name in ("encoder", "decoder", "entropy")}

WAYS: dict[str, tuple[Patching, dict[str, Any]]] = {
    "entropy": (Patching("entropy"), {}),
    "monotonic": (Patching("monotonic"), {"encoder_cross_attention": "restarted"}),
    "both": (Patching("both"), {"encoder_cross_attention": "last"}),
    "space": (Patching("space"), {"decoder_cross_attends_everywhere": False, "entropy": None}),
    "static": (Patching("static", size=5), {"doubled_residual": True}),
    "byte": (Patching("byte"), {"keys_per_patch": 1, "encoder": replace(TINY.encoder, window=1)}),
    "tokenizer": (Patching("tokenizer"), {"entropy": None}),
    "longest": (Patching("entropy", longest=6), {"keys_per_patch": 3}),
    "newlines": (Patching("entropy", resets_at_newlines=True), {}),
    "newlines in an unlimited window": (Patching("entropy", resets_at_newlines=True), UNLIMITED),
    "no windows": (Patching("entropy"), UNLIMITED),
    "a window of patches": (
        Patching("byte"),
        {"global_transformer": replace(TINY.global_transformer, window=12, layers=2)},
    ),
    "long patches": (Patching("static", size=500), {}),
    "a patch without an end": (Patching("entropy", threshold=99.0), {}),
}
"""How texts are cut, and other parts of the network."""


@dataclass(frozen=True)
class Case:
    """A network with a text for which no rounding moves a start, and what the network says of it."""

    network: Blt
    tokenizer: Tokenizer | None
    ids: IdArray

    def reader(self) -> Reader:
        return Reader(self.network, self.tokenizer)

    @cached_property
    def wanted(self) -> Tensor:
        """The logits behind each id of its own text, by one pass over all of it."""
        return self.judged(self.ids)

    def judged(self, ids: IdArray) -> Tensor:
        """The same of any text."""
        return whole(self.network, ids, self.tokenizer)


@cache
def case(way: str, length: int = 1500, dtype: torch.dtype = torch.float32) -> Case:
    """The network of one of the `WAYS`."""
    patching, shape = WAYS[way]
    ids = ids_of_text(length)
    made = network(patching, dtype=dtype, **shape)
    if patching.threshold != 99.0:
        cut(made, ids)
    return Case(made, _tokenizer() if patching.mode == "tokenizer" else None, ids)


@cache
def _tokenizer() -> Tokenizer:
    with TemporaryDirectory() as folder:
        return trained(Path(folder), PATTERNS["gpt2"])


def steps(reader: Reader, places: Sequence[Place], texts: Sequence[IdArray]) -> list[Tensor]:
    """The logits behind each id of texts of one length, read on from places id by id, side by side."""
    found: list[list[Tensor]] = [[] for _ in texts]
    for step in range(len(texts[0])):
        reads = reader.read(places, [text[step : step + 1] for text in texts])
        places = [read.place for read in reads]
        for logits, read in zip(found, reads, strict=True):
            logits.append(read.logits_NV)
    return [torch.cat(logits) for logits in found]


def chunks(count: int, most: int, seed: int) -> list[slice]:
    """Random parts of 1 to ``most`` positions that cover ``count`` of them."""
    rng = np.random.default_rng(seed)
    found, place = [], 0
    while place < count:
        end = min(count, place + int(rng.integers(1, most + 1)))
        found.append(slice(place, end))
        place = end
    return found
