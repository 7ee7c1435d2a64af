"""Documents packed in one row, rows of a batch and padding: none of them changes what the network says of a text."""

from copy import deepcopy
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from blt.networks import TINY, cut, error, ids_of_text, network, text, uncertainties, whole
from bytelm.blt.model import Blt, segmented
from bytelm.blt.patching.options import Patching
from bytelm.blt.patching.whole import patch_starts
from bytelm.blt.vocabulary import BOS, PADDING, IdArray, document

ROUNDING = 1e-5
"""Of float32, in units of the largest logit."""

LENGTHS = st.lists(st.integers(0, 70), min_size=1, max_size=5)
NETWORKS = [
    cut(network(Patching("entropy")), ids_of_text(400)),
    network(Patching("space"), encoder_cross_attention="last"),
    network(Patching("static", size=5), keys_per_patch=3),
    network(Patching("byte"), encoder=replace(TINY.encoder, window=None), decoder=replace(TINY.decoder, window=None)),
]
MADE = pytest.mark.parametrize("made", NETWORKS, ids=[made.config.patching.mode for made in NETWORKS])


def drawn(lengths: list[int], seed: int) -> list[IdArray]:
    """Documents of so many bytes with their ends."""
    return [document(text(length, seed + place), ended=True) for place, length in enumerate(lengths)]


def firsts(ids: IdArray) -> IdArray:
    """The first position of the document of each position."""
    return np.maximum.accumulate(np.where(ids == BOS, np.arange(len(ids)), 0))


def starts_of(made: Blt, packed: list[IdArray]) -> np.ndarray:
    """Where the patches of packed documents start; of each the entropies are those of the document alone."""
    found = np.concatenate([uncertainties(made, one) for one in packed])
    return patch_starts(made.config.patching, np.concatenate(packed), found)


def batch(rows: list[np.ndarray]) -> Tensor:
    """Rows side by side, padded at their ends."""
    found = np.full((len(rows), max(map(len, rows))), PADDING, dtype=rows[0].dtype)
    for line, row in zip(found, rows, strict=True):
        line[: len(row)] = row
    return torch.from_numpy(found)


@torch.inference_mode()
def alone(made: Blt, ids: IdArray) -> Tensor:
    """The logits behind each id of a document with its end."""
    found: Tensor = made(torch.from_numpy(ids)[None], torch.from_numpy(starts_of(made, [ids]))[None])[0]
    return found


@MADE
@given(LENGTHS, st.integers(0, 99))
@settings(max_examples=15)
def test_packed_documents_are_those_alone(made: Blt, lengths: list[int], seed: int) -> None:
    packed = drawn(lengths, seed)
    ids = np.concatenate(packed)
    first = torch.from_numpy(firsts(ids))[None]
    with torch.inference_mode():
        found = made(torch.from_numpy(ids)[None], torch.from_numpy(starts_of(made, packed))[None], first)[0]
        uncertain = made.entropy_logits(torch.from_numpy(ids)[None], first)[0]
        judged = [made.entropy_logits(torch.from_numpy(one)[None])[0] for one in packed]
    assert error(found, torch.cat([alone(made, one) for one in packed])) < ROUNDING
    assert error(uncertain, torch.cat(judged)) < ROUNDING


@MADE
@given(st.lists(LENGTHS, min_size=1, max_size=4), st.integers(0, 99))
@settings(max_examples=10)
def test_rows_of_a_batch_are_those_alone(made: Blt, rows: list[list[int]], seed: int) -> None:
    """Packed rows of different lengths and different numbers of patches; the padding belongs to no document."""
    packed = [drawn(lengths, seed + 10 * place) for place, lengths in enumerate(rows)]
    joined = [np.concatenate(one) for one in packed]
    starts = [starts_of(made, one) for one in packed]
    ids, first = batch(joined), batch([firsts(one) for one in joined])
    first = torch.where(ids == PADDING, torch.arange(ids.shape[1]), first)
    with torch.inference_mode():
        found = made(ids, batch([*starts, np.zeros(ids.shape[1] + 1, dtype=bool)])[:-1], first)
        for line, one, flags in zip(found, joined, starts, strict=True):
            own = torch.from_numpy(firsts(one))[None]
            single = made(torch.from_numpy(one)[None], torch.from_numpy(flags)[None], own)[0]
            assert error(line[: len(one)], single) < ROUNDING


@MADE
@given(st.lists(st.integers(1, 80), min_size=1, max_size=5), st.integers(0, 99))
@settings(max_examples=10)
def test_padding_changes_nothing(made: Blt, lengths: list[int], seed: int) -> None:
    """Texts without ends, whose last patches stay open: the padding must not get into them."""
    texts = [ids_of_text(length, seed + place) for place, length in enumerate(lengths)]
    cuts = [patch_starts(made.config.patching, ids, uncertainties(made, ids)) for ids in texts]
    many = max(lengths) + 7
    starts = batch([*cuts, np.zeros(many + 1, dtype=bool)])[:-1]
    with torch.inference_mode():
        found = made(batch([*texts, np.full(many, PADDING)])[:-1], starts)
    for line, ids in zip(found, texts, strict=True):
        assert error(line[: len(ids)], whole(made, ids)) < ROUNDING


@MADE
@given(st.integers(1, 120), st.integers(0, 60), st.integers(0, 99))
@settings(max_examples=10)
def test_what_comes_later_changes_nothing(made: Blt, length: int, more: int, seed: int) -> None:
    """In float64, as an entropy may be nearly that of the threshold."""
    made = deepcopy(made).double()
    ids = ids_of_text(length + more, seed)
    assert error(whole(made, ids[:length]), whole(made, ids)[:length]) < ROUNDING


@given(st.lists(st.lists(st.booleans(), min_size=9, max_size=9), min_size=1, max_size=4))
def test_segments(flags: list[list[bool]]) -> None:
    starts = [[True, True, *row] for row in flags]
    found = segmented(torch.tensor(starts))
    before = 0
    for row, line in enumerate(starts):
        assert found.patch_RN[row].tolist() == [before + sum(line[: place + 1]) - 1 for place in range(10)]
        assert found.seen_RN[row].tolist() == [before + sum(line[: place + 2]) - 2 for place in range(10)]
        assert found.documents[row] == sum(line[:-1])
        before += found.documents[row]
    assert found.patch_RN[-1, -1] == before - 1


def test_segments_of_packed_documents() -> None:
    """The second row begins inside a document; padding, each its own first position, begins none."""
    starts = torch.tensor([[1, 1, 0, 1, 1, 1, 0], [1, 1, 0, 0, 0, 0, 0]], dtype=torch.bool)
    found = segmented(starts, torch.tensor([[0, 0, 0, 3, 3, 3], [0, 0, 0, 3, 4, 5]]))
    assert found.documents == [2, 3, 2]
    assert found.patch_RN.tolist() == [[0, 1, 1, 2, 3, 4], [5, 6, 6, 6, 6, 6]]
