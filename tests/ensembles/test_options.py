"""What users get for what they ask: errors that say how to mend it, weights, names, attribution, fits."""

import math
import re

import numpy as np
import pytest

import bytelm
from bytelm.decoding.texts import text_of
from bytelm.ensembles.ways import Product
from decoding.byte_models import markov

SMALL = b"abc"
MEMBERS = [markov(seed, SMALL) for seed in (1, 2)]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"how": "average"}, "unknown way 'average' to make an ensemble; choose one of mixture, mean, product"),
        ({"how": "mean", "switch": 0.1}, "'mean' takes no switch=; it takes weights="),
        ({"how": "min", "weights": [1, 2]}, "'min' takes no weights=; it takes none of these options"),
        ({"how": "contrast", "weights": [1, 2]}, "'contrast' takes no weights=; it takes strength= and plausible="),
        ({"how": "proxy"}, "'proxy' takes 3 members, a base model, an expert and an anti-expert; got 2"),
        ({"weights": [1]}, "expected 2 weights, one finite number for each member; got [1]"),
        ({"weights": "ab"}, "expected 2 weights, one finite number for each member; got 'ab'"),
        ({"weights": [1, math.nan]}, "expected 2 weights, one finite number for each member"),
        ({"weights": [1, -1]}, "weights of a mean are at least 0, and one of them more; got [1.0, -1.0]"),
        ({"weights": [0, 0]}, "weights of a mean are at least 0, and one of them more"),
        ({"switch": 1.5}, "switch is 1.5; expected a number from 0 to 1"),
        ({"how": "contrast", "strength": -1}, "strength is -1; expected a number from 0"),
        ({"how": "contrast", "plausible": 2}, "plausible is 2; expected a number from 0 to 1"),
        ({"names": ["one"]}, "expected 2 names, one for each member; got 1"),
    ],
)
def test_mistakes(options: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        bytelm.ensemble(MEMBERS, **options)  # type: ignore[arg-type]


def test_members_are_models() -> None:
    with pytest.raises(TypeError, match=r"members are byte models, as bytelm\.load gives them; got str"):
        bytelm.ensemble(["bundled:code"])  # type: ignore[list-item]
    with pytest.raises(TypeError, match="members are a list of byte models; got Markov"):
        bytelm.ensemble(MEMBERS[0])  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="an ensemble has at least one member; got none"):
        bytelm.ensemble([])


def test_specials_are_refused() -> None:
    prompt = bytelm.Prompt(bytelm.Special(3, "<s>"), "text")
    assert text_of(prompt) == b"text"
    with pytest.raises(ValueError, match="this model reads bytes alone and has no special token '<s>'"):
        bytelm.ensemble(MEMBERS).prefill(prompt)


def test_attribution_adds_up() -> None:
    text = b"abcabcaab"
    lm = bytelm.ensemble(MEMBERS, "mixture", switch=0.1)
    found = lm.attribute(text)
    np.testing.assert_allclose(found.logprob, lm.score(text), atol=1e-12)
    np.testing.assert_allclose(found.logprobs[:, 1], MEMBERS[1].score(text))
    np.testing.assert_allclose(found.weights.sum(axis=1), 1, atol=1e-12)
    assert found.shares is not None
    np.testing.assert_allclose(found.shares.sum(axis=1), 1, atol=1e-12)
    for place in range(len(text)):
        state = lm.prefill(text[:place])
        np.testing.assert_allclose(state.weights, found.weights[place], atol=1e-12)
        part = found.weights[place] * np.exp(found.logprobs[place])
        np.testing.assert_allclose(found.shares[place], part / part.sum(), atol=1e-9)


def test_attribution_of_what_is_no_mean() -> None:
    lm = bytelm.ensemble(MEMBERS, "product", weights=[0.3, 0.7])
    found = lm.attribute(b"abca")
    assert found.shares is None
    assert found.weights.tolist() == [[0.3, 0.7]] * 4
    np.testing.assert_allclose(found.logprob, lm.score("abca"))
    assert lm.attribute(b"").logprobs.shape == (0, 2)


