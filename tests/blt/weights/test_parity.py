"""A model that transformers saved computes in bytelm what it computes there: every field means what it is read as."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import BltConfig as TransformersConfig
from transformers import BltForCausalLM

from blt.weights.tiny import drawn_config, for_transformers
from bytelm.blt.entropy import entropies
from bytelm.blt.model import Blt
from bytelm.blt.patching.whole import patch_starts
from bytelm.blt.vocabulary import BOS, OFFSET
from bytelm.blt.weights.reading import fill, open_checkpoint
from bytelm.blt.weights.transformers_config import config_to_transformers


@pytest.mark.parametrize("seed", range(10))
def test_logits_are_those_of_transformers(seed: int, tmp_path: Path) -> None:
    drawn = for_transformers(drawn_config(seed))
    config = replace(drawn, patching=replace(drawn.patching, threshold=5.4))
    torch.manual_seed(seed)
    theirs = BltForCausalLM(TransformersConfig.from_dict(config_to_transformers(config, "float32"))).eval()
    theirs.save_pretrained(tmp_path)
    checkpoint = open_checkpoint(tmp_path)
    ours = Blt(checkpoint.config).eval()
    fill(dict(ours.named_parameters()), checkpoint)
    ids = torch.randint(OFFSET, config.size, (1, 40))
    ids[0, 0] = BOS
    with torch.no_grad():
        uncertain = None if config.entropy is None else entropies(ours.entropy_logits(ids))[0].double().numpy()
        starts = patch_starts(config.patching, ids[0].numpy(), uncertain, documents=False)
        found = ours(ids, torch.from_numpy(np.asarray(starts))[None])
        wanted = theirs(ids, use_cache=False).logits
    assert (found - wanted).abs().max() < 1e-4
