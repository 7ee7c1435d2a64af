"""Beam search against brute force, against an obvious beam, and against itself with other widths."""

import inspect
import math
import weakref
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bytelm.covers.model import TokenizedLM
from bytelm.prompts import Prompt, Special
from bytelm.protocol import END, SYMBOLS
from bytelm.searching.completing import complete
from bytelm.searching.completion import Completion
from bytelm.searching.search import search
from bytelm.utf8 import unfinished
from covers.random_models import Case, cases
from decoding.byte_models import Markov, markov, scripted
from searching.whole_texts import Outcome, WholeState, WholeTexts, outcomes

NATS = 1e-9

seeds = st.integers(0, 10**6)
prompts = st.text("ab", max_size=2).map(str.encode)
stop_lists = st.lists(st.sampled_from([b"a", b"\n", b"ab", b"bab", b"\n\n", b"aa"]), max_size=3)
penalties = st.sampled_from([0.0, 0.5, 1.0, 2.0])


def best_of(found: Sequence[Outcome], count: int, penalty: float) -> list[tuple[bytes, float]]:
    """The texts of the ``count`` best outcomes with their scores, of each text the best, best first."""
    best: dict[bytes, float] = {}
    for one in found:
        score = one.logprob / max(1, one.length) ** penalty
        best[one.text] = max(score, best.get(one.text, -math.inf))
    return sorted(best.items(), key=lambda pair: -pair[1])[:count]


def score_of(one: Completion, every: Sequence[Outcome], penalty: float) -> float:
    """What a completion is worth, by the outcome that it is."""
    (same,) = [
        other
        for other in every
        if (other.text, other.ended) == (one.text, one.ended) and abs(other.logprob - one.logprob) <= NATS
    ]
    return same.logprob / max(1, same.length) ** penalty


def assert_same(found: list[Completion], wanted: list[tuple[bytes, float]], scores: list[float]) -> None:
    assert [one.text for one in found] == [text for text, _ in wanted]
    np.testing.assert_allclose(scores, [score for _, score in wanted], atol=NATS, rtol=0)


@settings(max_examples=60)
@given(seeds, prompts, st.integers(0, 4), stop_lists, st.integers(1, 6), penalties)
def test_enough_beams_find_what_enumeration_finds(
    seed: int, prompt: bytes, max_bytes: int, stop: list[bytes], best: int, penalty: float
) -> None:
    model = WholeTexts(seed)
    every = list(outcomes(model, prompt, max_bytes, stop))
    found = search(model, prompt, beams=81, best=best, max_bytes=max_bytes, stop=stop, length_penalty=penalty)
    assert_same(found, best_of(every, best, penalty), [score_of(one, every, penalty) for one in found])


@settings(max_examples=40)
@given(cases(pairs=True), st.integers(1, 3), st.lists(st.sampled_from([b"b", b"ab"]), max_size=2))
def test_enough_beams_find_what_enumeration_finds_in_token_models(
    case: Case, max_bytes: int, stop: list[bytes]
) -> None:
    model: TokenizedLM = case.model()
    every = list(outcomes(model, b"a", max_bytes, stop))  # type: ignore[arg-type]
    found = search(model, b"a", beams=27, best=5, max_bytes=max_bytes, stop=stop)
    # No two are compared that look alike: the third byte of these vocabularies is no character.
    wanted = best_of(every, 5, 0.0)
    assert [one.logprob for one in found] == pytest.approx([score for _, score in wanted], abs=1e-9)
    for one in found:
        assert any(one.text == other.text and one.logprob == pytest.approx(other.logprob) for other in every)


def test_the_outcomes_of_the_judge_are_a_partition() -> None:
    total = sum(math.exp(one.logprob) for one in outcomes(WholeTexts(3), b"a", 4, [b"ab", b"\n"]))
    assert total == pytest.approx(1)


