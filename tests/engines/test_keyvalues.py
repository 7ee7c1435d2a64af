"""Rows of keys and values, written and moved."""

import numpy as np
import pytest
import torch

from bytelm.engines.keyvalues import SMALLEST, KeyValues, Pool, Row

HEADS, SIZE, LAYERS = 2, 3, 2


@torch.inference_mode()
def write(row: Row, count: int, rng: np.random.Generator) -> list[torch.Tensor]:
    """Random keys and values in the first positions of every layer; what was written."""
    written = []
    for layer in range(LAYERS):
        key, value = (torch.from_numpy(rng.normal(size=(1, HEADS, count, size))) for size in (SIZE, SIZE + 1))
        keys, values = row.pool.layer(layer, key, value)
        keys[row.number, :, :count], values[row.number, :, :count] = key[0], value[0]
        written += [key[0], value[0]]
    return written


def read(row: Row, count: int) -> list[torch.Tensor]:
    both = [(row.pool.keys[layer], row.pool.values[layer]) for layer in range(LAYERS)]
    return [tensor[row.number, :, :count].clone() for pair in both for tensor in pair]


def equal(one: list[torch.Tensor], other: list[torch.Tensor]) -> bool:
    return len(one) == len(other) and all(torch.equal(left, right) for left, right in zip(one, other, strict=True))


def test_growing_keeps_the_contents() -> None:
    store, rng = KeyValues(), np.random.default_rng(0)
    rows = [store.row(5)]
    written = [write(rows[0], 60, rng)]
    for _ in range(8):
        rows.append(store.row(60))
        written.append(write(rows[-1], 60, rng))
    assert len({row.number for row in rows}) == 9
    rows[3].reserve(SMALLEST, 60)
    assert rows[3].pool is rows[0].pool, "it fits as it is"
    rows[3].reserve(SMALLEST + 1, 60)
    rows[5].reserve(5 * SMALLEST, 60)
    assert [row.pool.capacity // SMALLEST for row in rows] == [1, 1, 1, 2, 1, 8, 1, 1, 1]
    assert all(equal(read(row, 60), kept) for row, kept in zip(rows, written, strict=True))
    assert len(rows[0].pool.free) == rows[0].pool.rows - 7


def test_positions_of_another_row_are_copied_in_their_order() -> None:
    store, rng = KeyValues(), np.random.default_rng(0)
    source = store.row(50)
    written = write(source, 50, rng)
    path = np.array([0, 1, 5, 40, 49])
    for copy in (store.row(5), store.row(500)):
        copy.fill(source, path, 5)
        assert equal(read(copy, 5), [tensor[:, path] for tensor in written])
    assert equal(read(source, 50), written)


@pytest.mark.parametrize("kept", [[0, 1, 2, 3], [0, 1, 3, 4, 9], [1, 2], [0, 1, 5, 6, 7, 2, 8], [0], []])
def test_kept_positions_move_to_the_front(kept: list[int]) -> None:
    store, rng = KeyValues(), np.random.default_rng(0)
    rows = [store.row(10) for _ in range(3)]
    written = [write(row, 10, rng) for row in rows]
    rows[1].keep(np.array(kept, dtype=np.int64))
    assert equal(read(rows[1], len(kept)), [tensor[:, kept] for tensor in written[1]])
    assert equal(read(rows[0], 10) + read(rows[2], 10), written[0] + written[2])


def test_freeing_frees_memory() -> None:
    store, rng = KeyValues(), np.random.default_rng(0)
    assert store.bytes == 0
    rows = [store.row(10) for _ in range(64)]
    written = [write(row, 10, rng) for row in rows]
    full = store.bytes
    assert full == 64 * rows[0].bytes == 64 * 8 * LAYERS * HEADS * SMALLEST * (2 * SIZE + 1)
    for row in rows[4:]:
        row.free()
    assert store.bytes == full // 16
    assert all(equal(read(row, 10), kept) for row, kept in zip(rows[:4], written, strict=False))
    for row in rows[:4]:
        row.free()
    assert store.bytes == 0
    write(store.row(10), 10, rng)
    assert store.bytes == full // 64


def test_the_lowest_free_row_is_taken() -> None:
    pool = Pool(SMALLEST)
    assert [pool.take() for _ in range(6)] == [0, 1, 2, 3, 4, 5]
    for row in (4, 1, 3):
        pool.give(row)
    assert [pool.take() for _ in range(4)] == [1, 3, 4, 6]


def test_layers_that_come_late_have_all_rows() -> None:
    store, rng = KeyValues(), np.random.default_rng(0)
    first = store.row(5)
    write(first, 5, rng)
    second = store.row(5)
    late = torch.ones((1, HEADS, 5, SIZE))
    keys, _ = second.pool.layer(LAYERS, late, late)
    assert keys.shape == (second.pool.rows, HEADS, SMALLEST, SIZE)
    assert second.pool.keys[0].shape[0] == second.pool.rows
