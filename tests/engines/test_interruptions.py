"""Errors and Ctrl-C in the middle of a pass leave a packed tree that still says what is right."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from bytelm.engines import huggingface
from bytelm.engines import lane as lanes
from bytelm.engines.forest import Forest
from bytelm.engines.huggingface import HuggingFaceModel
from bytelm.engines.keyvalues import Row
from bytelm.engines.lane import Lane
from bytelm.engines.rows import RowsModel
from bytelm.heads import Head
from engines.schedules import assert_sound
from engines.tiny_networks import (
    VOCABULARY,
    chain,
    largest_difference,
    llama,
    rows_of,
)

EXACT = 1e-4


@pytest.mark.parametrize("interruption", [RuntimeError, KeyboardInterrupt])
@pytest.mark.parametrize("when", range(4))
def test_an_interrupted_pass_leaves_a_working_engine(
    interruption: type[BaseException], when: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = llama()
    packed, judge = HuggingFaceModel(model, [0]), RowsModel(model, [0])
    rng = np.random.default_rng(0)
    first, second, third, fourth = (chain(40, rng) for _ in range(4))
    branch = chain(30, rng, first[2])
    monkeypatch.setattr(lanes, "TOGETHER", 0)
    rows_of(packed, [first[-1], branch[-1], second[30], fourth[-1]])
    asked = [Head(first[-1], 1), Head(branch[-1], 1), second[-1], third[-1]]
    places: list[tuple[Any, str]] = [
        (model.model.layers[0].self_attn, "forward"),
        (model.model.layers[1].self_attn, "forward"),
        (Row, "fill"),
        (Lane, "add"),
    ]
    with monkeypatch.context() as patch:

        def stop(*_: Any, **__: Any) -> None:
            raise interruption

        patch.setattr(*places[when], stop)
        with pytest.raises(interruption):
            rows_of(packed, asked)
    assert_sound(packed)
    tokens = packed.effort.tokens
    assert largest_difference(packed, judge, [Head(fourth[-1], 1)]) < EXACT
    assert packed.effort.tokens == tokens + 1, "lanes that were not in the pass keep what they have"
    assert largest_difference(packed, judge, [*asked, *first, *second[3:], *branch]) < EXACT
    assert_sound(packed)


@pytest.mark.parametrize(("owner", "name"), [(Row, "keep"), (Lane, "compact"), (Lane, "hold"), (Forest, "hold")])
def test_an_interruption_behind_the_pass_leaves_a_working_engine(
    owner: type, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(huggingface, "COMPACT_ABOVE", 3)
    model = llama()
    packed, judge = HuggingFaceModel(model, [0]), RowsModel(model, [0])
    trunk = chain(20, np.random.default_rng(0))
    rows_of(packed, trunk[:10])
    rows_of(packed, [Head(trunk[8], token) for token in range(3)])
    with monkeypatch.context() as patch:
        patch.setattr(owner, name, interrupted(getattr(owner, name), before=name in ("keep", "compact")))
        with pytest.raises(KeyboardInterrupt):
            rows_of(packed, trunk[8:])
    assert_sound(packed)
    assert largest_difference(packed, judge, [*trunk, Head(trunk[4], 1)]) < EXACT
    assert_sound(packed)


def interrupted(usual: Callable[..., Any], before: bool) -> Callable[..., Any]:
    """The function with Ctrl-C before it, or behind it."""

    def wrapper(*arguments: Any) -> None:
        if not before:
            usual(*arguments)
        raise KeyboardInterrupt

    return wrapper


def test_a_wrong_token_id_costs_nothing() -> None:
    packed = HuggingFaceModel(llama(), [0])
    trunk = chain(20, np.random.default_rng(0))
    rows_of(packed, trunk)
    with pytest.raises(ValueError, match="token id 37 is outside the model's vocabulary of 37"):
        rows_of(packed, [Head(trunk[-1], 1), Head(Head(), VOCABULARY)])
    assert_sound(packed)
    tokens = packed.effort.tokens
    rows_of(packed, [Head(trunk[-1], 1)])
    assert packed.effort.tokens == tokens + 1
