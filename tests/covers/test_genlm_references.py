"""The fixed beam gives the figures of genlm-bytes 0.2.0.

Its log-masses are those of all bytes given, the space before a SentencePiece text included; ``logprob`` is conditioned
on that space. So the probability of the space, from one plain forward pass, is added. Its candidates are listed as
they are cut before the next byte, at most five, and its ``<`` begins special tokens, too, which have no bytes here.
"""

import json
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import bytelm
from bytelm.covers.fixed_beam import BeamState
from covers.full_forward import full_forward

NATS = 1e-3
MODELS = ["pycode-bpe4k", "stories260K"]
SPECIAL = ord("<")
LISTED = 5

all_models = pytest.mark.parametrize("name", MODELS)


def results(shared: Path, name: str) -> list[dict[str, Any]]:
    content = json.loads((shared / "reference" / f"genlm_{name}.json").read_text())
    found: list[dict[str, Any]] = content["results"]
    assert len(found) >= 24
    return found


@cache
def states(shared: Path, name: str) -> list[tuple[BeamState, float, dict[str, Any]]]:
    """For every result the state after its prompt, the log-probability of the bytes before it, and the result."""
    path = shared / "data" / "models" / name
    found, before = [], log_prefix(path)
    for entry in results(shared, name):
        model = bytelm.load(path, method="beam", width=entry["K"], prune=entry["prune_threshold"], device="cpu")
        assert model.tokenizer.prefix.decode() + entry["prompt"] == entry["bytes_given"]
        found.append((model.prefill(entry["prompt"]), before, entry))
    return found


def log_prefix(path: Path) -> float:
    """The log-probability that the first token begins with the bytes that the tokenizer puts before every text."""
    judge = full_forward(path)
    prefix, spelled = judge.tokenizer.prefix, judge.tokenizer.token_bytes
    assert len(prefix) <= 1
    begin = [token for token in range(judge.tokenizer.size) if spelled(token).startswith(prefix)]
    return float(np.logaddexp.reduce(judge.logprobs_of(())[begin])) if prefix else 0.0


@all_models
def test_the_masses_agree(name: str, shared: Path) -> None:
    for state, before, entry in states(shared, name):
        assert state.logprob + before == pytest.approx(entry["logZ"], abs=NATS), entry["prompt"]


@all_models
def test_the_next_bytes_agree(name: str, shared: Path) -> None:
    for state, _, entry in states(shared, name):
        logprobs = state.logprobs()
        for symbol, logprob in entry["next"].items():
            if int(symbol) != SPECIAL:
                assert logprobs[int(symbol)] == pytest.approx(logprob, abs=NATS), (entry["prompt"], symbol)


@all_models
def test_the_candidates_agree(name: str, shared: Path) -> None:
    for state, before, entry in states(shared, name):
        share = entry["prune_threshold"]
        kept = [cover for cover in state.covers() if share == 0 or np.exp(cover.logweight - state.logprob) > share]
        assert len(kept[:LISTED]) == len(entry["candidates"])
        for cover, candidate in zip(kept, entry["candidates"], strict=False):
            assert cover.tokens == tuple(candidate["tokens"][1:])
            assert cover.rest == bytes(candidate["partial"])
            assert cover.logweight + before == pytest.approx(candidate["weight"], abs=NATS)
