"""Constraints around a model of tokens: valid text keeps its probability, prompts may have special tokens."""

import numpy as np
import pytest

import bytelm
from bytelm import Prompt
from bytelm.constraints.building import constrain
from bytelm.covers.model import TokenizedLM

CLOSE = 5e-6
"""Nats: the tolerance of 1e-6 at both ends, and float32."""


@pytest.fixture(scope="module")
def lm() -> TokenizedLM:
    return bytelm.load()


@pytest.mark.parametrize(
    ("context", "regex", "text"),
    [
        ("import ", "[a-z_.]{1,20}", "numpy"),
        ("def f(self, name):\n    self.na", r"me = [a-z]+\n", "me = name\n"),
        ("# é", "[\u00a0-\u00ff]{1,4}", "ü"),
        ("", "for i in range\\([0-9]+\\):", "for i in range(10):"),
    ],
)
def test_valid_text_keeps_its_probability(lm: TokenizedLM, context: str, regex: str, text: str) -> None:
    model = constrain(lm, regex=regex, after=context)
    state = model.prefill(text)
    plain = lm.prefill(context)
    assert state.unconstrained_logprob == pytest.approx(plain.advance(text).logprob - plain.logprob, abs=CLOSE)
    stepped, masses = model.prefill(""), 0.0
    for byte in text.encode():
        masses += stepped.logmass
        stepped = stepped.advance(bytes((byte,)))
        stepped.logprobs()
    assert stepped.unconstrained_logprob == pytest.approx(state.unconstrained_logprob, abs=1e-5)
    assert stepped.logprob == pytest.approx(state.logprob, abs=1e-5)
    assert state.logmasses == pytest.approx(masses, abs=1e-5)
    assert model.score(text).sum() == pytest.approx(state.logprob, abs=1e-5)


def test_prompts_with_special_tokens(lm: TokenizedLM) -> None:
    """The context of a constraint may be what the base model reads; the output is bytes."""
    prefix, suffix, middle = lm.tokenizer.fim_tokens
    context = Prompt(prefix, "class Point:\n", suffix, "        self.x = x\n", middle, "    def __in")
    model = constrain(lm, regex=r"[a-z_]+\((self)?(, [xyz])*\):", after=context)
    output = model.generate("", max_bytes=20)
    assert output == lm.generate(context, max_bytes=20, stop="\n")
    state = model.prefill(output)
    plain = lm.prefill(context)
    assert state.unconstrained_logprob == pytest.approx(plain.advance(output).logprob - plain.logprob, abs=CLOSE)


def test_a_choice_is_weighed_by_the_model(lm: TokenizedLM) -> None:
    model = constrain(lm, choices=["sys", "zebra", "xylophone"], after="import ")
    assert model.generate("") == b"sys"
    assert model.after("x = ").generate("") == b"xylophone"


def test_a_batch_of_many_lengths(lm: TokenizedLM) -> None:
    model = constrain(lm, regex='name="[a-z]{1,8}" value=[0-9]{1,3}', after="<input ")
    outputs = model.generate(["", "na", 'name="a'], temperature=1, seed=3)
    alone = model.generate("", temperature=1, seed=3)
    assert outputs[0] == alone
    batch = model.prefill(["", 'name="', 'name="x'])
    after = batch.advance(['name="', "a", '"'])
    for state, text in zip(after, ['name="', 'name="a', 'name="x"'], strict=True):
        np.testing.assert_allclose(state.logprobs(), model.prefill(text).logprobs(), atol=1e-5)


def test_the_state_is_shown(lm: TokenizedLM) -> None:
    shown = repr(constrain(lm, regex="[0-9]{2}", after="x = ").prefill(""))
    assert "after  ▏   log P = 0.0000 nats" in shown
    assert "allowed: 10 of 257 symbols, " in shown
    assert "% of the base model's probability" in shown
    page = constrain(lm, regex="[0-9]{2}", after="x = ").prefill("")._repr_html_()
    assert "allowed: 10 of 257 symbols" in page
    assert "</table>" in page
    forced = repr(constrain(lm, regex="ab").prefill("a"))
    assert forced.endswith("allowed: 1 of 257 symbols")
