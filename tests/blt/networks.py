"""Tiny Byte Latent Transformers with random weights, texts for them, and one pass over whole texts as the judge."""

from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bytelm.blt.config import BltConfig, HashConfig, StackConfig
from bytelm.blt.entropy import entropies
from bytelm.blt.model import Blt
from bytelm.blt.patching.options import Patching
from bytelm.blt.patching.whole import patch_starts
from bytelm.blt.vocabulary import OFFSET, IdArray, document
from bytelm.protocol import FloatArray
from bytelm.tokens.tokenizer import Tokenizer

TINY = BltConfig(
    encoder=StackConfig(layers=2, width=16, heads=2, key_value_heads=1, hidden=24, window=24),
    global_transformer=StackConfig(layers=1, width=24, heads=2, key_value_heads=2, hidden=24),
    decoder=StackConfig(layers=2, width=16, heads=4, key_value_heads=2, hidden=24, window=20),
    entropy=StackConfig(layers=1, width=16, heads=2, key_value_heads=1, hidden=24, theta=10000.0, window=16),
    hashes=HashConfig(sizes=(3, 5), rows=101),
    encoder_cross_attention="refined",
)
"""Windows of a few patches, two kinds of grouped heads, and vectors of patches that must be projected."""

LETTERS = b"aeinst \n"

NEWLINE = ord("\n") + OFFSET


def network(patching: Patching | None = None, seed: int = 0, dtype: torch.dtype = torch.float32, **shape: Any) -> Blt:
    """A network like `TINY`, with other parts where they are given.

    The entropies of fresh weights are nearly flat; those of larger ones differ from byte to byte.
    """
    torch.manual_seed(seed)
    made = Blt(replace(TINY, **shape, patching=patching or Patching())).initialize().eval().to(dtype)
    if made.patcher is not None:
        with torch.no_grad():
            made.patcher.lm_head.weight.mul_(3)
    return made


def cut(made: Blt, ids: IdArray, share: float = 0.25) -> Blt:
    """The network with thresholds at which about this share of the ids start a patch (mutates; returns it)."""
    patching = made.config.patching
    if patching.needs_entropies:
        found = uncertainties(made, ids)
        by_rise = gap(np.diff(found), share)
        if patching.mode == "both":
            patching = replace(patching, threshold=gap(found, 0.6), rise=gap(np.diff(found), 0.5))
        else:
            patching = replace(patching, threshold=by_rise if patching.mode == "monotonic" else gap(found, share))
        made.config = replace(made.config, patching=patching)
    return made


def gap(values: FloatArray, share: float) -> float:
    """A number that about this share of the values exceeds, none of them so near that rounding moves it across."""
    ordered = np.sort(values)
    wide = np.flatnonzero(np.diff(ordered) > 3e-4)
    if not len(wide):
        return float(ordered[-1]) + 1.0
    place = int(wide[np.argmin(np.abs(wide - len(values) * (1 - share)))])
    return float(ordered[place : place + 2].mean())


def text(length: int, seed: int = 0) -> bytes:
    """Random letters, spaces and newlines, and any bytes between them."""
    rng = np.random.default_rng(seed)
    letters = rng.choice(np.frombuffer(LETTERS, dtype=np.uint8), length)
    return np.where(rng.random(length) < 0.7, letters, rng.integers(256, size=length)).astype(np.uint8).tobytes()


def ids_of_text(length: int, seed: int = 0) -> IdArray:
    """A BOS and the ids of a random text, ``length`` in all."""
    return document(text(length - 1, seed))


@torch.inference_mode()
def uncertainties(made: Blt, ids: IdArray) -> FloatArray:
    """The entropies behind the ids of one text, by one pass over all of it."""
    first = torch.tensor([_newlines(ids)]) if made.config.patching.resets_at_newlines else None
    return entropies(made.entropy_logits(torch.from_numpy(ids)[None], first))[0].double().numpy()


def starts_of(made: Blt, ids: IdArray, tokenizer: Tokenizer | None = None) -> NDArray[np.bool_]:
    """Where the patches of one text start."""
    patching = made.config.patching
    found = uncertainties(made, ids) if patching.needs_entropies else None
    return patch_starts(patching, ids, found, tokenizer=tokenizer, documents=False)


@torch.inference_mode()
def whole(made: Blt, ids: IdArray, tokenizer: Tokenizer | None = None) -> Tensor:
    """The logits behind each id of one text, by one pass over all of it."""
    starts = torch.from_numpy(starts_of(made, ids, tokenizer))
    found: Tensor = made(torch.from_numpy(ids)[None], starts[None])[0]
    return found


def difference(found: Tensor, wanted: Tensor) -> float:
    """The largest difference of two tensors of one shape."""
    assert found.shape == wanted.shape
    return float((found - wanted).detach().abs().max())


def error(found: Tensor, wanted: Tensor) -> float:
    """The largest difference in units of the largest value, if that is more than one."""
    return difference(found, wanted) / max(1.0, float(wanted.detach().abs().max()))


def _newlines(ids: IdArray) -> list[int]:
    """The position of the last newline at or before each one; 0 before the first."""
    last, found = 0, []
    for position, id in enumerate(ids.tolist()):
        last = position if id == NEWLINE else last
        found.append(last)
    return found