def obvious(model: WholeTexts, prompt: bytes, beams: int, max_bytes: int, stops: list[bytes]) -> list[Outcome]:
    """All outcomes that a beam meets: no pruning, no early end, every state from the beginning, slots as documented."""
    met: list[Outcome] = []
    slots: list[bytes | None] = [b""]
    while any(text is not None for text in slots):
        pool: list[bytes] = []
        after: list[bytes | None] = []
        for slot in range(beams):
            if slot < len(slots) and (text := slots[slot]) is not None:
                near = list(outcomes(model, prompt, len(text) + 1, stops, text))
                ended = [one for one in near if one.ended != "max_bytes"]
                met += near if len(text) + 1 == max_bytes else ended
                pool += [one.text for one in near if one not in ended and len(text) + 1 < max_bytes]
            pool.sort(key=lambda text: -float(model.score(prompt + text)[len(prompt) :].sum()))
            after.append(pool.pop(0) if pool else None)
        slots = after
    return met


@settings(max_examples=60)
@given(seeds, prompts, st.integers(1, 5), st.integers(1, 6), stop_lists, st.integers(1, 4), penalties)
def test_a_narrow_beam_is_the_obvious_one(
    seed: int, prompt: bytes, beams: int, max_bytes: int, stop: list[bytes], best: int, penalty: float
) -> None:
    model = WholeTexts(seed)
    met = obvious(model, prompt, beams, max_bytes, stop)
    found = search(model, prompt, beams=beams, best=best, max_bytes=max_bytes, stop=stop, length_penalty=penalty)
    assert_same(found, best_of(met, best, penalty), [score_of(one, met, penalty) for one in found])


@given(seeds, st.integers(1, 8), st.integers(1, 12), stop_lists, st.integers(1, 4), st.sampled_from([0.0, 0.02, 0.2]))
def test_wider_beams_never_find_less(
    seed: int, beams: int, max_bytes: int, stop: list[bytes], best: int, end: float
) -> None:
    model = WholeTexts(seed, b"ab\nc", end)
    narrow = search(model, b"", beams=beams, best=best, max_bytes=max_bytes, stop=stop)
    wide = search(model, b"", beams=beams + 1, best=best, max_bytes=max_bytes, stop=stop)
    assert len(wide) >= len(narrow)
    for less, more in zip(narrow, wide, strict=False):
        assert more.logprob >= less.logprob - NATS


@given(seeds, st.integers(1, 4), st.integers(0, 12), stop_lists)
def test_never_worse_than_greedy(seed: int, beams: int, max_bytes: int, stop: list[bytes]) -> None:
    model = WholeTexts(seed, b"ab\nc", 0.1)
    greedy = complete(model, b"a", max_bytes=max_bytes, stop=stop)
    (found,) = search(model, b"a", beams=beams, best=1, max_bytes=max_bytes, stop=stop)
    assert found.logprob >= greedy.logprob - NATS


@given(seeds, st.binary(max_size=3), st.integers(0, 20))
def test_one_beam_is_greedy_decoding_where_texts_do_not_end(seed: int, prompt: bytes, max_bytes: int) -> None:
    model = markov(seed, end=0.0)
    (found,) = search(model, prompt, beams=1, best=1, max_bytes=max_bytes)
    assert found.text == model.generate(prompt, max_bytes=max_bytes)


@given(seeds, st.lists(prompts, max_size=4), st.integers(1, 3), stop_lists)
def test_a_list_gives_what_each_prompt_alone_gives(
    seed: int, given_prompts: list[bytes], beams: int, stop: list[bytes]
) -> None:
    model = WholeTexts(seed)
    together = search(model, given_prompts, beams=beams, max_bytes=5, stop=stop)
    assert len(together) == len(given_prompts)
    for prompt, found in zip(given_prompts, together, strict=True):
        alone = search(model, prompt, beams=beams, max_bytes=5, stop=stop)
        assert [repr(one) for one in found] == [repr(one) for one in alone]
        assert [one.logprobs.tolist() for one in found] == [one.logprobs.tolist() for one in alone]


