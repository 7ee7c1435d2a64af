"""The cuts of ``transformers.models.blt``, which knows patching by entropy only, and one document a row."""

from random import Random

import numpy as np
import pytest
import torch
from transformers.models.blt.modeling_blt import BltPatcher, process_patch_lengths

from blt.patching.reference import as_arrays, draw_entropies, draw_ids
from bytelm.blt.patching.options import Patching
from bytelm.blt.patching.whole import patch_starts


@pytest.mark.parametrize("longest", [None, 1, 3])
def test_starts_are_those_of_transformers(longest: int | None) -> None:
    random = Random(2)
    for _ in range(200):
        ids = [1, *draw_ids(random)]
        ids_array, entropies = as_arrays(ids, draw_entropies(random, len(ids)))
        patching = Patching("entropy", random.choice([0.0, 0.25, 0.5, 1.0]), longest=longest)
        ours = patch_starts(patching, ids_array, entropies, documents=False)
        lengths = BltPatcher.patch_lengths_from_entropies(
            torch.from_numpy(entropies)[None], len(ids) + 1, patch_size=1, threshold=patching.threshold
        )
        theirs = process_patch_lengths(lengths, longest)[0].numpy()
        assert np.cumsum(theirs)[:-1].tolist() == np.flatnonzero(ours)[1:].tolist()
