"""Distributions along texts, computed in a few passes, are those of stepping through them byte by byte."""

from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import bytelm
from bytelm import stepping
from bytelm.covers import columns
from bytelm.covers.model import TokenizedLM
from bytelm.engines.table import TableModel, random_table
from bytelm.model import ByteLM
from bytelm.prompts import Prompt
from bytelm.protocol import SYMBOLS, FloatArray
from covers.comparing import joint_of, largest_gap, total
from covers.random_models import Case, cases, table, texts
from covers.tiny_tokenizers import KINDS, tiny_tokenizer
from tokens.families import FAMILIES
from tokens.tiny import save

NATS = 1e-9
CHOSEN = ["byte-level, cl100k", "byte-level, prefix", "sentencepiece, prepended", "unigram, byte fallback"]
SAMPLES = [b"", b"the quick brown fox", "Été: 12345  \n\tdon't 中文".encode(), b"xx\xff\xfeyy \xc3", b"\x80\x80", b"a"]


def by_steps(lm: ByteLM, texts: list[bytes | Prompt]) -> list[FloatArray]:
    return stepping.distributions(lm.prefill, texts)


def check_same(lm: ByteLM, texts: list[bytes | Prompt], within: float = NATS) -> None:
    found = lm.distributions(texts)
    assert len(found) == len(texts)
    for rows, expected in zip(found, by_steps(lm, texts), strict=True):
        assert rows.dtype == np.float64
        assert rows.shape == expected.shape
        assert largest_gap(rows, expected) < within
        np.testing.assert_allclose(np.exp(rows).sum(1), 1, atol=1e-12)


@cache
def family(name: str, folder: Path) -> TokenizedLM:
    """A tokenizer of a family with a random table that looks one token back."""
    view = save(folder, FAMILIES[name]())
    model = random_table(view.size, np.random.default_rng(1), 0.2, memory=1)
    return TokenizedLM(model, view.canonical, (view.size - 1,), 0.0, view.prefix, view)


@settings(max_examples=60)
@given(cases(pairs=True), st.lists(texts(8), min_size=1, max_size=3), st.integers(1, 4), st.integers(1, 12))
def test_random_models(case: Case, several: list[bytes], segment: int, together: int) -> None:
    """By the sum over all covers; segments and neighbours change nothing."""
    joints = [[joint_of(case, text[:place]) for place in range(len(text) + 1)] for text in several]
    assume(all(total(rows[-1]) > -np.inf for rows in joints))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(columns, "SEGMENT", segment)
        patch.setattr(columns, "TOGETHER", together)
        found = case.model(0.0).distributions(several)
    for rows, joint in zip(found, joints, strict=True):
        assert largest_gap(rows, np.array([row - total(row) for row in joint])) < NATS


@settings(max_examples=60)
@given(cases(pairs=True), texts(9, 1), st.integers(1, 4), st.sampled_from([1e-6, 0.05, 0.3]))
def test_the_tolerance_holds(case: Case, text: bytes, segment: int, tolerance: float) -> None:
    joint = np.array([joint_of(case, text[:place]) for place in range(len(text) + 1)])
    assume(total(joint[-1]) > -np.inf)
    truth = np.exp(joint - np.logaddexp.reduce(joint, axis=1, keepdims=True))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(columns, "SEGMENT", segment)
        found = np.exp(case.model(tolerance).distributions(text))
    assert np.abs(found - truth).max() <= tolerance + NATS
    np.testing.assert_allclose(found.sum(1), 1, atol=1e-12)


