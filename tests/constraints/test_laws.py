"""A constrained model is a lawful byte model, and the one that the definition says."""

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bytelm.constraints.building import constrain
from bytelm.constraints.model import ConstrainedLM
from bytelm.constraints.state import ConstrainedState
from bytelm.ensembles.building import ensemble
from bytelm.native.ngram import ngram
from bytelm.protocol import END, FloatArray
from constraints import brute_force
from decoding.byte_models import Markov, markov

CLOSE = 1e-12

letters = st.text("abé", max_size=5)
contexts = st.binary(max_size=3)


def constrained(lm: Markov, kind: str, texts: list[str], context: bytes) -> tuple[ConstrainedLM, list[bytes]]:
    """One of several constraints with the same outputs, and these."""
    if kind == "choices":
        return constrain(lm, choices=texts, after=context), [text.encode() for text in texts]
    if kind == "regex":
        return constrain(lm, regex="|".join(f"({text})" for text in texts), after=context), [t.encode() for t in texts]
    if kind == "json_schema":
        written = [json.dumps(text, ensure_ascii=False).encode() for text in texts]
        return constrain(lm, json_schema={"enum": texts}, after=context), written
    words = " | ".join(f'"x" {json.dumps(text, ensure_ascii=False)}' if text else '"x"' for text in texts)
    return constrain(lm, grammar=f"start: {words}", after=context), [b"x" + text.encode() for text in texts]


kinds = st.sampled_from(["choices", "regex", "json_schema", "grammar"])
lists = st.lists(letters, min_size=1, max_size=5, unique=True)


def beginnings(outputs: list[bytes]) -> list[bytes]:
    return sorted({text[:length] for text in outputs for length in range(len(text) + 1)})


@settings(max_examples=60)
@given(st.integers(0, 99), kinds, lists, contexts, st.data())
def test_it_is_what_the_definition_says(
    seed: int, kind: str, texts: list[str], context: bytes, data: st.DataObject
) -> None:
    """Distributions, probabilities and masses, at the beginning of an output that is reached in two steps."""
    lm = markov(seed)
    model, outputs = constrained(lm, kind, texts, context)
    before = data.draw(st.sampled_from(beginnings(outputs)))
    cut = data.draw(st.integers(0, len(before)))
    state = model.prefill(before[:cut]).advance(before[cut:])
    assert state.text == before
    assert state.allowed().tolist() == brute_force.allowed(outputs, before)
    close(state.logprobs(), brute_force.next_logprobs(lm, context, outputs, before))
    close(state.logprob, brute_force.logprob(lm, context, outputs, before))
    close(state.logmass, brute_force.logmass(lm, context, outputs, before))
    masses = [brute_force.logmass(lm, context, outputs, before[:place]) for place in range(len(before))]
    close(state.logmasses, sum(masses))
    close(state.unconstrained_logprob, sum(lm.score(context + before)[len(context) :]))
    close(np.exp(state.logprobs()).sum(), 1.0)


@settings(max_examples=40)
@given(st.integers(0, 99), kinds, lists, contexts)
def test_scores_are_the_chain_rule(seed: int, kind: str, texts: list[str], context: bytes) -> None:
    model, outputs = constrained(markov(seed), kind, texts, context)
    for text, scores in zip(outputs, model.score(outputs), strict=True):
        states = [model.prefill(text[:place]) for place in range(len(text) + 1)]
        close(scores, [state.logprobs()[byte] for state, byte in zip(states, text, strict=False)])
        close(np.cumsum(scores), [state.logprob for state in states[1:]])


@settings(max_examples=40)
@given(st.integers(0, 99), kinds, lists, contexts)
def test_the_texts_share_all_the_probability(seed: int, kind: str, texts: list[str], context: bytes) -> None:
    """The valid outputs, ended, sum to one; weighted by their masses, to what the base model gives to them."""
    lm = markov(seed)
    model, outputs = constrained(lm, kind, texts, context)
    ends = [model.prefill(text) for text in outputs]
    close(sum(np.exp(state.logprob + state.logprobs()[END]) for state in ends), 1.0)
    weighted = [state.logprob + state.logprobs()[END] + state.logmasses + state.logmass for state in ends]
    plain = [state.unconstrained_logprob + state.base.logprobs()[END] for state in ends]
    close(np.logaddexp.reduce(weighted), np.logaddexp.reduce(plain))


