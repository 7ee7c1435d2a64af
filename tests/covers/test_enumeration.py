"""Canonical models of tiny tokenizers, against the encodings of all their texts."""

from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bytelm.protocol import FloatArray
from covers.certificates import check_certificate, strides, tolerances, ways_to
from covers.comparing import NATS, joint_of, largest_gap, total
from covers.enumeration import Enumerator
from covers.random_models import Case, table
from covers.tiny_tokenizers import KINDS, TinyTokenizer, tiny_tokenizer

SEEDS = 6
"""How many tokenizers of each kind there are; building one takes a while."""

all_kinds = pytest.mark.parametrize("kind", KINDS)


@cache
def enumerator(kind: str, seed: int) -> Enumerator:
    return Enumerator(tiny_tokenizer(kind, seed))


@st.composite
def texts_of(draw: st.DrawFn, alphabet: str) -> bytes:
    """A text of a few characters, whole or cut anywhere."""
    text = draw(st.text(alphabet, max_size=5)).encode()
    return text[: draw(st.integers(max(0, len(text) - 1), len(text)))]


class Sample:
    """A tiny tokenizer's model, a text, and the truth about it."""

    def __init__(self, data: st.DataObject, kind: str) -> None:
        seed = data.draw(st.integers(0, SEEDS - 1))
        self.tokenizer: TinyTokenizer = tiny_tokenizer(kind, seed)
        self.text = data.draw(texts_of(self.tokenizer.alphabet))
        ends = self.tokenizer.ends[: data.draw(st.integers(0, len(self.tokenizer.ends)))]
        logprobs_of = table(self.tokenizer.view.size, data.draw(st.integers(0, 2**32 - 1)), 1.0)
        self.case = Case(self.tokenizer.view.canonical, logprobs_of, ends)
        self._enumerator = enumerator(kind, seed)

    def joint(self, length: int | None = None) -> FloatArray:
        """``log P`` of the first ``length`` bytes and the next symbol: all the bytes by default."""
        return self._enumerator.joint(self.case.logprobs_of, self.case.end_tokens, self.text[:length])


@all_kinds
@settings(max_examples=40)
@given(data=st.data())
def test_answers_are_those_of_the_encodings(kind: str, data: st.DataObject) -> None:
    sample = Sample(data, kind)
    model = sample.case.model(prefix=sample.tokenizer.prefix)
    joint = sample.joint()
    state = model.prefill(sample.text)
    assert largest_gap(state.logprobs(), joint - total(joint)) <= NATS
    assert abs(state.logprob - total(joint)) <= NATS
    along = np.array([total(sample.joint(i)) for i in range(len(sample.text) + 1)])
    assert abs(along[0]) <= NATS
    assert largest_gap(model.score(sample.text), np.diff(along)) <= NATS


@all_kinds
@settings(max_examples=20)
@given(data=st.data(), tolerance=tolerances, lengths=strides)
def test_the_bounds_contain_the_truth(kind: str, data: st.DataObject, tolerance: float, lengths: list[int]) -> None:
    sample = Sample(data, kind)
    for state in ways_to(sample.case, tolerance, sample.text, lengths, sample.tokenizer.prefix):
        check_certificate(state, sample.joint(), tolerance)


@all_kinds
@settings(max_examples=10)
@given(data=st.data())
def test_the_judge_agrees_with_the_encodings(kind: str, data: st.DataObject) -> None:
    """The judge that real models are compared with uses the rule; here it is judged itself."""
    sample = Sample(data, kind)
    prefix = sample.tokenizer.prefix
    joint = joint_of(sample.case, prefix + sample.text) - total(joint_of(sample.case, prefix))
    assert largest_gap(joint, sample.joint()) <= NATS


@all_kinds
@settings(max_examples=10)
@given(data=st.data())
def test_every_segmentation_of_a_tokenizer(kind: str, data: st.DataObject) -> None:
    sample = Sample(data, kind)
    case = Case(sample.tokenizer.view.every, sample.case.logprobs_of, sample.case.end_tokens)
    joint = joint_of(case, sample.tokenizer.prefix + sample.text)
    state = case.model(prefix=sample.tokenizer.prefix).prefill(sample.text)
    assert largest_gap(state.logprobs(), joint - total(joint)) <= NATS
    assert abs(state.logprob - (total(joint) - total(joint_of(case, sample.tokenizer.prefix)))) <= NATS
