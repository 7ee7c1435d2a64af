"""Both cross-attentions, which need no masks, against the textbook form, which has dense ones."""

from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from blt.networks import TINY, difference, network
from blt.textbook import attended, own_bytes, own_patch
from bytelm.blt.config import EncoderCrossAttention
from bytelm.blt.decoder import PatchKeys
from bytelm.blt.encoder import LocalEncoder
from bytelm.blt.layers import CrossAttention
from bytelm.blt.pooling import attend_to_bytes, attend_to_patch, segment_max, segment_sum, spread

ROUNDING = 1e-12
"""Of float64."""

SIZES = st.lists(st.integers(1, 9), min_size=1, max_size=12)
"""How many bytes each patch has."""

HEADS = st.sampled_from([(1, 1), (2, 2), (4, 2), (3, 1)])
OPTIONS: list[EncoderCrossAttention] = ["last", "refined", "restarted"]


def patches_of(sizes: list[int]) -> Tensor:
    """The patch of each byte."""
    return torch.arange(len(sizes)).repeat_interleave(torch.tensor(sizes))


def random(*shape: int) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64)


@given(SIZES, st.integers(1, 4), HEADS)
@settings(max_examples=50)
def test_patches_attend_to_their_bytes(sizes: list[int], many: int, heads: tuple[int, int]) -> None:
    patches = patches_of(sizes)
    query = random(len(sizes), many, heads[0], 4)
    key, value = random(len(patches), heads[1], 4), random(len(patches), heads[1], 4)
    expected = attended(query.flatten(0, 1), key, value, own_bytes(patches, len(sizes), many))
    assert difference(attend_to_bytes(query, key, value, patches).flatten(0, 1), expected) < ROUNDING


@given(SIZES, st.integers(1, 4), HEADS)
@settings(max_examples=50)
def test_bytes_attend_to_their_patch(sizes: list[int], many: int, heads: tuple[int, int]) -> None:
    patches = patches_of(sizes)
    query = random(len(patches), heads[0], 4)
    key, value = random(len(sizes), many, heads[1], 4), random(len(sizes), many, heads[1], 4)
    expected = attended(query, key.flatten(0, 1), value.flatten(0, 1), own_patch(patches, len(sizes), many))
    found = attend_to_patch(query[None], key[patches][None], value[patches][None])[0]
    assert difference(found, expected) < ROUNDING


@given(SIZES, st.permutations(range(6)))
def test_bytes_come_in_any_order(sizes: list[int], order: list[int]) -> None:
    """Rows of a batch are padded, so the bytes of a patch need not stand side by side."""
    patches = patches_of(sizes)
    query, key, value = random(len(sizes), 2, 2, 4), random(len(patches), 2, 4), random(len(patches), 2, 4)
    mixed = torch.argsort(torch.tensor([order[place % 6] for place in range(len(patches))]))
    found = attend_to_bytes(query, key[mixed], value[mixed], patches[mixed])
    assert difference(found, attend_to_bytes(query, key, value, patches)) < ROUNDING


def test_large_scores_do_not_overflow() -> None:
    patches = patches_of([3, 2])
    query, key, value = 1e5 * random(2, 1, 1, 4), random(5, 1, 4), random(5, 1, 4)
    expected = attended(query.flatten(0, 1), key, value, own_bytes(patches, 2, 1))
    assert difference(attend_to_bytes(query, key, value, patches).flatten(0, 1), expected) < ROUNDING


@given(SIZES, st.integers(1, 3))
def test_segments(sizes: list[int], width: int) -> None:
    values = random(sum(sizes), width)
    parts = values.split(sizes)
    patches = patches_of(sizes)
    assert torch.equal(segment_max(values, patches, len(sizes)), torch.stack([part.amax(0) for part in parts]))
    sums = segment_sum(values, patches, len(sizes))
    torch.testing.assert_close(sums, torch.stack([part.sum(0) for part in parts]))


