"""Prompts with special tokens: what stands before the last one is given, what stands behind it is a text anew."""

from collections.abc import Sequence
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bytelm.covers.judges import judge
from bytelm.covers.model import TokenizedLM
from bytelm.engines.table import TableModel, random_table
from bytelm.prompts import Prompt, Special
from bytelm.protocol import END, FloatArray
from covers.comparing import NATS, largest_gap, total
from covers.random_models import table
from covers.test_frozen import answers_of, check_same
from covers.tiny_tokenizers import KINDS, TinyTokenizer, tiny_tokenizer
from tokens.tiny import added, byte_level, save

all_kinds = pytest.mark.parametrize("kind", KINDS)

Parts = list[str | Special]


class Sample:
    """A table model over a tiny tokenizer, and the truth about what follows fixed tokens."""

    def __init__(self, tokenizer: TinyTokenizer, segmentation: str = "canonical", seed: int = 0) -> None:
        self.view = tokenizer.view
        self.specials = [self.view.special("<|stop|>"), self.view.special("</s>")]
        self.ends = tokenizer.ends[:1]
        self.rule = self.view.canonical if segmentation == "canonical" else self.view.every
        self.logprobs_of = table(self.view.size, seed, 1.0)

    def model(self, tolerance: float = 0.0, begin: tuple[int, ...] = ()) -> TokenizedLM:
        engine = TableModel(self.view.size, lambda tokens: self.logprobs_of((*begin, *tokens)))
        return TokenizedLM(engine, self.rule, self.ends, tolerance, self.view.prefix, self.view, begin)

    def tokens(self, parts: Parts) -> list[int]:
        """Fixed parts as tokens: each text as the tokenizer itself cuts it."""
        cut = [[part.token] if isinstance(part, Special) else self.view.encode(part) for part in parts if part]
        return [token for tokens in cut for token in tokens]

    def truth(self, fixed: Sequence[int], text: bytes) -> FloatArray:
        """``log P(text, symbol | fixed tokens)`` by enumeration, given the bytes put before every text."""
        prefix = self.view.section_prefix

        def joint(data: bytes) -> FloatArray:
            return judge(self.rule, lambda tokens: self.logprobs_of((*fixed, *tokens)), self.ends, data)

        return joint(prefix + text) - total(joint(prefix))


def check_answers(sample: Sample, prompt: Prompt, fixed: Sequence[int]) -> None:
    """The distribution, the probability and the scores of a prompt are those of the text behind fixed tokens."""
    joint = sample.truth(fixed, prompt.text)
    model = sample.model()
    state = model.prefill(prompt)
    assert largest_gap(state.logprobs(), joint - total(joint)) <= NATS
    assert abs(state.logprob - total(joint)) <= NATS
    scores = model.score(prompt)
    assert scores.shape == (len(prompt.text),)
    assert abs(float(scores.sum()) - total(joint)) <= NATS
    assert {cover.tokens[: len(fixed)] for cover in state.covers()} == {tuple(fixed)}


@st.composite
def drawn(draw: st.DrawFn, kind: str, segmentation: str) -> tuple[Sample, Parts, bytes]:
    """A model, what is fixed, and a text behind it, cut anywhere."""
    tokenizer = tiny_tokenizer(kind, draw(st.integers(0, 5)))
    sample = Sample(tokenizer, segmentation, draw(st.integers(0, 2**32 - 1)))
    texts = st.text(tokenizer.alphabet, max_size=4)
    parts: Parts = []
    for special in draw(st.lists(st.sampled_from(sample.specials), min_size=1, max_size=3)):
        parts += [draw(texts), special]
    text = draw(texts).encode()
    return sample, parts, text[: draw(st.integers(max(0, len(text) - 1), len(text)))]


@all_kinds
@pytest.mark.parametrize("segmentation", ["canonical", "all"])
@settings(max_examples=25)
@given(data=st.data())
def test_a_prompt_conditions_on_its_fixed_tokens(kind: str, segmentation: str, data: st.DataObject) -> None:
    sample, parts, text = data.draw(drawn(kind, segmentation))
    check_answers(sample, Prompt(*parts, text), sample.tokens(parts))


