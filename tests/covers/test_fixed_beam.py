"""The fixed beam: with nothing pruned it is the sum over all sequences; with little room it gives up and heals."""

import numpy as np
import pytest
from hypothesis import assume, given, reject, settings
from hypothesis import strategies as st

from bytelm.covers.beam_model import FixedBeamLM
from bytelm.covers.fixed_beam import BeamState
from bytelm.covers.model import TokenizedLM
from bytelm.covers.state import Cover
from bytelm.engines.table import TableModel
from bytelm.protocol import END, SYMBOLS, FloatArray
from bytelm.tokens.rules import EverySegmentation
from bytelm.tokens.vocabulary import Vocabulary
from covers.comparing import NATS, largest_gap, total
from covers.random_models import Case, cases, texts

WIDE = 10**6

all_sequences = cases(pairs=False)


def joint_as_it_is(case: Case, text: bytes) -> FloatArray:
    """``log P(text, symbol)`` by the sum over all token sequences, nothing renormalised: float64 ``(257,)``."""
    spelled = case.rule.vocabulary.token_bytes
    ends = list(case.end_tokens)

    def joint(tokens: tuple[int, ...], rest: bytes) -> FloatArray:
        found = np.zeros(SYMBOLS)
        probabilities = np.exp(case.logprobs_of(tokens))
        found[END] = probabilities[ends].sum() if not rest else 0.0
        for token, data in enumerate(spelled):
            if token in ends or not data:
                continue
            if len(data) > len(rest) and data.startswith(rest):
                found[data[len(rest)]] += probabilities[token]
            elif rest.startswith(data):
                found += probabilities[token] * joint((*tokens, token), rest[len(data) :])
        return found

    with np.errstate(divide="ignore"):
        logs: FloatArray = np.log(joint((), text))
    return logs


def mass_as_it_is(case: Case, text: bytes) -> float:
    """``log P(text)`` with the same: the mass of the covers of a text, 0 of the empty one."""
    before = joint_as_it_is(case, text[:-1]) if text else np.zeros(1)
    return float(before[text[-1] if text else 0])


@settings(max_examples=100)
@given(all_sequences, texts(5))
def test_with_nothing_pruned_it_is_the_sum_over_all_sequences(case: Case, text: bytes) -> None:
    joint = joint_as_it_is(case, text)
    assume(total(joint) > -np.inf)
    model = FixedBeamLM(case.model(), WIDE, 0)
    state = model.prefill(text)
    assert largest_gap(state.logprobs(), joint - total(joint)) <= NATS
    assert abs(state.logprob - mass_as_it_is(case, text)) <= NATS
    assert state.dropped == 0
    assert abs(float(model.score(text).sum()) - state.logprob) <= NATS
    assert abs(total(np.array([cover.logweight for cover in state.covers()])) - state.logprob) <= NATS


@settings(max_examples=60)
@given(all_sequences, texts(2, 1), texts(4))
def test_it_is_conditioned_on_the_prefix(case: Case, prefix: bytes, text: bytes) -> None:
    joint = joint_as_it_is(case, prefix + text)
    assume(total(joint) > -np.inf)
    state = FixedBeamLM(case.model(prefix=prefix), WIDE, 0).prefill(text)
    assert abs(state.logprob - (mass_as_it_is(case, prefix + text) - mass_as_it_is(case, prefix))) <= NATS
    assert largest_gap(state.logprobs(), joint - total(joint)) <= NATS


@settings(max_examples=100)
@given(all_sequences, texts(6, 1), st.integers(1, 4), st.sampled_from([0.0, 0.05, 0.5]))
def test_a_narrow_beam_finds_no_more(case: Case, text: bytes, width: int, prune: float) -> None:
    assume(all(mass_as_it_is(case, text[:i]) > -np.inf for i in range(1, len(text) + 1)))
    assume(total(joint_as_it_is(case, text)) > -np.inf)
    try:
        state = FixedBeamLM(case.model(), width, prune).prefill(text)
        state.logprobs()
    except (ValueError, FloatingPointError):  # all that is left may have probability zero in these models
        reject()
    assert state.logprob <= mass_as_it_is(case, text) + NATS
    assert 0 <= state.dropped <= 1
    assert abs(np.exp(state.logprobs()).sum() - 1) <= 1e-12
    lower, upper = state.bounds()
    assert np.array_equal(lower, upper)
    assert np.array_equal(lower, state.logprobs())


