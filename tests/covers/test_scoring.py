"""Scores are the same in segments, side by side, and whatever was asked before."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from bytelm import load
from bytelm.covers import columns
from bytelm.covers.model import TokenizedLM
from covers.comparing import joint_of, largest_gap, total
from covers.random_models import Case, cases, table, texts
from covers.tiny_tokenizers import tiny_tokenizer


def by_steps(model: TokenizedLM, text: bytes) -> np.ndarray:
    """Slowly: one state after the other."""
    state, scores = model.prefill(b""), []
    for place in range(len(text)):
        after = state.advance(text[place : place + 1])
        scores.append(after.logprob - state.logprob)
        state = after
    return np.array(scores)


@settings(max_examples=60)
@given(cases(pairs=True), st.lists(texts(8, 1), min_size=1, max_size=4), st.integers(1, 4), st.integers(1, 12))
def test_segments_and_neighbours_change_nothing(case: Case, several: list[bytes], segment: int, together: int) -> None:
    assume(all(total(joint_of(case, text)) > -np.inf for text in several))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(columns, "SEGMENT", segment)
        patch.setattr(columns, "TOGETHER", together)
        found = case.model(0.0).score(several)
    for text, scores in zip(several, found, strict=True):
        assert largest_gap(scores, by_steps(case.model(0.0), text)) < 1e-10


@settings(max_examples=60)
@given(cases(pairs=True), texts(9, 2), st.integers(1, 4), st.sampled_from([1e-6, 0.05, 0.3]))
def test_the_tolerance_holds_across_segments(case: Case, text: bytes, segment: int, tolerance: float) -> None:
    along = np.array([total(joint_of(case, text[:i])) for i in range(len(text) + 1)])
    assume(along[-1] > -np.inf)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(columns, "SEGMENT", segment)
        scores = case.model(tolerance).score(text)
    shortfalls = along[1:] - along[0] - np.cumsum(scores)
    assert (shortfalls >= -1e-10).all()
    assert (shortfalls <= np.log1p(tolerance) + 1e-10).all()


def test_texts_share_passes() -> None:
    tokenizer = tiny_tokenizer("words", 0)
    case = Case(tokenizer.view.canonical, table(tokenizer.view.size, 0, 1.0), tokenizer.ends)
    together, single = case.model(1e-6), case.model(1e-6)
    several = [b"a1 a.a", b"1a.a a", b"a a a", b"1.1"]
    together.score(several)
    for text in several:
        single.score(text)
    assert together.effort.passes < 0.6 * single.effort.passes


def test_scores_of_a_network_do_not_depend_on_what_was_asked_before() -> None:
    lm = load()
    several = ["def read(path):\n    return open(path).read()\n", "def read(path):\n    return path\n" * 3, "x"]
    first = lm.score(several)
    lm.generate("def read(path):\n    return open(", max_bytes=30)
    lm.score(several[1])
    for scores, again in zip(first, lm.score(several), strict=True):
        np.testing.assert_array_equal(scores, again)


def test_progress_reaches_the_end() -> None:
    seen: list[tuple[int, int]] = []
    lm = load()
    lm.score(["abc" * 300, "x = 1\n"], progress=lambda done, of: seen.append((done, of)))
    assert seen[-1] == (906, 906)
    assert seen == sorted(seen)
