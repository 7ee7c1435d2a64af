"""Trained weights: the packed tree against full passes."""

from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import AutoModelForCausalLM

from bytelm.engines.huggingface import HuggingFaceModel
from bytelm.engines.rows import RowsModel
from bytelm.engines.selfcheck import token_model
from bytelm.heads import Head

BEGIN = {"stories260K": 1, "smollgpt-wine": 256, "pycode-bpe4k": 0}


@pytest.mark.parametrize("name", BEGIN)
def test_the_packed_tree_says_what_full_passes_say(name: str, shared: Path) -> None:
    model = AutoModelForCausalLM.from_pretrained(shared / "data" / "models" / name, dtype=torch.float32)
    packed = token_model(model, [BEGIN[name]])
    assert isinstance(packed, HuggingFaceModel)
    rng = np.random.default_rng(0)
    heads = [Head()]
    for token in rng.integers(packed.vocabulary_size, size=70).tolist():
        heads.append(Head(heads[-1], token))
    branches = [Head(heads[pick], int(rng.integers(packed.vocabulary_size))) for pick in range(0, 70, 5)]
    heads += branches + [Head(branch, 300) for branch in branches[::2]] + branches[:3]
    judge = RowsModel(model, [BEGIN[name]])
    for answer, right in zip(packed.evaluate(heads), judge.evaluate(heads), strict=True):
        np.testing.assert_allclose(answer, right, atol=1e-4)