@pytest.mark.parametrize("own", [1, 2, 4])
def test_heads_that_are_shared_stand_side_by_side(own: int) -> None:
    x = random(3, own, 2)
    assert torch.equal(spread(x, 4), x[:, [head * own // 4 for head in range(4)]])


def crossed(cross: CrossAttention, asking: Tensor, asked: Tensor, mask: Tensor, kept: float) -> Tensor:
    """A whole cross-attention of states ``(N, W)`` to states ``(M, W)``, its residual with it."""
    normed = cross.k_norm(asked)
    query = cross.queries(cross.q_norm(asking))
    return kept * asking + cross.joined(attended(query, cross.keys(normed), cross.values(normed), mask))


def pooled(encoder: LocalEncoder, option: str, layers: list[Tensor], patches: Tensor, many: int, kept: float) -> Tensor:
    """The vectors of patches by the definition of the option, from the states behind every layer."""
    count = int(patches.max()) + 1
    mask = own_bytes(patches, count, many)
    chosen = layers[-1:] if option == "last" else layers
    vectors = None
    for cross, states in zip(encoder.cross_attn_layers, chosen, strict=True):
        assert isinstance(cross, CrossAttention)
        if vectors is None or option == "restarted":
            maxima = torch.stack([states[patches == patch].amax(0) for patch in range(count)])
            vectors = encoder.patch_embedding_projection(maxima).view(count * many, -1)
        vectors = crossed(cross, vectors, states, mask, kept)
    assert vectors is not None
    return vectors.view(count, -1)


@pytest.mark.parametrize("option", OPTIONS)
@pytest.mark.parametrize("doubled", [False, True])
@pytest.mark.parametrize("many", [1, 3])
def test_the_encoder_pools(option: EncoderCrossAttention, doubled: bool, many: int) -> None:
    encoder = network(
        dtype=torch.float64,
        encoder=replace(TINY.encoder, layers=3),
        encoder_cross_attention=option,
        doubled_residual=doubled,
        keys_per_patch=many,
    ).local_encoder
    patches = patches_of([1, 4, 2, 1, 7])
    layers = [random(len(patches), 16) for _ in range(3)]
    given_to_it = layers if encoder.pools_each_layer else layers[-1:]
    assert encoder.pooled_layers == len(given_to_it)
    found = encoder.pool(given_to_it, patches, 5)
    assert difference(found, pooled(encoder, option, layers, patches, many, 2.0 if doubled else 1.0)) < ROUNDING


@pytest.mark.parametrize("everywhere", [False, True])
@pytest.mark.parametrize("doubled", [False, True])
def test_the_decoder_looks_at_patches(everywhere: bool, doubled: bool) -> None:
    made = network(dtype=torch.float64, decoder_cross_attends_everywhere=everywhere, doubled_residual=doubled)
    decoder = made.local_decoder
    patches = patches_of([1, 4, 2])
    outputs, x = random(3, 24), random(1, 7, 16)
    rotate = decoder.rotary.upto(7, x)

    def nothing(layer: int, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        return torch.zeros_like(query)

    seen = [PatchKeys(*(part[patches][None] for part in found)) for found in decoder.patch_keys(outputs)]
    vectors = decoder.patch_embedding_projection(outputs).view(6, 16)
    expected = x[0]
    for layer, block in enumerate(decoder.layers):
        if layer == 0 or everywhere:
            cross = decoder.cross_attn_layers[layer]
            assert isinstance(cross, CrossAttention)
            expected = crossed(cross, expected, vectors, own_patch(patches, 3, 2), 2.0 if doubled else 1.0)
        expected = block(expected[None], layer, rotate, nothing)[0]
    assert difference(decoder.run_with(x, seen, rotate, nothing)[0], decoder.norm(expected)) < ROUNDING


def test_gradients_are_those_of_finite_differences() -> None:
    patches = patches_of([2, 3, 1])
    parts = random(3, 2, 4, 2), random(6, 2, 2), random(6, 2, 2)
    for part in parts:
        part.requires_grad_()
    assert torch.autograd.gradcheck(lambda *given: attend_to_bytes(*given, patches), parts)
    seen = random(1, 4, 4, 2), random(1, 4, 3, 2, 2), random(1, 4, 3, 2, 2)
    for part in seen:
        part.requires_grad_()
    assert torch.autograd.gradcheck(attend_to_patch, seen)


@given(SIZES, st.integers(1, 3), HEADS)
@settings(max_examples=20)
def test_gradients_are_those_of_the_textbook(sizes: list[int], many: int, heads: tuple[int, int]) -> None:
    patches = patches_of(sizes)
    mask = own_bytes(patches, len(sizes), many)
    parts = [
        random(len(sizes), many, heads[0], 3),
        random(len(patches), heads[1], 3),
        random(len(patches), heads[1], 3),
    ]
    wanted = random(len(sizes) * many, heads[0], 3)
    gradients = []
    for masked in (False, True):
        leaves = [part.clone().requires_grad_() for part in parts]
        query, key, value = leaves
        if masked:
            found = attended(query.flatten(0, 1), key, value, mask)
        else:
            found = attend_to_bytes(query, key, value, patches).flatten(0, 1)
        gradients.append(torch.autograd.grad((found * wanted).sum(), leaves))
    for ours, theirs in zip(*gradients, strict=True):
        assert difference(ours, theirs) < ROUNDING
