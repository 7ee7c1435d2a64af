"""Train the bundled Byte Latent Transformer on a directory of Python files: the entropy model, then the rest.

    python scripts/train_blt.py --out src/bytelm/bundled/blt --entropy-minutes 8 --minutes 30

A plain loop on one process, for a model of a few million parameters; progress goes to stderr.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import math
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

sys.path.insert(0, str(Path(__file__).resolve().parent))

from bundled_training.corpus import load_corpus, standard_library

import bytelm
from bytelm.blt import vocabulary
from bytelm.blt.config import BltConfig, HashConfig, StackConfig
from bytelm.blt.entropy import entropies
from bytelm.blt.model import Blt
from bytelm.blt.patching.calibrating import calibrate
from bytelm.blt.patching.options import Patching
from bytelm.blt.patching.whole import patch_starts
from bytelm.blt.weights.reading import fill, open_checkpoint
from bytelm.blt.weights.writing import save_directory

CONFIG = BltConfig(
    encoder=StackConfig(1, 96, 4, 4, 256, window=128),
    global_transformer=StackConfig(6, 192, 6, 6, 512),
    decoder=StackConfig(2, 96, 4, 4, 256, window=128),
    entropy=StackConfig(2, 96, 4, 4, 256, theta=10000.0, window=128),
    hashes=HashConfig(rows=2003),
)
LENGTH = 1024
ROWS = 8
MEAN_PATCH = 4.5


class Texts:
    """Beginnings of lines of random files, and what follows, as documents of one length."""

    def __init__(self, files: list[bytes], rng: np.random.Generator) -> None:
        self._files = files
        self._sizes = np.array([len(data) for data in files], dtype=float)
        self._rng = rng

    def batch(self, rows: int, length: int) -> Tensor:
        """Ids, int64 ``(rows, length)``, each row BOS, bytes, perhaps EOS, and padding."""
        found = np.full((rows, length), vocabulary.PADDING, dtype=np.int64)
        chosen = self._rng.choice(len(self._files), rows, p=self._sizes / self._sizes.sum())
        for row, index in zip(found, chosen, strict=True):
            data = self._files[index]
            begin = data.rfind(b"\n", 0, int(self._rng.integers(len(data)))) + 1
            ids = vocabulary.document(data[begin : begin + length], ended=begin + length - 1 > len(data))[:length]
            row[: len(ids)] = ids
        return torch.from_numpy(found)


def loss_of(logits: Tensor, ids: Tensor) -> Tensor:
    """Mean nats a byte, of what follows each position."""
    return F.cross_entropy(logits[:, :-1].flatten(0, 1), ids[:, 1:].flatten(), ignore_index=vocabulary.PADDING)


def train(
    parameters: list[torch.nn.Parameter], loss: Callable[[], Tensor], minutes: float, rate: float, name: str
) -> int:
    """AdamW with a warm-up and a cosine to a tenth, until the time is over; the number of steps."""
    matrices = [p for p in parameters if p.dim() > 1]
    optimizer = torch.optim.AdamW(
        [{"params": matrices, "weight_decay": 0.1}, {"params": [p for p in parameters if p.dim() < 2]}],
        lr=rate,
        betas=(0.9, 0.95),
        weight_decay=0.0,
    )
    begun, steps, shown = time.monotonic(), 0, 0.0
    while (part := (time.monotonic() - begun) / (60 * minutes)) < 1:
        scale = min(1.0, (steps + 1) / 50) * (0.1 + 0.45 * (1 + math.cos(math.pi * part)))
        for group in optimizer.param_groups:
            group["lr"] = rate * scale
        optimizer.zero_grad(set_to_none=True)
        found = loss()
        found.backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        steps += 1
        shown = float(found) if steps == 1 else 0.98 * shown + 0.02 * float(found)
        if steps % 20 == 0:
            print(f"{name}: step {steps}, {100 * part:.0f} %, {shown / math.log(2):.3f} bits/byte", file=sys.stderr)
    return steps


def starts_of(patching: Patching, ids: Tensor, uncertain: Tensor) -> Tensor:
    """Where patches start in each row, bool ``(rows, length + 1)``."""
    lines = zip(ids.numpy(), uncertain.numpy().astype(np.float64), strict=True)
    return torch.from_numpy(np.stack([patch_starts(patching, row, line, documents=False) for row, line in lines]))


def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="directory to export the model to")
    parser.add_argument("--state", type=Path, default=Path("build/bundled-training/blt"), help="the weights in float32")
    parser.add_argument("--data", type=Path, default=standard_library(), help="default: the standard library")
    parser.add_argument("--entropy-minutes", type=float, default=6.0)
    parser.add_argument("--minutes", type=float, default=36.0)
    parser.add_argument("--rate", type=float, default=2e-3, help="the highest learning rate of the second part")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--resume", action="store_true", help="train the weights in --state further")
    chosen = parser.parse_args()
    torch.manual_seed(chosen.seed)
    corpus = load_corpus(chosen.data)
    texts = Texts([one.text.encode() for one in corpus.train], np.random.default_rng(chosen.seed))
    network = resumed(chosen.state) if chosen.resume else begun(texts, chosen.entropy_minutes)
    assert network.patcher is not None
    network.patcher.requires_grad_(False)

    def loss() -> Tensor:
        ids = texts.batch(ROWS, LENGTH)
        with torch.no_grad():
            uncertain = entropies(network.entropy_logits(ids))
        starts = starts_of(network.config.patching, ids, uncertain)
        return loss_of(network(ids, starts), ids)

    rest = [parameter for parameter in network.parameters() if parameter.requires_grad]
    train(rest, loss, chosen.minutes, chosen.rate, "model")
    save_directory(chosen.state, network.config, network.state_dict(), overwrite=True)
    export(chosen.out, network, [one.text.encode() for one in corpus.held_out])


def begun(texts: Texts, minutes: float) -> Blt:
    """A fresh model with a trained entropy model, and the threshold that this gives."""
    network = Blt(CONFIG).initialize()
    assert network.patcher is not None

    def loss() -> Tensor:
        ids = texts.batch(ROWS, LENGTH)
        return loss_of(network.entropy_logits(ids), ids)

    train(list(network.patcher.parameters()), loss, minutes, 3e-3, "entropy model")
    with torch.no_grad():
        sample = texts.batch(64, LENGTH)
        uncertain = entropies(network.entropy_logits(sample)).double().numpy()
    patching = calibrate(CONFIG.patching, list(zip(sample.numpy(), uncertain, strict=True)), MEAN_PATCH)
    print(f"threshold {patching.threshold:.4f} nats for {MEAN_PATCH} bytes a patch", file=sys.stderr)
    network.config = dataclasses.replace(CONFIG, patching=patching)
    return network


def resumed(state: Path) -> Blt:
    """The model of an earlier run."""
    checkpoint = open_checkpoint(state)
    network = Blt(checkpoint.config)
    fill(network.state_dict(), checkpoint)
    return network


def export(directory: Path, network: Blt, held_out: list[bytes]) -> None:
    """Write the model in bfloat16, and its figures."""
    save_directory(directory, network.config, network.state_dict(), torch.bfloat16, overwrite=True)
    lm = bytelm.load(directory, device="cpu")
    figures = {
        "model": "blt",
        "bits_per_byte": round(lm.bits_per_byte(held_out), 4),
        "files": len(held_out),
        "bytes": sum(map(len, held_out)),
        "parameters": sum(parameter.numel() for parameter in network.parameters()),
        "threshold": network.config.patching.threshold,
        "torch_version": str(torch.__version__),
    }
    (directory / "eval.json").write_text(json.dumps(figures, indent=2) + "\n")
    print(json.dumps(figures), file=sys.stderr)


if __name__ == "__main__":
    main()
