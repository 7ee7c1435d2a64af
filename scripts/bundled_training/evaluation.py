"""Bits per byte on held-out files."""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
import torch.nn.functional as F
from tokenizers import Tokenizer
from transformers import LlamaForCausalLM

from .corpus import Document
from .recipe import Recipe
from .tokenizers import token_id

ROWS = 16
"""Windows a forward pass."""

Window = tuple[list[int], int]
"""Ids (begin token or context first) and how many of the last ids are scored."""


def _windows(ids: list[int], begin: int, context: int) -> Iterator[Window]:
    """Windows over one document: each id is scored once, later ones after half a window of context."""
    sequence = [begin, *ids]
    stride = context // 2
    done = 1  # the begin token itself is never scored
    while done < len(sequence):
        stop = min(len(sequence), context + 1 if done == 1 else done + stride)
        start = max(0, stop - context - 1)
        yield sequence[start:stop], stop - done
        done = stop


def _nats(model: LlamaForCausalLM, batch: list[Window]) -> float:
    """Summed negative log-likelihood of the scored ids of the windows, in nats."""
    width = max(len(ids) for ids, _ in batch) - 1
    inputs = torch.zeros(len(batch), width, dtype=torch.int64)
    targets = torch.full((len(batch), width), -100, dtype=torch.int64)
    for row, (ids, scored) in enumerate(batch):
        inputs[row, : len(ids) - 1] = torch.tensor(ids[:-1])
        targets[row, len(ids) - 1 - scored : len(ids) - 1] = torch.tensor(ids[-scored:])
    with torch.autocast("cpu", dtype=torch.bfloat16):
        logits = model(input_ids=inputs, use_cache=False).logits
    return float(F.cross_entropy(logits.float().flatten(0, 1), targets.flatten(), reduction="sum"))


@torch.no_grad()
def bits_per_byte(model: LlamaForCausalLM, tokenizer: Tokenizer, recipe: Recipe, documents: list[Document]) -> float:
    """Bits a UTF-8 byte over all ``documents``, each begun after the begin token (NaN for none)."""
    begin = token_id(tokenizer, recipe.begin)
    windows: list[Window] = []
    for document in documents:
        ids: list[int] = tokenizer.encode(document.text, add_special_tokens=False).ids
        windows += _windows(ids, begin, recipe.context)
    windows.sort(key=lambda window: len(window[0]))
    nats = sum(_nats(model, windows[at : at + ROWS]) for at in range(0, len(windows), ROWS))
    size = sum(document.size for document in documents)
    return nats / math.log(2) / size if size else math.nan
