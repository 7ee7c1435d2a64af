"""Bytes that no text of the tokenizer can contain are accepted: minus infinity there, and life goes on behind them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import bytelm
from bytelm.covers.judges import judge
from bytelm.covers.model import TokenizedLM
from bytelm.engines.table import random_table
from bytelm.protocol import END
from bytelm.utf8 import split_tail
from covers.comparing import NATS, joint_of, largest_gap, total
from covers.random_models import Case, table
from covers.tiny_tokenizers import KINDS, TinyTokenizer, tiny_tokenizer

all_kinds = pytest.mark.parametrize("kind", KINDS)

EMOJI = "👍".encode()
INVALID = [b"\xff", b"\x80", b"\xc0\xaf", b"\xed\xa0\x80", b"\xf5", EMOJI[:2] + b"a", b"\xc3\xc3", EMOJI[1:]]
"""No text contains these: bytes that never occur, overlong forms, surrogates, characters cut on either side."""


def full(kind: str) -> TinyTokenizer:
    return tiny_tokenizer(kind, 0, every_byte=True)


def byte_model(kind: str, segmentation: str = "canonical", tolerance: float = 0.0) -> TokenizedLM:
    """A random model that looks one token back, over a tokenizer with tokens for all bytes."""
    tokenizer = full(kind)
    rule = tokenizer.view.canonical if segmentation == "canonical" else tokenizer.view.every
    model = random_table(tokenizer.view.size, np.random.default_rng(0), memory=1)
    return TokenizedLM(model, rule, tokenizer.ends, tolerance, tokenizer.prefix)


def first_wrong(text: bytes) -> int:
    """Where a text stops being the beginning of valid UTF-8; its length if it never does."""
    return next((i for i in range(len(text)) if split_tail(text[: i + 1]) is None), len(text))


@all_kinds
@pytest.mark.parametrize("wrong", INVALID)
def test_a_wrong_byte_scores_minus_infinity_and_what_follows_does_not(kind: str, wrong: bytes) -> None:
    text = b"ab " + wrong + "ab é".encode()
    model = byte_model(kind)
    scores = model.score(text)
    place = first_wrong(text)
    assert np.isfinite(scores[:place]).all()
    assert scores[place] == -np.inf
    assert np.isfinite(scores[-3:]).all()
    state = model.prefill(text)
    assert state.logprob == -np.inf
    assert abs(np.exp(state.logprobs()).sum() - 1) <= 1e-12


@all_kinds
def test_what_follows_is_conditioned_on_the_bytes_before(kind: str) -> None:
    """The text before them stands as the tokenizer cuts it, they as their byte tokens, and a text begins behind."""
    tokenizer = full(kind)
    logprobs_of = table(tokenizer.view.size, 0, 1.0)
    case = Case(tokenizer.view.canonical, logprobs_of, tokenizer.ends)
    before = (*tokenizer.view.encode("ab"), int(tokenizer.view.vocabulary.order[case.rule.vocabulary.find(b"\xff")[0]]))
    joint = judge(case.rule, lambda tokens: logprobs_of((*before, *tokens)), case.end_tokens, b"ba")
    model = case.model(prefix=tokenizer.prefix)
    state = model.prefill(b"ab\xffba")
    assert largest_gap(state.logprobs(), joint - total(joint)) <= NATS
    assert abs(float(model.score(b"ab\xffba")[3:].sum()) - total(joint)) <= NATS


@all_kinds
@settings(max_examples=40)
@given(text=st.binary(max_size=12) | st.text("ab é👍", max_size=4).map(str.encode), cut=st.integers(0, 12))
def test_stepping_says_what_scoring_says(kind: str, text: bytes, cut: int) -> None:
    """Minus infinity exactly at the same bytes, and the same conditional probabilities between them."""
    model = byte_model(kind)
    scores = model.score(text)
    assert np.isfinite(scores[: first_wrong(text)]).all()
    state, stepped = model.prefill(b""), []
    for i in range(len(text)):
        stepped.append(state.logprobs()[text[i]])
        state = state.advance(text[i : i + 1])
    assert largest_gap(scores, np.array(stepped)) <= 1e-9
    assert (state.logprob == -np.inf) == bool(np.isinf(scores).any())
    chunked = model.prefill(text[:cut]).advance(text[cut:])
    assert largest_gap(chunked.logprobs(), state.logprobs()) <= 1e-9
    assert chunked.logprob == pytest.approx(state.logprob)


@all_kinds
def test_valid_text_is_possible(kind: str) -> None:
    text = "\0\n\x7f é👍日本\U0010ffff".encode()
    model = byte_model(kind)
    assert np.isfinite(model.score(text)).all()
    for cut in range(len(text) + 1):
        state = model.prefill(text[:cut])
        assert np.isfinite(state.logprob)
        whole = split_tail(text[:cut]) == (text[:cut].decode("utf-8", "ignore"), b"")
        assert (state.logprobs()[END] > -np.inf) == whole


@all_kinds
def test_every_segmentation_gives_invalid_bytes_their_probability(kind: str) -> None:
    tokenizer = full(kind)
    case = Case(tokenizer.view.every, table(tokenizer.view.size, 0, 1.0), tokenizer.ends)
    text = tokenizer.prefix + b"a\xff\xc3"
    model = case.model()
    joint = joint_of(case, text)
    assert np.isfinite(joint).all()
    assert largest_gap(model.prefill(text).logprobs(), joint - total(joint)) <= NATS
    assert abs(float(model.score(text).sum()) - total(joint)) <= NATS


@all_kinds
def test_the_empty_prompt(kind: str) -> None:
    model = byte_model(kind)
    state = model.prefill(b"")
    assert abs(state.logprob) <= NATS
    assert abs(np.exp(state.logprobs()).sum() - 1) <= 1e-12
    assert model.score(b"").shape == (0,)


@all_kinds
def test_weights_behind_impossible_bytes_are_conditioned_on_them(kind: str) -> None:
    """There the covers' weights add up to the probability of the bytes since the text began anew."""
    state = byte_model(kind).prefill(b"ab\xffab")
    since = byte_model(kind).score(b"ab\xffab")[3:].sum()
    weights = [cover.logweight for cover in state.covers()]
    assert total(np.array(weights)) == pytest.approx(since)


@pytest.mark.parametrize("name", ["words", "sentencepiece", "bundled"])
def test_a_hundred_kilobytes_of_random_bytes(name: str) -> None:
    data = np.random.default_rng(0).integers(256, size=100_000).astype(np.uint8).tobytes()
    model = bytelm.load(device="cpu") if name == "bundled" else byte_model(name, tolerance=1e-6)
    state = model.prefill(data)
    assert state.logprob == -np.inf
    assert abs(np.exp(state.logprobs()).sum() - 1) <= 1e-12


def test_a_byte_without_a_token_is_named_with_its_place() -> None:
    tokenizer = tiny_tokenizer("plain", 0)
    model = Case(tokenizer.view.canonical, table(tokenizer.view.size, 0, 1.0), tokenizer.ends).model()
    for ask in (model.prefill, model.score):
        with pytest.raises(ValueError, match="no token for byte 0x7a at position 2 of the text"):
            ask(b"abz")
