"""Search and completion with the model in the package: stepping and scoring agree, and special tokens are read."""

from functools import cache

import numpy as np
import pytest

import bytelm
from bytelm.covers.model import TokenizedLM
from bytelm.prompts import Prompt
from bytelm.protocol import END
from bytelm.searching.completing import complete
from bytelm.searching.search import search

PROMPTS = ["for i in ran", "def __in", "import nu"]
NATS = 1e-4
"""Two ways of packing the same float32 passes, each to the tolerance of 1e-6 a byte."""


@cache
def model() -> TokenizedLM:
    return bytelm.load(device="cpu")


@pytest.mark.parametrize("prompt", PROMPTS)
def test_a_search_says_what_scoring_says(prompt: str) -> None:
    lm = model()
    for one in search(lm, prompt, beams=4, best=4, max_bytes=24, stop="\n"):
        np.testing.assert_allclose(one.logprobs, lm.score(prompt.encode() + one.text)[len(prompt) :], atol=NATS)
        if one.ended == "stop":
            assert one.logend == pytest.approx(float(lm.score(prompt.encode() + one.text + b"\n")[-1]), abs=NATS)


@pytest.mark.parametrize("prompt", PROMPTS)
def test_a_search_finds_at_least_what_greedy_decoding_finds(prompt: str) -> None:
    greedy = complete(model(), prompt, max_bytes=24, stop="\n")
    scores = [search(model(), prompt, beams=b, best=1, max_bytes=24, stop="\n")[0].logprob for b in (1, 2, 4)]
    assert scores[0] >= greedy.logprob - NATS
    assert scores[1] >= scores[0] - NATS
    assert scores[2] >= scores[1] - NATS


def test_a_list_is_searched_in_shared_passes() -> None:
    lm = model()
    lm.tokenizer.encode("")  # the rule learns before effort is compared
    before = lm.effort.passes
    together = search(lm, PROMPTS, beams=2, best=2, max_bytes=12)
    shared = lm.effort.passes - before
    alone = [search(lm, prompt, beams=2, best=2, max_bytes=12) for prompt in PROMPTS]
    assert shared < lm.effort.passes - before - shared
    for some, others in zip(together, alone, strict=True):
        assert [one.text for one in some] == [other.text for other in others]
        np.testing.assert_allclose([one.logprob for one in some], [other.logprob for other in others], atol=NATS)


def test_what_is_generated_is_scored_behind_special_tokens() -> None:
    lm = model()
    prefix, suffix, middle = lm.tokenizer.fim_tokens
    for end in ("    def __in", ""):
        prompt = Prompt(prefix, "class Point:\n", suffix, "        self.x = x\n", middle, end)
        found = complete(lm, prompt, max_bytes=20, stop="\n")
        assert found.text == lm.generate(prompt, max_bytes=20, stop="\n")
        scores = lm.score(Prompt(prompt, found.text))
        np.testing.assert_allclose(found.logprobs, scores[len(end) :], atol=NATS)
        best = search(lm, prompt, beams=2, best=1, max_bytes=20, stop="\n")[0]
        assert best.logprob >= found.logprob - NATS


def test_the_end_of_a_text_has_its_probability() -> None:
    lm, prompt = model(), b"if __name__ == '__main__':\n    main()\n"
    drawn = complete(lm, [prompt] * 8, max_bytes=30, temperature=1.0)
    ended = [one for one in drawn if one.ended == "end"]
    assert ended
    for one in ended:
        assert one.logend == pytest.approx(float(lm.prefill(prompt + one.text).logprobs()[END]), abs=NATS)
