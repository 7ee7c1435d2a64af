"""The audit of a text, on the bundled models, against sums over all its segmentations."""

from collections.abc import Iterator
from functools import cache

import numpy as np
import pytest

import bytelm
from bytelm.checking.audit import audit, segment
from bytelm.covers.model import TokenizedLM
from bytelm.loading import TOKENIZED

TEXT = "x = y"


@cache
def loaded(name: str) -> TokenizedLM:
    return bytelm.load(f"bundled:{name}")


@pytest.fixture(params=TOKENIZED)
def model(request: pytest.FixtureRequest) -> TokenizedLM:
    name: str = request.param
    return loaded(name)


def segmentations(model: TokenizedLM, rest: bytes) -> Iterator[tuple[int, ...]]:
    """All token sequences that spell ``rest``."""
    if not rest:
        yield ()
    for token, word in enumerate(model.tokenizer.vocabulary.token_bytes):
        if word and rest.startswith(word):
            yield from ((token, *more) for more in segmentations(model, rest[len(word) :]))


def test_the_sums_are_those_over_all_segmentations(model: TokenizedLM) -> None:
    found = audit(model, TEXT, tolerance=0)
    every = model.over(model.tokenizer.every, 0)
    data = model.tokenizer.prefix + TEXT.encode()
    weights = {tokens: every.tokens_logprob(tokens) for tokens in segmentations(model, data)}
    assert len(weights) > 3
    assert found.own == pytest.approx(weights[found.segmentation.tokens], abs=1e-4)
    assert found.spelled == pytest.approx(np.logaddexp.reduce([*weights.values()]), abs=1e-4)
    assert found.total == pytest.approx(every.prefill(TEXT).logprob, abs=1e-4)
    assert found.dropped == 0
    assert found.own < found.spelled < found.total
    assert found.others == pytest.approx(1 - np.exp(found.own - found.spelled), abs=1e-9)
    assert found.beyond == pytest.approx(1 - np.exp(found.spelled - found.total), abs=1e-9)


def test_what_is_given_up_only_lowers_the_sums(model: TokenizedLM) -> None:
    exact, beam = audit(model, TEXT, tolerance=0), audit(model, TEXT, tolerance=0.2)
    assert beam.own == pytest.approx(exact.own, abs=1e-4)
    assert beam.own <= beam.spelled <= exact.spelled + 1e-4
    assert beam.total <= exact.total + 1e-4
    assert beam.dropped > 0


def test_the_covers_at_cuts_are_those_of_the_state(model: TokenizedLM) -> None:
    found = audit(model, "return x", cuts=[3, 0, 3])
    assert [cut.cut for cut in found.cuts] == [0, 3]
    cut = found.cuts[1]
    state = model.prefill("ret")
    assert [(cover.tokens, cover.rest) for cover in cut.covers] == [(c.tokens, c.rest) for c in state.covers()]
    assert cut.logprob == pytest.approx(state.logprob, abs=1e-4)
    weights = {cover.rest: np.exp(cover.logweight) for cover in state.covers()}
    straddling = sum(weight for rest, weight in weights.items() if rest)
    assert cut.straddling == pytest.approx(straddling / sum(weights.values()), abs=1e-4)
    assert cut.straddling > 0.1, "the token `return` goes on"


def test_the_end_of_the_text_is_the_cut_by_default(model: TokenizedLM) -> None:
    done: list[tuple[int, int]] = []
    found = audit(model, TEXT, progress=lambda *what: done.append(what))
    assert [cut.cut for cut in found.cuts] == [len(TEXT)]
    assert done == [(place, len(TEXT)) for place in range(1, len(TEXT) + 1)]


def test_an_empty_text(model: TokenizedLM) -> None:
    with pytest.raises(ValueError, match="the text is empty, so there is nothing to segment; give at least one"):
        audit(model, "")


def test_segment(model: TokenizedLM) -> None:
    own = segment(model.tokenizer, "a é\n")
    assert own.tokens == tuple(model.tokenizer.encode("a é\n"))
    assert b"".join(own.pieces) == model.tokenizer.prefix + own.text


def test_cuts_outside_the_text(model: TokenizedLM) -> None:
    with pytest.raises(ValueError, match=r"cuts are \[-1, 9\]; expected places from 0 to 5, the length of the text"):
        audit(model, TEXT, cuts=[9, -1])


def test_a_text_that_is_not_utf8(model: TokenizedLM) -> None:
    with pytest.raises(ValueError, match="valid UTF-8 only; byte 0 of the text is not"):
        audit(model, b"\xff")


def test_tokens_that_do_not_spell_the_text(model: TokenizedLM, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model.tokenizer, "encode", lambda text: [5])
    with pytest.raises(ValueError, match=r"the tokenizer's own tokens \[5\] do not spell the text"):
        audit(model, TEXT)


def test_tokens_that_the_rule_refuses(model: TokenizedLM) -> None:
    own = tuple(model.tokenizer.encode(TEXT))
    assert model.tokens_logprob(own) == pytest.approx(model.over(model.tokenizer.canonical, 0).tokens_logprob(own))
    with pytest.raises(ValueError, match=rf"token 99999 may not follow \[{own[0]}\]; see tokenizer.allowed_next"):
        model.tokens_logprob([own[0], 99999])
    assert model.tokens_logprob([]) == 0
