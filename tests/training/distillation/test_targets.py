"""Targets of packed passes are the distributions of the byte model, for networks of many kinds and texts of any."""

import json
import warnings
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import BloomConfig, GPT2Config, GPTNeoConfig, PretrainedConfig

from byteified.sources import ROLES, description, source
from bytelm.covers.model import TokenizedLM
from bytelm.loading import load_with_network
from bytelm.training.distillation.targets import Targets
from engines.tiny_networks import COMMON, CONTEXT, network

CPU = torch.device("cpu")
NEAR = 1e-5
TEXTS = [
    "the quick brown fox. 12345\n\n\tdon't été".encode(),
    b"",
    b"a",
    b"well over 3,000 of them",
    b"caf\xff\xfe and \xc3",
    b"x = 1\n",
]
LONG = b"0123456789 " * 30
"""More tokens than the context has."""

OTHERS: dict[str, Callable[..., PretrainedConfig]] = {
    "gpt2": lambda **ids: GPT2Config(**ids, n_embd=32, n_layer=2, n_head=4, n_positions=CONTEXT),
    "bloom": lambda **ids: BloomConfig(**ids, hidden_size=32, n_layer=2, n_head=4),
    "gpt_neo": lambda **ids: GPTNeoConfig(
        **ids,
        hidden_size=32,
        num_layers=2,
        num_heads=4,
        intermediate_size=48,
        window_size=5,
        attention_types=[[["global", "local"], 1]],
        max_position_embeddings=CONTEXT,
    ),
}
PACKED = [
    ("llama", "llama"),
    ("llama", "sentencepiece"),
    ("mistral", "sentencepiece"),
    ("qwen3", "qwen"),
    ("gemma2", "gemma"),
]
PACKED += [("gpt2", "llama")]
SLOW = ["bloom", "gpt_neo"]

Opened = Callable[[str, str, float], tuple[TokenizedLM, Targets]]


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Opened:
    """Opens a tiny model of a body and a kind of tokenizer, at a tolerance."""
    folder = tmp_path_factory.mktemp("teachers")

    @cache
    def directory(body: str, kind: str) -> Path:
        return made(folder, body, kind) if body in OTHERS else source(folder, body, kind)

    @cache
    def found(body: str, kind: str, tolerance: float) -> tuple[TokenizedLM, Targets]:
        with warnings.catch_warnings():
            # What the engine says of a network that takes no packed trees is tested with the engines.
            warnings.simplefilter("ignore")
            lm, of = load_with_network(directory(body, kind), tolerance=tolerance, dtype="float32", device="cpu")
        return lm, Targets(lm, of, CPU)

    return found


def made(folder: Path, body: str, kind: str) -> Path:
    """A model of a body that cannot be byteified."""
    directory = folder / f"{body}-{kind}"
    directory.mkdir()
    described = description("llama", kind)
    (directory / "tokenizer.json").write_text(json.dumps(described))
    settings = {"tokenizer_class": "PreTrainedTokenizerFast"} | ROLES["llama"]
    (directory / "tokenizer_config.json").write_text(json.dumps(settings))
    first = described["added_tokens"][0]["id"]
    size = max(entry["id"] for entry in described["added_tokens"]) + 1
    ids = {"vocab_size": size, "eos_token_id": first, "bos_token_id": first + 1}
    network(OTHERS[body](**(COMMON | ids))).save_pretrained(directory)
    return directory


def gap(found: torch.Tensor, expected: np.ndarray) -> float:
    """The largest difference of probabilities."""
    assert (found.dtype, tuple(found.shape)) == (torch.float32, expected.shape)
    assert torch.allclose(found.exp().sum(1), torch.ones(len(found)), atol=1e-5)
    return float(np.abs(np.exp(found.double().numpy()) - np.exp(expected)).max())


@pytest.mark.parametrize(("body", "kind"), PACKED)
def test_exact(body: str, kind: str, opened: Opened) -> None:
    lm, targets = opened(body, kind, 0.0)
    assert targets.packs
    found = targets.of(TEXTS, along_path=False)
    for rows, expected in zip(found, lm.distributions(TEXTS), strict=True):
        assert gap(rows, expected) < NEAR


@pytest.mark.parametrize(("body", "kind"), PACKED)
def test_path(body: str, kind: str, opened: Opened) -> None:
    lm, targets = opened(body, kind, 0.0)
    found = targets.of(TEXTS, along_path=True)
    for rows, expected in zip(found, lm.path_distributions(TEXTS), strict=True):
        assert gap(rows, expected) < NEAR


@pytest.mark.parametrize("tolerance", [0.01, 0.2])
@pytest.mark.parametrize(("body", "kind"), PACKED[:2] + PACKED[4:5])
def test_the_tolerance(body: str, kind: str, tolerance: float, opened: Opened) -> None:
    _, targets = opened(body, kind, tolerance)
    truth = opened(body, kind, 0.0)[0].distributions(TEXTS)
    for rows, expected in zip(targets.of(TEXTS, along_path=False), truth, strict=True):
        # Some heads at a place may be left out, each of which holds less than the tolerance.
        assert gap(rows, expected) <= 3 * tolerance + NEAR


def test_texts_that_packed_passes_do_not_take(opened: Opened) -> None:
    """Bytes that the tokenizer does not make, and texts longer than the context, go head by head."""
    lm, targets = opened("llama", "llama", 0.0)
    plans = [targets._plan(text, along_path=False) is not None for text in (*TEXTS, LONG)]
    assert plans == [True, True, True, True, False, True, False]
    for along_path in (False, True):
        (rows,) = targets.of([LONG], along_path)
        expected = lm.path_distributions([LONG]) if along_path else lm.distributions([LONG])
        assert gap(rows, expected[0]) < NEAR


def test_alone_and_beside_others(opened: Opened) -> None:
    _, targets = opened("gemma2", "gemma", 0.0)
    for text, rows in zip(TEXTS, targets.of(TEXTS, along_path=False), strict=True):
        (alone,) = targets.of([text], along_path=False)
        assert (rows.exp() - alone.exp()).abs().max() < NEAR
    assert targets.of([], along_path=False) == []


def test_a_tokenizer_that_lacks_bytes(opened: Opened) -> None:
    """The text that a network is tried on is of the bytes that there are."""
    lm, targets = opened("llama", "unigram", 0.0)
    assert not lm.rule.vocabulary.find(b"I")
    assert targets.packs
    texts = [b"the quick brown", b"the"]
    for rows, expected in zip(targets.of(texts, along_path=False), lm.distributions(texts), strict=True):
        assert gap(rows, expected) < NEAR


@pytest.mark.parametrize("body", SLOW)
def test_networks_that_take_no_masks(body: str, opened: Opened) -> None:
    """They are found out, with a warning, once; and what comes out is right."""
    lm, targets = opened(body, "llama", 0.0)
    with pytest.warns(UserWarning, match="takes no packed side heads; targets are computed head by head: slower, but"):
        found = targets.of(TEXTS[:4], along_path=False)
    found += targets.of(TEXTS[:4], along_path=True)
    expected = [*lm.distributions(TEXTS[:4]), *lm.path_distributions(TEXTS[:4])]
    for rows, right in zip(found, expected, strict=True):
        assert gap(rows, right) < NEAR
