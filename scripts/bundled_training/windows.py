"""Training windows: rows of ``context + 1`` token ids, drawn without end from the documents."""

from __future__ import annotations

import random
from collections.abc import Iterator

import numpy as np
import torch
from tokenizers import Tokenizer

from . import fim
from .corpus import Document
from .recipe import Recipe
from .tokenizers import token_id

CHARACTERS_A_TOKEN = 3
"""About how many characters a token stands for; it decides how much text a window is offered."""


class Windows:
    """Draws windows of three kinds (running text, chunks, FIM) in the shares of a recipe.

    Running text is whole documents one after another, each after the begin token and closed by the
    end token, cut into windows wherever a window is full. A chunk starts at a random line after the
    begin token, as a prompt does that was cut from a file.
    """

    def __init__(self, documents: list[Document], tokenizer: Tokenizer, recipe: Recipe, rng: random.Random) -> None:
        self._documents = documents
        self._tokenizer = tokenizer
        self._recipe = recipe
        self._rng = rng
        self._length = recipe.context + 1
        self._begin = token_id(tokenizer, recipe.begin)
        self._end = token_id(tokenizer, recipe.end)
        self._weights = [d.size * (recipe.test_share if d.is_test else 1.0) for d in documents]
        self._fim_tokens = _fim_tokens(tokenizer, recipe)
        self._running = self._running_text()
        self._encoded: dict[str, np.ndarray] = {}

    def batch(self) -> torch.Tensor:
        """int64 ids of shape (recipe.batch, recipe.context + 1)."""
        rows = [self._window() for _ in range(self._recipe.batch)]
        return torch.tensor(rows, dtype=torch.int64)

    def _window(self) -> list[int]:
        kind = self._rng.random()
        if self._fim_tokens is not None and kind < self._recipe.fim_share:
            return self._fim_window(self._fim_tokens)
        if kind < self._recipe.fim_share + self._recipe.chunk_share:
            return self._chunk_window()
        return next(self._running)

    def _encode(self, text: str) -> list[int]:
        ids: list[int] = self._tokenizer.encode(text, add_special_tokens=False).ids
        return ids

    def _document_ids(self, document: Document) -> np.ndarray:
        """Ids of the whole document with its begin and end token, encoded once."""
        if document.path not in self._encoded:
            ids = [self._begin, *self._encode(document.text), self._end]
            self._encoded[document.path] = np.array(ids, dtype=np.uint16)
        return self._encoded[document.path]

    def _running_text(self) -> Iterator[list[int]]:
        """Windows of whole documents in a new random order each epoch."""
        held: list[int] = []
        while True:
            order = [d for d in self._documents if not d.is_test or self._rng.random() < self._recipe.test_share]
            self._rng.shuffle(order)
            for document in order:
                if held and held[-1] == self._begin:
                    held.pop()  # one token both ends a document and begins the next
                held += self._document_ids(document).tolist()
                while len(held) >= self._length:
                    yield held[: self._length]
                    # The last id is a target only; it comes again as the next window's first input.
                    held = held[self._length - 1 :]

    def _pick_text(self, characters: int) -> tuple[str, bool]:
        """Text from a random line of a random document, and whether it reaches the file's end."""
        document = self._rng.choices(self._documents, self._weights)[0]
        start = document.text.rfind("\n", 0, self._rng.randint(0, len(document.text))) + 1
        return document.text[start : start + characters], start + characters >= len(document.text)

    def _chunk_window(self) -> list[int]:
        ids: list[int] = []
        while len(ids) < self._length:
            text, complete = self._pick_text(8 * self._length)
            ids += [self._begin, *self._encode(text), *([self._end] if complete else [])]
        return ids[: self._length]

    def _fim_window(self, tokens: fim.FimTokens) -> list[int]:
        """FIM examples one after another; the last may lose the end of its middle, no other part."""
        ids = [self._begin]
        while len(ids) < self._length:
            room = (self._length - len(ids)) * CHARACTERS_A_TOKEN
            text, _ = self._pick_text(self._rng.randint(min(room, 100), max(room, 120)))
            cut = fim.cut(text, self._rng)
            prefix, middle, suffix = (self._encode(part) for part in (cut.prefix, cut.middle, cut.suffix))
            ids += fim.arrange(prefix, middle, suffix, tokens)
        return ids[: self._length]


def _fim_tokens(tokenizer: Tokenizer, recipe: Recipe) -> fim.FimTokens | None:
    if recipe.fim is None:
        return None
    prefix, suffix, middle = (token_id(tokenizer, name) for name in recipe.fim)
    return fim.FimTokens(prefix, suffix, middle, token_id(tokenizer, recipe.end))
