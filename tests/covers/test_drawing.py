"""Plain draws are distributed as the model says, though they are made token by token."""

from collections import Counter
from itertools import islice

import numpy as np
import pytest

from bytelm.covers import drawing
from bytelm.covers.model import TokenizedLM
from bytelm.decoding.sampling import Sampling
from bytelm.protocol import END
from bytelm.tokens.vocabulary import Vocabulary
from covers.random_models import Case, PairRule, random_pairs, table
from covers.tiny_tokenizers import tiny_tokenizer

DRAWS = 4000
LENGTH = 2


def pairs(seed: int) -> Case:
    tokens = [b"a", b"b", b"ab", b"ba", b"aba", b"bb", b"", b"abb"]
    return Case(random_pairs(Vocabulary(tokens), seed), table(len(tokens), seed, 1.0), (6,))


def sentencepiece() -> TokenizedLM:
    tokenizer = tiny_tokenizer("sentencepiece", 0)
    case = Case(tokenizer.view.canonical, table(tokenizer.view.size, 1, 0.3), tokenizer.ends)
    return case.model(0.0, tokenizer.view.prefix)


def expected(model: TokenizedLM, prompt: bytes) -> dict[tuple[int, ...], float]:
    """The probability of every continuation of ``LENGTH`` symbols, or fewer and the end."""
    found: dict[tuple[int, ...], float] = {}
    waiting = [((), model.prefill(prompt), 1.0)]
    while waiting:
        symbols, state, probability = waiting.pop()
        for symbol, share in enumerate(np.exp(state.logprobs()).tolist()):
            if share * probability < 1e-6:
                continue
            grown = (*symbols, symbol)
            if symbol == END or len(grown) == LENGTH:
                found[grown] = share * probability
            else:
                waiting.append((grown, state.advance(bytes([symbol])), share * probability))
    return found


def check_frequencies(model: TokenizedLM, prompt: bytes) -> None:
    """Pearson's statistic of many draws is what chance allows: five standard deviations above its mean."""
    right = expected(model, prompt)
    streams = model.symbols(
        [prompt] * DRAWS, Sampling(temperature=1.0), [np.random.default_rng([3, draw]) for draw in range(DRAWS)]
    )
    drawn = Counter(tuple(islice(stream, LENGTH)) for stream in streams)
    assert set(drawn) <= set(right)
    common = {symbols: share for symbols, share in right.items() if share * DRAWS >= 5}
    assert len(common) > 2
    rest = DRAWS * (1 - sum(common.values()))
    observed = [(drawn[symbols], share * DRAWS) for symbols, share in common.items()]
    if rest > 5:
        observed.append((DRAWS - sum(drawn[symbols] for symbols in common), rest))
    statistic = sum((count - mean) ** 2 / mean for count, mean in observed)
    freedom = len(observed) - 1
    assert statistic < freedom + 5 * (2 * freedom) ** 0.5


@pytest.mark.parametrize("tries", [0, 1, 16])
@pytest.mark.parametrize("prompt", [b"", b"a", b"ab"])
def test_frequencies_behind_a_prompt(prompt: bytes, tries: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """With no tries, what may follow is always looked at as a whole."""
    monkeypatch.setattr(drawing, "TRIES", tries)
    check_frequencies(pairs(5).model(0.0), prompt)


def test_frequencies_behind_a_prefix() -> None:
    check_frequencies(sentencepiece(), b"a")


def test_draws_that_find_the_whole_mask_empty_handed_are_rare() -> None:
    """One pass for each token, and nothing else is asked."""
    model = pairs(2).model(0.0)
    before = model.effort.heads
    (stream,) = model.symbols([b""], Sampling(temperature=1.0), [np.random.default_rng(0)])
    made = bytes(symbol for symbol in islice(stream, 200) if symbol != END)
    assert model.effort.heads - before <= len(made) + 2


@pytest.mark.parametrize("tries", [0, 16])
def test_where_nothing_can_follow_it_says_so(tries: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The only token that may follow has probability zero."""
    monkeypatch.setattr(drawing, "TRIES", tries)
    rule = PairRule(Vocabulary([b"a", b"b"]), np.array([[True, False]] * 2 + [[True, True]]), [False] * 3)
    with np.errstate(divide="ignore"):
        first, then = np.log([1.0, 0.0]), np.log([0.0, 1.0])
    model = Case(rule, lambda tokens: then if tokens else first, ()).model(0.0)
    (stream,) = model.symbols([b""], Sampling(temperature=1.0), [np.random.default_rng(0)])
    assert next(stream) == ord("a")
    with pytest.raises(FloatingPointError, match="probability zero"):
        next(stream)
