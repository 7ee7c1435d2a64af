"""The probabilities of the parts of a text under a byte model."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from bytelm.decoding.checks import check_real
from bytelm.decoding.texts import text_of
from bytelm.model import ByteLM, Progress
from bytelm.prompts import Prompt, Text, as_prompt
from bytelm.protocol import FloatArray
from bytelm.spans.borders import border_logprobs
from bytelm.spans.characters import character_starts
from bytelm.spans.cutting import By, Range, ranges
from bytelm.spans.table import Span, SpanTable
from bytelm.spans.table_rendering import counted
from bytelm.spans.words import word_ends

TOLERANCE = 1e-4
"""How much of the probability that a word ends may be left unknown, as a fraction."""


def surprisal(
    lm: ByteLM[Any],
    text: Text | Prompt,
    by: By | Sequence[Range] = "word",
    *,
    progress: Progress | None = None,
) -> SpanTable:
    """The log-probability of parts of a text, each given all bytes before it.

    What a part has is the sum of what its bytes have. So the parts of any tiling sum to the log-probability of the
    text, and the pieces of a part to that of the part, however they are cut.

    Args:
        lm: any byte model.
        text: one text; of a ``Prompt`` the bytes behind the last special token, given what stands before them.
        by: ``"byte"``; ``"character"``; ``"word"``: runs of letters, marks, digits and ``_``, and runs of other
            characters, each with the white space before it; ``"spaced"``: what stands between white space, with that
            before it; ``"line"``, with its newline; a compiled regular expression, whose matches are parts, as is what
            lies between them; or ``(start, end)`` pairs in bytes, which may leave gaps, overlap and be empty.
        progress: called during long work with the bytes done and the bytes in all.

    Raises:
        ValueError: ``by`` is none of these, or a pair is not within the text.
        TypeError: ``text`` is no single text.
    """
    prompt = as_prompt(text)
    data = text_of(prompt)
    found = ranges(data, by)
    scores = lm.score(prompt, progress=progress) if data else np.zeros(0)
    logprobs = [_total(scores, start, end) for start, end in found]
    return SpanTable(_rows(data, found, logprobs), f"{counted(len(data), 'byte')} by {_named(by)}")


def word_surprisal(
    lm: ByteLM[Any],
    text: Text | Prompt,
    *,
    spaced: bool = False,
    tolerance: float = TOLERANCE,
    progress: Progress | None = None,
) -> SpanTable:
    """The log-probabilities of the words of a text as events: this word, and then it ends.

    ``surprisal(lm, text, "word")`` gives the bytes of a word, so ``a`` is never less probable than ``and``. Here each
    is ``log P(bytes) + log P(a word ends behind it) - log P(a word ends before it)``: over all words that may come
    next, and the end of text, these sum to one. Those of all words of a text sum to the log-probability of the text and
    of its ending with a word. Before the first byte a word has always ended.

    Pimentel and Meister 2024, "How to Compute the Probability of a Word"; Oh and Schuler 2024, "Leading Whitespaces of
    Language Models' Subword Vocabulary Pose a Confound for Calculating Word Probabilities".

    Args:
        lm: any byte model.
        text: one text; of a ``Prompt`` the bytes behind the last special token, given what stands before them.
        spaced: whether a word is all that stands between white space, as in reading experiments; else punctuation
            makes words of its own.
        tolerance: how much of the probability that a word ends may be left unknown, as a fraction; it tells how far
            the next character is looked into, where its first byte leaves open whether it belongs to the word.
        progress: called during long work with the bytes done and the bytes in all.

    Raises:
        ValueError: the tolerance is not in [0, 1].
        TypeError: ``text`` is no single text.
    """
    check_real("tolerance", tolerance, 1.0, "the fraction of a word border's probability that may be left unknown")
    prompt = as_prompt(text)
    data = text_of(prompt)
    ends, kinds = word_ends(data, spaced)
    found = list(zip([0, *ends[:-1]], ends, strict=True)) if ends else []
    scores = lm.score(prompt) if data else np.zeros(0)
    fixed = Prompt(*prompt.fixed) if isinstance(prompt, Prompt) else b""
    found_borders = border_logprobs(lm, fixed, data, ends, kinds, spaced, tolerance, progress)
    borders = np.maximum(found_borders, _next_characters(data, scores, ends))
    logprobs = [
        _event(_total(scores, start, end), before, after)
        for (start, end), before, after in zip(found, [0.0, *borders], borders, strict=False)
    ]
    what = "spaced word" if spaced else "word"
    return SpanTable(_rows(data, found, logprobs), f"{counted(len(data), 'byte')} by {what}, each with its ending")


def _next_characters(text: bytes, scores: FloatArray, ends: Sequence[int]) -> FloatArray:
    """The log-probabilities of the characters behind the ends of words, nats; ``-inf`` where there is none.

    They end the words, so a word ends with at least their probability. Scores are exact to a share of themselves,
    distributions to a share of one: where hardly any word was expected to end, this is the better answer.
    """
    starts = character_starts(text)
    places = np.searchsorted(starts, ends)
    found = np.full(len(ends), -math.inf)
    for index, place in enumerate(places[:-1].tolist()):
        start, end = starts[place : place + 2].tolist()
        if text[start] < 0x80 or end > start + 1:  # a stray byte may still begin a character
            found[index] = _total(scores, start, end)
    return found


def _total(scores: FloatArray, start: int, end: int) -> float:
    return math.fsum(scores[start:end])


def _event(inside: float, before: float, after: float) -> float:
    """The log-probability of a word and its ending; what is impossible stays so, whatever it is divided by."""
    return -math.inf if math.isinf(inside) or math.isinf(before) else inside + float(after) - float(before)


def _rows(text: bytes, found: Sequence[Range], logprobs: Sequence[float]) -> tuple[Span, ...]:
    starts = character_starts(text)
    edges = np.array(found, dtype=np.int64).reshape(len(found), 2)
    characters = np.searchsorted(starts, edges).tolist()
    return tuple(
        Span(start, end, text[start:end], logprob, *places)
        for (start, end), logprob, places in zip(found, logprobs, characters, strict=True)
    )


def _named(by: By | Sequence[Range]) -> str:
    """What the text was cut by, for people."""
    if isinstance(by, str):
        return "spaced word" if by == "spaced" else by
    return "given spans" if isinstance(by, Sequence) else f"regular expression {by.pattern!r}"
