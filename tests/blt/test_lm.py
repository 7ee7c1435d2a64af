"""The byte model: scores, states and distributions agree with one pass over the whole text, and with one another."""

import math
from functools import cache

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import bytelm
from blt.networks import cut, ids_of_text, network, text, uncertainties, whole
from blt.readers import case
from bytelm.blt import lm as module
from bytelm.blt.config import HashConfig
from bytelm.blt.lm import BltLM
from bytelm.blt.patching.options import Patching
from bytelm.blt.vocabulary import EOS, OFFSET, document
from bytelm.protocol import END, SYMBOLS, FloatArray

CLOSE = 1e-5
"""Nats, a byte."""

TEXTS = st.builds(text, st.integers(0, 90), st.integers(0, 9)) | st.binary(max_size=9)


@cache
def model(mode: str = "entropy") -> BltLM:
    shape = {"entropy": None} if mode == "space" else {}
    return BltLM(cut(network(Patching(mode), **shape), ids_of_text(600)))  # type: ignore[arg-type]


def distributions(lm: BltLM, data: bytes) -> FloatArray:
    """What follows each beginning of a text, by one pass over it and by the definition: float64 ``(len + 1, 257)``."""
    rows = whole(lm.network, document(data)).double().numpy()
    kept = np.concatenate([rows[:, OFFSET : OFFSET + 256], rows[:, EOS : EOS + 1]], axis=1)
    return kept - np.log(np.exp(kept).sum(axis=1, keepdims=True))


@pytest.mark.parametrize("mode", ["entropy", "space", "static"])
@given(TEXTS, TEXTS)
@settings(max_examples=20)
def test_it_is_what_the_network_says(mode: str, before: bytes, after: bytes) -> None:
    lm = model(mode)
    wanted = distributions(lm, before + after)
    wanted_scores = wanted[np.arange(len(before + after)), list(before + after)]
    np.testing.assert_allclose(lm.score(before + after), wanted_scores, atol=CLOSE)
    begun = lm.prefill(before)
    np.testing.assert_allclose(begun.logprobs(), wanted[len(before)], atol=CLOSE)
    state = begun.advance(after)
    np.testing.assert_allclose(state.logprobs(), wanted[-1], atol=CLOSE)
    assert begun.logprob == pytest.approx(wanted_scores[: len(before)].sum(), abs=1e-3)
    assert state.logprob == pytest.approx(wanted_scores.sum(), abs=1e-3)


@given(TEXTS, st.lists(st.integers(1, 40), max_size=6))
@settings(max_examples=20)
def test_any_steps_give_the_same_state(data: bytes, sizes: list[int]) -> None:
    lm = model()
    state, place = lm.prefill(b""), 0
    for size in [*sizes, len(data)]:
        state = state.advance(data[place : place + size])
        place = min(len(data), place + size)
    wanted = lm.prefill(data)
    assert state.text == wanted.text == data
    np.testing.assert_allclose(state.logprobs(), wanted.logprobs(), atol=CLOSE)
    assert state.logprob == pytest.approx(wanted.logprob, abs=1e-3)
    assert wanted.logprob == pytest.approx(math.fsum(lm.score(data)), abs=1e-3)
    assert state.patches == wanted.patches == lm.patches(data)


@given(TEXTS)
@settings(max_examples=20)
def test_distributions(data: bytes) -> None:
    state = model().prefill(data)
    logprobs = state.logprobs()
    assert (logprobs.shape, logprobs.dtype) == ((SYMBOLS,), np.float64)
    assert abs(np.logaddexp.reduce(logprobs)) < 1e-12
    lower, upper = state.bounds()
    np.testing.assert_array_equal(lower, upper)
    assert state.dropped == 0.0
    best = int(np.argmax(logprobs))
    assert state.top(1) == [(END if best == END else bytes([best]), logprobs[best])]


def test_the_end_of_text_is_the_last_symbol() -> None:
    """It is the id EOS of the network; the other special ids have no part in the distribution."""
    made = network(Patching("space"))
    with torch.no_grad():
        made.lm_head.weight[:OFFSET] = 50 * torch.randn(OFFSET, 16)
    lm = BltLM(made)
    data = text(30)
    wanted = distributions(lm, data)
    np.testing.assert_allclose(lm.prefill(data).logprobs(), wanted[-1], atol=1e-3)
    found = np.array([lm.prefill(data[:place]).logprobs()[END] for place in range(31)])
    np.testing.assert_allclose(found, wanted[:, END], atol=1e-3)
    assert len({round(value) for value in found.tolist()}) > 3


@given(st.lists(TEXTS, max_size=5), st.integers(0, 9))
@settings(max_examples=15)
def test_a_batch_is_its_single_states(texts: list[bytes], seed: int) -> None:
    lm = model()
    after = [text(7 * place, seed) for place in range(len(texts))]
    batch = lm.prefill(texts)
    going = batch.advance(after)
    assert (batch.logprobs().shape, len(lm.score(texts))) == ((len(texts), SYMBOLS), len(texts))
    for index, data in enumerate(texts):
        single = lm.prefill(data)
        np.testing.assert_allclose(batch[index].logprobs(), single.logprobs(), atol=CLOSE)
        np.testing.assert_allclose(going[index].logprobs(), single.advance(after[index]).logprobs(), atol=CLOSE)
        np.testing.assert_allclose(lm.score(texts)[index], lm.score(data), atol=CLOSE)


