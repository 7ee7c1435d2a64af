"""Byteified models compute what the source computes from embeddings that were replaced by hand."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM, PreTrainedModel

import bytelm
from byteified.sources import source
from bytelm.blt.weights.safetensors_writing import write_safetensors
from bytelm.byteified.bodies import BODIES, is_byteified
from bytelm.byteified.converting import byteify
from bytelm.byteified.registering import register

TEXT = "The quick été 中 12345\n\n".encode()
NAMES = [body.model_type for body in BODIES]


def opened(directory: Path) -> PreTrainedModel:
    register()
    return AutoModelForCausalLM.from_pretrained(directory, dtype=torch.float32).eval()


def longest_suffixes(first: Path, data: bytes) -> list[int]:
    """The longest token that ends at each byte, by looking at all of them; of equal ones the last."""
    view = bytelm.tokenizer(first)
    tokens = {view.token_bytes(token): token for token in range(view.size) if view.token_bytes(token)}
    ends = [data[:end] for end in range(1, len(data) + 1)]
    return [tokens[max((word for word in tokens if end.endswith(word)), key=len)] for end in ends]


def byte_rows(first: Path, table: torch.Tensor) -> torch.Tensor:
    view = bytelm.tokenizer(first)
    by_bytes = {view.token_bytes(token): token for token in reversed(range(view.size))}
    return table[[by_bytes[bytes([byte])] for byte in range(256)]]


@pytest.mark.parametrize("suffixes", [False, True])
@pytest.mark.parametrize("body", NAMES)
def test_logits(body: str, suffixes: bool, tmp_path: Path) -> None:
    # A byte-level tokenizer for all: then there is no doubt which token spells a byte.
    first = source(tmp_path, body, "llama")
    summary = byteify(first, tmp_path / "out", suffixes=suffixes)
    network, made = opened(first), opened(tmp_path / "out")
    ids = torch.tensor([list(TEXT)])
    inputs = byte_rows(first, network.model.embed_tokens.weight)[ids]
    if suffixes:
        inputs = inputs + network.model.embed_tokens.weight[longest_suffixes(first, TEXT)]
    if "gemma" in body:
        inputs = inputs * network.config.hidden_size**0.5
    with torch.no_grad():
        states = network.model(inputs_embeds=inputs).last_hidden_state
        expected = states @ byte_rows(first, network.get_output_embeddings().weight).T
        cap = getattr(network.config, "final_logit_softcapping", None)
        expected = expected if cap is None else cap * torch.tanh(expected / cap)
        found = made(ids).logits[..., :256]
    assert torch.allclose(found, expected, rtol=0, atol=1e-5)
    assert summary.vocabulary_after == made.get_output_embeddings().weight.shape[0]
    assert summary.parameters == sum(parameter.numel() for parameter in made.parameters())
    assert summary.lacking == ()
    assert is_byteified(tmp_path / "out")


@pytest.mark.parametrize("body", NAMES)
def test_they_are_byte_models(body: str, tmp_path: Path) -> None:
    byteify(source(tmp_path, body), tmp_path / "out")
    model = bytelm.load(tmp_path / "out", device="cpu")
    assert abs(np.exp(model.prefill(b"a").logprobs()).sum() - 1) <= 1e-9
    assert model.bits_per_byte(TEXT) > 0


def test_the_bundled_model(tmp_path: Path) -> None:
    summary = byteify(bytelm.loading.resolve(None), tmp_path / "out", dtype="float32")
    made = opened(tmp_path / "out")
    table = opened(bytelm.loading.resolve(None)).model.embed_tokens.weight
    assert torch.equal(made.model.embed_tokens.weight[:256], byte_rows(bytelm.loading.resolve(None), table))
    assert torch.equal(made.model.expand_embed_tokens.weight, table)
    assert summary.vocabulary_before == 2048
    assert summary.special_tokens == {"<|endoftext|>": 256}
    assert len(bytelm.load(tmp_path / "out", device="cpu").generate(b"def ", max_bytes=4)) <= 4


def test_special_rows_and_a_tied_output(tmp_path: Path) -> None:
    first = source(tmp_path, "gemma2")
    summary = byteify(first, tmp_path / "out", suffixes=False)
    table, made, view = opened(first).model.embed_tokens.weight, opened(tmp_path / "out"), bytelm.tokenizer(first)
    assert not made.config.tie_word_embeddings
    for content, token in summary.special_tokens.items():
        assert torch.equal(made.model.embed_tokens.weight[token], table[view.special(content).token])
    # Of the two tokens that spell an "a", the tokenizer takes the character; in SentencePiece bytes stand in.
    assert torch.equal(made.lm_head.weight[ord("a")], table[view.token_named("a")])
    assert torch.equal(made.lm_head.weight[0xFE], table[view.token_named("<0xFE>")])


def test_bytes_without_a_token(tmp_path: Path) -> None:
    """The mean of the tokens that begin so; of all where none does."""
    first = source(tmp_path, kind="unigram")
    summary = byteify(first, tmp_path / "out", suffixes=False)
    table, made, view = opened(first).model.embed_tokens.weight, opened(tmp_path / "out"), bytelm.tokenizer(first)
    beginning = [token for token in range(view.size) if view.token_bytes(token)[:1] == b"\xc3"]
    assert {0xC3, 0xFF} <= set(summary.lacking)
    assert ord("a") not in summary.lacking
    assert torch.allclose(made.model.embed_tokens.weight[0xC3], table[beginning].mean(0))
    assert torch.allclose(made.model.embed_tokens.weight[0xFF], table.mean(0), atol=1e-6)


def test_words_of_the_template(tmp_path: Path) -> None:
    first = source(tmp_path)
    byteify(first, tmp_path / "out", tokenizer="tokenkit")
    view, table = bytelm.tokenizer(first), opened(first).model.embed_tokens.weight
    made = opened(tmp_path / "out").model.embed_tokens.weight
    assert torch.allclose(made[263], table[view.encode("user")].mean(0), atol=1e-6)


def test_sharded_weights_and_dtypes(tmp_path: Path) -> None:
    first = source(tmp_path)
    byteify(first, tmp_path / "one", dtype="bfloat16")
    opened(first).save_pretrained(first, max_shard_size="20KB")
    (first / "model.safetensors").unlink()
    byteify(first, tmp_path / "many", dtype="bfloat16")
    one, many = (load_file(tmp_path / name / "model.safetensors") for name in ("one", "many"))
    assert one.keys() == many.keys()
    assert all(torch.equal(one[name], many[name]) and one[name].dtype == torch.bfloat16 for name in one)
    assert json.loads((tmp_path / "one" / "config.json").read_text())["dtype"] == "bfloat16"


def edit(directory: Path, **changes: Any) -> None:
    path = directory / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"model_type": "gpt2"}, "of model_type 'gpt2'; those that become byte models are llama, mistral, qwen2"),
        ({"model_type": "gemma3"}, "reads images too; save the language model in it alone"),
        ({"model_type": "tpu_llama"}, "that is a byte model already"),
        ({"quantization_config": {"bits": 4}}, "quantised model; give one with weights of floating-point numbers"),
        ({"num_hidden_layers": 3}, r"model\.layers\.2\..* is missing in the weights"),
    ],
)
def test_sources_that_cannot_be_used(changes: dict[str, Any], complaint: str, tmp_path: Path) -> None:
    first = source(tmp_path)
    edit(first, **changes)
    with pytest.raises(ValueError, match=complaint):
        byteify(first, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_tensors_of_something_else(tmp_path: Path) -> None:
    first = source(tmp_path)
    tensors = load_file(first / "model.safetensors")
    save_file(tensors | {"score.weight": torch.zeros(2)}, first / "model.safetensors", {"format": "pt"})
    with pytest.raises(ValueError, match=r"score\.weight is \(2,\) in the weights, and unknown in the model"):
        byteify(first, tmp_path / "out")


def test_what_is_not_there_or_in_the_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = source(tmp_path)
    with pytest.raises(FileNotFoundError, match=r"no config\.json in"):
        byteify(tmp_path, tmp_path / "out")
    with pytest.raises(ValueError, match="would be lost when"):
        byteify(first, tmp_path, overwrite=True)
    with pytest.raises(ValueError, match="unknown dtype 'int8'; choose one of float32, bfloat16, float16"):
        byteify(first, tmp_path / "out", dtype="int8")
    with pytest.raises(ValueError, match="the tokenizer of every model of model_type 'qwen2' as Qwen 2's own"):
        byteify(source(tmp_path, "qwen2"), tmp_path / "out", tokenizer="tokenkit", suffixes=False)
    byteify(first, tmp_path / "out")
    with pytest.raises(ValueError, match="is not empty"):
        byteify(first, tmp_path / "out")
    assert "tpu_llama" in (tmp_path / "out" / "config.json").read_text()

    def fail(*_: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr("bytelm.byteified.weights.write_safetensors", fail)
    with pytest.raises(OSError, match="disk full"):
        byteify(first, tmp_path / "out", suffixes=False, overwrite=True)
    assert "tpu_llama" in (tmp_path / "out" / "config.json").read_text()
    monkeypatch.setattr("bytelm.byteified.weights.write_safetensors", write_safetensors)
    byteify(first, tmp_path / "out", suffixes=False, overwrite=True)
    assert "tpu_llama" not in (tmp_path / "out" / "config.json").read_text()
