"""Bits per byte, divergence and agreement are those of a slow walk through the texts; intervals hold their figures."""

from math import isnan, log
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import bytelm
from bytelm.evaluation.comparing import FLOOR, evaluate, pieces
from bytelm.evaluation.intervals import ratios
from bytelm.model import ByteLM

TEXTS = [b"abracadabra", "é日, abra".encode(), b"cad\xffabra"]


@pytest.fixture(scope="module")
def models() -> tuple[ByteLM[Any], ByteLM[Any]]:
    return bytelm.ngram("abracadabra, a cadabra"), bytelm.ngram("another text: cadabra")


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def by_steps(model: ByteLM[Any], teacher: ByteLM[Any], texts: list[bytes]) -> list[float]:
    """The figures of the places of all texts, one place after the other."""
    rows = []
    for text in texts:
        for place, byte in enumerate(text):
            q, p = (lm.prefill(text[:place]).logprobs() for lm in (model, teacher))
            divergence = sum(
                np.exp(a) * (a - b) for a, b in zip(p, np.where(q > -np.inf, q, log(FLOOR)), strict=True) if a > -np.inf
            )
            mine, its = int(q.argmax()), int(p.argmax())
            bits = [-q[byte] / log(2), mine == byte, -p[byte] / log(2), its == byte]
            rows.append([*bits, (p[byte] - q[byte]) / log(2), divergence, mine == its])
    return np.mean(np.array(rows, dtype=np.float64), axis=0).tolist()


@pytest.mark.parametrize("piece", [4, 9, 4096])
def test_the_figures_are_those_of_single_places(models: tuple[ByteLM[Any], ByteLM[Any]], piece: int) -> None:
    model, teacher = models
    found = evaluate(model, [*TEXTS, b""], teacher, rng=rng(), piece=piece)
    assert (found.texts, found.bytes) == (3, sum(map(len, TEXTS)))
    assert found.teacher is not None
    assert found.compared is not None
    mine, its, both = found.model, found.teacher, found.compared
    figures = [mine.bits_per_byte, mine.accuracy, its.bits_per_byte, its.accuracy]
    figures += [both.extra_bits_per_byte, both.divergence, both.agreement]
    expected = by_steps(model, teacher, [part for text in TEXTS for part in pieces(text, piece)])
    assert [figure.value for figure in figures] == pytest.approx(expected, abs=1e-9)
    assert all(figure.low <= figure.value <= figure.high for figure in figures)
    assert evaluate(model, TEXTS, rng=rng(), piece=piece).model.accuracy == found.model.accuracy


@pytest.mark.parametrize("name", ["bundled:code", "bundled:blt"])
def test_bits_per_byte_are_those_of_scores(name: str) -> None:
    model = bytelm.load(name, device="cpu")
    seen: list[tuple[int, int]] = []
    text = "def é(x):\n    return x\n"
    found = evaluate(model, text, model, rng=rng(), progress=lambda done, total: seen.append((done, total)))
    assert found.model.bits_per_byte.value == pytest.approx(model.bits_per_byte(text), abs=1e-5)
    assert isnan(found.model.bits_per_byte.low)
    assert found.compared is not None
    assert found.compared.divergence.value == pytest.approx(0, abs=1e-9)
    assert found.compared.agreement.value == 1
    assert seen == [(24, 24)]


@given(st.binary(max_size=40) | st.text("aé日😀\n", max_size=20).map(str.encode), st.integers(4, 12))
def test_pieces_are_the_text(text: bytes, most: int) -> None:
    found = list(pieces(text, most))
    assert b"".join(found) == text
    assert all(0 < len(piece) <= most for piece in found) or not text
    try:
        text.decode()
    except UnicodeDecodeError:
        return
    assert all(piece.decode() for piece in found) or not text


def test_pieces_end_with_lines() -> None:
    assert list(pieces(b"one\ntwo\nthree\n", 8)) == [b"one\ntwo\n", b"three\n"]


def test_intervals_hold_the_mean_about_as_often_as_they_say() -> None:
    draws, held = rng(), 0
    for _ in range(200):
        weights = draws.integers(1, 9, size=40).astype(np.float64)
        sums = (weights * draws.normal(3.0, 1.0, size=40))[:, np.newaxis]
        (found,) = ratios(sums, weights, draws, 200)
        held += found.low <= 3.0 <= found.high
    assert 175 <= held <= 199


def test_infinities_are_shown() -> None:
    (found,) = ratios(np.array([[np.inf], [1.0]]), np.ones(2), rng(), 50)
    assert (found.value, found.low, found.high) == (np.inf, 1.0, np.inf)


@pytest.mark.parametrize(
    ("texts", "options", "message"),
    [
        ([b""], {}, "nothing to evaluate: 0 bytes"),
        ([b"a"], {"piece": 3}, "a piece must hold at least one character"),
        ([b"a"], {"piece": 4.5}, "piece is 4.5; expected a whole number"),
        ([b"a"], {"resamples": 0}, "at least one text and one resample, got 1 and 0"),
    ],
)
def test_errors(
    models: tuple[ByteLM[Any], ByteLM[Any]], texts: list[bytes], options: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        evaluate(models[0], texts, rng=rng(), **options)