def test_attribution_where_a_byte_is_impossible() -> None:
    found = bytelm.ensemble(MEMBERS, "mean").attribute(b"az")
    assert found.logprob.tolist()[1] == -math.inf
    assert found.shares is not None
    np.testing.assert_allclose(found.shares[1], found.weights[1])


@pytest.mark.parametrize("how", ["mean", "mixture", "product"])
def test_fitted_weights_are_the_best(how: str) -> None:
    texts = [MEMBERS[0].generate(b"", max_bytes=60, temperature=1.0, seed=seed) for seed in range(20)]
    texts += [MEMBERS[1].generate(b"", max_bytes=60, temperature=1.0, seed=seed) for seed in range(10)]
    fitted = bytelm.ensemble(MEMBERS, how).fitted(texts).prefill(b"").weights
    how = "mean" if how == "mixture" else how  # what a mixture begins with is fitted as if nothing were learned later
    best = bytelm.ensemble(MEMBERS, how, fitted.tolist()).bits_per_byte(texts)
    for step in ([0.05, -0.05], [-0.05, 0.05]):
        assert best <= bytelm.ensemble(MEMBERS, how, (fitted + step).tolist()).bits_per_byte(texts) + 1e-9
    assert best < bytelm.ensemble(MEMBERS, how).bits_per_byte(texts)


def test_fitting_needs_texts_and_weights() -> None:
    with pytest.raises(ValueError, match="the weights are learned on texts; give at least one byte"):
        bytelm.ensemble(MEMBERS).fitted([])
    with pytest.raises(ValueError, match="extreme has no weights; learn those of mean, mixture or product"):
        bytelm.ensemble(MEMBERS, "min").fitted("abc")


def test_a_fit_is_not_thrown_by_what_is_impossible() -> None:
    odd = bytelm.ensemble([MEMBERS[0], markov(5, b"ab")], "product").fitted(["abab", "abc", "zz"])
    assert isinstance(odd.way, Product)
    assert np.isfinite(odd.way.exponents).all()
    mean = bytelm.ensemble([MEMBERS[0], markov(5, b"ab")], "mean").fitted(["abab", "abc", "zz"])
    assert mean.prefill("").weights.sum() == pytest.approx(1)


def test_progress_counts_all_members() -> None:
    seen: list[tuple[int, int]] = []
    bytelm.ensemble(MEMBERS).score(["abc", "ab"], progress=lambda done, total: seen.append((done, total)))
    assert seen[-1] == (10, 10)
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)


def test_a_state_shows_who_wants_what() -> None:
    state = bytelm.ensemble(MEMBERS, names=["code", "a/very/long/path/to/prose"]).prefill("ab")
    lines = repr(state).splitlines()
    assert lines[0] == "after  ab▏"
    assert lines[2].split() == ["next", "byte", "ensemble", "code", "…path/to/prose"]
    assert lines[3].split()[0] == "weight"
    assert all(len(line) <= 100 for line in lines)
    assert "log P = " in repr(state) if state.logprob else True
    assert f"log P = {state.logprob:.4f} nats" in repr(state)
    assert state.wanted().shape == (2, 257)


def test_a_state_in_a_notebook() -> None:
    page = bytelm.ensemble(MEMBERS, names=["<b>", "two"]).prefill("a<b")._repr_html_()
    assert "<th>ensemble</th><th>&lt;b&gt;</th><th>two</th>" in page
    assert "a&lt;b▏" in page
    assert page.count("<tr>") == 7


def test_members_that_do_not_fit_on_a_line() -> None:
    shown = repr(bytelm.ensemble([*MEMBERS, *MEMBERS, *MEMBERS], names=list("abcdef")).prefill("a"))
    assert shown.splitlines()[-1] == "  and 2 more members"
    assert all(len(line) <= 100 for line in shown.splitlines())
