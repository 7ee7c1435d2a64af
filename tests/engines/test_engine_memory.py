"""Which keys and values a packed tree keeps, and that it says the same whatever it has dropped."""

import numpy as np
import pytest

from bytelm.engines import huggingface
from bytelm.engines.huggingface import HuggingFaceModel
from bytelm.engines.rows import RowsModel
from bytelm.heads import Head
from engines.tiny_networks import (
    VOCABULARY,
    chain,
    chain_of,
    largest_difference,
    llama,
    rows_of,
)

EXACT = 1e-4


def test_slots_of_dead_heads_are_dropped() -> None:
    packed = HuggingFaceModel(llama(), [0])
    root = Head()
    for _ in range(10):
        trunk = chain(100, np.random.default_rng(0), root)
        rows_of(packed, trunk[-1:])
        assert packed.slots < 3 * 100
    del trunk
    rows_of(packed, [root])
    assert packed.slots == 1, "the begin token; where the root ran once more is dropped too"


def test_windows_that_a_text_has_left_are_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(huggingface, "IDLE_BYTES", 40_000)
    packed, judge = HuggingFaceModel(llama(), [0], context=8), RowsModel(llama(), [0], context=8)
    trunk = chain(100, np.random.default_rng(0))
    for head in trunk:
        rows_of(packed, [head])
        assert packed.bytes <= 4 * 40_000
    assert len(packed._forest.lanes) == 3, "two that were left, and the one in use"
    assert largest_difference(packed, judge, trunk) < EXACT


def test_texts_that_are_gone_are_given_up_when_memory_is_short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(huggingface, "IDLE_BYTES", 100_000)
    model = llama()
    packed, judge = HuggingFaceModel(model, [0]), RowsModel(model, [0])
    rng = np.random.default_rng(0)
    kept = chain(20, rng)
    rows_of(packed, kept)
    for _ in range(20):
        rows_of(packed, chain(20, rng)[-1:])
    assert len(packed._forest.lanes) == 6 + 2, "six rows of 16 KiB, the one held, and the last one"
    tokens = packed.effort.tokens
    assert largest_difference(packed, judge, [Head(kept[-1], 1)]) < EXACT
    assert packed.effort.tokens == tokens + 1, "a text that somebody holds is not given up for those that are gone"


def test_few_texts_that_are_gone_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(huggingface, "IDLE_LANES", 3)
    packed = HuggingFaceModel(llama(), [0])
    rng = np.random.default_rng(0)
    texts = rng.integers(VOCABULARY, size=(9, 20)).tolist()
    for text in texts:
        rows_of(packed, chain_of(text)[-1:])
    assert len(packed._forest.lanes) == 3 + 1
    tokens = packed.effort.tokens
    rows_of(packed, chain_of(texts[-3])[-1:])
    assert packed.effort.tokens == tokens + 1
    rows_of(packed, chain_of(texts[2])[-1:])
    assert packed.effort.tokens == tokens + 1 + 21


def test_memory_is_looked_after_also_where_nothing_begins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(huggingface, "IDLE_BYTES", 0)
    packed = HuggingFaceModel(llama(), [0])
    rng = np.random.default_rng(0)
    one, other = chain(20, rng), chain(20, rng)
    rows_of(packed, [one[-1], other[-1]])
    del one
    for _ in range(huggingface.SELDOM):
        rows_of(packed, other[-1:])
    assert len(packed._forest.lanes) == 1


def test_texts_unused_for_longest_are_computed_again_when_memory_is_short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(huggingface, "HELD_BYTES", 100_000)
    model = llama()
    packed, judge = HuggingFaceModel(model, [0]), RowsModel(model, [0])
    rng = np.random.default_rng(0)
    texts = [chain(20, rng) for _ in range(20)]
    for text in texts:
        rows_of(packed, text[-1:])
    assert len(packed._forest.lanes) == 6 + 1
    assert packed.bytes <= 2 * 100_000
    tokens = packed.effort.tokens
    rows_of(packed, [Head(texts[-2][-1], 1)])
    assert packed.effort.tokens == tokens + 1
    rows_of(packed, [Head(texts[0][-1], 1)])
    assert packed.effort.tokens == tokens + 1 + 1 + 21
    assert largest_difference(packed, judge, [text[pick] for text in texts for pick in (3, -1)]) < EXACT


@pytest.mark.parametrize("masked", [False, True])
def test_an_engine_apart_neither_changes_nor_sees_the_other(masked: bool) -> None:
    packed = HuggingFaceModel(llama(), [0], masked=masked)
    rng = np.random.default_rng(0)
    trunk = chain(60, rng)
    sides = [Head(head, 3) for head in trunk[::4]]
    rows_of(packed, trunk)
    slots, tokens = packed.slots, packed.effort.tokens
    answers = []
    for _ in range(3):
        apart = packed.apart()
        answers.append([*rows_of(apart, trunk[40:]), *rows_of(apart, sides), *rows_of(apart, trunk[-2:])])
        assert apart.slots == 61 + len(sides) + 2
    assert packed.slots == slots
    assert packed.effort.tokens == tokens + 3 * (61 + len(sides) + 2), "its effort counts here"
    for again in answers[1:]:
        np.testing.assert_array_equal(np.array(again), np.array(answers[0]))
    rows_of(packed, [Head(trunk[-1], 1)])
    assert packed.effort.tokens == tokens + 3 * (61 + len(sides) + 2) + 1