@given(seeds, stop_lists)
def test_log_probabilities_are_those_of_scoring(seed: int, stop: list[bytes]) -> None:
    model = WholeTexts(seed)
    for one in search(model, b"ab", beams=3, best=6, max_bytes=6, stop=stop):
        np.testing.assert_allclose(one.logprobs, model.score(b"ab" + one.text)[2:], atol=NATS)
        end = float(model.prefill(b"ab" + one.text).logprobs()[END])
        assert one.ended != "end" or one.logend == pytest.approx(end, abs=NATS)
        assert one.logprob == pytest.approx(one.logprobs.sum() + (one.logend or 0.0), abs=NATS)


@given(seeds, st.integers(1, 5), st.sampled_from([b"", b"\xc3", b"x\xe2\x82"]))
def test_no_two_results_differ_in_an_unfinished_character_alone(seed: int, max_bytes: int, prompt: bytes) -> None:
    model = WholeTexts(seed, b"a\xc3\xa9\xe2\x82\xac", 0.1)
    found = [prompt + one.text for one in search(model, prompt, beams=8, best=8, max_bytes=max_bytes)]
    whole = [text[: len(text) - unfinished(text)] for text in found]
    assert len(set(whole)) == len(whole)


def test_the_cut_of_max_bytes_may_leave_the_beginning_of_a_character() -> None:
    (found,) = search(scripted("aé".encode()), b"", max_bytes=2)
    assert (found.text, found.ended) == (b"a\xc3", "max_bytes")


def test_of_two_ends_of_one_text_the_more_probable_counts() -> None:
    model = WholeTexts(0, b"a\n", 0.3)
    every = list(outcomes(model, b"", 3, [b"\n"]))
    assert len([one for one in every if one.text == b""]) == 2
    found = search(model, b"", beams=9, best=99, max_bytes=3, stop="\n")
    texts = [one.text for one in found]
    assert len(texts) == len(set(texts)) == len({one.text for one in every})
    (empty,) = [one for one in found if one.text == b""]
    assert empty.logprob == pytest.approx(max(one.logprob for one in every if one.text == b""))


def test_a_stop_string_may_overlap_and_the_longest_counts() -> None:
    (found,) = search(scripted(b"xaab"), b"", stop=["ab", "aab"])
    assert (found.text, found.ended, found.logend) == (b"x", "stop", 0.0)
    (begun,) = search(scripted(b"bc"), b"a", stop="ab")  # a stop string does not begin in the prompt
    assert (begun.text, begun.ended) == (b"bc", "end")
    (cut,) = search(scripted(b"xab"), b"", stop="ab", max_bytes=2)
    assert (cut.text, cut.ended) == (b"xa", "max_bytes")


def test_a_length_penalty_prefers_longer_texts() -> None:
    model = markov(5, b"ab", end=0.1)
    plain = search(model, b"", best=1, max_bytes=12)[0]
    longer = search(model, b"", best=1, max_bytes=12, length_penalty=1.0)[0]
    assert len(longer.text) > len(plain.text)
    assert longer.logprob < plain.logprob


class Meter:
    """Counts how states are advanced together, and which are alive (mutable)."""

    def __init__(self) -> None:
        self.sizes: list[int] = []
        self.alive: weakref.WeakSet[WholeState] = weakref.WeakSet()
        self.most = 0

    def __call__(self, states: Sequence[WholeState], texts: Sequence[bytes]) -> tuple[WholeState, ...]:
        assert all(len(text) == 1 for text in texts)
        made = tuple(state.advance(text) for state, text in zip(states, texts, strict=True))
        self.sizes.append(len(made))
        self.alive.update(made)
        self.most = max(self.most, len(self.alive))
        return made


def test_all_hypotheses_of_all_prompts_advance_together() -> None:
    meter = Meter()
    search(WholeTexts(0, end=0.0, together=meter), [b"", b"a"], beams=5, best=5, max_bytes=6)
    assert meter.sizes == [2 * 3, 2 * 5, 2 * 5, 2 * 5, 2 * 5]