@settings(max_examples=40)
@given(st.integers(0, 99), kinds, lists, st.lists(st.tuples(st.integers(0, 9), st.integers(0, 3)), max_size=12))
def test_states_are_frozen(seed: int, kind: str, texts: list[str], moves: list[tuple[int, int]]) -> None:
    """A tree of states in random order: what each said before it had relatives, it says in the end."""
    model, _ = constrained(markov(seed), kind, texts, b"")
    states = [model.prefill(b"")]
    before = [answers(states[0])]
    for pick, symbol in moves:
        state = states[pick % len(states)]
        following = np.flatnonzero(state.allowed()[:END])
        if len(following):
            states.append(state.advance(bytes((int(following[symbol % len(following)]),))))
            before.append(answers(states[-1]))
    for state, then in zip(states, before, strict=True):
        for now, old in zip(answers(state), then, strict=True):
            assert np.array_equal(now, old)


def answers(state: ConstrainedState) -> list[Any]:
    found = [state.logprobs(), state.logprob, state.unconstrained_logprob, state.logmass, state.logmasses]
    return [*found, *state.bounds(), state.allowed(), state.dropped, state.top(3), state.text, repr(state)]


@settings(max_examples=40)
@given(st.integers(0, 99), kinds, lists, st.booleans())
def test_batches_are_their_members(seed: int, kind: str, texts: list[str], ask: bool) -> None:
    model, outputs = constrained(markov(seed), kind, texts, b"after")
    batch = model.prefill([text[:2] for text in outputs])
    if ask:
        batch.logprobs()
    batch = batch.advance([text[2:] for text in outputs])
    alone = [model.prefill(text) for text in outputs]
    close(batch.logprobs(), [state.logprobs() for state in alone])
    close(batch.logprob, [state.logprob for state in alone])
    seeds = model.generate([text[:1] for text in outputs], temperature=1, seed=seed)
    assert all(text[:1] + end in outputs for text, end in zip(outputs, seeds, strict=True))
    assert seeds[0] == model.generate(outputs[0][:1], temperature=1, seed=seed)


def test_a_model_behind_another_context_is_that_of_the_context() -> None:
    lm = markov(1)
    model = constrain(lm, regex="[a-z]{1,3}", after="one")
    other = model.after(b"two")
    assert (model.context, other.context) == (b"one", b"two")
    fresh = constrain(lm, regex="[a-z]{1,3}", after="two")
    close(other.prefill("a").logprobs(), fresh.prefill("a").logprobs())
    assert not np.allclose(other.prefill("").logprobs(), model.prefill("").logprobs())


def test_what_is_given_out_is_a_copy() -> None:
    state = constrain(markov(1), regex="[a-c]").prefill("")
    before = answers(state)
    for array in (state.logprobs(), state.allowed(), *state.bounds()):
        array[:] = 0
    assert all(np.array_equal(now, old) for now, old in zip(answers(state), before, strict=True))


def test_ensembles_are_constrained_like_others() -> None:
    lm = ensemble([markov(1), ngram(["ab", "ba"])], "product")
    model = constrain(lm, choices=["ab", "ba", "b"], after="aba")
    text = model.generate("", temperature=1)
    assert text in (b"ab", b"ba", b"b")
    close(model.prefill(text).unconstrained_logprob, lm.score(b"aba" + text)[3:].sum())
    close(model.score(text).sum(), model.prefill(text).logprob)


def close(found: FloatArray | float, expected: object) -> None:
    np.testing.assert_allclose(found, np.asarray(expected), rtol=CLOSE, atol=CLOSE)


@pytest.mark.parametrize("constraint", [{"regex": "a?"}, {"choices": ["", "a"]}])
def test_nothing_may_be_an_output(constraint: dict[str, Any]) -> None:
    model = constrain(markov(3), **constraint)
    assert np.flatnonzero(model.prefill("").allowed()).tolist() == [ord("a"), END]
    assert np.flatnonzero(model.prefill("a").allowed()).tolist() == [END]
