"""Distributions along a text's own tokens: against their definition, and against the exact ones on average."""

from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import bytelm
from bytelm.covers.model import TokenizedLM
from bytelm.engines.table import TableModel
from bytelm.protocol import END, SYMBOLS, FloatArray
from bytelm.tokens.rules import Context, Rule
from covers.comparing import largest_gap
from covers.random_models import LogprobsOf, table
from covers.tiny_tokenizers import KINDS, TinyTokenizer, tiny_tokenizer

NATS = 1e-9

all_kinds = pytest.mark.parametrize("kind", KINDS)


class Sample:
    """A table model over a tiny tokenizer."""

    def __init__(self, tokenizer: TinyTokenizer, seed: int) -> None:
        self.view = tokenizer.view
        self.rule: Rule = self.view.canonical
        self.ends = tokenizer.ends[:1]
        self.logprobs_of: LogprobsOf = table(self.view.size, seed, 1.0)
        model = TableModel(self.view.size, self.logprobs_of)
        self.lm = TokenizedLM(model, self.rule, self.ends, 0.0, self.view.prefix, self.view)

    def following(self, tokens: tuple[int, ...], context: Context) -> tuple[dict[int, float], float]:
        """The probabilities of the tokens that may follow, and of the end, renormalised."""
        found = np.exp(self.logprobs_of(tokens))
        allowed = self.rule.vocabulary.order[self.rule.allowed(context)].tolist()
        masses = {token: float(found[token]) for token in allowed if token not in self.ends}
        end = float(found[list(self.ends)].sum()) if self.rule.may_end(context) else 0.0
        whole = sum(masses.values()) + end
        return {token: mass / whole for token, mass in masses.items()}, end / whole

    def along(self, tokens: tuple[int, ...]) -> FloatArray:
        """By definition: at each place of these tokens' bytes the distribution given where tokens end before it."""
        rows, context, spelled = [], self.rule.start, self.rule.vocabulary.token_bytes
        for number in range(len(tokens) + 1):
            masses, end = self.following(tokens[:number], context)
            data = spelled[tokens[number]] if number < len(tokens) else b"?"
            for depth in range(len(data)):
                row = np.zeros(SYMBOLS)
                for token, mass in masses.items():
                    if len(spelled[token]) > depth and spelled[token][:depth] == data[:depth]:
                        row[spelled[token][depth]] += mass
                row[END] = end if depth == 0 else 0.0
                rows.append(row / row.sum())
            if number < len(tokens):
                after = self.rule.advance(context, tokens[number])
                context = self.rule.start if after is None else after
        return np.array(rows)

    def sequences(self, rest: bytes) -> Iterator[tuple[tuple[int, ...], float]]:
        """The sequences that spell a text, or spell more of which it is the beginning; and their probabilities."""
        yield from self._sequences((), self.rule.start, 1.0, rest)

    def _sequences(
        self, tokens: tuple[int, ...], context: Context, share: float, rest: bytes
    ) -> Iterator[tuple[tuple[int, ...], float]]:
        if not rest:
            yield tokens, share
            return
        for token, mass in self.following(tokens, context)[0].items():
            data = self.rule.vocabulary.token_bytes[token]
            if rest.startswith(data):
                after = self.rule.advance(context, token)
                assert after is not None
                yield from self._sequences((*tokens, token), after, share * mass, rest[len(data) :])
            elif data.startswith(rest):
                yield (*tokens, token), share * mass


@all_kinds
@settings(max_examples=25)
@given(data=st.data())
def test_the_definition(kind: str, data: st.DataObject) -> None:
    tokenizer = tiny_tokenizer(kind, data.draw(st.integers(0, 5)))
    sample = Sample(tokenizer, data.draw(st.integers(0, 2**32 - 1)))
    several = data.draw(st.lists(st.text(tokenizer.alphabet, min_size=1, max_size=8), min_size=1, max_size=3))
    for text, rows in zip(several, sample.lm.path_distributions(several), strict=True):
        expected = sample.along(tuple(sample.view.encode(text)))[len(sample.lm.prefix) :]
        assert rows.shape == (len(text.encode()) + 1, SYMBOLS)
        np.testing.assert_allclose(np.exp(rows), expected, atol=NATS)


@all_kinds
@settings(max_examples=15)
@given(data=st.data())
def test_on_average_they_are_the_exact_ones(kind: str, data: st.DataObject) -> None:
    """Over what the model itself writes behind a text, the distributions at its end have the exact one as their mean.

    A sequence whose last token reaches beyond the text counts at the place within that token.
    """
    tokenizer = tiny_tokenizer(kind, data.draw(st.integers(0, 5)))
    sample = Sample(tokenizer, data.draw(st.integers(0, 2**32 - 1)))
    text = data.draw(st.text(tokenizer.alphabet, max_size=4)).encode()
    whole = sample.lm.prefix + text
    mean, weight = np.zeros(SYMBOLS), 0.0
    for tokens, share in sample.sequences(whole):
        mean += share * sample.along(tokens)[len(whole)]
        weight += share
    np.testing.assert_allclose(mean / weight, np.exp(sample.lm.distributions(text)[-1]), atol=NATS)


def test_texts_that_the_tokenizer_does_not_make() -> None:
    """They are taken as their byte tokens, behind each of which a text may begin anew; nothing is lost."""
    sample = Sample(tiny_tokenizer("words", 0, every_byte=True), 1)
    texts = [b"", b"\xff", b"a\xc3", b"a.\xff\xfe 1a", b"\x80a a"]
    for text, rows in zip(texts, sample.lm.path_distributions(texts), strict=True):
        assert rows.shape == (len(text) + 1, SYMBOLS)
        np.testing.assert_allclose(np.exp(rows).sum(1), 1, atol=1e-12)
        tokens = tuple(head.token for head in sample.lm.trunk(text)[1:])
        assert b"".join(map(sample.view.token_bytes, tokens)) == text
        np.testing.assert_allclose(np.exp(rows), sample.along(tokens), atol=NATS)


def test_the_bundled_model() -> None:
    """Where tokens end, the next bytes are those of the tokens that follow: the first row is the exact one."""
    lm = bytelm.load(tolerance=0.0)
    exact = lm.distributions("def add")
    (path,) = lm.path_distributions("def add")
    np.testing.assert_allclose(np.exp(path[0]), np.exp(exact[0]), atol=1e-6)
    assert largest_gap(path[3], exact[3]) > 0.01
