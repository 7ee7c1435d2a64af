"""``segmentation="all"``: never more than the sum over all token sequences, and what is missing is what was dropped."""

import json
from functools import cache
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given, settings

import bytelm
from bytelm.covers.judges import judge
from bytelm.covers.model import TokenizedLM
from bytelm.engines.table import TableModel
from bytelm.protocol import FloatArray
from bytelm.tokens.rules import EverySegmentation
from bytelm.tokens.vocabulary import Vocabulary
from covers.comparing import NATS, joint_of, total
from covers.full_forward import full_forward
from covers.random_models import Case, cases, texts

ROUNDING = 1e-4
"""What float32 may cost a log-probability, nats."""

TOLERANCES = (0.3, 1e-2, 1e-3, 1e-4, 1e-6)

SHORT = [b"One d", b" dog.\n", "é!".encode(), b"qzx"]
"""Short enough for every token sequence to have a forward pass of its own; the last one is no English."""


def stories(shared: Path) -> Path:
    return shared / "data" / "models" / "stories260K"


@cache
def model(shared: Path, tolerance: float) -> TokenizedLM:
    return bytelm.load(stories(shared), segmentation="all", tolerance=tolerance, device="cpu")


def long_texts(shared: Path) -> list[bytes]:
    """Beginnings of stories, and the same words with a mistake that no tokenizer would cut so."""
    tales = json.loads((shared / "data" / "corpora" / "tinystories" / "tinystories_1000.json").read_text())
    beginnings = [tale.encode()[:150] for tale in tales[:21:7]]
    return [*beginnings, beginnings[0].replace(b"the", b"tqe")]


@settings(max_examples=100)
@given(cases(pairs=False), texts(6, 1))
def test_it_never_exceeds_the_sum(case: Case, text: bytes) -> None:
    """At every tolerance and place; at a tolerance of 0 it is the sum."""
    truths = [total(joint_of(case, text[:i])) for i in range(1, len(text) + 1)]
    assume(truths[-1] > -np.inf)
    for tolerance in (*TOLERANCES, 0.0):
        along = np.cumsum(case.model(tolerance).score(text))
        assert (along <= np.array(truths) + NATS).all()
    assert along[-1] == pytest.approx(truths[-1], abs=NATS)


def test_a_text_that_only_a_dropped_head_spells() -> None:
    """All that the beam kept may turn out to have probability zero; then the text is read again by a wider one."""
    spelled = [b"a", b"b", b"aa", b"ab"]

    def logprobs_of(tokens: tuple[int, ...]) -> FloatArray:
        with np.errstate(divide="ignore"):
            return np.log([0.001, 0.0, 0.998, 0.001])

    lm = TokenizedLM(TableModel(len(spelled), logprobs_of), EverySegmentation(Vocabulary(spelled)), (), 0.5, b"")
    assert lm.prefill(b"aa").covers()[0].tokens == (2,)
    state = lm.prefill(b"aabaa")
    assert state.logprob == pytest.approx(np.log(0.001**2 * 0.999), abs=2e-3)
    assert [cover.tokens[:2] for cover in state.covers()] == [(0, 3)] * len(state.covers())
    with pytest.raises(FloatingPointError, match="probability zero"):
        lm.prefill(b"abb").logprobs()


@pytest.mark.parametrize("text", SHORT)
def test_short_texts_of_a_trained_model(text: bytes, shared: Path) -> None:
    """Against one forward pass for every token sequence."""
    full = full_forward(stories(shared))
    every, prefix = full.tokenizer.every, full.tokenizer.prefix
    truth = total(judge(every, full.logprobs_of, (full.end,), prefix + text))
    truth -= total(judge(every, full.logprobs_of, (full.end,), prefix))
    states = [model(shared, tolerance).prefill(text) for tolerance in TOLERANCES]
    assert all(state.logprob <= truth + ROUNDING for state in states)
    assert states[-1].logprob == pytest.approx(truth, abs=ROUNDING)
    assert model(shared, 0.0).prefill(text).logprob == pytest.approx(truth, abs=ROUNDING)
    estimate = model(shared, 0.3).estimate_logprob(text)
    assert estimate.logprob == pytest.approx(truth, abs=3 * estimate.standard_error + ROUNDING)


def test_what_is_missing_shrinks_with_the_tolerance(shared: Path) -> None:
    """Of all texts together; a single one may be lucky."""

    def found(tolerance: float) -> float:
        return sum(model(shared, tolerance).prefill(text).logprob for text in long_texts(shared))

    finest = found(1e-7)
    missing = [finest - found(tolerance) for tolerance in TOLERANCES]
    assert all(larger >= smaller - ROUNDING for larger, smaller in pairwise(missing))
    assert missing[0] > 10 * ROUNDING
    assert missing[-1] <= ROUNDING * len(long_texts(shared))


@pytest.mark.parametrize("tolerance", [1e-2, 1e-4, 1e-6])
def test_long_texts_agree_with_the_estimate(tolerance: float, shared: Path) -> None:
    """Within three standard errors and the mass that was dropped; what the estimate finds more is what is missing."""
    for text in long_texts(shared)[:-1]:
        state = model(shared, tolerance).prefill(text)
        found = model(shared, tolerance).estimate_logprob(text)
        assert found.standard_error <= 1e-2
        noise = 3 * found.standard_error + ROUNDING
        assert -noise <= found.logprob - state.logprob <= noise - np.log1p(-state.dropped)


def test_the_estimate_is_right_where_a_word_is_not(shared: Path) -> None:
    """There more may be missing than was dropped, which is a figure for texts that the model itself writes."""
    text = long_texts(shared)[-1]
    state = model(shared, 1e-7).prefill(text)
    found = model(shared, 1e-2).estimate_logprob(text, width=64)
    assert found.logprob == pytest.approx(state.logprob, abs=3 * found.standard_error + 10 * ROUNDING)
