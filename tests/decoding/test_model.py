import dataclasses
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bytelm.batch import BatchState
from bytelm.decoding.generation import ByteModel
from bytelm.model import ByteLM
from bytelm.protocol import SYMBOLS
from decoding.byte_models import markov

MODEL = markov(0)


@given(st.lists(st.binary(max_size=4), max_size=5), st.binary(max_size=3))
def test_a_batch_is_its_single_states(prompts: list[bytes], more: bytes) -> None:
    batch = MODEL.prefill(prompts)
    assert isinstance(batch, BatchState)
    for states in (batch, batch.advance(more)):
        text = more if states is not batch else b""
        singles = [MODEL.prefill(prompt).advance(text) for prompt in prompts]
        assert len(states) == len(list(states)) == len(prompts)
        assert states.logprobs().shape == states.bounds()[0].shape == states.bounds()[1].shape
        assert states.logprobs().shape == (len(prompts), SYMBOLS)
        assert states.logprob.shape == states.dropped.shape == (len(prompts),)
        assert states.logprob.tolist() == [single.logprob for single in singles]
        for index, single in enumerate(singles):
            np.testing.assert_array_equal(states.logprobs()[index], single.logprobs())
            np.testing.assert_array_equal(states[index].logprobs(), single.logprobs())


def test_a_batch_advances_by_one_text_or_by_one_each() -> None:
    batch = MODEL.prefill(["a", "b"])
    assert batch.advance("xy").logprob.tolist() == [MODEL.prefill(t).logprob for t in ("axy", "bxy")]
    assert batch.advance([b"x", b"yy"]).logprob.tolist() == [MODEL.prefill(t).logprob for t in ("ax", "byy")]
    assert batch.logprob.tolist() == [MODEL.prefill(t).logprob for t in ("a", "b")]


def test_a_list_of_another_length_is_an_error() -> None:
    expected = "got 1 texts for a batch of 2 states; give one text for all of them, or a list with one for each"
    with pytest.raises(ValueError, match=expected):
        MODEL.prefill(["a", "b"]).advance(["x"])


def test_a_batch_is_frozen() -> None:
    batch = MODEL.prefill(["a"])
    with pytest.raises(dataclasses.FrozenInstanceError):
        batch.states = ()  # type: ignore[misc]
    assert repr(batch) == "BatchState of 1 states; index it for a single one"


def test_top_of_a_batch() -> None:
    batch = MODEL.prefill(["a", "b"])
    assert [len(top) for top in batch.top(3)] == [3, 3]
    symbol, logprob = batch.top(1)[1][0]
    assert logprob == MODEL.prefill("b").logprobs().max()
    assert symbol == bytes([int(np.argmax(MODEL.prefill("b").logprobs()))])


@given(st.binary(max_size=20))
def test_chain_rule(text: bytes) -> None:
    assert MODEL.score(text).shape == (len(text),)
    assert MODEL.score(text).sum() == pytest.approx(MODEL.prefill(text).logprob)


def test_score_of_a_list_with_progress_over_all_of_it() -> None:
    seen: list[tuple[int, int]] = []
    texts: list[bytes | str] = ["ab", "", b"cde"]
    scores = MODEL.score(texts, progress=lambda done, total: seen.append((done, total)))
    assert [len(score) for score in scores] == [2, 0, 3]
    np.testing.assert_array_equal(scores[2], MODEL.score(b"cde"))
    assert seen == [(2, 5), (2, 5), (5, 5)]


def test_bits_per_byte_counts_every_byte_alike() -> None:
    texts: list[str] = ["ab", "", "cdefgh"]
    nats = sum(MODEL.score(text).sum() for text in texts)
    assert MODEL.bits_per_byte(texts) == pytest.approx(-nats / math.log(2) / 8)
    assert MODEL.bits_per_byte("ab") == pytest.approx(-MODEL.score("ab").sum() / math.log(2) / 2)


def test_bits_per_byte_of_the_impossible_and_of_nothing() -> None:
    assert markov(0, b"ab").bits_per_byte("abc") == math.inf
    for nothing in ("", [], [b"", ""]):
        with pytest.raises(ValueError, match="bits per byte of 0 bytes is undefined; give at least one byte"):
            MODEL.bits_per_byte(nothing)  # type: ignore[arg-type]


def test_generate_and_stream_are_methods() -> None:
    assert MODEL.generate("a", max_bytes=5) == b"".join(MODEL.stream("a", max_bytes=5))
    assert MODEL.generate(["a", "b"], max_bytes=5)[1] == MODEL.generate("b", max_bytes=5)


def test_every_byte_lm_is_a_byte_model() -> None:
    model: ByteModel = MODEL
    assert isinstance(model, ByteLM)
    with pytest.raises(TypeError, match="abstract"):
        ByteLM()  # type: ignore[abstract]


def test_what_is_no_text_is_an_error() -> None:
    with pytest.raises(TypeError, match="expected bytes, str, Prompt or a list of them, got int"):
        MODEL.prefill(5)  # type: ignore[call-overload]
    with pytest.raises(TypeError, match="expected bytes or str, got int"):
        MODEL.prefill([5])  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="lone surrogate"):
        MODEL.prefill("\udcff")
