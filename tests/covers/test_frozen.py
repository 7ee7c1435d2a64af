"""States are frozen: nothing that is asked of one, or of its relatives, changes what another answers."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from bytelm.covers.model import TokenizedLM
from bytelm.covers.state import Cover, CoverState
from bytelm.protocol import END, FloatArray
from covers.comparing import joint_of, total
from covers.random_models import Case, cases, table, texts
from covers.tiny_tokenizers import tiny_tokenizer

Answers = tuple[FloatArray, FloatArray, FloatArray, float, float, list[Cover], str]


def answers_of(state: CoverState) -> Answers:
    return (
        state.logprobs().copy(),
        *(bound.copy() for bound in state.bounds()),
        state.logprob,
        state.dropped,
        state.covers(),
        repr(state),
    )


def check_same(state: CoverState, before: Answers) -> None:
    """Every answer is what it was, to the last bit."""
    for now, then in zip(answers_of(state), before, strict=True):
        assert np.array_equal(now, then) if isinstance(now, np.ndarray) else now == then


def possible(state: CoverState) -> list[bytes]:
    return [bytes([byte]) for byte in np.flatnonzero(state.logprobs()[:END] > -np.inf)]


any_case = cases(pairs=True) | cases(pairs=False)
tolerances = st.sampled_from([0.0, 1e-6, 0.2])


@settings(max_examples=60)
@given(any_case, tolerances, st.lists(st.tuples(st.integers(0, 100), st.integers(0, 2), st.booleans()), max_size=14))
def test_branches_do_not_disturb_each_other(case: Case, tolerance: float, moves: list[tuple[int, int, bool]]) -> None:
    """Grow a random tree of states, in random order; some are asked before their relatives are made, some after."""
    model = case.model(tolerance)
    states = [model.prefill(b"")]
    known: dict[int, Answers] = {}
    for pick, symbol, ask in moves:
        here = pick % len(states)
        if ask:
            known.setdefault(here, answers_of(states[here]))
        following = possible(states[here])
        if following:
            states.append(states[here].advance(following[symbol % len(following)]))
    for place, before in known.items():
        check_same(states[place], before)


@settings(max_examples=40)
@given(any_case, tolerances, texts(), texts(3))
def test_the_order_of_questions_does_not_matter(case: Case, tolerance: float, text: bytes, other: bytes) -> None:
    """A model that was asked about siblings first answers as a fresh one does, to the last bit."""
    assume(total(joint_of(case, text)) > -np.inf)
    busy = case.model(tolerance)
    start = busy.prefill(b"")
    for sibling in (other, other + b"a", b"a" + other):
        start.advance(sibling)
    along = start.advance(text)
    check_same(case.model(tolerance).prefill(b"").advance(text), answers_of(along))


@pytest.fixture
def model() -> TokenizedLM:
    tokenizer = tiny_tokenizer("words", 0)
    return Case(tokenizer.view.canonical, table(tokenizer.view.size, 0, 1.0), tokenizer.ends).model(0.1)


def test_answers_given_away_are_copies(model: TokenizedLM) -> None:
    """Who writes into an answer spoils it for nobody."""
    state = model.prefill(b"a .")
    before = answers_of(state)
    for array in (state.logprobs(), *state.bounds()):
        array[:] = 0
    state.covers().clear()
    check_same(state, before)


def test_states_cannot_be_assigned_to(model: TokenizedLM) -> None:
    state = model.prefill(b"a")
    for name in ("dropped", "logprob", "_lattice"):
        with pytest.raises(AttributeError, match=r"cannot assign to field|has no setter"):
            setattr(state, name, 0.0)


def test_no_bytes_change_nothing(model: TokenizedLM) -> None:
    state = model.prefill(b"a 1")
    check_same(state.advance(b""), answers_of(state))
