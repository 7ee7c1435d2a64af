"""Prompts that ask a token model to fill a gap, with the text before the gap cut where no token can straddle.

A model that was trained to fill gaps reads the text before and the text behind between special tokens, and writes
the middle. Where the gap begins inside a token, the text before it, cut into tokens by itself, ends in a way that the
model has rarely seen. So what stands before the gap but behind the last certain border of tokens is moved to where the
middle begins, and the middle is conditioned on it, over all its covers: that is the same document with the gap begun a
little earlier. This is the fill-in-the-middle of Phan et al. 2024, "Exact Byte-Level Probabilities from Tokenized
Language Models for FIM-Tasks and Model Ensembles", section 4.2, for both orders of the parts (Bavarian et al. 2022,
"Efficient Training of Language Models to Fill in the Middle", section 3).
"""

from collections.abc import Sequence
from typing import NamedTuple

from bytelm.covers.settling import begin_anywhere
from bytelm.prompts import Prompt, Special
from bytelm.tokens.infilling import InfillTokens
from bytelm.tokens.lattice import begin_lattice, read_lattice
from bytelm.tokens.rules import Rule
from bytelm.tokens.tokenizer import Tokenizer

ORDERS = ("psm", "spm")
"""The text before the gap (prefix), the text behind it (suffix), and the middle, in the order of training."""

LINE = 256
"""The longest line that is moved to where the middle begins, in bytes."""


class GapPrompt(NamedTuple):
    """What a token model reads before it fills a gap.

    Attributes:
        prompt: the prompt; the filling is what follows it.
        given: how many bytes at the end of it, behind the last special token, stand before the gap.
    """

    prompt: Prompt
    given: int


def gap_prompt(
    rule: Rule, tokens: InfillTokens, prefix: bytes, suffix: bytes, order: str, moved: int | None
) -> GapPrompt:
    """The prompt for the gap between two texts.

    Args:
        rule: which token sequences count.
        tokens: the special tokens of the format.
        prefix: the text before the gap.
        suffix: the text behind it.
        order: ``"psm"``, or ``"spm"``, where the whole text before the gap stands right before the middle.
        moved: how many bytes of the prefix are moved behind the last special token in the order ``"psm"``; see
            `best_cut` for the default.

    Raises:
        ValueError: an unknown order, or more bytes to be moved than there are.
    """
    if order not in ORDERS:
        raise ValueError(f"unknown order {order!r} of prefix, suffix and middle; choose one of {', '.join(ORDERS)}")
    if order == "spm":
        if moved is not None:
            raise ValueError('the order "spm" moves no bytes: all of the prefix stands before the middle')
        return GapPrompt(Prompt(tokens.prefix, tokens.suffix, suffix, tokens.middle, prefix), len(prefix))
    if moved is not None and not 0 <= moved <= len(prefix):
        raise ValueError(f"moved is how many of the {len(prefix)} bytes before the gap go with the middle; got {moved}")
    cut = best_cut(rule, prefix) if moved is None else len(prefix) - moved
    before, given = prefix[:cut], prefix[cut:]
    return GapPrompt(Prompt(tokens.prefix, before, tokens.suffix, suffix, tokens.middle, given), len(given))


def best_cut(rule: Rule, prefix: bytes) -> int:
    """Where a prefix is cut: at the last place that all its covers go through, or where its last line begins.

    With the line in one piece the middle goes on from what stands beside it (`benchmarks/fim.py`). The line breaks go
    with it; a line of more than ``LINE`` bytes is not moved.
    """
    certain = certain_border(rule, prefix)
    line = len(prefix[: prefix.rfind(b"\n") + 1].rstrip())
    return min(certain, line) if len(prefix) - line <= LINE else certain


def certain_border(rule: Rule, text: bytes) -> int:
    """The last place in a text that all its covers have a border of tokens at."""
    (head,) = begin_anywhere(read_lattice(rule, begin_lattice(rule), text)).pending
    return head.end


def chosen_tokens(tokenizer: Tokenizer, names: Sequence[str | Special] | None) -> InfillTokens | None:
    """The special tokens named, or those that the tokenizer has in a published spelling, if it has any.

    Raises:
        ValueError: there are not three names, or the tokenizer has no such special token.
    """
    if names is None:
        return tokenizer.fim_tokens
    if isinstance(names, str) or len(names) != len(InfillTokens._fields):
        raise ValueError(f"tokens are three, for prefix, suffix and middle; got {names!r}")
    return InfillTokens(*(name if isinstance(name, Special) else tokenizer.special(name) for name in names))
