"""Branches with caches of their own say what full passes say, whatever they are asked."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from transformers import PreTrainedModel

from bytelm.engines import branches
from bytelm.engines.branches import BranchesModel
from bytelm.engines.network import Network
from bytelm.engines.rows import RowsModel
from bytelm.heads import Head
from engines import tiny_networks as tiny
from engines.schedules import random_schedule
from engines.tiny_networks import VOCABULARY, chain, chain_of, largest_difference, llama, rows_of

EXACT = 1e-4

VARIANTS: dict[str, tuple[Callable[[], PreTrainedModel], int, int]] = {
    "bloom": (tiny.bloom, 16, 512),
    "gpt_neo": (tiny.gpt_neo, 16, 512),
    "mamba": (tiny.mamba, 16, 1),
    "rwkv": (tiny.rwkv, 1, 512),
    "jamba": (tiny.jamba, 16, 1),
    "gemma3": (lambda: tiny.gemma3(5), 16, 512),
    "llama": (llama, 16, 512),
}


@pytest.mark.parametrize("variant", VARIANTS)
def test_random_schedules(variant: str, monkeypatch: pytest.MonkeyPatch) -> None:
    make, rows, further = VARIANTS[variant]
    model = make()
    for seed in range(6):
        rng = np.random.default_rng(seed)
        monkeypatch.setattr(branches, "HEADS", int(rng.choice([2, 8, 512])))
        monkeypatch.setattr(branches, "POSITIONS", int(rng.choice([3, 16, 512])))
        monkeypatch.setattr(branches, "OPENING", int(rng.choice([3, 16, 512])))
        monkeypatch.setattr(branches, "HELD_BYTES", int(rng.choice([0, 50_000, 2**30])))
        context = (128, 13, 8)[seed % 3]
        model_of_branches = BranchesModel(model, [0, 5], context, rows, further)
        assert random_schedule(model_of_branches, RowsModel(model, [0, 5], context), rng, rounds=6) < EXACT
        assert model_of_branches.bytes <= branches.HELD_BYTES


def effort(model: BranchesModel) -> tuple[int, int, int]:
    return model.effort.passes, model.effort.heads, model.effort.tokens


def test_only_missing_tokens_run() -> None:
    model = BranchesModel(llama(), [0, 5])
    trunk = chain(20, np.random.default_rng(0))
    rows_of(model, trunk)
    assert effort(model) == (1, 21, 22)
    rows_of(model, trunk[-1:])
    assert effort(model) == (1, 22, 22), "the last answer is kept"
    rows_of(model, chain(3, np.random.default_rng(1), trunk[-1])[-1:])
    assert effort(model) == (2, 23, 25)
    rows_of(model, [Head(trunk[3], 1)])
    assert effort(model) == (3, 24, 25 + 2 + 4), "no cache ends there, so it runs from the beginning"


def test_siblings_are_rows_of_one_pass() -> None:
    model = BranchesModel(llama(), [0])
    trunk = chain(10, np.random.default_rng(0))
    rows_of(model, trunk[-1:])
    rows_of(model, [Head(trunk[-1], token) for token in range(20)])
    assert effort(model) == (1 + 2, 21, 11 + 20)
    rows_of(model, [chain_of([token] * 5)[-1] for token in range(4)])
    assert effort(model) == (4, 25, 31 + 24)


def test_networks_that_are_wrong_about_several_rows_get_one() -> None:
    model = BranchesModel(llama(), [0], rows=1)
    trunk = chain(10, np.random.default_rng(0))
    rows_of(model, [Head(trunk[-1], token) for token in range(3)])
    assert effort(model) == (1 + 3, 3, 11 + 3)


def test_networks_that_are_wrong_about_several_tokens_get_one() -> None:
    model = BranchesModel(llama(), [0], further=1)
    trunk = chain(10, np.random.default_rng(0))
    rows_of(model, trunk)
    assert effort(model) == (1, 11, 11)
    rows_of(model, chain(3, np.random.default_rng(1), trunk[-1])[-1:])
    assert effort(model) == (1 + 3, 12, 14)


def test_caches_go_with_their_heads() -> None:
    model = BranchesModel(llama(), [0])
    trunk = chain(10, np.random.default_rng(0))
    rows_of(model, trunk[-1:])
    held = model.bytes
    assert held > 0
    sides = [Head(trunk[-1], token) for token in range(5)]
    rows_of(model, sides)
    assert model.bytes > 5 * held
    del sides
    assert model.bytes == held
    del trunk
    assert model.bytes == 0


def test_caches_unused_for_longest_are_dropped_when_memory_is_short(monkeypatch: pytest.MonkeyPatch) -> None:
    model = BranchesModel(llama(), [0])
    rng = np.random.default_rng(0)
    texts = [chain(10, rng)[-1] for _ in range(6)]
    rows_of(model, texts[:1])
    monkeypatch.setattr(branches, "HELD_BYTES", 3 * model.bytes)
    for text in texts:
        rows_of(model, [text])
        rows_of(model, texts[:1])
    tokens = model.effort.tokens
    rows_of(model, [texts[0], texts[-1], texts[-2]])
    assert model.effort.tokens == tokens
    rows_of(model, [texts[1]])
    assert model.effort.tokens == tokens + 11


@pytest.mark.parametrize("interruption", [RuntimeError, KeyboardInterrupt])
def test_an_interrupted_pass_leaves_a_working_engine(
    interruption: type[BaseException], monkeypatch: pytest.MonkeyPatch
) -> None:
    model = tiny.mamba()
    of_branches, judge = BranchesModel(model, [0], further=1), RowsModel(model, [0])
    trunk = chain(20, np.random.default_rng(0))
    rows_of(of_branches, trunk[:10])
    with monkeypatch.context() as patch:

        def stop(*_: Any, **__: Any) -> None:
            raise interruption

        patch.setattr(model.backbone.layers[1].mixer, "forward", stop)
        with pytest.raises(interruption):
            rows_of(of_branches, trunk[5:])
    assert largest_difference(of_branches, judge, [*trunk[3:], Head(trunk[4], 1)]) < EXACT


def test_an_engine_apart_neither_changes_nor_sees_the_other() -> None:
    model = BranchesModel(tiny.rwkv(), [0], rows=1)
    trunk = chain(30, np.random.default_rng(0))
    rows_of(model, trunk)
    held, tokens = model.bytes, model.effort.tokens
    answers = [rows_of(model.apart(), [*trunk[10:], Head(trunk[20], 1)]) for _ in range(2)]
    np.testing.assert_array_equal(np.array(answers[0]), np.array(answers[1]))
    assert model.bytes == held
    assert model.effort.tokens == tokens + 2 * 32


def test_few_logits_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bytelm.engines.network.LOGITS_BYTES", 4 * VOCABULARY * 3)
    model = llama()
    of_branches = BranchesModel(model, [0])
    shapes = []
    usual = Network.continued

    def watched(self: Network, *arguments: Any) -> Any:
        logits, state = usual(self, *arguments)
        shapes.append(logits.shape[0] * logits.shape[1])
        return logits, state

    monkeypatch.setattr(Network, "continued", watched)
    trunk = chain(10, np.random.default_rng(0))
    heads = [*trunk, *(Head(trunk[4], token) for token in range(7))]
    assert largest_difference(of_branches, RowsModel(model, [0]), heads) < EXACT
    assert max(shapes) <= 3


def test_users_errors() -> None:
    model = llama()
    with pytest.raises(ValueError, match="a begin token is needed"):
        BranchesModel(model, [])
    with pytest.raises(ValueError, match="token id 37 is outside the model's vocabulary of 37"):
        BranchesModel(model, [37])
    working = BranchesModel(model, [0])
    with pytest.raises(ValueError, match="token id -1 is outside"):
        rows_of(working, [Head(Head(), -1)])
    assert len(rows_of(working, [Head(Head(), 1)])) == 1


def test_a_network_that_remembers_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bytelm.engines.network.REMEMBERED", ())
    with pytest.raises(ValueError, match="LlamaForCausalLM takes nothing to go on from"):
        rows_of(BranchesModel(llama(), [0]), [Head()])
