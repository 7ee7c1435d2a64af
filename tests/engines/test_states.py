"""Rows of what networks remember are joined and taken apart, whatever it looks like."""

from types import SimpleNamespace
from typing import Any

import pytest
import torch

from bytelm.engines.states import bytes_of, joined, row_of, signature


def state(number: int, length: int = 3) -> Any:
    """A state of one row, of all forms that there are."""
    return SimpleNamespace(
        layers=[{"keys": torch.full((1, 2, length), number), "seen": length}, (torch.full((1,), number), None)],
        scale=torch.tensor(7.0),
        update=len,
        kind="cache",
    )


def test_rows_come_back_as_they_went_in() -> None:
    several = joined([state(number) for number in range(3)])
    assert several.layers[0]["keys"].shape == (3, 2, 3)
    assert several.scale.tolist() == 7
    for number in range(3):
        one = row_of(several, number)
        assert signature(one) == signature(state(number))
        assert torch.equal(one.layers[0]["keys"], state(number).layers[0]["keys"])
        assert torch.equal(one.layers[1][0], state(number).layers[1][0])
        assert (one.update, one.kind, one.layers[0]["seen"]) == (len, "cache", 3)


def test_states_of_other_shapes_or_lengths_are_of_another_kind() -> None:
    other = state(0)
    other.layers[0]["seen"] = 9
    assert signature(state(0)) == signature(state(1))
    assert signature(state(0)) != signature(state(0, 4))
    assert signature(state(0)) != signature(other)
    assert hash(signature(state(0))) == hash(signature(state(1)))


@pytest.mark.parametrize("copied", [lambda one: joined([one]), lambda one: row_of(one, 0)])
def test_copies_share_nothing(copied: Any) -> None:
    one = state(5)
    copy = copied(one)
    copy.layers[0]["keys"].zero_()
    copy.scale.zero_()
    copy.layers.append(None)
    assert (one.layers[0]["keys"] == 5).all()
    assert one.scale == 7
    assert len(one.layers) == 2


def test_memory_is_that_of_all_tensors() -> None:
    assert bytes_of(state(1)) == 6 * 8 + 8 + 4
