"""What is refused, and with which words; what an impossible constraint does."""

from typing import Any

import numpy as np
import pytest

import bytelm.constraints.engine as engine
from bytelm import END, Prompt, Special
from bytelm.constraints.building import constrain
from bytelm.constraints.grammars import GrammarPlace
from decoding.byte_models import Markov, markov, scripted


@pytest.fixture(scope="module")
def lm() -> Markov:
    return markov(4)


def test_one_constraint_is_needed(lm: Markov) -> None:
    with pytest.raises(ValueError, match="exactly one of regex=, choices=, json_schema=, grammar=; got none"):
        constrain(lm)
    with pytest.raises(ValueError, match="got regex= and grammar="):
        constrain(lm, regex="a", grammar="start: /a/")


def test_options_that_do_not_exist(lm: Markov) -> None:
    with pytest.raises(TypeError, match="unexpected keyword"):
        constrain(lm, regexp="a")  # type: ignore[call-arg]


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"regex": 3}, "regex is a str.*got int"),
        ({"grammar": b"start: /a/"}, "grammar is a str.*got bytes"),
        ({"choices": "yes"}, "choices is a list of texts.*got str"),
        ({"choices": [1]}, "expected bytes or str, got int"),
        ({"regex": "a", "after": 3}, "expected bytes or str, got int"),
    ],
)
def test_other_types(lm: Markov, given: dict[str, Any], words: str) -> None:
    with pytest.raises(TypeError, match=words):
        constrain(lm, **given)


def test_no_byte_model() -> None:
    with pytest.raises(TypeError, match=r"takes a byte model, as bytelm\.load gives it; got str"):
        constrain("gpt2", regex="a")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"choices": []}, "choices has no texts"),
        ({"regex": "("}, "^regex= cannot be used: .*unclosed group"),
        ({"regex": "(?=a)b"}, "^regex= cannot be used: .*look-around"),
        ({"json_schema": "{"}, "json_schema is no JSON object"),
        ({"json_schema": "[]"}, "json_schema is no JSON object"),
        ({"json_schema": {"type": {1, 2}}}, "json_schema is no JSON object.*set"),
        ({"json_schema": {"type": "array", "uniqueItems": True}}, "^json_schema= cannot be used: .*uniqueItems"),
        ({"json_schema": {"type": "strin"}}, "^json_schema= cannot be used: .*strin"),
        ({"grammar": "start: other"}, "^grammar= cannot be used: .*other"),
        ({"grammar": "begin: /a/"}, "^grammar= cannot be used: .*start"),
        ({"regex": "[^\\s\\S]"}, "^no output satisfies regex=: the constraint has come to a dead end"),
    ],
)
def test_constraints_that_cannot_be(lm: Markov, given: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words) as error:
        constrain(lm, **given)
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 450


def test_specials_that_the_base_model_does_not_read(lm: Markov) -> None:
    prompt = Prompt(Special(3, "<s>"), "a")
    with pytest.raises(ValueError, match="context has special tokens, and the base model reads bytes alone"):
        constrain(lm, regex="a", after=prompt)
    with pytest.raises(ValueError, match="context has special tokens"):
        constrain(lm, regex="a").after(prompt)
    with pytest.raises(ValueError, match="reads bytes alone and has no special token"):
        constrain(lm, regex="a").prefill(prompt)


def test_a_forbidden_byte(lm: Markov) -> None:
    state = constrain(lm, regex="[0-9]{2}cm?").prefill("12")
    with pytest.raises(
        ValueError, match=r"forbids byte b'x' at offset 3 of the output, behind b'12c'; .*: b'm', the end$"
    ):
        state.advance("cx")
    with pytest.raises(ValueError, match=r"forbids byte b'3' at offset 2 of the output, behind b'12'; .*: b'c'$"):
        state.advance("3")
    assert state.advance("c").text == b"12c"


@pytest.mark.parametrize("given", [{"regex": "[0-9]{2}"}, {"choices": [f"{n:02}" for n in range(100)]}])
def test_a_prompt_that_begins_no_output(lm: Markov, given: dict[str, Any]) -> None:
    model = constrain(lm, **given)
    with pytest.raises(ValueError, match=r"byte b'x' at offset 1 of the output, behind b'1'; .*: b'0' to b'9'$"):
        model.prefill("1x34")
    with pytest.raises(ValueError, match=r"offset 2 of the output, behind b'12'; allowed there: the end$"):
        model.prefill(["12", "123"])


