"""Trained models at tolerance 0, against one plain forward pass for every token sequence.

Each text is cut at every byte: at its beginning, inside words, behind spaces, line ends, digits and apostrophes, and
inside characters of two to four bytes.
"""

from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import AutoModelForCausalLM

import bytelm
from bytelm.covers.model import TokenizedLM
from bytelm.engines.huggingface import HuggingFaceModel
from bytelm.engines.rows import RowsModel
from bytelm.protocol import FloatArray
from covers.comparing import largest_gap, total
from covers.full_forward import full_forward

NATS = 1e-4
"""Float32 alone moved the log-probabilities of these models, the smallest ones included, by up to 2e-5."""

TEXTS = {
    "stories260K": ["One day, Tim's dog sat.\nHe didn't like 12 big 🎈s"],
    "smollgpt-wine": ["Aromas of cherry, it's 90% café", "It's  ripe 🍷.\nRich"],
    "pycode-bpe4k": ["def f(x):\n    return x  # it's 3.14 é🎈\n\n\nclass"],
}
"""Texts that the context of the model holds: one of them is only 32 tokens long."""

all_models = pytest.mark.parametrize("name", TEXTS)


def directory(shared: Path, name: str) -> Path:
    return shared / "data" / "models" / name


def truths(path: Path, text: bytes) -> list[FloatArray]:
    """``log P(beginning, symbol)`` for every beginning of ``text``, the empty and the whole one included."""
    return [judged(path, text[:cut]) for cut in range(len(text) + 1)]


@cache
def judged(path: Path, text: bytes) -> FloatArray:
    return full_forward(path).joint(text)


@all_models
def test_there_are_enough_cuts(name: str) -> None:
    assert sum(len(text.encode()) + 1 for text in TEXTS[name]) >= 50


@all_models
def test_prefill_says_what_full_passes_say(name: str, shared: Path) -> None:
    path = directory(shared, name)
    model = bytelm.load(path, tolerance=0, device="cpu")
    for text in map(str.encode, TEXTS[name]):
        for cut, truth in enumerate(truths(path, text)):
            state = model.prefill(text[:cut])
            assert largest_gap(state.logprobs(), truth - total(truth)) <= NATS, text[:cut]
            assert state.logprob == pytest.approx(total(truth), abs=NATS)


@all_models
def test_scores_and_steps_say_what_full_passes_say(name: str, shared: Path) -> None:
    path = directory(shared, name)
    model = bytelm.load(path, tolerance=0, device="cpu")
    for text in map(str.encode, TEXTS[name]):
        joints = truths(path, text)
        scores = np.diff([total(joint) for joint in joints])
        assert largest_gap(model.score(text), scores) <= NATS
        state = model.prefill(b"")
        for i, truth in enumerate(joints):
            assert largest_gap(state.logprobs(), truth - total(truth)) <= NATS
            state = state.advance(text[i : i + 1])


@all_models
@pytest.mark.parametrize("tolerance", [1e-6, 0.1])
def test_the_bounds_contain_what_full_passes_say(name: str, tolerance: float, shared: Path) -> None:
    path = directory(shared, name)
    model = bytelm.load(path, tolerance=tolerance, device="cpu")
    text = TEXTS[name][0].encode()
    state = model.prefill(b"")
    for i, joint in enumerate(truths(path, text)):
        lower, upper = state.bounds()
        truth = joint - total(joint)
        assert (lower <= truth + NATS).all()
        assert (truth <= upper + NATS).all()
        assert (np.exp(upper) - np.exp(lower)).max() <= tolerance + 1e-12
        assert -np.log1p(tolerance) - NATS <= state.logprob - total(joint) <= NATS
        state = state.advance(text[i : i + 1])


def test_a_surprise_is_possible_with_every_segmentation(shared: Path) -> None:
    """After ``ti`` all but ``time`` was given up; the ``q`` brings it back."""
    text = b"Once upon a tiqe, there"
    loaded = (
        bytelm.load(directory(shared, "stories260K"), segmentation="all", tolerance=tolerance, device="cpu")
        for tolerance in (1e-4, 1e-8)
    )
    coarse, fine = (model.score(text) for model in loaded)
    assert np.isfinite(coarse).all()
    assert largest_gap(coarse, fine) <= 0.01


def test_windows_of_a_long_text(shared: Path) -> None:
    """Beyond the context of 32 tokens both engines see the same windows, the judge without caches."""
    path = directory(shared, "smollgpt-wine")
    network = AutoModelForCausalLM.from_pretrained(path, dtype=torch.float32)
    tokenizer = bytelm.tokenizer(path)
    text = 2 * b"This is a ripe wine, with aromas of blackberry, it's oak and spice. Drink now: 2012-2015.\n"
    assert len(tokenizer.encode(text)) > 32
    packed, rows = (
        TokenizedLM(engine(network, (256,)), tokenizer.canonical, (256,), 0.0)
        for engine in (HuggingFaceModel, RowsModel)
    )
    for cut in range(0, len(text), 9):
        assert largest_gap(packed.prefill(text[:cut]).logprobs(), rows.prefill(text[:cut]).logprobs()) <= NATS
    assert largest_gap(packed.score(text), rows.score(text)) <= NATS
