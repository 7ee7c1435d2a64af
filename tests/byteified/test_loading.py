"""Published byteified checkpoints load without code of theirs, and say what their files say."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import AutoModelForCausalLM

import bytelm
from byteified.direct import DirectModel
from byteified.published import WRITERS
from bytelm.byteified.modeling import TPULlamaForCausalLM
from bytelm.byteified.registering import register, register_for
from bytelm.covers.judges import judge
from bytelm.covers.model import TokenizedLM
from bytelm.engines.huggingface import HuggingFaceModel
from bytelm.protocol import END
from covers.comparing import largest_gap, total
from engines.tiny_networks import chain_of

TEXT = b"the username\n\n\nthere "
NATS = 1e-5

both = pytest.mark.parametrize("name", WRITERS)


@pytest.fixture(params=WRITERS)
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    return WRITERS[request.param](tmp_path)


def load(folder: Path, **options: object) -> TokenizedLM:
    return bytelm.load(folder, device="cpu", **options)  # type: ignore[call-overload,no-any-return]


def ids_of(folder: Path, text: str = "the user's username is a model\n\n\nassistant aaaaaé 日本") -> tuple[int, ...]:
    return (256, *bytelm.tokenizer(folder).encode(text))


def test_it_gives_the_logits_of_its_files(folder: Path) -> None:
    before = set(sys.modules)
    ids = ids_of(folder)
    heads = chain_of(list(ids[1:]))
    model = load(folder)
    assert not [name for name in set(sys.modules) - before if name.startswith("transformers_modules")]
    assert isinstance(model._weigher.model, HuggingFaceModel)
    assert not model._weigher.model._masked
    found = np.array(list(model._weigher.model.evaluate(heads)))
    assert largest_gap(found, DirectModel(folder).logprobs(ids)) <= NATS


def test_whole_texts_give_the_logits_of_its_files(folder: Path) -> None:
    register_for(folder)
    network = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    ids = ids_of(folder)
    with torch.inference_mode():
        found = torch.log_softmax(network(torch.tensor([ids])).logits[0].double(), 1).numpy()
    assert largest_gap(found, DirectModel(folder).logprobs(ids)) <= NATS
    assert network.model.expand_embed_tokens.weight.requires_grad


@both
def test_without_suffix_embeddings(name: str, tmp_path: Path) -> None:
    folder = WRITERS[name](tmp_path, expand_input_ids=False)
    model, ids = load(folder), ids_of(folder)
    assert "model.expand_embed_tokens.weight" not in model._weigher.model._network._model.state_dict()  # type: ignore[attr-defined]
    found = np.array(list(model._weigher.model.evaluate(chain_of(list(ids[1:])))))
    assert largest_gap(found, DirectModel(folder).logprobs(ids)) <= NATS


def test_distributions_over_bytes_are_those_of_all_covers(folder: Path) -> None:
    model, direct = load(folder, tolerance=0), DirectModel(folder)
    rule = model.tokenizer.canonical
    for cut in range(len(TEXT) + 1):
        joint = judge(rule, direct.logprobs_of, tuple(direct.config["eos_token_id"]), TEXT[:cut])
        state = model.prefill(TEXT[:cut])
        assert largest_gap(state.logprobs(), joint - total(joint)) <= 2 * NATS
        assert state.logprob == pytest.approx(total(joint), abs=20 * NATS)
        assert total(state.logprobs()) == pytest.approx(0, abs=1e-12)


def test_states_are_frozen(folder: Path) -> None:
    model = load(folder)
    state = model.prefill(b"the us")
    before = state.logprobs().copy()
    for other in (b"e", b"ername\n\n", b"\n" * 30, b"assistant"):
        state.advance(other).logprobs()
    model.prefill(b"the username " * 8).logprobs()
    np.testing.assert_array_equal(state.logprobs(), before)
    assert largest_gap(load(folder).prefill(b"the user").logprobs(), state.advance(b"er").logprobs()) <= NATS


def test_scores_are_those_of_steps(folder: Path) -> None:
    model = load(folder)
    state, stepped = model.prefill(b""), []
    for byte in TEXT:
        stepped.append(state.logprobs()[byte])
        state = state.advance(bytes([byte]))
    np.testing.assert_allclose(model.score(TEXT), stepped, atol=10 * NATS)
    assert state.logprobs()[END] > -np.inf


def test_registering_again_changes_nothing(tmp_path: Path) -> None:
    register()
    register()
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "llama"}))
    register_for(tmp_path)


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"expand_input_ids_maxlen": 2}, r"the key '.*' of \d+ ids, but expand_input_ids_maxlen is 2"),
        ({"expand_input_ids_vocab_size": 5}, "names row 287, but expand_input_ids_vocab_size is 5"),
        ({"expand_input_ids_dict": None}, "has expand_input_ids but no expand_input_ids_dict"),
        ({"expand_input_ids_dict": []}, "expand_input_ids_dict begins with NoneType"),
        ({"expand_input_ids_dict": [{"1;2": 3}]}, "has the key '1;2'; expected ids with commas"),
    ],
)
def test_a_configuration_that_says_too_little_is_refused(
    tmp_path: Path, changes: dict[str, object], complaint: str
) -> None:
    folder = WRITERS["llama"](tmp_path)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | changes))
    with pytest.raises(ValueError, match=complaint):
        load(folder)


def test_rows_are_needed_behind_a_cache(tmp_path: Path) -> None:
    register()
    network = TPULlamaForCausalLM.from_pretrained(WRITERS["llama"](tmp_path), dtype=torch.float32)
    ids = torch.tensor([[256, 97, 98]])
    first = network(ids[:, :2], use_cache=True)
    with pytest.raises(ValueError, match="depend on what was cached: give suffix_rows="):
        network(ids[:, 2:], past_key_values=first.past_key_values)
    with pytest.raises(ValueError, match=r"suffix_rows has the shape \(1, 2\); expected that of input_ids, \(1, 1\)"):
        network(ids[:, 2:], past_key_values=first.past_key_values, suffix_rows=ids[:, :2])


def test_gradients_reach_both_embeddings(folder: Path) -> None:
    """Packed rows, as training has them: positions begin anew, and the rows are given."""
    register_for(folder)
    network = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    ids = torch.tensor([ids_of(folder, "the username"), ids_of(folder, "a model\n\n")[:8] * 2][:1])
    rows = torch.from_numpy(network.suffixes.rows(ids.numpy()))
    packed = network(
        torch.cat([ids, ids], 1),
        position_ids=torch.arange(ids.shape[1]).repeat(2)[None],
        suffix_rows=torch.cat([rows, rows], 1),
        use_cache=False,
    ).logits
    alone = network(ids, use_cache=False).logits
    torch.testing.assert_close(packed, torch.cat([alone, alone], 1), atol=1e-5, rtol=0)
    packed.square().sum().backward()
    for embedding in (network.model.embed_tokens, network.model.expand_embed_tokens):
        assert embedding.weight.grad.abs().sum() > 0
