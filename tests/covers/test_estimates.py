"""Estimates by drawn segmentations: exact where nothing is drawn, unbiased where it is, and of the same byte model."""

import numpy as np
import pytest
from hypothesis import given, settings

from bytelm.covers.estimating import Estimate, thin
from bytelm.tokens.rules import EverySegmentation
from bytelm.tokens.vocabulary import Vocabulary
from covers.comparing import NATS, joint_of, total
from covers.random_models import Case, PairRule, cases, random_pairs, table, texts

WIDE = 10**5

SPELLED = [b"a", b"b", b"aa", b"ab", b"ba", b"bb", b"aab", b"aba", b"b", b""]
"""Tokens of which many sequences spell the same text; two are equal, and the last one ends the text."""

TEXT = b"abaabbabaa"


@settings(max_examples=80)
@given(cases(pairs=True) | cases(pairs=False), texts(5))
def test_samples_wide_enough_are_exact(case: Case, text: bytes) -> None:
    found = case.model().estimate_logprob(text, samples=2, width=WIDE)
    truth = total(joint_of(case, text))
    assert found.logprob == pytest.approx(truth, abs=NATS)
    assert found.standard_error <= NATS or truth == -np.inf


@settings(max_examples=60)
@given(cases(pairs=True) | cases(pairs=False), texts(2, 1), texts(4))
def test_it_is_conditioned_on_the_prefix(case: Case, prefix: bytes, text: bytes) -> None:
    truth = total(joint_of(case, prefix + text)) - total(joint_of(case, prefix))
    if np.isfinite(truth):
        found = case.model(prefix=prefix).estimate_logprob(text, samples=2, width=WIDE)
        assert found.logprob == pytest.approx(truth, abs=NATS)


def case_of(seed: int, pairs: bool) -> Case:
    vocabulary = Vocabulary(SPELLED)
    rule = random_pairs(vocabulary, seed) if pairs else EverySegmentation(vocabulary)
    return Case(rule, table(len(SPELLED), seed, 1.0), (len(SPELLED) - 1,))


@pytest.mark.parametrize("width", [1, 2, 5])
@pytest.mark.parametrize(("seed", "pairs"), [(0, False), (1, False), (2, False), (2, True), (3, True), (5, True)])
def test_it_is_unbiased(seed: int, pairs: bool, width: int) -> None:
    """The mean of 1000 samples is within four of its standard errors of the sum over all covers.

    A bias of a tenth would be many standard errors, which are checked to be small.
    """
    case = case_of(seed, pairs)
    truth = total(joint_of(case, TEXT))
    assert np.isfinite(truth)
    found = case.model().estimate_logprob(TEXT, samples=1000, width=width)
    ratio = np.exp(found.logprob - truth)
    assert abs(ratio - 1) <= 4 * found.standard_error * ratio + NATS
    assert found.standard_error <= 0.1


def test_dead_ends_are_met() -> None:
    """Otherwise the tests above would say nothing of samples that weigh nothing."""
    vocabulary = Vocabulary([b"a", b"b", b"ab", b""])
    follows = np.ones((5, 3), dtype=bool)
    follows[1, vocabulary.index[1]] = False  # no b after the token b, so a|b does not lead to abb
    case = Case(PairRule(vocabulary, follows, [True] * 5), table(4, 1, 1.0), (3,))
    truth = total(joint_of(case, b"abb"))
    samples = [case.model().estimate_logprob(b"abb", samples=2, width=1, seed=seed).logprob for seed in range(200)]
    assert -np.inf in samples
    ratios = np.exp(np.array(samples) - truth)
    assert abs(ratios.mean() - 1) <= 4 * ratios.std() / np.sqrt(len(ratios))


def test_more_samples_and_wider_ones_are_surer() -> None:
    model = case_of(0, False).model()
    few, many, wide = (
        model.estimate_logprob(TEXT, samples=samples, width=width).standard_error
        for samples, width in ((50, 2), (800, 2), (50, 8))
    )
    assert many < few / 2
    assert wide < few / 2


def test_the_seed_decides() -> None:
    model = case_of(0, False).model()
    first, again, other = (model.estimate_logprob(TEXT, width=2, seed=seed) for seed in (0, 0, 1))
    assert first == again
    assert first.logprob != other.logprob


def test_nothing_is_certain() -> None:
    assert case_of(0, False).model().estimate_logprob(b"") == Estimate(0.0, 0.0, 16)


def test_the_impossible_has_no_error() -> None:
    """An infinite one: there was nothing to tell it by."""
    assert case_of(0, False).model().estimate_logprob(b"abc") == Estimate(-np.inf, np.inf, 16)


def test_the_model_is_asked_once_a_byte() -> None:
    """All samples ask together, and heads that they share are asked about once."""
    model = case_of(0, False).model()
    model.estimate_logprob(TEXT, samples=50, width=4)
    assert model.effort.passes <= len(TEXT)
    shared = model.effort.heads
    model.estimate_logprob(TEXT, samples=100, width=4)
    assert model.effort.heads - shared < 1.9 * shared


@pytest.mark.parametrize("width", [1, 3, 6])
def test_thinned_weights_are_right_on_average(width: int) -> None:
    rng = np.random.default_rng(0)
    weights = np.array([0.5, 3.0, 0.0, 0.2, 0.9, 0.01, 0.3, 0.3])
    with np.errstate(divide="ignore"):
        drawn = np.exp([thin(np.log(weights), width, rng) for _ in range(4000)])
    assert (np.count_nonzero(drawn, axis=1) == width).all()
    error = drawn.std(axis=0) / np.sqrt(len(drawn))
    assert (np.abs(drawn.mean(axis=0) - weights) <= 4 * error + 1e-12).all()


def test_the_heavy_ones_stay() -> None:
    rng = np.random.default_rng(0)
    logweights = np.log([8.0, 0.1, 0.2, 0.3, 4.0])
    for _ in range(20):
        thinned = thin(logweights, 3, rng)
        assert thinned[[0, 4]].tolist() == logweights[[0, 4]].tolist()
        assert np.exp(thinned[1:4]).sum() == pytest.approx(0.6)


def test_few_enough_weights_are_left_alone() -> None:
    logweights = np.array([0.0, -np.inf, -3.0])
    assert np.array_equal(thin(logweights, 2, np.random.default_rng(0)), logweights)


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"samples": 1}, "an estimate takes samples >= 2 and width >= 1, got 1 and 32"),
        ({"width": 0}, "an estimate takes samples >= 2 and width >= 1, got 16 and 0"),
        ({"samples": 2.5}, "samples is 2.5; expected a whole number of at least 0: how many independent"),
        ({"seed": -1}, "seed is -1; expected a whole number of at least 0"),
    ],
)
def test_numbers_that_make_no_sense(options: dict[str, int], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        case_of(0, False).model().estimate_logprob(TEXT, **options)
