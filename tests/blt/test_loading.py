"""``bytelm.load`` on the directory of a Byte Latent Transformer."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import bytelm
from blt.networks import cut, ids_of_text, network, text
from bytelm.blt.lm import BltLM
from bytelm.blt.patching.options import Patching
from bytelm.blt.weights.writing import save_directory


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = cut(network(), ids_of_text(400))
    place = tmp_path_factory.mktemp("models") / "tiny"
    save_directory(place, made.config, made.state_dict())
    return place


def test_it_is_the_model_that_was_saved(directory: Path) -> None:
    lm, made = bytelm.load(directory), cut(network(), ids_of_text(400))
    assert isinstance(lm, BltLM)
    assert lm.config == made.config
    assert np.array_equal(lm.score(text(300)), BltLM(made).score(text(300)))


def test_speculation(directory: Path) -> None:
    lm, prompts = bytelm.load(directory, speculate=4), [text(20), b"a"]
    assert lm.generate(prompts, max_bytes=40) == bytelm.load(directory).generate(prompts, max_bytes=40)
    assert lm.effort.kept > 0


def test_a_smaller_dtype(directory: Path) -> None:
    """Single patches may start elsewhere then, so single bytes are far off."""
    near = bytelm.load(directory, dtype="bfloat16").score(text(50))
    assert 0 < np.median(np.abs(near - bytelm.load(directory).score(text(50)))) < 0.1


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"segmentation": "all"}, "segmentation"),
        ({"tolerance": 0.0}, "tolerance"),
        ({"method": "beam"}, "method"),
        ({"begin": 1}, "begin"),
        ({"compile": True}, "compile"),
        ({"tensor_parallel": True}, "tensor_parallel"),
    ],
)
def test_options_of_token_models(directory: Path, options: dict[str, Any], named: str) -> None:
    with pytest.raises(ValueError, match=rf"holds a Byte Latent Transformer, which takes no {named}$"):
        bytelm.load(directory, **options)


def test_drafts_are_not_for_token_models() -> None:
    with pytest.raises(ValueError, match="speculate is for Byte Latent Transformers"):
        bytelm.load("bundled:code", speculate=2)


def test_an_ensemble_with_a_token_model(directory: Path) -> None:
    both = bytelm.ensemble([bytelm.load(directory), bytelm.load()])
    assert both.prefill(b"import o").top(1)[0][0] == b"s"


def test_patching_that_needs_no_entropy_model(tmp_path: Path) -> None:
    made = network(Patching(mode="space"), entropy=None)
    save_directory(tmp_path / "spaces", replace(made.config), made.state_dict())
    lm = bytelm.load(tmp_path / "spaces")
    assert lm.patches(b"a few words") == [b"a ", b"few ", b"words"]