def test_many_ranges_are_cut(lm: Markov) -> None:
    state = constrain(lm, choices=[bytes((byte,)) for byte in range(0, 256, 2)]).prefill("")
    with pytest.raises(ValueError, match=r"b'\\x0e', 120 more ranges$"):
        state.advance(b"\x01")


def test_scores_end_at_the_first_forbidden_byte(lm: Markov) -> None:
    model = constrain(lm, regex="[0-9]+")
    first, second, third = model.score(["12x34", "", "x"])
    assert np.isfinite(first).tolist() == [True, True, False, False, False]
    assert np.array_equal(first[:2], model.score("12"))
    assert second.shape == (0,)
    assert third.tolist() == [-np.inf]


def test_progress_is_that_of_all_texts(lm: Markov) -> None:
    seen: list[tuple[int, int]] = []
    constrain(lm, regex="[0-9]+").score(["12x45", "678"], progress=lambda *pair: seen.append(pair))
    assert seen == [(2, 8), (4, 8), (6, 8)]


def test_a_base_model_that_wants_nothing_of_it() -> None:
    state = constrain(scripted(b"xyz"), regex="[ab]").prefill("")
    for ask in (state.logprobs, state.bounds, lambda: state.top(2), lambda: state.advance("a").logprob):
        with pytest.raises(FloatingPointError, match="probability zero to every symbol that the constraint allows"):
            ask()
    assert state.logmass == -np.inf


def test_an_output_of_probability_zero() -> None:
    lm = markov(1, symbols=b"ab")
    state = constrain(lm, regex="[abc]{2}").prefill("c")
    assert (state.logprob, state.unconstrained_logprob) == (-np.inf, -np.inf)
    with pytest.raises(FloatingPointError, match="masses are not known"):
        _ = state.logmasses
    forced = constrain(lm, regex="c[ab]").prefill("c")
    assert (forced.logprob, forced.unconstrained_logprob, forced.logmasses) == (0.0, -np.inf, -np.inf)


def test_a_context_of_probability_zero() -> None:
    state = constrain(markov(1, symbols=b"ab"), regex="[ab]", after="c").prefill("a")
    with pytest.raises(FloatingPointError, match="gives the context probability zero"):
        _ = state.unconstrained_logprob
    assert np.isfinite(state.logprob)


def test_without_the_engine(lm: Markov, monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(name: str) -> None:
        raise ImportError(f"No module named {name!r}")

    monkeypatch.setattr(engine.importlib, "import_module", absent)
    for given in ({"regex": "a"}, {"json_schema": {}}, {"grammar": "start: /a/"}):
        with pytest.raises(ValueError, match=r"needs llguidance, which is not installed: pip install 'bytelm\[constr"):
            constrain(lm, **given)  # type: ignore[arg-type]
    assert constrain(lm, choices=["a"]).generate("") == b"a"


def test_the_end_is_a_symbol(lm: Markov) -> None:
    state = constrain(lm, choices=["a"]).prefill("a")
    assert state.top(1) == [(END, 0.0)]


@pytest.mark.parametrize("grammar", ['start: "a" B | "c"\nB: /b/ & /d/', 'start: "a" <[256]> "b" | "c"'])
def test_a_grammar_that_leads_nowhere(lm: Markov, grammar: str) -> None:
    state = constrain(lm, grammar=grammar).prefill("")
    assert np.flatnonzero(state.allowed()).tolist() == [ord("a"), ord("c")]
    stuck = state.advance("a")
    for ask in (stuck.allowed, stuck.logprobs, lambda: repr(stuck)):
        with pytest.raises(RuntimeError, match=r"come to a dead end: nothing may come behind byte 1$"):
            ask()
    assert state.advance("c").allowed()[END]


class GivenUp:
    """A matcher of llguidance after it met one of its limits; it then says that the end may come."""

    def compute_logit_bias(self) -> bytes:
        return bytes(256) + b"\xc8"

    def get_error(self) -> str:
        return "too many items\n<non-verbose/>"


def test_an_engine_that_gives_up_does_not_end_the_output() -> None:
    place = GrammarPlace(GivenUp(), 7)  # type: ignore[arg-type]
    with pytest.raises(RuntimeError, match=r"gave up on the constraint behind byte 7 of the output: too many items$"):
        _ = place.allowed
