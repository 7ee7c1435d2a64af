"""The methods of byte models are the functions."""

import inspect

import bytelm
from bytelm.model import ByteLM
from bytelm.searching.completing import complete
from bytelm.searching.search import search
from decoding.byte_models import markov


def test_the_methods_have_the_options_of_the_functions() -> None:
    for function, method in ((search, ByteLM.search), (complete, ByteLM.complete)):
        options = list(inspect.signature(function).parameters.values())[2:]
        assert options == list(inspect.signature(method).parameters.values())[2:]


def test_the_options_reach_the_functions() -> None:
    lm, stop = markov(0, b"ab\n"), "\n"
    searched = lm.search("a", beams=3, best=5, max_bytes=7, stop=stop, length_penalty=0.5)
    again = search(lm, "a", beams=3, best=5, max_bytes=7, stop=stop, length_penalty=0.5)
    assert list(map(repr, searched)) == list(map(repr, again))
    drawn = lm.complete("a", max_bytes=7, temperature=1.5, top_p=0.9, top_k=3, min_p=0.01, stop=stop, seed=4)
    assert drawn.text == lm.generate(
        "a", max_bytes=7, temperature=1.5, top_p=0.9, top_k=3, min_p=0.01, stop=stop, seed=4
    )


def test_they_are_public() -> None:
    assert (bytelm.search, bytelm.complete) == (search, complete)
    assert isinstance(bytelm.complete(markov(0), "a"), bytelm.Completion)
