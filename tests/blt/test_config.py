"""Shapes that cannot be, and the ids of a text."""

import re
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blt.networks import TINY
from bytelm.blt.config import StackConfig
from bytelm.blt.patching.options import Patching
from bytelm.blt.vocabulary import BOS, EOS, OFFSET, SIZE, document, ids_of

STACK = StackConfig(layers=1, width=16, heads=2, key_value_heads=1, hidden=24)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"layers": 0}, "layers must be at least 1, got 0"),
        ({"width": -4}, "width must be at least 1, got -4"),
        ({"hidden": 0}, "hidden must be at least 1, got 0"),
        ({"heads": 3}, "3 heads must share a width of 16 in equal, even parts"),
        ({"heads": 16, "key_value_heads": 16}, "16 heads must share a width of 16 in equal, even parts"),
        ({"heads": 4, "key_value_heads": 3}, "3 heads of keys and values do not divide 4 heads"),
        ({"window": 0}, "a window must have at least 1 position, got 0"),
    ],
)
def test_stacks_that_cannot_be(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        replace(STACK, **change)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"decoder": STACK, "encoder": replace(STACK, width=32)}, "both must be of one width; got 32 and 16"),
        ({"size": 259}, "the vocabulary must have at least 260 ids, got 259"),
        ({"keys_per_patch": 0}, "a patch needs at least 1 vector, got keys_per_patch 0"),
        ({"entropy": None}, "patching by 'entropy' needs an entropy model, and the model has none"),
        (
            {"entropy": None, "patching": Patching("both")},
            "patching by 'both' needs an entropy model, and the model has none",
        ),
    ],
)
def test_models_that_cannot_be(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        replace(TINY, **change)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"sizes": (3, 0)}, "n-grams must have at least 1 id, got sizes (3, 0)"),
        ({"rows": 0}, "hashing needs at least 1 row and 1 function, got 0 and 1"),
        ({"functions": 0}, "hashing needs at least 1 row and 1 function, got 101 and 0"),
    ],
)
def test_tables_that_cannot_be(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        replace(TINY.hashes, **change)


def test_without_an_entropy_model() -> None:
    made = replace(TINY, entropy=None, patching=Patching("space"))
    assert made.entropy is None
    assert STACK.head_width == 8


@given(st.binary(max_size=20))
def test_ids(data: bytes) -> None:
    assert ids_of(data).tolist() == [byte + OFFSET for byte in data]
    assert document(data).tolist() == [BOS, *ids_of(data).tolist()]
    assert document(data, ended=True).tolist() == [BOS, *ids_of(data).tolist(), EOS]
    assert (OFFSET, SIZE) == (4, 260)
