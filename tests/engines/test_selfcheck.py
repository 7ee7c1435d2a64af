import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from transformers import PreTrainedModel

from bytelm.engines.attention import TreePass
from bytelm.engines.branches import BranchesModel
from bytelm.engines.huggingface import HuggingFaceModel
from bytelm.engines.keyvalues import Row
from bytelm.engines.masks import AttentionWindows
from bytelm.engines.network import Network
from bytelm.engines.proof import Judge, prove
from bytelm.engines.rows import RowsModel
from bytelm.engines.selfcheck import Engine, token_model
from bytelm.engines.sights import Sight
from bytelm.engines.slots import BoolArray, IntArray, Slots
from bytelm.engines.table import random_table
from bytelm.heads import Head
from engines.schedules import count_events
from engines.tiny_networks import bloom, chain, gemma2, gptj, largest_difference, llama, mistral, rows_of, rwkv

HALF = torch.bfloat16


def test_what_is_chosen_has_done_nothing_yet() -> None:
    chosen = token_model(llama(), [0])
    assert isinstance(chosen, HuggingFaceModel)
    assert chosen.effort.passes == 0
    assert chosen.slots == 0


def test_the_proof_makes_a_tree_do_all_that_it_does(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = count_events(monkeypatch)
    token_model(llama(), [0])
    assert seen["forks"] >= 1
    assert seen["passes of several lanes"] >= 1
    assert seen["shared calls"] >= 1


def test_lanes_that_are_forked_wrong_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    usual = Row.fill

    def wrong(self: Row, source: Row, which: slice | IntArray, count: int) -> None:
        usual(self, source, which if isinstance(which, slice) else np.zeros_like(which), count)

    monkeypatch.setattr(Row, "fill", wrong)
    assert_one_lane_a_pass(token_model(llama(), [0]))


def test_lanes_that_share_a_call_wrong_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    usual = TreePass._stacked

    def wrong(self: TreePass, *arguments: Any) -> None:
        usual(self, *arguments)
        arguments[-1].mul_(0.5)

    monkeypatch.setattr(TreePass, "_stacked", wrong)
    assert_one_lane_a_pass(token_model(llama(), [0]))


def assert_one_lane_a_pass(chosen: Engine) -> None:
    assert isinstance(chosen, HuggingFaceModel)
    assert chosen._masked


def test_a_layer_that_asks_for_another_window_than_its_configuration_is_not_trusted() -> None:
    model = mistral(5)
    model.config.sliding_window = 6
    assert model.model.layers[0].self_attn.config is model.config
    trusted = token_model(model, [0])
    assert isinstance(trusted, HuggingFaceModel)
    assert not trusted._masked
    model.config.layer_types = ["full_attention", "full_attention"]
    with pytest.raises(RuntimeError, match="layer 0 asks for an attention window of 6"):
        rows_of(HuggingFaceModel(model, [0]), [Head()])


@pytest.mark.parametrize("make", [mistral, gemma2])
def test_attention_windows_are_exact(make: Callable[[int], PreTrainedModel]) -> None:
    model = make(5)
    chosen = token_model(model, [0])
    assert isinstance(chosen, HuggingFaceModel)
    trunk = chain(25, np.random.default_rng(0))
    heads = [*trunk, *(Head(parent, 3) for parent in trunk)]
    assert largest_difference(chosen, RowsModel(model, [0]), heads) < 1e-4


def test_attention_windows_gone_wrong_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(AttentionWindows, "mask", mask_without_windows)
    model = mistral(10)
    monkeypatch.setattr(Sight, "within", lambda self, window: self.visible)
    with pytest.warns(UserWarning, match=r"MistralForCausalLM does not suit a packed tree: it is off by .* nats"):
        chosen = token_model(model, [0])
    assert isinstance(chosen, BranchesModel)


def mask_without_windows(
    self: AttentionWindows, visible: BoolArray, positions: object, dtype: torch.dtype, device: torch.device
) -> torch.Tensor:
    assert self.shortest is not None
    return torch.where(torch.from_numpy(visible), 0.0, torch.finfo(dtype).min)[None, None].to(device)


def test_architectures_that_take_masks_alone_have_one_lane_a_pass() -> None:
    assert_one_lane_a_pass(token_model(gptj(), [0]))


def test_architectures_that_take_no_tree_branch() -> None:
    model = bloom()
    with pytest.warns(UserWarning, match="BloomForCausalLM does not suit a packed tree: it .* slower, but right"):
        chosen = token_model(model, [0], context=8)
    assert isinstance(chosen, BranchesModel)
    assert chosen.effort.passes == 0
    assert chosen.bytes == 0
    heads = chain(12, np.random.default_rng(0))
    assert_says_what_the_model_says(chosen, model, heads)


def test_architectures_that_refuse_everything_run_as_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise TypeError("no tree and no cache")

    monkeypatch.setattr(Network, "packed", refuse)
    monkeypatch.setattr(Network, "masked", refuse)
    monkeypatch.setattr(Network, "continued", refuse)
    model = bloom()
    with pytest.warns(UserWarning, match=r"it refuses one \(TypeError: no tree and no cache\).* slow, but right"):
        chosen = token_model(model, [0], context=8)
    assert isinstance(chosen, RowsModel)
    assert_says_what_the_model_says(chosen, model, chain(12, np.random.default_rng(0)))


def assert_says_what_the_model_says(
    chosen: BranchesModel | RowsModel, model: PreTrainedModel, heads: list[Head]
) -> None:
    for head, answer in zip(heads, chosen.evaluate(heads), strict=True):
        with torch.inference_mode():
            logits = model(torch.tensor([chosen.windows.input_of(head)])).logits[0, -1]
        np.testing.assert_allclose(answer, torch.log_softmax(logits.double(), 0), atol=1e-4)


def test_attention_in_chunks_is_not_tried_as_a_tree() -> None:
    model = llama()
    model.config.attention_chunk_size = 100
    model.config.layer_types = ["full_attention", "chunked_attention"]
    with pytest.warns(UserWarning, match=r"it attends in chunks\. So"):
        assert not isinstance(token_model(model, [0]), HuggingFaceModel)


@pytest.mark.parametrize("dtype", [torch.float32, HALF])
def test_a_tree_whose_siblings_see_each_other_is_found(dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch) -> None:
    def all_before(self: Slots, first: int) -> BoolArray:
        return np.tri(self.count, dtype=bool)[first:]

    monkeypatch.setattr(Slots, "visible", all_before)
    with pytest.warns(UserWarning, match="slower, but right"):
        assert isinstance(token_model(llama().to(dtype), [0]), BranchesModel)


def test_half_precision_is_proved_on_a_copy_and_kept() -> None:
    model = llama().to(HALF)
    chosen = token_model(model, [0])
    assert isinstance(chosen, HuggingFaceModel)
    assert model.dtype == HALF


def test_large_models_in_half_precision_have_a_coarse_tolerance(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bytelm.engines.selfcheck.COPIED_BELOW", 0)
    assert isinstance(token_model(llama().to(HALF), [0]), HuggingFaceModel)


def test_the_proof_measures_the_largest_difference() -> None:
    one, other = (random_table(5, np.random.default_rng(seed), memory=3) for seed in (0, 1))
    assert prove(one, Judge(one), np.random.default_rng(0)) == 0
    assert prove(one, Judge(other), np.random.default_rng(0)) > 0.1


def test_the_judge_is_asked_once_for_each_sequence() -> None:
    table = random_table(5, np.random.default_rng(0), memory=3)
    judge = Judge(table)
    for _ in range(2):
        assert prove(table.apart(), judge, np.random.default_rng(0)) == 0
    asked = list(judge._known)
    heads = table.effort.heads
    assert list(judge.answers(asked[:3]))
    assert table.effort.heads == heads


def test_users_errors_are_not_taken_for_the_architectures() -> None:
    with pytest.raises(ValueError, match="a begin token is needed"):
        token_model(llama(), [])
    with pytest.raises(ValueError, match="leaves no room"):
        token_model(llama(), [0], context=1)


@pytest.mark.parametrize("make", [llama, rwkv])
def test_the_proof_is_cheap(make: Callable[[], PreTrainedModel]) -> None:
    model = make()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore" if make is rwkv else "error")
        times = []
        for _ in range(3):
            start = time.perf_counter()
            token_model(model, [0])
            times.append(time.perf_counter() - start)
    assert min(times) < 1
