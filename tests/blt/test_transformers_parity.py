"""The same logits as ``BltForCausalLM`` of transformers without its cache, with the same weights."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import event, given, settings
from hypothesis import strategies as st

from blt.networks import TINY, error, gap
from blt.transformers_twins import configs, exact_twins, their_logits, twins
from bytelm.blt.config import BltConfig
from bytelm.blt.entropy import entropies
from bytelm.blt.model import Blt
from bytelm.blt.patching.options import Patching
from bytelm.blt.patching.whole import patch_starts
from bytelm.blt.vocabulary import BOS, EOS, IdArray

ROUNDING = 1e-6
"""In units of the largest logit. All is computed in float64, but they give their logits as float32."""

SEEDS = st.integers(0, 2**31)
LENGTHS = st.integers(1, 90)

CUTS = [
    Patching("entropy", 2.0, longest=3),
    Patching("monotonic", 0.0),
    Patching("both", 2.0, rise=0.0),
    Patching("space"),
    Patching("static", size=1),
    Patching("static", size=5),
    Patching("static", size=50, longest=7),
    Patching("byte"),
    Patching("space", longest=2),
]
"""All that transformers does not know of, too: it is told where patches start."""


def ids_of(length: int, rows: int, size: int, seed: int) -> IdArray:
    """Any ids behind a BOS, those of documents' ends and beginnings among them."""
    rng = np.random.default_rng(seed)
    found = rng.integers(size, size=(rows, length))
    found = np.where(rng.random(found.shape) < 0.1, rng.choice([BOS, EOS], found.shape), found)
    found[:, 0] = BOS
    return found


@torch.no_grad()
def uncertainties(ours: Blt, ids: IdArray) -> np.ndarray:
    return entropies(ours.entropy_logits(torch.from_numpy(ids))).numpy()


@torch.no_grad()
def our_logits(ours: Blt, ids: IdArray, starts: list[np.ndarray]) -> torch.Tensor:
    found: torch.Tensor = ours(torch.from_numpy(ids), torch.from_numpy(np.array(starts)))
    return found


@given(configs(), SEEDS, LENGTHS, st.integers(1, 3), st.sampled_from([0.05, 0.3, 0.7]))
@settings(max_examples=30)
def test_cut_by_entropies(config: BltConfig, seed: int, length: int, rows: int, share: float) -> None:
    """Each cuts by what its own entropy model says."""
    ours, theirs = exact_twins(config, seed)
    ids = ids_of(length, rows, config.size, seed)
    found = uncertainties(ours, ids)
    threshold = gap(found.ravel(), share)
    theirs.model.config.patching_threshold = threshold
    cut = Patching("entropy", threshold)
    starts = [patch_starts(cut, row, line, documents=False) for row, line in zip(ids, found, strict=True)]
    event(f"{int(np.sum(starts)) * 10 // np.size(starts)} patches for 10 bytes")
    logits = their_logits(theirs, torch.from_numpy(ids))
    assert error(our_logits(ours, ids, starts), logits) < ROUNDING


@given(configs(), SEEDS, LENGTHS)
@settings(max_examples=8)
@pytest.mark.parametrize("cut", CUTS, ids=str)
def test_told_where_patches_start(cut: Patching, config: BltConfig, seed: int, length: int) -> None:
    ours, theirs = exact_twins(config, seed)
    ids = ids_of(length, 1, config.size, seed)
    starts = patch_starts(cut, ids[0], uncertainties(ours, ids)[0], documents=False)
    logits = their_logits(theirs, torch.from_numpy(ids), starts)
    assert error(our_logits(ours, ids, [starts]), logits) < ROUNDING


@given(configs(), SEEDS, LENGTHS)
@settings(max_examples=15)
def test_entropies(config: BltConfig, seed: int, length: int) -> None:
    ours, theirs = exact_twins(config, seed)
    ids = torch.from_numpy(ids_of(length, 2, config.size, seed))
    with torch.no_grad():
        wanted, _, logits = theirs.model.patcher(ids)
        found = ours.entropy_logits(ids)
    assert error(found, logits) < ROUNDING
    assert error(entropies(found), wanted) < ROUNDING


@pytest.mark.parametrize("longest", [1, 3, 8])
@given(configs(), SEEDS, st.integers(2, 60))
@settings(max_examples=8)
def test_long_patches_cut_by_transformers(longest: int, config: BltConfig, seed: int, length: int) -> None:
    """It does not count the next byte among a patch's bytes, so a patch may be full without being complete."""
    ours, theirs = exact_twins(config, seed)
    ids = ids_of(length, 1, config.size, seed)
    found = uncertainties(ours, ids)
    threshold = gap(found[0], 0.2)
    theirs.model.config.patching_threshold = threshold
    theirs.model.config.max_patch_length = longest
    starts = patch_starts(Patching("entropy", threshold, longest=longest), ids[0], found[0], documents=False)
    logits = their_logits(theirs, torch.from_numpy(ids))
    assert error(our_logits(ours, ids, [starts])[:, :-1], logits[:, :-1]) < ROUNDING


@pytest.mark.parametrize(
    "config",
    [
        replace(TINY, encoder_cross_attention="last", encoder=replace(TINY.encoder, window=20)),
        replace(TINY, encoder_cross_attention="restarted", encoder=replace(TINY.encoder, window=20), keys_per_patch=4),
    ],
    ids=["last", "restarted"],
)
@pytest.mark.parametrize("seed", range(3))
def test_in_float32_as_it_is(config: BltConfig, seed: int) -> None:
    """With nothing of theirs exchanged, over several windows."""
    ours, theirs = twins(replace(config, doubled_residual=True), seed)
    ids = ids_of(300, 2, config.size, seed)
    found = uncertainties(ours, ids)
    cut = Patching("entropy", gap(found.ravel(), 0.3))
    theirs.model.config.patching_threshold = cut.threshold
    starts = [patch_starts(cut, row, line, documents=False) for row, line in zip(ids, found, strict=True)]
    assert error(our_logits(ours, ids, starts), their_logits(theirs, torch.from_numpy(ids))) < 1e-5
