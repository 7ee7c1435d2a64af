"""Texts that share passes: each as if it were alone, in whatever order they are read."""

from collections.abc import Iterator
from itertools import islice

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from bytelm.decoding.sampling import Sampling
from bytelm.protocol import END
from covers.comparing import joint_of, total
from covers.random_models import Case, cases, table, texts
from covers.tiny_tokenizers import tiny_tokenizer

KINDS = {
    "greedy": Sampling(),
    "plain": Sampling(temperature=1.0),
    "filtered": Sampling(temperature=0.7, top_k=20),
}


def rngs(count: int) -> list[np.random.Generator]:
    return [np.random.default_rng([7, index]) for index in range(count)]


def words(seed: int = 0) -> Case:
    tokenizer = tiny_tokenizer("words", 0)
    return Case(tokenizer.view.canonical, table(tokenizer.view.size, seed, 1.0), tokenizer.ends)


def read_in_turns(streams: list[Iterator[int]], turns: list[int], most: int) -> list[list[int]]:
    """Some symbols of each stream: first as ``turns`` says, then the rest one stream after the other."""
    read: list[list[int]] = [[] for _ in streams]
    for turn in turns:
        which = turn % len(streams)
        if len(read[which]) < most:
            read[which] += islice(streams[which], 1)
    for stream, symbols in zip(streams, read, strict=True):
        symbols += islice(stream, most - len(symbols))
    return read


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=40)
@given(
    case=cases(pairs=True),
    prompts=st.lists(texts(4), min_size=1, max_size=4),
    turns=st.lists(st.integers(0, 3), max_size=12),
)
def test_every_text_is_as_if_it_were_alone(kind: str, case: Case, prompts: list[bytes], turns: list[int]) -> None:
    assume(all(total(joint_of(case, prompt)) > -np.inf for prompt in prompts))
    alone = [
        list(islice(case.model(1e-6).symbols([prompt], KINDS[kind], [rng], 5)[0], 5))
        for prompt, rng in zip(prompts, rngs(len(prompts)), strict=True)
    ]
    together = case.model(1e-6).symbols(prompts, KINDS[kind], rngs(len(prompts)), 5)
    assert read_in_turns(together, turns, 5) == alone


@pytest.mark.parametrize("kind", KINDS)
def test_texts_share_passes(kind: str) -> None:
    prompts = [b"a", b"1a", b" 1", b"a.", b"1 a"]
    model, single = words().model(1e-6), words().model(1e-6)
    together = model.symbols(prompts, KINDS[kind], rngs(len(prompts)))
    read_in_turns(together, [turn % 5 for turn in range(50)], 10)
    for prompt, rng in zip(prompts, rngs(len(prompts)), strict=True):
        list(islice(single.symbols([prompt], KINDS[kind], [rng])[0], 10))
    assert model.effort.passes < 0.7 * single.effort.passes


def test_nothing_is_asked_before_a_symbol_is() -> None:
    model = words().model(1e-6)
    streams = model.symbols([b"a", b"1"], Sampling(), rngs(2))
    assert model.effort.passes == 0
    next(streams[0])
    assert model.effort.passes > 0


def test_a_stream_that_is_left_asks_no_more() -> None:
    model, single = words().model(1e-6), words().model(1e-6)
    left, kept = model.symbols([b"a", b"1"], Sampling(temperature=1.0), rngs(2))
    next(left)
    left.close()  # type: ignore[attr-defined]
    found = list(islice(kept, 20))
    expected = list(islice(single.symbols([b"1"], Sampling(temperature=1.0), rngs(2)[1:])[0], 20))
    assert found == expected
    assert model.effort.heads <= single.effort.heads + 2


def test_generate_of_a_list_is_that_of_each() -> None:
    prompts: list[bytes] = [b"a", b"1a ", b"", b"a.1", b"a"]
    greedy = words().model(1e-6).generate(prompts, max_bytes=12)
    assert greedy == [words().model(1e-6).generate(prompt, max_bytes=12) for prompt in prompts]
    stopped = words().model(1e-6).generate(prompts, max_bytes=12, stop="a")
    assert stopped == [words().model(1e-6).generate(prompt, max_bytes=12, stop="a") for prompt in prompts]


def test_prefilled_and_advanced_together_is_as_alone() -> None:
    prompts: list[bytes] = [b"a", b"1a ", b"", b"a.1"]
    case = words()
    model, single = case.model(1e-6), case.model(1e-6)
    batch, alone = model.prefill(prompts), [single.prefill(prompt) for prompt in prompts]
    for more in ([b"1", b"a", b"a1", b""], [b"a"] * 4):
        batch = batch.advance(more)
        alone = [state.advance(text) for state, text in zip(alone, more, strict=True)]
        np.testing.assert_array_equal(batch.logprobs(), [state.logprobs() for state in alone])
    assert model.effort.passes < single.effort.passes / 2
    np.testing.assert_allclose(batch.logprob, [state.logprob for state in alone], atol=1e-12)


def test_an_end_ends_the_stream() -> None:
    model = words(3).model(0.0)
    symbols = list(islice(model.symbols([b"a"], Sampling(temperature=1.0), rngs(1))[0], 10_000))
    assert symbols[-1] == END
    assert END not in symbols[:-1]
