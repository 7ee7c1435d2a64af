"""Every slot of the packed trees has the suffix row of its own text."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import AutoModelForCausalLM, PreTrainedModel

from byteified.published import WRITERS
from bytelm.byteified.registering import register
from bytelm.engines import network
from bytelm.engines.branches import BranchesModel
from bytelm.engines.huggingface import HuggingFaceModel
from bytelm.engines.rows import RowsModel
from bytelm.engines.selfcheck import token_model
from bytelm.engines.suffixes import SuffixStates
from bytelm.heads import Head
from engines.schedules import assert_sound, count_events, random_schedule, small_limits
from engines.tiny_networks import chain_of, largest_difference, llama

NATS = 1e-4

COMPILES = pytest.mark.skipif(shutil.which("g++") is None, reason="torch compiles for the processor with g++")
TORCHS_OWN = pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")


@pytest.fixture(params=WRITERS)
def model(request: pytest.FixtureRequest, tmp_path: Path) -> PreTrainedModel:
    """A network whose every token has another row behind every other token, the first 37 ones at least."""
    pairs = {f"{right + 1},{left + 1}": 1 + left * 37 + right for left in range(37) for right in range(37)}
    some = {f"{right + 1},{left + 1},6": 1 + 1369 + left * 37 + right for left in range(37) for right in range(37)}
    table = {"expand_input_ids_dict": [pairs | some | {"": -1}, []], "expand_input_ids_vocab_size": 2 * 1369}
    folder = WRITERS[request.param](tmp_path, **table)
    register()
    found: PreTrainedModel = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    return found


def test_packed_trees_are_chosen(model: PreTrainedModel) -> None:
    engine = token_model(model, [256])
    assert isinstance(engine, HuggingFaceModel)
    assert not engine._masked


@pytest.mark.parametrize("masked", [False, True])
def test_random_trees(model: PreTrainedModel, masked: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = count_events(monkeypatch)
    judge = RowsModel(model, [256, 5], context=20)
    for seed in range(6):
        rng = np.random.default_rng(seed)
        with monkeypatch.context() as patch:
            small_limits(patch, rng)
            engine = HuggingFaceModel(model, [256, 5], context=20, masked=masked)
            assert random_schedule(engine, judge, rng, rounds=6) < NATS
        assert_sound(engine)
        assert engine._suffixes is not None
        assert {lane: len(states) for lane, states in engine._suffixes._states.items()} == {
            lane: lane.slots.count for lane in engine._forest.lanes
        }
    assert seen["shared beginnings"]
    assert seen["compactions"]
    assert masked or (seen["forks"] and seen["evictions"] and seen["passes of several lanes"])


@pytest.mark.parametrize("name", ["fork", "extend"])
def test_states_gone_wrong_are_found(model: PreTrainedModel, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    usual = getattr(SuffixStates, name)

    def wrong(self: SuffixStates, given: Any) -> Any:
        said = usual(self, given)
        for states in self._states.values():
            states[-1] = self._suffixes.start
        return said

    monkeypatch.setattr(SuffixStates, name, wrong)
    judge, worst = RowsModel(model, [256, 5]), 0.0
    for seed in range(6):
        rng = np.random.default_rng(seed)
        small_limits(monkeypatch, rng)
        worst = max(worst, random_schedule(HuggingFaceModel(model, [256, 5]), judge, rng, rounds=6))
    assert worst > 0.01


def test_branches_are_refused(model: PreTrainedModel) -> None:
    engine = BranchesModel(model, [256])
    head = chain_of([1, 2, 3])[-1]
    list(engine.evaluate([head]))
    with pytest.raises(ValueError, match="depend on what was cached"):
        list(engine.evaluate([Head(head, 4)]))


def test_an_interruption_leaves_no_trace(model: PreTrainedModel, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = HuggingFaceModel(model, [256])
    heads = chain_of(list(range(20)))
    list(engine.evaluate(heads))
    after = chain_of([5, 3, 4], heads[-1])[1:]
    with monkeypatch.context() as patch:
        patch.setattr(network.Network, "packed", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            list(engine.evaluate(after))
    assert engine._suffixes is not None
    assert not engine._suffixes._states
    assert largest_difference(engine, RowsModel(model, [256]), after) < NATS


@COMPILES
@TORCHS_OWN
def test_a_compiled_network_takes_rows_too(tmp_path: Path) -> None:
    torch._dynamo.reset()
    register()
    folder = WRITERS["llama"](tmp_path, num_hidden_layers=1)
    found = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    engine = token_model(found, [256], compiled=True)
    heads = chain_of(list(b"the there "))
    assert largest_difference(engine, RowsModel(found, [256]), heads + [Head(head, 110) for head in heads]) < NATS


def test_networks_that_take_tokens_alone_keep_no_states() -> None:
    engine = HuggingFaceModel(llama(), [0])
    list(engine.evaluate([Head()]))
    assert engine._suffixes is None
