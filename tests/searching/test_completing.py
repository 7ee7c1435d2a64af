"""What is generated, with its log-probabilities, against generation and against stepping."""

import inspect
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bytelm.decoding.generation import generate
from bytelm.protocol import END
from bytelm.searching.completing import complete
from bytelm.searching.completion import Completion
from decoding.byte_models import markov, scripted
from searching.whole_texts import WholeTexts, outcomes

NATS = 1e-9

seeds = st.integers(0, 10**6)
texts = st.text("ab", max_size=3).map(str.encode)
stop_lists = st.lists(st.sampled_from([b"a", b"\n", b"ab", b"bab", b"\n\n"]), max_size=3)
samplings = st.fixed_dictionaries(
    {},
    optional={
        "temperature": st.sampled_from([0.0, 0.7, 1.0, 2.0]),
        "top_p": st.sampled_from([0.5, 1.0]),
        "top_k": st.sampled_from([0, 2]),
        "min_p": st.sampled_from([0.0, 0.3]),
        "seed": st.integers(0, 9),
    },
)


@given(seeds, texts, st.integers(0, 8), stop_lists, samplings)
def test_the_bytes_are_those_of_generate_and_the_rest_is_one_of_the_outcomes(
    seed: int, prompt: bytes, max_bytes: int, stop: list[bytes], sampling: dict[str, Any]
) -> None:
    model = WholeTexts(seed)
    found = complete(model, prompt, max_bytes=max_bytes, stop=stop, **sampling)
    assert found.text == generate(model, prompt, max_bytes=max_bytes, stop=stop, **sampling)
    np.testing.assert_allclose(found.logprobs, stepped(model, prompt, found.text), atol=NATS)
    assert len(found.text) == max_bytes if found.ended == "max_bytes" else len(found.text) < max_bytes
    ends = possible_ends(model, prompt + found.text, found.ended, stop)
    assert any(found.logend == end or found.logend == pytest.approx(end, abs=NATS) for end in ends)


def stepped(model: WholeTexts, prompt: bytes, text: bytes) -> list[float]:
    state, found = model.prefill(prompt), []
    for byte in text:
        found.append(float(state.logprobs()[byte]))
        state = state.advance(bytes([byte]))
    return found


def possible_ends(model: WholeTexts, before: bytes, ended: str, stops: list[bytes]) -> list[float | None]:
    """The log-probabilities of what may have ended a text so."""
    if ended == "stop":
        return [sum(stepped(model, before, stop)) for stop in stops]
    return [float(model.prefill(before).logprobs()[END])] if ended == "end" else [None]


def test_plain_draws_come_as_often_as_their_log_probabilities_say() -> None:
    model, stop, draws = WholeTexts(4, b"ab", end=0.3), [b"ab"], 1000
    drawn = complete(model, [b""] * draws, max_bytes=2, stop=stop, temperature=1.0)
    listed = list(outcomes(model, b"", 2, stop))
    assert {one.ended for one in listed} == {"end", "stop", "max_bytes"}
    for event in listed:
        same = [one for one in drawn if (one.text, one.ended) == (event.text, event.ended)]
        chance = math.exp(event.logprob)
        assert abs(len(same) - draws * chance) <= 4 * math.sqrt(draws * chance * (1 - chance)) + 1
        assert all(one.logprob == pytest.approx(event.logprob, abs=NATS) for one in same)


def test_a_list_gives_a_list() -> None:
    model = markov(0)
    found = complete(model, ["a", "b", "c"], temperature=1.0, seed=3)
    wanted = generate(model, ["a", "b", "c"], temperature=1.0, seed=3)
    assert [one.text for one in found] == wanted
    assert complete(model, []) == []
    assert isinstance(complete(model, "a"), Completion)


def test_why_it_ended() -> None:
    model = scripted(b"one\n\ntwo")
    assert complete(model, b"").ended == "end"
    assert complete(model, b"", max_bytes=8).ended == "max_bytes"  # the end is not asked for
    assert complete(model, b"", max_bytes=9).ended == "end"
    stopped = complete(model, b"", stop="\n\n")
    assert (stopped.text, stopped.ended, stopped.logend) == (b"one", "stop", 0.0)
    cut = complete(model, b"", stop="\n\n", max_bytes=4)
    assert (cut.text, cut.ended, cut.logend) == (b"one\n", "max_bytes", None)
    nothing = complete(model, b"", max_bytes=0)
    assert (nothing.text, nothing.ended, nothing.logprob) == (b"", "max_bytes", 0.0)


def test_the_options_are_those_of_generate() -> None:
    assert (
        list(inspect.signature(complete).parameters.values())[2:]
        == list(inspect.signature(generate).parameters.values())[2:]
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"max_bytes": -1}, "max_bytes is -1; expected a whole number of at least 0: the most bytes to generate"),
        ({"top_p": 2.0}, r"top_p is 2\.0; expected a number from 0 to 1"),
        ({"stop": ""}, "a stop string is empty"),
    ],
)
def test_mistakes_are_told(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        complete(markov(0), b"", **options)


def test_an_unknown_option_is_an_error() -> None:
    with pytest.raises(TypeError, match="unexpected keyword argument 'beams'"):
        complete(markov(0), b"", beams=3)  # type: ignore[call-overload]