def test_states_are_frozen() -> None:
    lm = model()
    state = lm.prefill(text(80))
    before = state.logprobs(), state.logprob, state.text, state.patches, repr(state)
    state.logprobs()[:] = 0
    others = [state.advance(text(length, length)) for length in (1, 50, 200, 3)]
    others[1].advance(b"x")
    np.testing.assert_array_equal(state.logprobs(), before[0])
    assert (state.logprob, state.text, state.patches, repr(state)) == before[1:]
    again = state.advance(text(200, 200))
    np.testing.assert_allclose(again.logprobs(), others[2].logprobs(), atol=CLOSE)
    with pytest.raises(AttributeError):
        state.logprob = 0.0  # type: ignore[misc]


@pytest.mark.parametrize("way", ["entropy", "longest", "newlines", "tokenizer", "byte", "a patch without an end"])
def test_patches_tile_the_text(way: str) -> None:
    made = case(way)
    lm = BltLM(made.network, made.tokenizer)
    data = text(300)
    found = lm.patches(data)
    assert b"".join(found) == data
    assert all(found)
    assert found == lm.prefill(data).patches == lm.prefill(data[:100]).advance(data[100:]).patches
    assert lm.patches(data[:150])[:-1] == found[: len(lm.patches(data[:150])) - 1]
    if made.network.config.patching.longest is not None:
        assert max(map(len, found)) <= made.network.config.patching.longest


def test_entropies() -> None:
    lm = model()
    data = text(100)
    found = lm.entropies(data)
    assert (found.shape, found.dtype) == ((100,), np.float64)
    np.testing.assert_allclose(found, uncertainties(lm.network, document(data))[:-1], atol=1e-6)
    assert lm.entropies(b"").shape == (0,)
    starts = [0, *np.cumsum(list(map(len, lm.patches(data))))[:-1].tolist()]
    assert starts[1:] == [place for place in range(1, 100) if found[place] > lm.config.patching.threshold]
    with pytest.raises(ValueError, match="this model cuts patches by 'space' and has no entropy model"):
        model("space").entropies(data)


def test_empty_texts() -> None:
    lm = model()
    state = lm.prefill("")
    assert (state.text, state.logprob, state.patches, lm.patches("")) == (b"", 0.0, [], [])
    assert lm.score("").shape == (0,)
    assert lm.score([]) == []
    assert [len(one) for one in lm.score(["", "ab", ""])] == [0, 2, 0]
    assert len(lm.prefill([])) == 0
    assert state.advance(b"") is state


def test_str_stands_for_its_bytes() -> None:
    lm = model()
    np.testing.assert_array_equal(lm.score("é\n"), lm.score("é\n".encode()))
    assert lm.prefill("é").advance("€").text == "é€".encode()
    assert lm.patches("é€") == lm.patches("é€".encode())


def test_special_tokens_are_refused() -> None:
    prompt = bytelm.Prompt(bytelm.Special(3, "<s>"), "text")
    for ask in (model().prefill, model().score, model().generate):
        with pytest.raises(ValueError, match="this model reads bytes alone and has no special token '<s>'"):
            ask(prompt)


@pytest.mark.parametrize("length", [99, 100, 101, 2200])
def test_long_texts_are_read_in_parts(length: int, monkeypatch: pytest.MonkeyPatch) -> None:
    lm = model("space")
    texts = [text(30), text(length, 1), b"", text(length, 2)]
    states, scores = lm.prefill(texts), lm.score(texts)
    monkeypatch.setattr(module, "_WHOLE", 100)
    seen: list[tuple[int, int]] = []
    found = lm.score(texts, progress=lambda done, total: seen.append((done, total)))
    for one, other in zip(found, scores, strict=True):
        np.testing.assert_allclose(one, other, atol=CLOSE)
    assert seen == sorted(seen)
    assert seen[-1] == (30 + 2 * length, 30 + 2 * length)
    parts = lm.prefill(texts)
    np.testing.assert_allclose(parts.logprobs(), states.logprobs(), atol=CLOSE)
    np.testing.assert_allclose(parts.logprob, states.logprob, atol=1e-2)


def test_what_it_shows() -> None:
    state = model().prefill("ab")
    assert repr(state).splitlines()[0] == f"after  ab▏   log P = {state.logprob:.4f} nats"
    assert repr(state).splitlines()[-1] == "  exact"
    assert "ab▏" in state._repr_html_()
    assert len(repr(model().prefill(text(5000))).splitlines()[0]) < 1000


def test_it_puts_the_network_into_evaluation_mode() -> None:
    made = network(Patching("space")).train()
    assert BltLM(made).network is made
    assert not made.training


def test_training_goes_on_behind_a_reader() -> None:
    """What was remembered while nothing is learned is no hindrance to learning."""
    made = network(Patching("space"))
    BltLM(made).score(text(90))
    ids = torch.from_numpy(document(text(40)))[None]
    made(ids, torch.ones(1, 42, dtype=torch.bool)).sum().backward()
    assert made.lm_head.weight.grad is not None


def test_a_network_without_tables_of_n_grams() -> None:
    lm = BltLM(network(Patching("space"), hashes=HashConfig(sizes=())))
    assert lm.prefill(b"a few words").logprob == pytest.approx(lm.score(b"a few words").sum(), abs=1e-4)
    assert lm.prefill(b"a few").advance(b" words").logprob == pytest.approx(lm.score(b"a few words").sum(), abs=1e-4)
