"""Where one symbol alone may come, the base model is not asked; later it reads all of them at once."""

import numpy as np
import pytest

from bytelm.constraints.building import constrain
from bytelm.protocol import END
from constraints.counting import Asked, Counting
from decoding.byte_models import markov


@pytest.fixture
def base() -> Counting:
    return Counting(markov(2))


def test_forced_bytes_cost_nothing(base: Counting) -> None:
    state = constrain(base, regex="begin: [ab] :end", after="of").prefill("")
    for byte in b"begin: ":
        assert np.flatnonzero(state.logprobs() > -np.inf).tolist() == [byte]
        state = state.advance(bytes((byte,)))
    assert base.asked == Asked()
    assert state.logprob == 0
    state.logprobs()
    assert base.asked == Asked([b"begin: "], 1)
    state = state.advance("a")
    for byte in b" :end":
        state = state.advance(bytes((byte,)))
    assert state.allowed()[END]
    assert base.asked == Asked([b"begin: "], 1)
    assert state.logprob == pytest.approx(
        float(constrain(markov(2), choices=["a", "b"]).after("ofbegin: ").score("a")[0])
    )
    assert base.asked == Asked([b"begin: "], 1)


def test_generation_asks_once_for_each_choice(base: Counting) -> None:
    output = constrain(base, json_schema=SCHEMA).generate("", temperature=1)
    assert output[:8] == b'{"first"'
    free = [byte for byte in output if byte in b"true false"]
    assert base.asked.distributions <= 6 < len(output)
    assert len(free) > 0


SCHEMA = {
    "type": "object",
    "properties": {"first": {"type": "boolean"}, "second": {"type": "boolean"}},
    "required": ["first", "second"],
    "additionalProperties": False,
}


def test_a_batch_reads_together(base: Counting) -> None:
    batch = constrain(base, regex="x=[ab]y=[ab]").prefill(["", "x=ay", "x="])
    assert base.asked.advances == [(b"x=",)]
    batch = batch.advance(["x=", "=", "b"])
    assert base.asked.advances == [(b"x=",), (b"x=", b"x=ay=")]
    batch.logprobs()
    assert base.asked.advances == [(b"x=",), (b"x=", b"x=ay=")]


def test_a_prompt_is_read_at_once_and_weighed_when_asked(base: Counting) -> None:
    state = constrain(base, regex="[a-c]{6}").prefill("abcabc")
    assert base.asked == Asked()
    assert state.unconstrained_logprob == pytest.approx(float(markov(2).score("abcabc").sum()))
    assert base.asked == Asked([b"abcabc"])
    assert state.logprob > state.unconstrained_logprob
    assert base.asked.distributions == 6
    assert state.logprob == state.logprob
    assert base.asked.distributions == 6


def test_a_logprob_after_each_byte_asks_once_a_byte(base: Counting) -> None:
    state = constrain(base, regex="[a-c]{20}").prefill("")
    for _ in range(20):
        state = state.advance("a")
        assert state.logprob < 0
    assert base.asked.distributions == 20
    assert len(base.asked.advances) == 19
