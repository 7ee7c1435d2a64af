"""Random calls of an engine, compared with a judge, and what they made it do."""

from collections import Counter
from typing import Any

import numpy as np
import pytest

from bytelm.engines import forest, huggingface, lane
from bytelm.engines.attention import TreePass
from bytelm.engines.forest import Forest
from bytelm.engines.huggingface import HuggingFaceModel
from bytelm.engines.lane import Lane
from bytelm.engines.passes import Fork, Pass
from bytelm.engines.protocol import TokenModel
from bytelm.heads import Head
from engines.tiny_networks import VOCABULARY, chain_of, largest_difference


def random_schedule(model: TokenModel, judge: TokenModel, rng: np.random.Generator, rounds: int) -> float:
    """The largest difference between the two over rounds of calls, nats.

    Several roots, some of texts that begin alike; heads in random order, some again, some never, many forgotten.
    """
    texts = rng.integers(VOCABULARY, size=(2, 40)).tolist()
    heads, worst = [Head(), Head()], 0.0
    for _ in range(rounds):
        for _ in range(int(rng.integers(1, 25))):
            kind = rng.random()
            if kind < 0.1:
                heads += chain_of(texts[rng.integers(2)][: rng.integers(1, 40)])
            elif kind < 0.25:
                parent = heads[int(rng.integers(len(heads)))]
                heads.append(chain_of(rng.integers(VOCABULARY, size=rng.integers(1, 12)).tolist(), parent)[-1])
            else:
                parent = heads[int(rng.integers(max(0, len(heads) - 12), len(heads)))]
                heads.append(Head(parent, int(rng.integers(VOCABULARY))))
        asked = [heads[pick] for pick in rng.integers(len(heads), size=int(rng.integers(1, 12)))]
        worst = max(worst, largest_difference(model, judge, asked))
        heads = [head for head in heads if rng.random() < 0.5] or [Head()]
    return worst


def small_limits(patch: pytest.MonkeyPatch, rng: np.random.Generator) -> None:
    """Limits so small that everything they bound happens in a few calls."""
    patch.setattr(huggingface, "COMPACT_ABOVE", int(rng.choice([1, 3, 10])))
    patch.setattr(huggingface, "POSITIONS", int(rng.choice([3, 8, 64, 512])))
    patch.setattr(huggingface, "IDLE_BYTES", int(rng.choice([0, 30_000, 2**28])))
    patch.setattr(huggingface, "HELD_BYTES", int(rng.choice([100_000, 2**32])))
    patch.setattr(forest, "SHARED", int(rng.choice([2, 4])))
    patch.setattr(forest, "BESIDE", int(rng.choice([1, 2, 4])))
    patch.setattr(lane, "TOGETHER", 0)


def count_events(patch: pytest.MonkeyPatch) -> Counter[str]:
    """Counts what engines do from now on: forks, shared beginnings, waits, several lanes in a pass, …"""
    seen: Counter[str] = Counter()

    def counted(owner: Any, name: str, event: str, happened: Any) -> None:
        usual = getattr(owner, name)

        def wrapper(*arguments: Any, **options: Any) -> Any:
            result = usual(*arguments, **options)
            seen[event] += bool(happened(arguments, result))
            return result

        patch.setattr(owner, name, wrapper)

    counted(Fork, "__init__", "forks", lambda *_: True)
    counted(Forest, "_like", "shared beginnings", lambda _, result: result[1])
    counted(forest, "_comes", "waits", lambda _, result: result)
    counted(Forest, "plan", "passes of several lanes", lambda _, step: isinstance(step, Pass) and len(step.parts) > 1)
    counted(Lane, "compact", "compactions", lambda arguments, kept: True)
    counted(Lane, "compact", "reorderings", lambda arguments, kept: (np.diff(kept) < 0).any())
    counted(TreePass, "_stacked", "shared calls", lambda *_: True)
    counted(HuggingFaceModel, "_drop", "evictions", lambda *_: True)
    return seen


def assert_sound(model: HuggingFaceModel) -> None:
    """The engine's bookkeeping agrees with itself: every head stands where its own tokens lead."""
    held, begin = model._forest, model.windows.begin
    assert set(model._rows) == set(held.lanes)
    for one in held.lanes:
        occupied = {place.slot for place in one.places}
        assert one.live == len(one.places)
        assert one._occupied == len(occupied)
        assert one.slots.count <= model._rows[one].pool.capacity
        assert all(held._places[one.start].get(place()) is place for place in one.places)
    for start, places in held._places.items():
        for head, place in list(places.items()):
            path = place.lane.slots.path(place.slot)
            assert place.lane in held.lanes
            assert place.lane.slots.tokens[path].tolist() == [*begin, *head.tokens()[start:]]
            assert place.lane.slots.positions[path].tolist() == list(range(len(path)))
