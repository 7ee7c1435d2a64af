"""Attention in blocks, and flex attention, against one dense mask."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from blt.networks import difference
from blt.textbook import attended, causal
from bytelm.blt.attention import Apart, Whole, scaled, visible
from bytelm.blt.flexible import Flexible

ROUNDING = 1e-12
"""Of float64."""


def drawn(rows: int, count: int, heads: tuple[int, int], width: int, seed: int) -> tuple[Tensor, Tensor, Tensor]:
    """Random queries, keys and values."""
    torch.manual_seed(seed)
    query = torch.randn(rows, count, heads[0], width, dtype=torch.float64)
    key, value = torch.randn(2, rows, count, heads[1], width, dtype=torch.float64)
    return query, key, value


def slowly(query: Tensor, key: Tensor, value: Tensor, window: int | None, first: Tensor | None) -> Tensor:
    """Row by row, with the mask of each."""
    parts = []
    for row in range(len(query)):
        mask = causal(query.shape[1], window, None if first is None else first[row])
        parts.append(attended(query[row], key[row], value[row], mask))
    return torch.stack(parts)


@st.composite
def documents(draw: st.DrawFn, rows: int, count: int) -> Tensor | None:
    """The first position of each one's document, int64 ``(rows, count)``; or one document a row."""
    if draw(st.booleans()):
        return None
    begins = [draw(st.frozensets(st.integers(0, count - 1), max_size=4)) | {0} for _ in range(rows)]
    return torch.tensor([[max(b for b in row if b <= place) for place in range(count)] for row in begins])


@given(
    st.integers(1, 2),
    st.one_of(st.integers(1, 40), st.integers(41, 200)),
    st.none() | st.integers(1, 210),
    st.sampled_from([(1, 1), (4, 4), (4, 2), (3, 1)]),
    st.data(),
)
@settings(max_examples=40)
def test_blocks_see_what_the_mask_says(
    rows: int, count: int, window: int | None, heads: tuple[int, int], data: st.DataObject
) -> None:
    first = data.draw(documents(rows, count))
    attend = Whole(window, first)
    for layer in range(2):
        given_to_both = drawn(rows, count, heads, 2, count + layer)
        assert difference(attend(layer, *given_to_both), slowly(*given_to_both, window, first)) < ROUNDING


@given(st.lists(st.integers(1, 90), min_size=1, max_size=4), st.none() | st.integers(1, 100))
@settings(max_examples=15)
def test_documents_apart_see_what_they_see_in_one_row(sizes: list[int], window: int | None) -> None:
    count, first = (
        sum(sizes),
        torch.tensor([[sum(sizes[:place]) for place in range(len(sizes)) for _ in range(sizes[place])]]),
    )
    parts = drawn(1, count, (4, 2), 2, count)
    found = Apart(sizes, [Whole(window) for _ in sizes])(0, *parts)
    assert difference(found, slowly(*parts, window, first)) < ROUNDING


@pytest.mark.parametrize("window", [None, 70])
def test_gradients_of_blocks_are_those_of_one_mask(window: int | None) -> None:
    parts = [part.requires_grad_() for part in drawn(2, 200, (4, 2), 3, 0)]
    first = torch.arange(200).repeat(2, 1) // 90 * 90
    ways = (Whole(window, first)(0, *parts), slowly(*parts, window, first))
    ours, theirs = (torch.autograd.grad(found.sin().sum(), parts) for found in ways)
    for one, other in zip(ours, theirs, strict=True):
        assert difference(one, other) < ROUNDING


@pytest.mark.filterwarnings("ignore:flex_attention called without torch.compile")
@pytest.mark.parametrize("count", [1, 130])
@pytest.mark.parametrize("window", [None, 7, 150])
@pytest.mark.parametrize("packed", [False, True])
def test_flex_attention_is_the_same(count: int, window: int | None, packed: bool) -> None:
    first = torch.arange(count).repeat(2, 1) // torch.tensor([[17], [150]]) * torch.tensor([[17], [150]])
    given, sight = drawn(2, count, (4, 2), 8, count), (window, first if packed else None)
    flexible = Flexible(*sight)
    assert difference(flexible(0, *given), Whole(*sight)(0, *given)) < ROUNDING
    again = drawn(2, count, (4, 2), 8, count + 1)  # another layer of the same pass
    assert difference(flexible(1, *again), Whole(*sight)(0, *again)) < ROUNDING


@given(st.integers(0, 30), st.integers(1, 9), st.integers(0, 30), st.integers(1, 9), st.none() | st.integers(1, 12))
def test_who_sees_whom(query: int, queries: int, key: int, keys: int, window: int | None) -> None:
    found = visible(torch.arange(query, query + queries), torch.arange(key, key + keys), window, torch.device("cpu"))
    back = [[q - k for k in range(key, key + keys)] for q in range(query, query + queries)]
    assert found.tolist() == [[[0 <= far < (window or 99) for far in line] for line in back]]


@given(st.integers(1, 3), st.integers(1, 9), st.integers(1, 9), st.data())
def test_a_mask_for_all_rows_or_for_each(rows: int, queries: int, keys: int, data: st.DataObject) -> None:
    lines = st.lists(st.booleans(), min_size=keys, max_size=keys).filter(any)
    many = data.draw(st.sampled_from([1, rows]))
    mask = torch.tensor([[data.draw(lines) for _ in range(queries)] for _ in range(many)])
    query, key, value = drawn(rows, max(queries, keys), (2, 1), 4, 0)
    query, key, value = query[:, :queries], key[:, :keys], value[:, :keys]
    expected = [attended(query[row], key[row], value[row], mask[row % many]) for row in range(rows)]
    assert difference(scaled(query, key, value, mask), torch.stack(expected)) < ROUNDING


def test_nothing_is_computed_for_all_pairs() -> None:
    """A long text with a small window costs what its length costs: a mask of all pairs would have 2.5 billion."""
    query, key, value = torch.zeros(3, 1, 50_000, 1, 2)
    assert Whole(8)(0, query, key, value).shape == (1, 50_000, 1, 2)