@all_kinds
@settings(max_examples=20)
@given(data=st.data(), tolerance=st.sampled_from([1e-6, 0.2]))
def test_the_certificate_holds_behind_special_tokens(kind: str, data: st.DataObject, tolerance: float) -> None:
    sample, parts, text = data.draw(drawn(kind, "canonical"))
    joint = sample.truth(sample.tokens(parts), text)
    state = sample.model(tolerance).prefill(Prompt(*parts, text))
    lower, upper = state.bounds()
    assert (lower <= joint - total(joint) + NATS).all()
    assert (joint - total(joint) <= upper + NATS).all()
    assert total(joint) - np.log1p(tolerance) - NATS <= state.logprob <= total(joint) + NATS


@all_kinds
def test_right_behind_a_special_token_nothing_has_happened_yet(kind: str) -> None:
    sample = Sample(tiny_tokenizer(kind, 0))
    model, prompt = sample.model(), Prompt("a", sample.specials[0])
    assert abs(model.prefill(prompt).logprob) <= NATS
    assert model.score(prompt).shape == (0,)
    assert largest_gap(model.prefill(prompt).logprobs(), model.prefill(b"a").logprobs()) > 1e-3


@all_kinds
@pytest.mark.parametrize("wrong", [b"\xff", "é".encode()[:1]])
@pytest.mark.parametrize("segmentation", ["canonical", "all"])
def test_fixed_bytes_that_no_text_can_contain(kind: str, wrong: bytes, segmentation: str) -> None:
    """They stand as their byte tokens, behind what the tokenizer makes of the text before them."""
    sample = Sample(tiny_tokenizer(kind, 0, every_byte=True), segmentation)
    (special, _), order = sample.specials, sample.view.vocabulary.order
    byte_token = int(order[sample.view.vocabulary.find(wrong)[0]])
    fixed = [*sample.view.encode("ab"), byte_token, special.token]
    check_answers(sample, Prompt(b"ab" + wrong, special, b"b"), fixed)


def test_fixed_text_is_normalised_as_the_tokenizer_does(tmp_path: Path) -> None:
    """A letter and its accent are the one character of the encoding, not the tokens of the bytes as they stand."""
    description = byte_level([("é".encode()[:1], "é".encode()[1:])]) | {"normalizer": {"type": "NFC"}}
    view = save(tmp_path, description | {"added_tokens": [added(257, "<s>")]})
    model = TokenizedLM(random_table(258, np.random.default_rng(0)), view.canonical, (), 0.0, b"", view)
    (cover, *_) = model.prefill(Prompt("e\u0301", view.special("<s>"))).covers()
    assert cover.tokens == (256, 257)


def test_fixed_text_that_a_vocabulary_cannot_spell_is_an_error() -> None:
    sample = Sample(tiny_tokenizer("plain", 0))
    for data, byte in ((b"az", "7a"), (b"a\xff", "ff"), ("a\u00fc".encode(), "bc")):
        with pytest.raises(ValueError, match=f"no token for byte 0x{byte}"):
            sample.model().prefill(Prompt(data, sample.specials[0]))


@all_kinds
def test_begin_tokens_that_are_spelled_out_are_not_doubled(kind: str) -> None:
    sample = Sample(tiny_tokenizer(kind, 0))
    one, other = sample.specials
    first, second = one.token, other.token
    for begin, prompt, fixed in (
        ((first,), Prompt(one, "a", other), [first, *sample.view.encode("a"), second]),
        ((first,), Prompt(one), [first]),
        ((first,), Prompt(one, one), [first, first]),
        ((first,), Prompt(other), [first, second]),
        ((first,), Prompt("a", one), [first, *sample.view.encode("a"), first]),
        ((first, second), Prompt(one, other, "a"), [first, second]),
        ((first, second), Prompt(one, "a"), [first, second, first]),
    ):
        joint = sample.truth(fixed, prompt.text)
        state = sample.model(begin=begin).prefill(prompt)
        assert largest_gap(state.logprobs(), joint - total(joint)) <= NATS


def test_begin_tokens_that_a_text_spells_are_no_begin_tokens() -> None:
    """Only special tokens stand for them; the same ids in the encoding of a text do not."""
    sample = Sample(tiny_tokenizer("plain", 0))
    token, special = sample.view.encode("a")[0], sample.specials[0]
    joint = sample.truth([token, token, special.token], b"")
    state = sample.model(begin=(token,)).prefill(Prompt("a", special))
    assert largest_gap(state.logprobs(), joint - total(joint)) <= NATS


