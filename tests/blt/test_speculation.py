"""What is drafted and verified together is what single steps write, byte for byte; and it takes fewer passes."""

from collections.abc import Sequence

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from blt.networks import cut, ids_of_text, network, text
from bytelm.blt.lm import BltLM
from bytelm.blt.model import Blt
from bytelm.blt.patching.options import Patching
from bytelm.blt.vocabulary import EOS
from bytelm.decoding.sampling import Sampling
from bytelm.lockstep import continued
from bytelm.protocol import END

WAYS = [Sampling(), Sampling(temperature=1.0), Sampling(temperature=0.7, top_k=20, top_p=0.9)]

PROMPTS = [text(40, 1), b"", text(3, 2)]


def ending(made: Blt) -> Blt:
    """The same network, for which an end of text is as probable as anything (mutates)."""
    with torch.no_grad():
        made.lm_head.weight[EOS] = made.lm_head.weight[4:].mean(0)
        made.lm_head.weight.mul_(0.5)
    return made


def drafted(lm: BltLM, sampling: Sampling, prompts: Sequence[bytes], most: int) -> list[list[int]]:
    rngs = [np.random.default_rng([3, index]) for index in range(len(prompts))]
    return [list(symbols) for symbols in lm.symbols(prompts, sampling, rngs, most)]


def stepped(lm: BltLM, sampling: Sampling, prompts: Sequence[bytes], most: int) -> list[list[int]]:
    """The judge: whole distributions, one symbol after the other."""
    rngs = [np.random.default_rng([3, index]) for index in range(len(prompts))]
    return [list(symbols) for symbols in continued(lambda: lm._prefill_all(prompts), sampling, rngs, most)]


@pytest.mark.parametrize("sampling", WAYS, ids=["greedy", "plain", "filtered"])
@pytest.mark.parametrize("mode", ["entropy", "space", "byte"])
def test_it_writes_what_single_steps_write(mode: str, sampling: Sampling) -> None:
    made = cut(network(Patching(mode=mode)), ids_of_text(400))
    wanted = stepped(BltLM(made), sampling, PROMPTS, 40)
    for length in (0, 1, 3, 9):
        assert drafted(BltLM(made, speculate=length), sampling, PROMPTS, 40) == wanted


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 20), st.integers(1, 30), st.sampled_from(WAYS), st.integers(0, 2**16))
def test_ends_and_limits(length: int, most: int, sampling: Sampling, seed: int) -> None:
    """An end of text in the middle of a draft ends the text there; no more is made than was asked for."""
    made = ending(network(Patching(mode="space"), seed=seed % 7))
    prompts = [text(8, seed + index) for index in range(4)]
    wanted = stepped(BltLM(made), sampling, prompts, most)
    assert drafted(BltLM(made, speculate=length), sampling, prompts, most) == wanted
    assert all(END not in symbols[:-1] and len(symbols) <= most for symbols in wanted)


def test_there_are_ends() -> None:
    """Otherwise the test above would say nothing of them."""
    made = ending(network(Patching(mode="space")))
    prompts = [text(8, index) for index in range(60)]
    ended = [END in symbols for symbols in stepped(BltLM(made), Sampling(temperature=1.0), prompts, 30)]
    assert 3 <= sum(ended) <= 57


def test_a_draft_that_cannot_be_wrong_is_kept() -> None:
    """Where bytes get nothing from their patches, the draft is the model: one pass for a byte and its whole draft."""
    made = network(Patching(mode="static", size=3))
    with torch.no_grad():
        for cross in made.local_decoder.cross_attn_layers:
            cross.o_proj.weight.zero_()
    lm = BltLM(made, speculate=4)
    assert len(drafted(lm, Sampling(), [b"abc"], 50)[0]) == 50
    assert (lm.effort.passes, lm.effort.drafted, lm.effort.kept) == (10, 40, 40)


def test_a_draft_that_is_wrong_costs_no_row() -> None:
    """What was not kept is forgotten where it stands: nothing is copied."""
    made = cut(network(), ids_of_text(400))
    lm = BltLM(made, speculate=6)
    drafted(lm, Sampling(temperature=1.0), PROMPTS, 40)
    assert lm.effort.kept < lm.effort.drafted
    assert lm.reader._memory._rows.count == len(PROMPTS)


def test_continuations_are_left_and_read_in_any_order() -> None:
    made = cut(network(), ids_of_text(400))
    rngs = [np.random.default_rng(index) for index in range(3)]
    one, two, three = BltLM(made, speculate=3).symbols(PROMPTS, Sampling(temperature=1.0), rngs, 30)
    first = [next(three) for _ in range(5)]
    one.close()
    second = list(two)
    wanted = stepped_with(BltLM(made), [np.random.default_rng(index) for index in range(3)])
    assert [second, first + list(three)] == [wanted[1], wanted[2]]


def stepped_with(lm: BltLM, rngs: list[np.random.Generator]) -> list[list[int]]:
    made = continued(lambda: lm._prefill_all(PROMPTS), Sampling(temperature=1.0), rngs, 30)
    return [list(symbols) for symbols in made]


@pytest.mark.parametrize("length", [-1, 64, True])
def test_lengths_out_of_range(length: int) -> None:
    with pytest.raises(ValueError, match=rf"0 to 63; got {length!r}"):
        BltLM(network(Patching(mode="byte")), speculate=length)