def answers_of(state: BeamState) -> tuple[FloatArray, float, float, list[Cover], str]:
    return state.logprobs(), state.logprob, state.dropped, state.covers(), repr(state)


@settings(max_examples=60)
@given(all_sequences, texts(4), texts(3, 1), st.integers(1, 4))
def test_states_are_frozen(case: Case, text: bytes, other: bytes, width: int) -> None:
    """What a state answers does not depend on whether it was advanced, nor a successor on what was asked."""
    assume(total(joint_as_it_is(case, text)) > -np.inf)
    assume(total(joint_as_it_is(case, text + other)) > -np.inf)
    try:
        asked, busy = (FixedBeamLM(case.model(), width, 0.05).prefill(text) for _ in range(2))
        before = answers_of(asked)
        after = asked.advance(other)
        answers_of(after)
    except (ValueError, FloatingPointError):
        reject()
    for now, then in (
        (answers_of(asked), before),
        (answers_of(busy.advance(other)), answers_of(after)),
        (answers_of(busy), before),
    ):
        assert np.array_equal(now[0], then[0])
        assert now[1:] == then[1:]


def test_answers_given_away_are_copies() -> None:
    state = beam(["a", "b", "ab"], {}).prefill(b"a")
    before = state.logprobs()
    state.logprobs()[:] = 0
    assert np.array_equal(state.logprobs(), before)


Table = dict[tuple[int, ...], list[float]]


def beam(spelled: list[str], table: Table, width: int = 1, prune: float = 0) -> FixedBeamLM:
    """A beam over the given tokens and one end token behind them; uniform where the table says nothing."""
    vocabulary = Vocabulary([*map(str.encode, spelled), b""])
    uniform = [1 / (len(spelled) + 1)] * (len(spelled) + 1)

    def logprobs_of(tokens: tuple[int, ...]) -> FloatArray:
        with np.errstate(divide="ignore"):
            logs: FloatArray = np.log(table.get(tokens, uniform))
        return logs

    table_model = TableModel(len(uniform), logprobs_of)
    exact = TokenizedLM(table_model, EverySegmentation(vocabulary), (len(spelled),))
    return FixedBeamLM(exact, width, prune)


def test_a_figure_worked_out_by_hand() -> None:
    """After ``a``: the token ``a`` may end (0.2) or ``ab`` go on (0.5), which the node of ``a`` holds together."""
    table = {(): [0.2, 0.3, 0.5, 0.0], (0,): [0.1, 0.4, 0.1, 0.4]}
    state = beam(["a", "b", "ab"], table).prefill(b"a")
    assert state.logprob == pytest.approx(np.log(0.7))
    assert state.covers() == [((), b"a", pytest.approx(np.log(0.7)), True)]
    going_on = {"b": 0.5 + 0.2 * 0.4, "a": 0.2 * 0.2}
    everything = sum(going_on.values()) + 0.2 * 0.4
    assert state.logprobs()[ord("b")] == pytest.approx(np.log(going_on["b"] / everything))
    assert state.logprobs()[END] == pytest.approx(np.log(0.08 / everything))
    assert state.advance(b"b").logprob == pytest.approx(np.log(going_on["b"]))


def test_what_is_given_up_is_counted() -> None:
    """After ``ab`` the beam holds ``ab`` and ``a|b``; one of width 1 goes on with the heavier one alone."""
    table = {(): [0.2, 0.3, 0.5, 0.0], (0,): [0.1, 0.4, 0.1, 0.4]}
    state = beam(["a", "b", "ab"], table).prefill(b"ab")
    assert state.dropped == 0
    assert state.advance(b"a").dropped == pytest.approx(0.08 / 0.58)


