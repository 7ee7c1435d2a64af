"""Where no token begins another one, every segmentation is the only one: nothing is dropped, and passes are shared."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from bytelm.tokens.rules import EverySegmentation
from bytelm.tokens.vocabulary import Vocabulary
from covers.comparing import NATS, joint_of, largest_gap, total
from covers.random_models import Case, table

CODES = st.lists(st.text("ab", min_size=1, max_size=3).map(str.encode), min_size=2, max_size=5, unique=True)


def is_prefix_free(code: list[bytes]) -> bool:
    return not any(one != other and other.startswith(one) for one in code for other in code)


@settings(max_examples=60)
@given(CODES, st.integers(0, 99))
def test_heads_die_where_there_is_no_choice(code: list[bytes], seed: int) -> None:
    spelled = [*np.random.default_rng(seed).permutation(np.array(code, dtype=object)).tolist(), b""]
    assert EverySegmentation(Vocabulary(spelled)).heads_die == is_prefix_free(code)
    assert not EverySegmentation(Vocabulary([*spelled, code[0]])).heads_die


@settings(max_examples=60)
@given(CODES.filter(is_prefix_free), st.lists(st.integers(0, 9), max_size=5), st.integers(0, 2), st.integers(0, 99))
def test_answers(code: list[bytes], chosen: list[int], left: int, seed: int) -> None:
    """Texts that stop within a token as well; what is drawn or greedy is possible."""
    spelled = [*code, b""]
    case = Case(EverySegmentation(Vocabulary(spelled)), table(len(spelled), seed, 1.0), (len(code),))
    text = b"".join(code[number % len(code)] for number in chosen)
    text = text[: max(0, len(text) - left)]
    joint, model = joint_of(case, text), case.model(1e-6)
    state = model.prefill(text)
    assert largest_gap(state.logprobs(), joint - total(joint)) <= NATS
    along = np.array([total(joint_of(case, text[:i])) for i in range(len(text) + 1)])
    assert largest_gap(model.score(text), np.diff(along)) <= NATS
    assert state.dropped == 0
    for temperature in (0.0, 1.0):
        found = text + model.generate(text, max_bytes=6, temperature=temperature, seed=seed)
        assert total(joint_of(case, found)) > -np.inf