@pytest.mark.parametrize("name", CHOSEN)
def test_families(name: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Of texts that the tokenizer does not make, too: impossible bytes, and bytes that are no UTF-8."""
    check_same(family(name, tmp_path_factory.getbasetemp() / name), [*SAMPLES])


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=10)
@given(data=st.data())
def test_tiny_tokenizers(kind: str, data: st.DataObject) -> None:
    """Any bytes, behind special tokens or not."""
    tokenizer = tiny_tokenizer(kind, data.draw(st.integers(0, 5)), every_byte=True)
    view = tokenizer.view
    table_of = table(view.size, data.draw(st.integers(0, 2**32 - 1)), 1.0)
    lm = TokenizedLM(TableModel(view.size, table_of), view.canonical, tokenizer.ends[:1], 0.0, view.prefix, view)
    wrong = st.lists(st.sampled_from([*"ab é".encode(), 0x80, 0xFF]), max_size=6).map(bytes)
    several: list[bytes | Prompt] = [*data.draw(st.lists(wrong, min_size=1, max_size=3))]
    special = view.special("<|stop|>")
    check_same(lm, [*several, Prompt("ab", special, "a b"), Prompt(special)])


def test_one_text_and_many() -> None:
    """One text gives one array, a list a list; a text is bytes or a string."""
    lm = bytelm.load(tolerance=0.0)
    alone, (again, empty) = lm.distributions("def f"), lm.distributions([b"def f", ""])
    assert (alone.shape, empty.shape) == ((6, SYMBOLS), (1, SYMBOLS))
    np.testing.assert_allclose(np.exp(alone), np.exp(again), atol=1e-6)
    np.testing.assert_allclose(np.exp(alone[0]), np.exp(empty[0]), atol=1e-6)
    assert lm.distributions([]) == []


def test_long_texts_do_not_underflow() -> None:
    """A text of probability e^-1200: nothing of its end is lost, also where it begins anew."""
    tokenizer = tiny_tokenizer("words", 0, every_byte=True)
    view = tokenizer.view
    model = random_table(view.size, np.random.default_rng(0), 1.0, memory=1)
    lm = TokenizedLM(model, view.canonical, tokenizer.ends, 0.0, view.prefix, view)
    text = b"a1 a.a 1.1" * 40
    assert lm.score(text).sum() < -1200
    check_same(lm, [text, text[:200] + b"\xff" + text[:200]], 1e-8)


def test_probability_zero() -> None:
    tokenizer = tiny_tokenizer("words", 0)
    view = tokenizer.view
    token = view.encode("a")[0]
    never = table(view.size, 0, 1.0, frozenset(view.vocabulary.order.tolist()) - {token})
    lm = TokenizedLM(TableModel(view.size, never), view.canonical, tokenizer.ends, 0.0, view.prefix, view)
    with pytest.raises(FloatingPointError, match="probability zero"):
        lm.distributions("1 1")


def test_progress() -> None:
    seen: list[tuple[int, int]] = []
    bytelm.load().distributions(["abc" * 30, "x = 1\n"], progress=lambda done, of: seen.append((done, of)))
    assert seen[-1] == (96, 96)
    assert seen == sorted(seen)


def test_other_byte_models() -> None:
    """Byte Latent Transformers, counting models, ensembles, constraints, all segmentations."""
    code, blt = bytelm.load(), bytelm.load("bundled:blt")
    counting = bytelm.ngram(["def f():\n", "x = 1\n"], order=3)
    models = {
        "blt": blt,
        "ngram": counting,
        "ensemble": bytelm.ensemble([code, counting], "mean"),
        "constraint": bytelm.constrain(code, regex="(def|x) [a-z]+(\\(\\))?"),
        "all": bytelm.load(segmentation="all"),
    }
    for name, lm in models.items():
        texts: list[bytes | Prompt] = [b"def f()", b"x a", b""]
        found = lm.distributions(texts)
        for text, rows in zip(texts, found, strict=True):
            assert isinstance(text, bytes)
            expected = np.array([lm.prefill(text[:place]).logprobs() for place in range(len(text) + 1)])
            np.testing.assert_allclose(np.exp(rows), np.exp(expected), atol=1e-4 if name != "ngram" else NATS)
            np.testing.assert_allclose(np.exp(rows).sum(1), 1, atol=1e-6)