def test_a_finished_token_of_small_share_is_given_up() -> None:
    """Of ``a`` and ``ab`` the first has a share of 0.1 / (0.9 + 0.1) once the ``b`` is read."""
    table = {(): [0.1, 0.0, 0.9, 0.0]}
    with_it, without = (beam(["a", "b", "ab"], table, 5, prune).prefill(b"ab") for prune in (0.0, 0.11))
    assert with_it.logprob == pytest.approx(np.log(0.9 + 0.1 * 0.25))
    assert without.logprob == pytest.approx(np.log(0.9))
    assert without.dropped == pytest.approx(0.1)


def test_an_empty_beam_is_healed() -> None:
    """``abcd`` alone is left after ``abc`` and no ``a`` can follow: ``ab`` ends, then ``c``, and ``a`` is read."""
    spelled = ["a", "b", "ab", "abcd", "c"]
    table = {(): [0.01, 0.0, 0.01, 0.98, 0.0, 0.0], (2,): [0.2, 0.1, 0.0, 0.0, 0.5, 0.2]}
    state = beam(spelled, table, 5, prune=0.05).prefill(b"abc")
    assert [(cover.tokens, cover.rest) for cover in state.covers()] == [((), b"abc")]
    healed = state.advance(b"a")
    assert healed.logprob == pytest.approx(np.log(0.01 * 0.5 * 3 / 6))
    assert [(cover.tokens, cover.rest) for cover in healed.covers()] == [((2, 4), b"a")]
    assert healed.dropped == state.dropped == pytest.approx(1 - 0.99 * 0.98 / 0.99)


def test_healing_ends_more_than_one_token() -> None:
    """Without a token ``ab`` the ``a`` ends, then the ``b``, and the ``d`` is read."""
    table = {(): [0.01, 0.0, 0.99, 0.0, 0.0], (0,): [0.2, 0.1, 0.0, 0.5, 0.2]}
    state = beam(["a", "b", "abc", "d"], table, 5, prune=0.05).prefill(b"abd")
    assert state.logprob == pytest.approx(np.log(0.01 * 0.1 * 0.2))
    assert [(cover.tokens, cover.rest) for cover in state.covers()] == [((0, 1), b"d")]


def test_tokens_that_only_end_are_followed_whatever_their_share() -> None:
    """The finished token's share of itself and what it came of is never more than a half."""
    state = beam(["a"], {}, 1, prune=0.6).prefill(b"a")
    assert np.exp(state.logprobs()[[ord("a"), END]]) == pytest.approx([0.5, 0.5])


def test_a_beam_of_equals_keeps_one() -> None:
    """Where no share exceeds the threshold the heaviest hypothesis goes on all the same."""
    state = beam(["a", "b", "ab"], {}, 5, prune=0.9).prefill(b"abab")
    assert len(state.covers()) == 1
    assert np.isfinite(state.logprob)


@settings(max_examples=40)
@given(all_sequences, texts(8, 1))
def test_the_model_is_asked_once_a_byte(case: Case, text: bytes) -> None:
    """All heads that come of one byte are evaluated together, unless a token is healed."""
    model = FixedBeamLM(case.model(), 4, 0)
    assume(total(joint_as_it_is(case, text)) > -np.inf)
    state = model.prefill(b"")
    assert model.effort.passes == 1
    for i in range(len(text)):
        before = model.effort.passes
        after = state.advance(text[i : i + 1])
        if max(cover.logweight for cover in after.covers()) > -np.inf and after.dropped == 0:
            assert model.effort.passes <= before + 1
        state = after


def test_a_byte_without_tokens_is_an_error() -> None:
    with pytest.raises(ValueError, match=r"no tokens .* to spell byte 0x63 at position 2 of the text; a larger"):
        beam(["a", "b", "ab"], {}).prefill(b"abc")


@pytest.mark.parametrize(
    ("width", "prune", "complaint"),
    [
        (0, 0.05, "width is how many hypotheses the beam keeps, at least 1, got 0"),
        (5, 1.0, r"prune is a share of the mass from 0 \(nothing is pruned\) to below 1, got 1.0"),
        (5, -0.1, r"prune is a share of the mass .*, got -0.1"),
    ],
)
def test_limits_that_make_no_sense(width: int, prune: float, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        beam(["a"], {}, width, prune)
