"""Which parameters are trained, and weights without adapters."""

import sys

import pytest
import torch
from torch import Tensor, nn
from transformers import LlamaConfig, LlamaForCausalLM

from bytelm.training.distillation.adapting import How, LoraConfig, adapted, merged

IDS = torch.arange(12).reshape(2, 6)
EMBEDDINGS = ["model.embed_tokens.weight", "lm_head.weight"]
LAYERS = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")


def network(tied: bool = False, dtype: torch.dtype = torch.float32) -> LlamaForCausalLM:
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=20,
        hidden_size=16,
        intermediate_size=24,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=1,
        tie_word_embeddings=tied,
    )
    made = LlamaForCausalLM(config)
    made.model.expand_embed_tokens = nn.Embedding(9, 16)
    return made.to(dtype)


def logits_of(made: nn.Module) -> Tensor:
    with torch.no_grad():
        logits: Tensor = made(IDS).logits
        return logits


def trained(made: nn.Module) -> list[str]:
    return [name for name, parameter in made.named_parameters() if parameter.requires_grad]


@pytest.mark.parametrize("suffix_table", [False, True])
def test_all_are_trained_but_the_suffix_table(suffix_table: bool) -> None:
    made = network()
    found = adapted(made, "full", suffix_table=suffix_table)
    names = [name for name, _ in made.named_parameters() if suffix_table or "expand" not in name]
    assert [name for name, _ in found] == trained(made) == names
    assert all(parameter is made.get_parameter(name) for name, parameter in found)


@pytest.mark.parametrize("tied", [False, True])
def test_only_embeddings_are_trained(tied: bool) -> None:
    made = network(tied)
    assert [name for name, _ in adapted(made, "embeddings")] == trained(made) == EMBEDDINGS[: 1 if tied else 2]


def test_adapters_are_trained() -> None:
    pytest.importorskip("peft")
    made, drawn = network(), torch.get_rng_state()
    before = logits_of(made)
    names = [name for name, _ in adapted(made, "lora", LoraConfig(rank=3, alpha=6))]
    assert names == trained(made)
    assert {name.split(".")[4] for name in names if "lora" in name} == set(LAYERS)
    assert [name for name in names if "lora" not in name] == EMBEDDINGS
    assert len(names) == 2 + 2 * 2 * len(LAYERS)
    assert torch.equal(logits_of(made), before)
    assert torch.equal(torch.get_rng_state(), drawn)


def test_adapters_of_some_layers_and_nothing_else() -> None:
    pytest.importorskip("peft")
    made = network()
    adapted(made, "lora", LoraConfig(rank=3, targets=("q_proj", "v_proj"), embeddings=False))
    assert all(".q_proj.lora_" in name or ".v_proj.lora_" in name for name in trained(made))
    assert len(trained(made)) == 8


def test_adapters_follow_from_the_generator_alone() -> None:
    pytest.importorskip("peft")

    def drawn(noise: int, generator: torch.Generator | None) -> list[Tensor]:
        made = network()
        torch.manual_seed(noise)
        parameters = adapted(made, "lora", LoraConfig(rank=3, embeddings=False), generator=generator)
        return [parameter for name, parameter in parameters if "lora_A" in name]

    first, same = drawn(1, None), drawn(2, torch.Generator().manual_seed(0))
    other = drawn(1, torch.Generator().manual_seed(1))
    assert all(torch.equal(a, b) for a, b in zip(first, same, strict=True))
    assert not any(torch.equal(a, b) for a, b in zip(first, other, strict=True))


@pytest.mark.parametrize("how", ["full", "embeddings", "lora"])
@pytest.mark.parametrize("tied", [False, True])
def test_merged_weights_are_those_of_a_plain_network(how: How, tied: bool) -> None:
    if how == "lora":
        pytest.importorskip("peft")
    made, plain = network(tied), network(tied)
    for _, parameter in adapted(made, how, LoraConfig(rank=3, alpha=6)):
        parameter.data += 0.1 * torch.randn(parameter.shape)
    names = list(made.state_dict())
    found = merged(made)
    assert list(found) == list(plain.state_dict())
    assert list(made.state_dict()) == names, "the network stays as it is"
    assert not torch.allclose(logits_of(made), logits_of(plain))
    plain.load_state_dict(found)
    torch.testing.assert_close(logits_of(made), logits_of(plain), atol=1e-5, rtol=1e-5)
    given = merged(made, {name: tensor.clone() for name, tensor in made.state_dict().items()})
    assert all(torch.equal(found[name], given[name]) for name in found)


def test_merged_weights_keep_their_dtype() -> None:
    pytest.importorskip("peft")
    made = network(dtype=torch.bfloat16)
    adapted(made, "lora", LoraConfig(rank=3))
    assert {tensor.dtype for tensor in merged(made).values()} == {torch.bfloat16}


def test_peft_may_lack(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "peft", None)
    with pytest.raises(ValueError, match=r"needs peft: pip install 'bytelm\[lora\]'"):
        adapted(network(), "lora")
    made = network()
    adapted(made, "full")
    assert list(merged(made)) == list(made.state_dict())


def test_wrong_arguments() -> None:
    with pytest.raises(ValueError, match="how must be one of full, embeddings, lora, got 'some'"):
        adapted(network(), "some")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="rank and alpha of adapters must be above 0, got 0 and 64"):
        LoraConfig(rank=0)


def test_wrong_adapters() -> None:
    pytest.importorskip("peft")
    with pytest.raises(
        ValueError, match="no linear layer is called qkv; adapters can be added to down_proj, gate_proj"
    ):
        adapted(network(), "lora", LoraConfig(targets=("q_proj", "qkv")))
    made = network()
    adapted(made, "lora", LoraConfig(rank=3))
    with pytest.raises(ValueError, match="the network has adapters already"):
        adapted(made, "lora", LoraConfig(rank=3))