def test_another_prefix_behind_special_tokens(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a tokenizer puts a space before the first text alone, later ones are cut without it."""
    sample = Sample(tiny_tokenizer("sentencepiece", 0))
    monkeypatch.setattr(sample.view, "section_prefix", b"")
    (special, _), order = sample.specials, sample.view.vocabulary.order
    a, b = (int(order[sample.view.vocabulary.find(char)[0]]) for char in (b"a", b"b"))
    assert sample.view.encode("a") != [a]
    fixed = [*sample.view.encode("a"), special.token, a, special.token]
    check_answers(sample, Prompt("a", special, "a", special, "b"), fixed)
    first = sample.model().prefill(Prompt(special)).advance(b"b").covers()
    assert (special.token, b) in {cover.tokens for cover in first}


@all_kinds
@settings(max_examples=15)
@given(data=st.data())
def test_states_behind_special_tokens_are_frozen(kind: str, data: st.DataObject) -> None:
    sample, parts, text = data.draw(drawn(kind, "canonical"))
    model = sample.model(0.2)
    state = model.prefill(Prompt(*parts, text))
    before = answers_of(state)
    model.prefill(Prompt(*parts, *parts)).advance(b"a")
    for byte in np.flatnonzero(state.logprobs()[:END] > -np.inf)[:3]:
        state.advance(bytes([byte])).logprobs()
    check_same(state, before)
    fresh = sample.model(0.2).prefill(Prompt(*parts)).advance(text)
    check_same(fresh, answers_of(model.prefill(Prompt(*parts)).advance(text)))


def test_generation_goes_on_from_a_prompt() -> None:
    """Greedy, streamed and drawn: what the state behind the prompt says; and in batches, mixed with texts."""
    sample = Sample(tiny_tokenizer("words", 0), seed=2)
    prompt = Prompt("a 1", sample.specials[0], "a .")
    state, best = sample.model().prefill(prompt), b""
    while len(best) < 6 and (symbol := int(np.argmax(state.logprobs()))) != END:
        best, state = best + bytes([symbol]), state.advance(bytes([symbol]))
    assert best
    for model in (sample.model(), sample.model(0.2)):
        assert bytes(symbol for symbol in islice(model.greedy(prompt), 6) if symbol != END) == best
        assert model.generate(prompt, max_bytes=6) == best
        assert b"".join(model.stream(prompt, max_bytes=6, raw=True)) == best
    model = sample.model()
    drawn_alone = model.generate(prompt, max_bytes=6, temperature=1.0)
    assert model.generate([prompt, "a"], max_bytes=6, temperature=1.0)[0] == drawn_alone
    batch = model.prefill([prompt, "a", Prompt("a")])
    assert largest_gap(batch[0].logprobs(), model.prefill(prompt).logprobs()) == 0
    assert largest_gap(batch[1].logprobs(), batch[2].logprobs()) == 0
    assert [scores.shape for scores in model.score([prompt, "a"])] == [(3,), (1,)]
    expected = -(model.score(prompt).sum() + model.score("a").sum()) / np.log(2) / 4
    assert model.bits_per_byte([prompt, "a"]) == pytest.approx(expected)


def test_streams_wait_for_a_character_that_the_prompt_began() -> None:
    sample = Sample(tiny_tokenizer("plain", 0))
    prompt = Prompt(sample.specials[0], "é".encode()[:1])
    (first, *_) = sample.model().stream(prompt, max_bytes=3)
    assert first in ("é".encode()[1:], "ã".encode()[1:])


def test_the_token_model_alone_goes_on_from_a_prompt() -> None:
    sample = Sample(tiny_tokenizer("words", 0))
    special, tokens = sample.specials[0], [*sample.view.encode("a")]
    best = int(np.argmax(sample.logprobs_of((*tokens, sample.specials[0].token, *tokens))))
    found = sample.model().continue_tokens(Prompt("a", special, "a"), max_bytes=9)
    assert found.startswith(sample.view.token_bytes(best))


def test_a_special_token_of_another_tokenizer_is_an_error() -> None:
    sample = Sample(tiny_tokenizer("words", 0))
    stranger = Special(0, sample.specials[0].content)
    with pytest.raises(ValueError, match=r"'<\|stop\|>' has id 0 in the prompt and another one here; take it from"):
        sample.model().prefill(Prompt(stranger))
    with pytest.raises(ValueError, match=r"no special token '<\|stpo\|>'; did you mean '<\|stop\|>'"):
        sample.model().score(Prompt(Special(0, "<|stpo|>")))
