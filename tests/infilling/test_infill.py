"""Filling gaps: where the filling ends, what models are asked, and that both borders are exact to the byte."""

import math
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import bytelm
from bytelm.covers.gaps import best_cut, certain_border
from bytelm.covers.model import TokenizedLM
from bytelm.decoding.infilling import MEETS, meeting
from bytelm.heads import Head
from bytelm.protocol import END, FloatArray
from decoding.byte_models import markov, scripted


@pytest.fixture(scope="module")
def code() -> TokenizedLM:
    return bytelm.load(tolerance=0)


def test_a_model_without_tokens_for_gaps_goes_on_until_it_meets_the_suffix() -> None:
    lm = scripted(b"middle\n    return x\nmore")
    assert lm.infill("before ", "\n    return x\n") == b"middle"
    assert lm.infill("before ", "nothing like it") == b"middle\n    return x\nmore"
    assert lm.infill("before ", "le\n", match=2) == b"midd"
    assert lm.infill("before ", "le\n    return", max_bytes=3) == b"mid"
    assert lm.infill("before ", stop="dd") == b"mi"
    assert lm.infill(["a", "b"], "le\n    retu") == [b"midd"] * 2
    assert lm.infill(["a", "b"], ["le\n    retu", "more"]) == [b"midd", b"middle\n    return x\n"]


