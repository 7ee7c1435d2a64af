"""Fill in the middle: rearrange a piece of text so that a left-to-right model learns to fill a hole.

The cuts fall between characters, not between tokens, because the caret of someone who types does
too: a model trained on token cuts alone is lost when the caret stands inside a token.
"""

from __future__ import annotations

import random
from dataclasses import dataclass


@dataclass(frozen=True)
class FimTokens:
    """Ids of the special tokens of the format."""

    prefix: int
    suffix: int
    middle: int
    end: int


@dataclass(frozen=True)
class FimCut:
    """A text cut in three; ``prefix + middle + suffix`` is the text again."""

    prefix: str
    middle: str
    suffix: str

    @property
    def text(self) -> str:
        """The text that was cut."""
        return self.prefix + self.middle + self.suffix


SHORT_HOLE = 120
"""Characters. Most holes are this short at most: about what one completion in an editor fills."""

SHORT_HOLE_SHARE = 0.7


def cut(text: str, rng: random.Random) -> FimCut:
    """Cut ``text`` at two random characters; most holes are short, the others of any length."""
    start, stop = sorted((rng.randint(0, len(text)), rng.randint(0, len(text))))
    if rng.random() < SHORT_HOLE_SHARE:
        start = rng.randint(0, len(text))
        stop = min(len(text), start + rng.randint(1, SHORT_HOLE))
    return FimCut(text[:start], text[start:stop], text[stop:])


def arrange(prefix: list[int], middle: list[int], suffix: list[int], tokens: FimTokens) -> list[int]:
    """The training sequence in the order prefix, suffix, middle (PSM), closed by the end token.

    The end token says that the middle is complete, even where the file goes on.
    """
    return [tokens.prefix, *prefix, tokens.suffix, *suffix, tokens.middle, *middle, tokens.end]
