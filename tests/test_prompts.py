"""What a prompt is made of."""

import dataclasses
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

import bytelm
from bytelm.prompts import Prompt, Special, as_prompt
from decoding.byte_models import markov

ONE, OTHER = Special(7, "<one>"), Special(8, "<other>")

parts = st.lists(st.sampled_from([ONE, OTHER]) | st.binary(max_size=3), max_size=6)


@given(parts)
def test_parts_are_kept_in_order_and_bytes_are_joined(given_parts: list[bytes | Special]) -> None:
    prompt = Prompt(*given_parts)
    spelled = b"".join(part if isinstance(part, bytes) else part.content.encode() for part in given_parts)
    assert prompt.spelled == spelled
    assert [part for part in prompt.parts if isinstance(part, Special)] == [
        part for part in given_parts if isinstance(part, Special)
    ]
    kinds = [isinstance(part, bytes) for part in prompt.parts]
    assert not any(a and b for a, b in pairwise(kinds))
    assert b"" not in prompt.parts


@given(parts)
def test_a_prompt_is_what_is_fixed_and_a_text(given_parts: list[bytes | Special]) -> None:
    prompt = Prompt(*given_parts)
    assert Prompt(*prompt.fixed, prompt.text) == prompt
    assert not prompt.fixed or isinstance(prompt.fixed[-1], Special)


def test_a_prompt_worked_by_hand() -> None:
    prompt = Prompt(ONE, "é", b"\xff", bytearray(b"a"), OTHER, Prompt("b", ONE), "", "c")
    assert prompt.parts == (ONE, b"\xc3\xa9\xffa", OTHER, b"b", ONE, b"c")
    assert prompt.fixed == prompt.parts[:-1]
    assert prompt.text == b"c"
    assert prompt == Prompt(Prompt(ONE, "é", b"\xff"), "a", OTHER, "b", ONE, "c")
    assert hash(prompt) == hash(Prompt(*prompt.parts))
    assert repr(Prompt("a", ONE)) == "Prompt(b'a', Special(token=7, content='<one>'))"


def test_prompts_without_special_tokens_are_bytes() -> None:
    assert as_prompt(Prompt()) == b""
    assert as_prompt(Prompt("a", b"b")) == b"ab"
    assert as_prompt(Prompt(ONE)) == Prompt(ONE)


def test_prompts_are_frozen() -> None:
    for thing, name in ((Prompt("a"), "parts"), (ONE, "token")):
        with pytest.raises(dataclasses.FrozenInstanceError, match="cannot assign to field"):
            setattr(thing, name, ())


def test_what_is_no_part_of_a_prompt() -> None:
    with pytest.raises(TypeError, match="made of bytes, str, Special and Prompt; got int"):
        Prompt("a", 5)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="lone surrogate at character 1"):
        Prompt("a\ud800")


def test_a_model_without_special_tokens_refuses_them() -> None:
    model = markov(0)
    assert model.prefill(Prompt("ab")).logprob == model.prefill("ab").logprob
    for ask in (model.prefill, model.score, model.generate):
        with pytest.raises(ValueError, match="reads bytes alone and has no special token '<one>'; give it bytes"):
            ask(Prompt("a", ONE))


def test_the_public_names() -> None:
    assert bytelm.Prompt is Prompt
    assert bytelm.Special is Special
