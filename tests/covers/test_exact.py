"""At tolerance 0 every answer is the sum over all covers, to rounding."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from bytelm.covers.model import TokenizedLM
from bytelm.engines.table import TableModel
from bytelm.protocol import END
from bytelm.tokens.rules import EverySegmentation
from bytelm.tokens.vocabulary import Vocabulary
from covers.comparing import NATS, joint_of, largest_gap, total
from covers.random_models import Case, cases, texts


def check_answers(case: Case, text: bytes) -> None:
    """The distribution after ``text``, its probability and its scores are those of the judge."""
    model = case.model()
    joint = joint_of(case, text)
    assume(total(joint) > -np.inf)
    state = model.prefill(text)
    assert largest_gap(state.logprobs(), joint - total(joint)) <= NATS
    assert abs(state.logprob - total(joint)) <= NATS
    assert abs(np.exp(state.logprobs()).sum() - 1) <= 1e-12
    along = np.array([total(joint_of(case, text[:i])) for i in range(len(text) + 1)])
    assert abs(along[0]) <= NATS
    assert largest_gap(model.score(text), np.diff(along)) <= NATS
    assert abs(float(model.score(text).sum()) - state.logprob) <= NATS


@settings(max_examples=150)
@given(cases(pairs=True), texts())
def test_answers_under_a_random_rule(case: Case, text: bytes) -> None:
    check_answers(case, text)


@settings(max_examples=100)
@given(cases(pairs=False), texts(5))
def test_answers_with_every_segmentation(case: Case, text: bytes) -> None:
    check_answers(case, text)


@settings(max_examples=60)
@given(cases(pairs=True) | cases(pairs=False), texts(), st.lists(st.integers(1, 3), max_size=6))
def test_the_way_there_does_not_matter(case: Case, text: bytes, strides: list[int]) -> None:
    """Byte by byte, in chunks, at once: the same answers."""
    assume(total(joint_of(case, text)) > -np.inf)
    model = case.model()
    once = model.prefill(text)
    stepped = model.prefill(b"")
    for i in range(len(text)):
        following = stepped.logprobs()[text[i]]
        after = stepped.advance(text[i : i + 1])
        assert abs(after.logprob - (stepped.logprob + following)) <= NATS
        stepped = after
    chunked, done = model.prefill(b""), 0
    for stride in strides:
        chunked, done = chunked.advance(text[done : done + stride]), done + stride
    chunked = chunked.advance(text[done:])
    for state in (stepped, chunked):
        assert largest_gap(state.logprobs(), once.logprobs()) <= NATS
        assert abs(state.logprob - once.logprob) <= NATS
        assert largest_gap(*state.bounds()) == 0.0


@settings(max_examples=30)
@given(cases(pairs=True) | cases(pairs=False), texts(2), texts(4))
def test_a_prefix_conditions_the_model(case: Case, prefix: bytes, text: bytes) -> None:
    joint = joint_of(case, prefix + text)
    assume(total(joint) > -np.inf)
    base = total(joint_of(case, prefix))
    model = case.model(prefix=prefix)
    assert abs(model.prefill(b"").logprob) <= NATS
    state = model.prefill(text)
    assert largest_gap(state.logprobs(), joint - total(joint)) <= NATS
    assert abs(state.logprob - (total(joint) - base)) <= NATS
    assert abs(float(model.score(text).sum()) - state.logprob) <= NATS


@settings(max_examples=30)
@given(cases(pairs=True) | cases(pairs=False))
def test_short_texts_and_their_beginnings_have_all_the_probability(case: Case) -> None:
    """Every text ends within two bytes or begins with two of them: these probabilities sum to one."""
    model = case.model()
    root = model.prefill(b"")
    ended = [root.logprobs()[END]]
    begun = []
    for byte in np.flatnonzero(root.logprobs()[:END] > -np.inf).tolist():
        state = root.advance(bytes([byte]))
        ended.append(state.logprob + state.logprobs()[END])
        begun += (state.logprob + state.logprobs()[:END]).tolist()
    assert abs(np.exp([*ended, *begun]).sum() - 1) <= 1e-12


@pytest.mark.parametrize("pairs", [True, False])
def test_a_model_without_end_tokens_never_ends(pairs: bool) -> None:
    @settings(max_examples=10)
    @given(cases(pairs=pairs).filter(lambda case: not case.end_tokens))
    def check(case: Case) -> None:
        assert case.model().prefill(b"").logprobs()[END] == -np.inf

    check()


@pytest.mark.parametrize("tolerance", [0.0, 1e-6])
def test_tokens_with_equal_bytes_share_nothing_but_their_bytes(tolerance: float) -> None:
    """By hand: two tokens spell ``a`` and lead to different places, one spells nothing, one only the model has."""
    rows = {(): [0.1, 0.3, 0.4, 0.1, 0.1], (1,): [0.1, 0.1, 0.6, 0.1, 0.1]}
    rule = EverySegmentation(Vocabulary([b"a", b"a", b"b", b""]))
    model = TokenizedLM(TableModel(5, lambda tokens: np.log(rows.get(tokens, [0.2] * 5))), rule, (), tolerance)
    root, after = model.prefill(b""), model.prefill(b"a")
    assert np.exp(root.logprobs()[[97, 98, END]]) == pytest.approx([0.5, 0.5, 0])
    assert np.exp(after.logprob) == pytest.approx(0.5)
    assert np.exp(after.logprobs()[98]) == pytest.approx((0.1 / 0.8 * 1 / 3 + 0.3 / 0.8 * 0.75) / 0.5)
    assert np.exp(model.score(b"ab").sum()) == pytest.approx(0.1 / 0.8 * 1 / 3 + 0.3 / 0.8 * 0.75)