def test_what_is_given_up_is_released() -> None:
    meter, prompted = Meter(), []

    def together(states: Sequence[WholeState], texts: Sequence[bytes]) -> tuple[WholeState, ...]:
        prompted.append(len(model.prompted))
        return meter(states, texts)

    model = WholeTexts(0, end=0.05, together=together)
    found = search(model, [b"", b"a"], beams=5, best=5, max_bytes=30)
    assert len(meter.sizes) >= 10
    assert prompted == [2] + [0] * (len(meter.sizes) - 1)
    assert meter.most <= 2 * 2 * 5  # the hypotheses, and what they become
    assert len(meter.alive) == 0
    assert len(found) == 2


@pytest.mark.parametrize(("end", "text"), [(0.49, b"a"), (0.5, b""), (0.51, b"")])
def test_what_may_be_a_little_better_is_followed(end: float, text: bytes) -> None:
    """The text ends at once or goes on with a byte that certainly ends it."""
    table = np.full((SYMBOLS, SYMBOLS), -np.inf)
    table[END, [ord("a"), END]] = np.log([1 - end, end])
    table[: SYMBOLS - 1, END] = 0.0
    (found,) = search(Markov(table), b"", best=1)
    assert found.text == text


def test_the_search_ends_when_nothing_can_change_the_best() -> None:
    meter = Meter()
    model = WholeTexts(0, end=0.2, together=meter)
    every = sorted((one.logprob for one in outcomes(model, b"", 6, [])), reverse=True)
    (found,) = search(model, b"", beams=8, best=1, max_bytes=6)
    assert found.logprob == pytest.approx(every[0])
    assert 0 < len(meter.sizes) < 5, "five steps lead to the sixth byte"


def test_a_certain_end_costs_no_step() -> None:
    meter = Meter()
    model = WholeTexts(1, end=0.999, together=meter)
    (found,) = search(model, b"", beams=8, best=1, max_bytes=6)
    assert (found.text, found.ended, meter.sizes) == (b"", "end", [])


def test_the_prompt_is_left_as_it_was() -> None:
    model = markov(0)
    state = model.prefill(b"a")
    before = state.logprobs().copy()
    search(model, b"a", max_bytes=4)
    np.testing.assert_array_equal(state.logprobs(), before)


def test_fewer_results_where_there_are_no_more() -> None:
    assert [one.text for one in search(scripted(b"ab"), b"", best=5)] == [b"ab"]
    assert [one.text for one in search(scripted(b"ab"), b"", max_bytes=0)] == [b""]
    assert search(scripted(b"ab"), []) == []


def test_a_prompt_with_special_tokens_is_refused_by_a_model_that_has_none() -> None:
    with pytest.raises(ValueError, match="reads bytes alone and has no special token '<s>'"):
        search(markov(0), Prompt(Special(0, "<s>"), "a"))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"beams": 0}, "beams is 0; expected a whole number of at least 1: how many hypotheses are kept"),
        ({"beams": 1.5}, r"beams is 1\.5; expected a whole number"),
        ({"best": True}, "best is True; expected a whole number of at least 1: how many continuations to give"),
        ({"max_bytes": -1}, "max_bytes is -1; expected a whole number of at least 0: the most bytes"),
        ({"length_penalty": -0.5}, r"length_penalty is -0\.5; expected a number from 0 to 10: 0 ranks by probability"),
        ({"length_penalty": math.nan}, "length_penalty is nan; expected a number from 0 to 10"),
        ({"stop": [""]}, "a stop string is empty"),
    ],
)
def test_mistakes_are_told_at_the_call(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        search(markov(0), b"", **options)


def test_an_unknown_option_is_an_error() -> None:
    with pytest.raises(TypeError, match="unexpected keyword argument 'temperature'"):
        search(markov(0), b"", temperature=1.0)  # type: ignore[call-overload]
    assert "kwargs" not in inspect.signature(search).parameters
