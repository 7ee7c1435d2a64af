"""The special tokens with which models were trained to fill a gap in a text, in their published spellings."""

from typing import NamedTuple

from bytelm.prompts import Special
from bytelm.tokens.specials import Specials


class InfillTokens(NamedTuple):
    """The tokens that stand before the text in front of the gap, before the text behind it, and before the filling."""

    prefix: Special
    suffix: Special
    middle: Special


SPELLINGS = (
    ("<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>"),
    ("<fim_prefix>", "<fim_suffix>", "<fim_middle>"),
    ("<fim-prefix>", "<fim-suffix>", "<fim-middle>"),
    ("▁<PRE>", "▁<SUF>", "▁<MID>"),
    ("<｜fim▁begin｜>", "<｜fim▁hole｜>", "<｜fim▁end｜>"),
    ("[PREFIX]", "[SUFFIX]", "[MIDDLE]"),
)
"""Prefix, suffix and middle: of Qwen, Gemma, Granite and the bundled model; StarCoder; SantaCoder; CodeLlama;
DeepSeek; Codestral."""

MARKS = ("▁<EOT>", "<EOT>", "<|endoftext|>", "<|file_separator|>", "<|file_sep|>", "<|fim_pad|>")
"""What ends a filling, besides the end of text: of CodeLlama; most; Gemma; StarCoder 2 and Qwen."""


def infill_tokens(specials: Specials) -> InfillTokens | None:
    """The first of the published triples of which the tokenizer has all three tokens."""
    for spelling in SPELLINGS:
        found = [special for content in spelling if (special := specials.find(content)) is not None]
        if len(found) == len(spelling):
            return InfillTokens(*found)
    return None


def end_marks(specials: Specials) -> tuple[Special, ...]:
    """The tokens of a tokenizer that end a filling where it has tokens for fillings."""
    if infill_tokens(specials) is None:
        return ()
    return tuple(special for content in MARKS if (special := specials.find(content)) is not None)
