"""Attention over lanes against a masked softmax in float64."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from bytelm.engines import attention
from bytelm.engines.attention import TreePass, running, tree_attention
from bytelm.engines.keyvalues import KeyValues, Row
from bytelm.engines.masks import AttentionWindows, additive
from bytelm.engines.sights import Group, Sight
from bytelm.engines.slots import NOTHING, BoolArray, Slots

QUERIES, KEYS, SIZE, VALUE_SIZE = 4, 2, 8, 6
MODULE: Any = SimpleNamespace(layer_idx=0)


class Trial:
    """A few lanes, the keys and values they have, and those that one pass adds."""

    def __init__(self, sizes: list[tuple[int, int]], seed: int = 0, chains: bool = False) -> None:
        """``sizes``: how many slots each lane has, and how many it gets."""
        self.rng = np.random.default_rng(seed)
        self.store = KeyValues()
        self.rows: list[Row] = []
        self.sights: list[Sight] = []
        self.history: list[tuple[torch.Tensor, torch.Tensor]] = []
        at = 0
        for old, new in sizes:
            row, slots = self.store.row(old + new), self._slots(old + new, chains)
            visible = slots.visible(old)
            self.rows.append(row)
            self.sights.append(Sight(row.number, at, old, visible, slots.positions, chain=chains and not old))
            at += new
        self.queries = self._normal(1, QUERIES, at, SIZE)
        self.keys, self.values = self._normal(1, KEYS, at, SIZE), self._normal(1, KEYS, at, VALUE_SIZE)
        for (old, _), row in zip(sizes, self.rows, strict=True):
            self.history.append((self._normal(KEYS, old, SIZE), self._normal(KEYS, old, VALUE_SIZE)))
            keys, values = row.pool.layer(0, self.keys, self.values)
            keys[row.number], values[row.number] = 1e3, 1e3
            keys[row.number, :, :old], values[row.number, :, :old] = self.history[-1]

    def answer(self, window: int | None = None, own: Callable[..., Any] | None = None) -> torch.Tensor:
        groups: dict[int, Group] = {}
        for row, sight in zip(self.rows, self.sights, strict=True):
            groups.setdefault(row.pool.capacity, Group(row.pool)).sights.append(sight)
        step = TreePass(list(groups.values()), own, AttentionWindows({"all": window}, keyed=False))
        with torch.inference_mode(), running(step):
            step.update(self.keys, self.values, 0)
            made, weights = tree_attention(
                MODULE, self.queries, self.keys, self.values, None, scaling=0.5, sliding_window=window
            )
        assert weights is None
        return made

    def right(self, window: int | None = None) -> torch.Tensor:
        rows = []
        for sight, (old_keys, old_values) in zip(self.sights, self.history, strict=True):
            own = slice(sight.at, sight.at + sight.size)
            keys = torch.cat([old_keys, self.keys[0, :, own]], 1).double()
            values = torch.cat([old_values, self.values[0, :, own]], 1).double()
            for head in range(QUERIES):
                shared = head // (QUERIES // KEYS)
                scores = self.queries[0, head, own].double() @ keys[shared].T * 0.5
                scores[~torch.from_numpy(self.seen(sight, window))] = -torch.inf
                rows.append(scores.softmax(1) @ values[shared])
        stacked = [torch.stack(rows[first : first + QUERIES], 1) for first in range(0, len(rows), QUERIES)]
        return torch.cat(stacked)[None]

    @staticmethod
    def seen(sight: Sight, window: int | None) -> BoolArray:
        seen = sight.visible.copy()
        for query in range(sight.size):
            for key in np.flatnonzero(seen[query]):
                back = sight.positions[sight.first + query] - sight.positions[key]
                seen[query, key] = window is None or back < window
        return seen

    def _slots(self, count: int, chain: bool) -> Slots:
        slots = Slots()
        for slot in range(count):
            parent = slot - 1 if chain or self.rng.random() < 0.7 else int(self.rng.integers(NOTHING, slot))
            position = 0 if parent == NOTHING else int(slots.positions[parent]) + 1
            slots.add(np.array([parent]), np.array([position]), np.array([0]))
        return slots

    def _normal(self, *shape: int) -> torch.Tensor:
        return torch.from_numpy(self.rng.normal(size=shape)).float()


def close(one: torch.Tensor, other: torch.Tensor) -> bool:
    return one.shape == other.shape and bool((one.double() - other).abs().max() < 1e-5)


@pytest.mark.parametrize("window", [None, 1, 3, 100])
@pytest.mark.parametrize(
    "sizes",
    [
        [(0, 1)],
        [(0, 9)],
        [(20, 1)],
        [(20, 5)],
        [(20, 5), (3, 1)],
        [(20, 5), (3, 1), (0, 7), (30, 30)],
        [(20, 5), (100, 2), (3, 1), (300, 4), (90, 9)],
    ],
)
@pytest.mark.parametrize("chains", [False, True])
def test_every_position_attends_to_what_it_sees(sizes: list[tuple[int, int]], window: int | None, chains: bool) -> None:
    trial = Trial(sizes, chains=chains)
    assert close(trial.answer(window), trial.right(window))


def test_lanes_of_one_length_share_a_call(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    usual = attention.scaled_dot_product_attention

    def counting(query: torch.Tensor, *arguments: Any, **options: Any) -> torch.Tensor:
        calls.append(query.shape[0])
        return usual(query, *arguments, **options)

    monkeypatch.setattr(attention, "scaled_dot_product_attention", counting)
    trial = Trial([(20, 5), (3, 1), (40, 2), (70, 1), (80, 3), (9, 9)])
    together = trial.answer()
    assert calls == [4, 2], "four lanes in rows of 64, two in rows of 128"
    assert close(together, trial.right())


def test_lanes_far_apart_do_not_pay_for_those_between(monkeypatch: pytest.MonkeyPatch) -> None:
    trial = Trial([(20, 5)] * 8)
    trial.rows, trial.sights = trial.rows[::7], trial.sights[::7]
    monkeypatch.setattr(TreePass, "_stacked", None)
    made = trial.answer()
    trial.history = trial.history[::7]
    shown = torch.cat([made[:, sight.at : sight.at + sight.size] for sight in trial.sights], 1)
    assert close(shown, trial.right())


def test_a_chain_that_begins_needs_no_mask(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(TreePass, "_mask", None)
    trial = Trial([(0, 9)], chains=True)
    assert close(trial.answer(), trial.right())
    assert close(trial.answer(9), trial.right(9))


@pytest.mark.parametrize("window", [None, 3])
def test_the_networks_own_attention_is_given_keys_values_and_a_mask(window: int | None) -> None:
    asked = []

    def own(module: Any, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, mask: Any, **options: Any) -> Any:
        asked.append(options)
        assert module is MODULE
        scores = query @ key.repeat_interleave(QUERIES // KEYS, 1).transpose(2, 3) * options["scaling"]
        weights = (scores if mask is None else scores + mask).softmax(-1)
        return (weights @ value.repeat_interleave(QUERIES // KEYS, 1)).transpose(1, 2), weights

    trial = Trial([(20, 5), (3, 1), (300, 4)])
    assert close(trial.answer(window, own), trial.right(window))
    assert asked == [{"scaling": 0.5, "sliding_window": window}] * 3


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_masks_are_added_to_scores(dtype: torch.dtype) -> None:
    seen = torch.tensor([[True, False], [True, True]])
    mask = additive(seen, dtype, torch.device("cpu"))
    lowest = torch.finfo(dtype).min
    assert mask.dtype == dtype
    assert mask.tolist() == [[[[0, lowest], [0, 0]]]]
    assert additive(seen[None].repeat(3, 1, 1), dtype, torch.device("cpu")).shape == (3, 1, 2, 2)


def test_what_a_pass_looks_up_is_kept_for_every_device() -> None:
    """Layers may stand on several."""
    trial = Trial([(20, 5), (3, 1)])
    trial.answer()
    group = Group(trial.rows[0].pool, trial.sights)
    for name in ("cpu", "meta", "cpu"):
        assert {part.device.type for part in group.index(torch.device(name))} == {name}
    assert group.index(torch.device("cpu"))[3].tolist() == list(range(6))