@given(st.binary(max_size=60))
def test_what_counts_as_meeting_the_suffix(suffix: bytes) -> None:
    stops = meeting(suffix, "suffix", None, False)
    if not suffix:
        assert stops == ()
        return
    (begin,) = stops
    assert suffix.startswith(begin)
    solid = len(b"".join(begin.split()))
    assert solid >= MEETS or begin == suffix
    lines = begin.splitlines(keepends=True)
    assert begin == suffix or len(b"".join(b"".join(lines[:-1]).split())) < MEETS


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"end": "eof"}, "unknown end 'eof' of a filling; choose one of mark, suffix"),
        ({"end": "mark"}, 'so nothing marks the end; use end="suffix", or name the tokens'),
        ({"match": 0}, "match is from 1 to the 3 bytes of the suffix; got 0"),
        ({"match": 4}, "match is from 1 to the 3 bytes of the suffix; got 4"),
        ({"match": 1.5}, "match is 1.5; expected a whole number"),
        ({"order": "psm"}, "this model has no special tokens for filling gaps; leave out order=, tokens= and moved="),
        ({"max_bytes": -1}, "max_bytes is -1"),
    ],
)
def test_mistakes(options: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        markov(0).infill("abc", "def", **options)  # type: ignore[arg-type]


def test_as_many_suffixes_as_prefixes() -> None:
    with pytest.raises(ValueError, match="got 2 prefixes and 3 suffixes; give one suffix for each prefix"):
        markov(0).infill(["a", "b"], ["c", "d", "e"])


def test_mistakes_of_models_with_tokens(code: TokenizedLM) -> None:
    with pytest.raises(ValueError, match=r'match= is how much of the suffix .* goes with end="suffix"'):
        code.infill("abc", "def", match=2)
    with pytest.raises(ValueError, match="unknown order 'msp' of prefix, suffix and middle; choose one of psm, spm"):
        code.infill("abc", "def", order="msp")
    with pytest.raises(ValueError, match="moved is how many of the 3 bytes before the gap go with the middle; got 4"):
        code.infill("abc", "def", moved=4)
    with pytest.raises(ValueError, match='the order "spm" moves no bytes'):
        code.infill("abc", "def", order="spm", moved=1)
    with pytest.raises(ValueError, match="tokens are three, for prefix, suffix and middle; got 'abc'"):
        code.infill("abc", "def", tokens="abc")
    with pytest.raises(ValueError, match="the tokenizer has no special token '<a>'"):
        code.infill("abc", "def", tokens=["<a>", "<b>", "<c>"])


def test_prompts_are_put_together(code: TokenizedLM) -> None:
    prefix, suffix, middle = code.tokenizer.fim_tokens  # type: ignore[misc]
    before, behind = "import os\n\nclass Point:\n    def __in", "        self.x = x\n"
    assert code.infill_prompt(before, behind) == bytelm.Prompt(
        prefix, "import os\n\nclass Point:", suffix, behind, middle, "\n    def __in"
    )
    assert code.infill_prompt(before, behind, moved=0) == bytelm.Prompt(prefix, before, suffix, behind, middle)
    assert code.infill_prompt(before, behind, moved=4).text == b"__in"
    assert code.infill_prompt(before, behind, order="spm") == bytelm.Prompt(prefix, suffix, behind, middle, before)
    named = code.infill_prompt(before, behind, tokens=[prefix.content, suffix, middle.content])
    assert named == code.infill_prompt(before, behind)
    plain = bytelm.load("bundled:code-sp")
    with pytest.raises(ValueError, match="no special tokens for filling gaps in a published spelling; name them"):
        plain.infill_prompt(before, behind)
    assert plain.infill("import o", "\n", max_bytes=4, stop="\n") == plain.generate("import o", max_bytes=4, stop="\n")


@pytest.mark.parametrize("text", [b"", b"import o", b"x = 1  ", b"    def __in", b"caf\xc3", b"\xff\xfe", b"a\n\n  b"])
def test_a_certain_border_is_one_of_every_cover(code: TokenizedLM, text: bytes) -> None:
    border = certain_border(code.tokenizer.canonical, text)
    assert best_cut(code.tokenizer.canonical, text) <= border <= len(text)
    try:
        heads = code.tokenizer.canonical_heads(text)
    except ValueError:
        return
    token_bytes = code.tokenizer.token_bytes
    for tokens, _ in heads:
        ends = np.cumsum([0, *(len(token_bytes(token)) for token in tokens)]).tolist()
        assert border in ends
    shared = [set(np.cumsum([0, *(len(token_bytes(t)) for t in tokens)]).tolist()) for tokens, _ in heads]
    assert not heads or border == max(set.intersection(*shared))


def test_a_line_moves_unless_it_is_long(code: TokenizedLM) -> None:
    rule = code.tokenizer.canonical
    assert best_cut(rule, b"a = 1\n\n    b = 2") == len(b"a = 1")
    assert best_cut(rule, b"a = 1\n" + b"x" * 300) > len(b"a = 1\n")
    assert best_cut(rule, b"no line") == 0


def test_fillings_are_those_of_the_prompt(code: TokenizedLM) -> None:
    before, behind = "class Point:\n    def __in", "        self.x = x\n"
    prompt = code.infill_prompt(before, behind)
    assert code.infill(before, behind, max_bytes=20) == code.generate(prompt, max_bytes=20)
    drawn = code.infill(before, behind, max_bytes=20, temperature=1.0, seed=3)
    assert drawn == code.generate(prompt, max_bytes=20, temperature=1.0, seed=3)
    assert code.infill([before] * 2, behind, max_bytes=20) == [code.infill(before, behind, max_bytes=20)] * 2
    met = code.infill(before, "):\n" + behind, max_bytes=40, end="suffix", match=2)
    assert b"):" not in met


def test_the_middle_has_one_probability_however_the_text_is_cut(code: TokenizedLM) -> None:
    """Where the whole prefix stands before the middle, the gap may begin anywhere: the chain rule says the same."""
    text, behind = b"import numpy as np", b"\n\nx = np.zeros(3)\n"
    whole = code.score(code.infill_prompt(text, behind, order="spm"))
    for cut in range(len(text)):
        state = code.prefill(code.infill_prompt(text[:cut], behind, order="spm"))
        rest = state.advance(text[cut:])
        assert rest.logprob - state.logprob == pytest.approx(math.fsum(whole[cut:]), abs=1e-4)


def test_baselines_are_those_of_the_tokens(code: TokenizedLM) -> None:
    def logprobs(*tokens: int) -> FloatArray:
        head = Head()
        for token in tokens:
            head = Head(head, token)
        (found,) = code._weigher.model.evaluate([head])
        return found

    before, text = "import nu", "mpy"
    tokens = code.tokenizer.encode(before)
    naive = [*tokens, *code.tokenizer.encode(text)]
    steps = [logprobs(*naive[:place])[naive[place]] for place in range(len(tokens), len(naive))]
    found = code.score_tokens(before, text)
    assert found.logprob == pytest.approx(sum(steps), abs=1e-4)
    assert found.logend == pytest.approx(logprobs(*naive)[0], abs=1e-4)

    assert code.tokenizer.token_bytes(tokens[-1]) == b"u"
    given, path = tokens[:-1], code.tokenizer.encode("umpy")
    among = [t for t in range(code.tokenizer.size) if code.tokenizer.token_bytes(t).startswith(b"u")]
    first = logprobs(*given)
    steps = [first[path[0]] - np.logaddexp.reduce(first[among])]
    steps += [logprobs(*given, *path[:place])[path[place]] for place in range(1, len(path))]
    assert code.score_tokens(before, text, heal=True).logprob == pytest.approx(sum(steps), abs=1e-4)
    assert (
        code.continue_tokens(before, max_bytes=1, heal=True)
        == code.tokenizer.token_bytes(max(among, key=lambda token: first[token]))[1:2]
    )


def test_token_healing_cannot_reach_everything(code: TokenizedLM) -> None:
    """Four spaces are one token, but before a name the last of them belongs to the name's."""
    last = code.tokenizer.token_bytes(code.tokenizer.encode("x:    ")[-1])
    assert not code.tokenizer.token_bytes(code.tokenizer.encode(last + b"y")[0]).startswith(last)
    assert code.score_tokens("x:    ", "y", heal=True).logprob == -math.inf
    assert code.prefill("x:    ").advance("y").logprob > -math.inf


def test_ensembles_fill_gaps_each_member_in_its_own_way(code: TokenizedLM) -> None:
    before, behind = "class Point:\n    def __in", "        self.x = x\n"
    twice = bytelm.ensemble([code, code])
    assert twice.infill(before, behind, max_bytes=12) == code.infill(before, behind, max_bytes=12)
    with_other = bytelm.ensemble([code, bytelm.load("bundled:code-sp")])
    assert with_other.infill(before, behind, max_bytes=8) == b"it__(sel"
    with pytest.raises(ValueError, match="this model has no special tokens for filling gaps"):
        with_other.infill(before, behind, order="psm")


def test_members_may_have_prompts_of_their_own(code: TokenizedLM) -> None:
    lm = bytelm.ensemble([code, bytelm.load("bundled:code-sp")], "mean")
    prompts = [code.infill_prompt("import o", "\n"), b"import o"]
    state = lm.prefill_each(prompts)
    assert state.logprob == 0
    rows = [member.prefill(prompt).logprobs() for member, prompt in zip(lm.members, prompts, strict=True)]
    np.testing.assert_allclose(np.exp(state.logprobs()), np.exp(rows).mean(axis=0), atol=1e-9)
    assert state.advance("s").logprob == pytest.approx(state.logprobs()[ord("s")])
    with pytest.raises(ValueError, match="expected 2 prompts, one for each member; got 1"):
        lm.prefill_each(prompts[:1])


def test_tokens_that_end_fillings_count_as_the_end(code: TokenizedLM) -> None:
    assert [special.content for special in code.tokenizer.fim_end_tokens] == ["<|endoftext|>"]
    assert bytelm.load("bundled:code-sp").tokenizer.fim_end_tokens == ()
    ended = code.prefill(code.infill_prompt("import os\n", "\n")).logprobs()[END]
    assert -20 < ended < 0
