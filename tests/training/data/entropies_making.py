"""A tiny entropy model, prepared documents of very different sizes, and the slow way to their entropies."""

import random
from pathlib import Path

import numpy as np
import torch

from blt.networks import network
from bytelm.blt.config import StackConfig
from bytelm.blt.entropy import EntropyModel, entropies
from bytelm.blt.model import Blt
from bytelm.blt.vocabulary import document
from bytelm.blt.weights.writing import save_directory
from bytelm.protocol import FloatArray
from bytelm.training.data.manifest import read_manifest
from bytelm.training.data.options import Options
from bytelm.training.data.preparing import prepare
from bytelm.training.data.shards import Shards
from bytelm.training.data.uncertainties import Uncertainties
from training.data.making import TEXTS, write_lines

STACK = StackConfig(layers=2, width=16, heads=2, key_value_heads=1, hidden=24, theta=10000.0, window=8)

SMALL = Options(validation=0.2, shard_bytes=1500)

PART_BYTES = 400
"""With these there are several shards, and several parts of each."""


def save_model(folder: Path, seed: int = 0, window: int | None = STACK.window) -> Path:
    """A model with random weights in a directory."""
    stack = StackConfig(2, 16, 2, 1, 24, theta=10000.0, window=window)
    made: Blt = network(seed=seed, entropy=stack)
    save_directory(folder, made.config, made.state_dict())
    return folder


def prepared_texts(folder: Path, texts: list[str] | None = None) -> Path:
    """A prepared directory: by default many short documents and two long ones."""
    made = random.Random(0)
    long = ["".join(made.choices("aeinst \n", k=size)) for size in (900, 300, 1)]
    path = write_lines(folder.with_suffix(".jsonl"), texts or [*TEXTS, *long])
    prepare([path], folder, SMALL)
    return folder


@torch.inference_mode()
def slowly(model: EntropyModel, text: bytes) -> FloatArray:
    """The entropies of one document by one pass over all of it, float64 ``(size + 1,)``, nats."""
    from bytelm.blt.attention import Whole

    ids = torch.from_numpy(document(text))[None]
    rotate = model.rotary.upto(ids.shape[1], model.embed_tokens.weight)
    logits = model.logits(ids, rotate, Whole(model.config.window))
    found: FloatArray = entropies(logits)[0].double().numpy()
    return found


def all_of(prepared: Path, folder: Path) -> dict[bytes, FloatArray]:
    """The entropies of each document, by its bytes; all files are verified."""
    found = {}
    for split in read_manifest(prepared).splits:
        shards = Shards(prepared, split)
        uncertain = Uncertainties(folder, shards)
        uncertain.verify()
        for index in range(shards.documents):
            values = uncertain.document(index)
            assert values.dtype == np.float16
            found[bytes(shards.document(index))] = values.astype(np.float64)
    return found
