"""Which engine each architecture gets, and that it says what full passes say."""

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from transformers import PreTrainedModel

from bytelm.engines.attention import TreePass
from bytelm.engines.branches import BranchesModel
from bytelm.engines.huggingface import HuggingFaceModel
from bytelm.engines.rows import RowsModel
from bytelm.engines.selfcheck import Engine, token_model
from bytelm.heads import Head
from engines import tiny_networks as tiny
from engines.schedules import random_schedule
from engines.tiny_networks import VOCABULARY, chain, largest_difference, network

WINDOW = 5

MAKERS: dict[str, tuple[Callable[[], PreTrainedModel], str]] = {
    "Llama": (tiny.llama, "lanes"),
    "GPT-2": (tiny.gpt2, "lanes"),
    "GPT-NeoX": (tiny.gpt_neox, "lanes"),
    "Qwen 2": (tiny.qwen2, "lanes"),
    "Qwen 3": (tiny.qwen3, "lanes"),
    "Mistral": (lambda: tiny.mistral(WINDOW), "lanes"),
    "Gemma 2": (lambda: tiny.gemma2(WINDOW), "lanes"),
    "Gemma 3": (lambda: tiny.gemma3(WINDOW), "lanes"),
    "Phi-3": (tiny.phi3, "lanes"),
    "OLMo 2": (tiny.olmo2, "lanes"),
    "StarCoder 2": (tiny.starcoder2, "lanes"),
    "Mixtral": (tiny.mixtral, "lanes"),
    "Qwen 2 MoE": (tiny.qwen2_moe, "lanes"),
    "GPT-J": (tiny.gptj, "masks"),
    "Falcon": (tiny.falcon, "masks"),
    "Bloom": (tiny.bloom, "branches (16, 512)"),
    "GPT-Neo": (lambda: tiny.gpt_neo(WINDOW), "branches (16, 512)"),
    "Mamba": (tiny.mamba, "branches (16, 1)"),
    "RWKV": (tiny.rwkv, "branches (1, 512)"),
    "Jamba": (tiny.jamba, "branches (16, 1)"),
}


def kind(engine: Engine) -> str:
    if isinstance(engine, HuggingFaceModel):
        return "masks" if engine._masked else "lanes"
    return f"branches {(engine._rows, engine._further)}" if isinstance(engine, BranchesModel) else "rows"


@pytest.mark.parametrize("name", MAKERS)
def test_every_architecture_has_an_engine_that_is_right(name: str) -> None:
    make, expected = MAKERS[name]
    model = make()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        chosen = token_model(model, [0, 5])
    assert kind(chosen) == expected
    complaints = [str(warning.message) for warning in caught if "packed tree" in str(warning.message)]
    assert len(complaints) == expected.startswith("branches")
    judge = RowsModel(model, [0, 5])
    assert random_schedule(chosen, judge, np.random.default_rng(0), rounds=4) < 1e-4
    trunk = chain(4 * WINDOW, np.random.default_rng(1))
    assert largest_difference(chosen, judge, [*trunk, *(Head(parent, 3) for parent in trunk)]) < 1e-4


def test_softcapped_attention_is_the_networks_own(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[Any] = []
    usual = TreePass._single

    def counting(self: TreePass, *arguments: Any) -> Any:
        assert self.attention is not None
        calls.append(arguments[-1])
        return usual(self, *arguments)

    monkeypatch.setattr(TreePass, "_single", counting)
    model = tiny.gemma2(WINDOW)
    model.config.attn_logit_softcapping = 0.5
    for layer in model.model.layers:
        layer.self_attn.attn_logit_softcapping = 0.5
    uncapped, judge = RowsModel(tiny.gemma2(WINDOW), [0]), RowsModel(model, [0])
    chosen = token_model(model, [0])
    heads = [*chain(12, np.random.default_rng(0)), *chain(3, np.random.default_rng(1))]
    assert largest_difference(chosen, judge, heads) < 1e-4
    assert largest_difference(uncapped, judge, heads) > 0.01, "the cap matters"
    assert {own.keywords["softcap"] for own in calls} == {0.5}


@pytest.mark.parametrize("make", [tiny.mixtral, tiny.qwen2_moe])
def test_experts_do_not_depend_on_neighbours_in_the_pass(make: Callable[[], PreTrainedModel]) -> None:
    model = make()
    rng = np.random.default_rng(0)
    head = chain(20, rng)[-1]
    alone = next(HuggingFaceModel(model, [0]).evaluate([head]))
    crowd = [chain(20, rng)[-1] for _ in range(20)]
    together = list(HuggingFaceModel(model, [0]).evaluate([*crowd, head]))[-1]
    np.testing.assert_allclose(together, alone, atol=1e-5)


@pytest.mark.parametrize("attention", ["eager", "sdpa"])
@pytest.mark.parametrize("make", [tiny.llama, tiny.gpt2])
def test_either_attention_of_the_library_gives_the_same(make: Callable[[], PreTrainedModel], attention: str) -> None:
    model = network(make().config)
    model.set_attn_implementation(attention)
    chosen = token_model(model, [0])
    assert kind(chosen) == "lanes"
    assert random_schedule(chosen, RowsModel(model, [0]), np.random.default_rng(0), rounds=3) < 1e-4
    assert model.config._attn_implementation == attention
    assert chosen.vocabulary_size == VOCABULARY
