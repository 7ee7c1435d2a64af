"""What distinguishes the two bundled models: tokenizer, size, context and mix of training text."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tokenizers import Tokenizer

from .corpus import Document
from .tokenizers import (
    END_OF_TEXT,
    FIM_MIDDLE,
    FIM_PREFIX,
    FIM_SUFFIX,
    train_byte_level,
    train_sentencepiece_style,
)


@dataclass(frozen=True)
class Recipe:
    """Everything that is decided before training starts."""

    name: str
    title: str
    train_tokenizer: Callable[[list[Document], int], Tokenizer]
    vocabulary: int
    begin: str
    end: str
    unknown: str | None
    fim: tuple[str, str, str] | None
    """Names of the prefix, suffix and middle tokens, or None for a model without them."""

    hidden: int
    layers: int
    intermediate: int
    heads: int
    context: int
    """Tokens: the length of a training window and of the positions the model knows."""

    chunk_share: float
    """Share of the windows that begin at a random line, after the begin token."""

    fim_share: float
    """Share of the windows that are filled with fill-in-the-middle examples."""

    test_share: float = 0.35
    """Share of the files of tests that take part in an epoch (all other files do)."""

    batch: int = 16
    """Windows a step."""

    matrix_rate: float = 3e-3
    """Peak learning rate of the inner matrices (Muon)."""

    other_rate: float = 3e-3
    """Peak learning rate of the embeddings and the norms (AdamW)."""

    weight_decay: float = 0.05


CODE = Recipe(
    name="code",
    title="byte-level BPE in the form of Llama 3",
    train_tokenizer=train_byte_level,
    vocabulary=2048,
    begin=END_OF_TEXT,
    end=END_OF_TEXT,
    unknown=None,
    fim=(FIM_PREFIX, FIM_SUFFIX, FIM_MIDDLE),
    hidden=256,
    layers=4,
    intermediate=704,
    heads=4,
    context=512,
    chunk_share=0.15,
    fim_share=0.4,
)

CODE_SP = Recipe(
    name="code-sp",
    title="SentencePiece-style BPE with byte fallback in the form of Llama 2",
    train_tokenizer=train_sentencepiece_style,
    vocabulary=1792,
    begin="<s>",
    end="</s>",
    unknown="<unk>",
    fim=None,
    hidden=224,
    layers=4,
    intermediate=576,
    heads=4,
    context=512,
    chunk_share=0.25,
    fim_share=0.0,
    batch=8,
)

RECIPES = {recipe.name: recipe for recipe in (CODE, CODE_SP)}
