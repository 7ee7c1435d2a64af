"""Everything that takes a byte model takes a Byte Latent Transformer."""

import math
from functools import cache
from itertools import islice

import numpy as np
import pytest

import bytelm
from blt.networks import cut, ids_of_text, network, text
from bytelm.blt.lm import BltLM
from bytelm.blt.patching.options import Patching
from bytelm.protocol import END

PROMPT = text(40, 1)


@cache
def model(mode: str = "entropy") -> BltLM:
    return BltLM(cut(network(Patching(mode)), ids_of_text(600)))  # type: ignore[arg-type]


def greedily(lm: BltLM, prompt: bytes, count: int) -> bytes:
    """The most probable byte, again and again, each by a state of its own from the beginning."""
    made = b""
    for _ in range(count):
        symbol = int(np.argmax(lm.prefill(prompt + made).logprobs()))
        if symbol == END:
            break
        made += bytes([symbol])
    return made


@pytest.mark.parametrize("mode", ["entropy", "space", "static"])
def test_greedy_generation(mode: str) -> None:
    lm = model(mode)
    wanted = greedily(lm, PROMPT, 30)
    assert lm.generate(PROMPT, max_bytes=30) == wanted
    assert bytes(islice(lm.greedy(PROMPT), 30)) == wanted
    assert b"".join(lm.stream(PROMPT, max_bytes=30, raw=True)) == wanted


def test_generation_of_several_texts() -> None:
    lm = model()
    prompts = [PROMPT, b"", text(3), text(100, 5)]
    assert lm.generate(prompts, max_bytes=20) == [lm.generate(prompt, max_bytes=20) for prompt in prompts]
    drawn = lm.generate(prompts, max_bytes=20, temperature=1.0, seed=3)
    assert drawn == lm.generate(prompts, max_bytes=20, temperature=1.0, seed=3)
    assert drawn != lm.generate(prompts, max_bytes=20, temperature=1.0, seed=4)
    assert drawn[0] == lm.generate(PROMPT, max_bytes=20, temperature=1.0, seed=3)


def test_draws_have_the_probabilities_of_the_model() -> None:
    lm = model()
    drawn = [lm.generate(PROMPT, max_bytes=1, temperature=1.0, seed=seed, top_k=3) for seed in range(200)]
    best = [symbol for symbol, _ in lm.prefill(PROMPT).top(3)]
    weights = np.exp([logprob for _, logprob in lm.prefill(PROMPT).top(3)])
    assert set(drawn) <= {symbol if isinstance(symbol, bytes) else b"" for symbol in best}
    for symbol, share in zip(best, weights / weights.sum(), strict=True):
        count = drawn.count(symbol if isinstance(symbol, bytes) else b"")
        assert abs(count / 200 - share) < 5 * math.sqrt(share / 200)


def test_stop_strings() -> None:
    lm = model()
    wanted = lm.generate(PROMPT, max_bytes=30)
    stop = wanted[10:12]
    assert lm.generate(PROMPT, max_bytes=30, stop=stop) == wanted[: wanted.index(stop)]


@pytest.mark.parametrize("how", ["mean", "product", "mixture"])
def test_ensembles(how: str) -> None:
    lm, other = model(), bytelm.ngram([PROMPT])
    both = bytelm.ensemble([lm, other], how)
    data = text(60, 8)
    state = both.prefill(data[:30]).advance(data[30:])
    assert abs(np.logaddexp.reduce(state.logprobs())) < 1e-12
    assert state.logprob == pytest.approx(math.fsum(both.score(data)), abs=1e-4)
    if how == "mean":
        found = np.logaddexp(lm.score(data), other.score(data)) - math.log(2)
        np.testing.assert_allclose(both.score(data), found, atol=1e-5)
    assert len(both.generate(PROMPT, max_bytes=10)) <= 10


def test_search_finds_what_greedy_choice_finds_or_better() -> None:
    lm = model()
    found = bytelm.search(lm, PROMPT, max_bytes=6, beams=4)
    logprobs = [math.fsum(lm.score(PROMPT + one.text)[len(PROMPT) :]) for one in found]
    for one, logprob in zip(found, logprobs, strict=True):
        ended = lm.prefill(PROMPT + one.text).logprobs()[END] if one.ended else 0.0
        assert one.logprob == pytest.approx(logprob + ended, abs=1e-4)
    greedy = lm.generate(PROMPT, max_bytes=6)
    assert max(one.logprob for one in found) >= math.fsum(lm.score(PROMPT + greedy)[len(PROMPT) :]) - 1e-4


def test_surprisal_adds_up() -> None:
    lm = model()
    data = text(80, 6)
    table = bytelm.surprisal(lm, data)
    assert table.logprob == pytest.approx(lm.prefill(data).logprob, abs=1e-3)
    assert b"".join(row.text for row in table.rows) == data


def test_bits_per_byte() -> None:
    lm = model()
    texts = [text(50, 1), text(20, 2)]
    total = sum(math.fsum(lm.score(one)) for one in texts)
    assert lm.bits_per_byte(texts) == pytest.approx(-total / math.log(2) / 70, abs=1e-6)
