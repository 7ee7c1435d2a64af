"""One training run from the corpus to the exported directory."""

from __future__ import annotations

import random
import sys
from dataclasses import dataclass
from pathlib import Path

import torch
from tokenizers import Tokenizer
from transformers import LlamaForCausalLM

from . import state
from .corpus import Corpus, Document, load_corpus
from .evaluation import bits_per_byte
from .export import HeldOut, export
from .loop import Budget, Trainer
from .model import build_model, build_optimizers
from .recipe import Recipe
from .state import Progress
from .windows import Windows

QUICK_EVALUATION = 100_000
"""Bytes of held-out files that each periodic export measures; the last export measures all."""


@dataclass(frozen=True)
class Options:
    """What the command line decides."""

    data: Path
    out: Path
    state: Path
    budget: Budget
    seed: int
    resume: bool
    compiled: bool
    checkpoint_seconds: float


def train(recipe: Recipe, options: Options) -> None:
    """Train ``recipe`` and export it; at Ctrl-C, export what there is."""
    torch.manual_seed(options.seed)
    corpus = load_corpus(options.data)
    _say(f"{len(corpus.train)} files to train on, {len(corpus.held_out)} held out")
    tokenizer = _tokenizer(recipe, options, corpus)
    model = build_model(recipe, tokenizer)
    optimizers = build_optimizers(model, recipe)
    ratio = _bytes_a_token(tokenizer, corpus.train)
    progress = Progress()
    rng = random.Random(options.seed)
    windows = Windows(corpus.train, tokenizer, recipe, rng)
    trainer = Trainer(model, optimizers, windows, recipe, ratio, options.compiled)
    if options.resume:
        progress = state.load_state(options.state, model, optimizers)
        rng.seed(options.seed + progress.steps)  # other windows than those already seen
    _say(f"{tokenizer.get_vocab_size()} tokens in the vocabulary, about {ratio:.2f} bytes a token")

    def save(documents: list[Document]) -> None:
        state.save_state(options.state, model, optimizers, progress)
        model.eval()
        measured = _measure(model, tokenizer, recipe, documents)
        export(options.out, model, tokenizer, recipe, progress, measured, options.seed)
        _say(f"step {progress.steps}: exported; held out {measured.bits_per_byte} bits/byte")

    sample = _sample(corpus.held_out)
    finished = trainer.run(progress, options.budget, lambda: save(sample), options.checkpoint_seconds)
    save(corpus.held_out if finished else sample)


def _tokenizer(recipe: Recipe, options: Options, corpus: Corpus) -> Tokenizer:
    """The tokenizer of the run to resume, or a new one trained on files that are not tests."""
    if options.resume:
        return state.load_tokenizer(options.state)
    library = [document for document in corpus.train if not document.is_test]
    tokenizer = recipe.train_tokenizer(library or corpus.train, recipe.vocabulary)
    state.save_tokenizer(options.state, tokenizer)
    return tokenizer


def _bytes_a_token(tokenizer: Tokenizer, documents: list[Document]) -> float:
    """Average over a few documents; it turns loss a token into bits a byte."""
    few = documents[:: max(1, len(documents) // 50)]
    tokens = sum(len(tokenizer.encode(d.text, add_special_tokens=False).ids) for d in few)
    return sum(d.size for d in few) / tokens


def _sample(documents: list[Document]) -> list[Document]:
    """The first few documents, QUICK_EVALUATION bytes together or a little more."""
    chosen: list[Document] = []
    for document in documents:
        if sum(d.size for d in chosen) >= QUICK_EVALUATION:
            break
        chosen.append(document)
    return chosen


def _measure(model: LlamaForCausalLM, tokenizer: Tokenizer, recipe: Recipe, documents: list[Document]) -> HeldOut:
    """Bits a byte over ``documents``, and over their two kinds."""

    def bits(some: list[Document]) -> float | None:
        return round(bits_per_byte(model, tokenizer, recipe, some), 4) if some else None

    return HeldOut(
        bits_per_byte=bits(documents),
        bits_per_byte_library=bits([d for d in documents if not d.is_test]),
        bits_per_byte_tests=bits([d for d in documents if d.is_test]),
        files=len(documents),
        bytes=sum(d.size for d in documents),
    )


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
