"""Causal models over bytes, loaded: their probabilities are the network's own, restricted to bytes and end tokens."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import (
    ByT5Tokenizer,
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    MambaConfig,
    MambaForCausalLM,
    PerceiverTokenizer,
    PreTrainedModel,
)

import bytelm
from bytelm.covers.model import TokenizedLM
from bytelm.protocol import FloatArray

TEXT = "né\n".encode() + b"\xff\xc3\x00 ok\x80"
"""Not valid UTF-8."""


def llama(size: int) -> PreTrainedModel:
    shape = {"hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 2, "num_attention_heads": 2}
    return LlamaForCausalLM(
        LlamaConfig(vocab_size=size, bos_token_id=None, eos_token_id=None, initializer_range=0.3, **shape)
    )


def gpt2(size: int) -> PreTrainedModel:
    own = {"bos_token_id": None, "eos_token_id": None, "initializer_range": 0.3}
    return GPT2LMHeadModel(GPT2Config(vocab_size=size, n_embd=16, n_layer=1, n_head=2, n_positions=64, **own))


def mamba(size: int) -> PreTrainedModel:
    own = {"bos_token_id": None, "eos_token_id": None, "pad_token_id": None, "initializer_range": 0.3}
    return MambaForCausalLM(MambaConfig(vocab_size=size, hidden_size=16, num_hidden_layers=1, state_size=4, **own))


def write(network: PreTrainedModel, directory: Path) -> PreTrainedModel:
    network.eval().save_pretrained(directory)
    return network


def load(path: Path, **options: Any) -> TokenizedLM:
    found = bytelm.load(path, device="cpu", **options)
    assert isinstance(found, TokenizedLM)
    return found


def direct(network: PreTrainedModel, ids: list[int], bytes_from: int, ends: list[int]) -> FloatArray:
    """The log-probabilities of the bytes and, last, of the end, at every place: ``(len(ids), 257)``."""
    with torch.no_grad():
        logits = network(torch.tensor([ids])).logits[0].double()
    of_bytes = logits[:, bytes_from : bytes_from + 256]
    of_ends = logits[:, ends].logsumexp(1, keepdim=True) if ends else torch.full((len(ids), 1), -torch.inf)
    found: FloatArray = torch.cat([of_bytes, of_ends], 1).log_softmax(1).numpy()
    return found


@pytest.mark.parametrize(
    ("network", "judge", "first", "begin", "end"),
    [
        (llama, ByT5Tokenizer(), 3, 1, 1),
        (gpt2, PerceiverTokenizer(), 6, 1, 2),
    ],
)
def test_probabilities_are_the_networks_own(
    network: Any, judge: Any, first: int, begin: int, end: int, tmp_path: Path
) -> None:
    """The network has more ids than the tokenizer."""
    torch.manual_seed(0)
    made = write(network(400), tmp_path)
    judge.save_pretrained(tmp_path)
    model = load(tmp_path)
    rows = direct(made, [begin, *(first + byte for byte in TEXT)], first, [end])
    np.testing.assert_allclose(model.score(TEXT), rows[range(len(TEXT)), list(TEXT)], atol=1e-4)
    state = model.prefill(b"")
    for byte, row in zip(TEXT, rows, strict=False):
        np.testing.assert_allclose(state.logprobs(), row, atol=1e-4)
        state = state.advance(bytes([byte]))
    assert model.generate(b"a", max_bytes=8) == greedy(made, [begin, first + ord("a")], first, end)
    assert len(model.generate(b"a", max_bytes=8, temperature=1.0, seed=1)) <= 8


def greedy(network: PreTrainedModel, ids: list[int], first: int, end: int) -> bytes:
    found = bytearray()
    while len(found) < 8:
        best = int(direct(network, ids, first, [end])[-1].argmax())
        if best == 256:
            break
        found.append(best)
        ids = [*ids, first + best]
    return bytes(found)


def test_special_tokens_in_prompts_are_atoms(tmp_path: Path) -> None:
    made = write(llama(384), tmp_path)
    ByT5Tokenizer().save_pretrained(tmp_path)
    model = load(tmp_path)
    prompt = model.tokenizer.parse("ab<extra_id_3>c")
    ids = [1, 3 + ord("a"), 3 + ord("b"), 262, 3 + ord("c")]
    np.testing.assert_allclose(model.prefill(prompt).logprobs(), direct(made, ids, 3, [1])[-1], atol=1e-4)


def test_canonical_is_valid_utf8_only(tmp_path: Path) -> None:
    write(llama(384), tmp_path)
    ByT5Tokenizer().save_pretrained(tmp_path)
    every, canonical = load(tmp_path), load(tmp_path, segmentation="canonical")
    assert (every.score(TEXT) > -np.inf).all()
    assert every.tolerance == 1e-4
    assert canonical.score(b"a\xff")[1] == -np.inf
    assert canonical.tolerance == 1e-6


@pytest.mark.filterwarnings("ignore:MambaForCausalLM does not suit a packed tree")
def test_ids_that_are_byte_values(tmp_path: Path) -> None:
    """As MambaByte's: no tokenizer, and no end."""
    made = write(mamba(256), tmp_path)
    with pytest.raises(ValueError, match=r"give begin=\[ids\].* name a bos_token_id in config\.json"):
        load(tmp_path)
    rows = direct(made, [7, *TEXT], 0, [])
    model = load(tmp_path, begin=7)
    np.testing.assert_allclose(model.score(TEXT), rows[range(len(TEXT)), list(TEXT)], atol=1e-4)
    assert len(model.generate(b"a", max_bytes=4)) == 4
    path = tmp_path / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"bos_token_id": 7}))
    np.testing.assert_allclose(load(tmp_path).score(TEXT), model.score(TEXT), atol=1e-6)
