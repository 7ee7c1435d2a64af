import time
import warnings
from collections.abc import Callable

import numpy as np
import pytest
import torch
from transformers import PreTrainedModel

from bytelm.engines.huggingface import HuggingFaceModel
from bytelm.engines.masks import AttentionWindows
from bytelm.engines.rows import RowsModel
from bytelm.engines.selfcheck import prove, token_model
from bytelm.engines.slots import BoolArray, Slots
from bytelm.engines.table import random_table
from bytelm.heads import Head
from engines.tiny_networks import bloom, chain, gemma2, gpt2, gpt_neox, largest_difference, llama, mistral, qwen2

HALF = torch.bfloat16


@pytest.mark.parametrize("make", [llama, gpt2, qwen2, gpt_neox])
def test_architectures_that_suit_a_tree_get_one(make: Callable[[], PreTrainedModel]) -> None:
    model = make()
    assert prove(HuggingFaceModel(model, [0]), RowsModel(model, [0]), np.random.default_rng(1)) < 1e-4
    chosen = token_model(model, [0])
    assert isinstance(chosen, HuggingFaceModel)
    assert chosen.effort.passes == 0
    assert chosen.slots == 0


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
    with pytest.warns(UserWarning, match=r"MistralForCausalLM does not suit a packed tree: it is off by .* nats"):
        chosen = token_model(model, [0])
    assert isinstance(chosen, RowsModel)


def mask_without_windows(
    self: AttentionWindows, visible: BoolArray, positions: object, dtype: torch.dtype, device: torch.device
) -> torch.Tensor:
    assert self.shortest is not None
    return torch.where(torch.from_numpy(visible), 0.0, torch.finfo(dtype).min)[None, None].to(device)


def test_architectures_that_refuse_a_tree_run_as_rows() -> None:
    model = bloom()
    with pytest.warns(UserWarning, match="BloomForCausalLM does not suit a packed tree: it refuses one"):
        chosen = token_model(model, [0], context=8)
    assert isinstance(chosen, RowsModel)
    heads = chain(12, np.random.default_rng(0))
    for head, answer in zip(heads, chosen.evaluate(heads), strict=True):
        with torch.inference_mode():
            logits = model(torch.tensor([chosen.windows.input_of(head)])).logits[0, -1]
        np.testing.assert_allclose(answer, torch.log_softmax(logits.double(), 0), atol=1e-4)


@pytest.mark.parametrize("dtype", [torch.float32, HALF])
def test_a_tree_whose_siblings_see_each_other_is_found(dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch) -> None:
    def all_before(self: Slots, first: int) -> BoolArray:
        return np.tri(self.count, dtype=bool)[first:]

    monkeypatch.setattr(Slots, "visible", all_before)
    with pytest.warns(UserWarning, match="slow, but right"):
        assert isinstance(token_model(llama().to(dtype), [0]), RowsModel)


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
    assert prove(one, one, np.random.default_rng(0)) == 0
    assert prove(one, other, np.random.default_rng(0)) > 0.1


def test_users_errors_are_not_taken_for_the_architectures() -> None:
    with pytest.raises(ValueError, match="a begin token is needed"):
        token_model(llama(), [])
    with pytest.raises(ValueError, match="leaves no room"):
        token_model(llama(), [0], context=1)


def test_the_proof_is_cheap() -> None:
    model = llama()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        times = []
        for _ in range(3):
            start = time.perf_counter()
            token_model(model, [0])
            times.append(time.perf_counter() - start)
    assert min(times) < 1
