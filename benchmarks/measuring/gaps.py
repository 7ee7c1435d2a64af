"""Gaps in texts, and the ways to fill them that are compared."""

import gzip
import json
import random
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np

from bytelm.covers.gaps import certain_border
from bytelm.covers.model import TokenizedLM
from bytelm.prompts import Prompt
from bytelm.protocol import END
from measuring.surroundings import ROOT

BEFORE, BEHIND, LONGEST = 500, 250, 40
"""How many bytes before and behind a gap the model reads, and how many a gap has at most; its context is 512 tokens."""

FURTHER = 16
"""How many bytes more than the true middle a filling may have."""

HUMANEVAL = "data/corpora/code/HumanEval-RandomSpanInfillingLight.jsonl.gz"


class Gap(NamedTuple):
    """A text cut in three."""

    prefix: bytes
    middle: bytes
    suffix: bytes


class Filling(NamedTuple):
    """What a way makes of a gap.

    Attributes:
        logprob: of the true middle, nats.
        logend: that the filling ends there, nats.
        marked: what it fills in, up to its own mark.
        met: what it fills in, up to its mark or to where it meets the suffix.
    """

    logprob: float
    logend: float
    marked: bytes
    met: bytes


def held_out_texts() -> list[bytes]:
    """Files of the Python standard library on which the bundled models were not trained."""
    sys.path.append(str(ROOT / "scripts"))
    from bundled_training.corpus import load_corpus, standard_library

    return [document.text.encode() for document in load_corpus(standard_library()).held_out]


def held_out_gaps(count: int, seed: int) -> list[Gap]:
    """Gaps at random bytes of those files."""
    texts = [text for text in held_out_texts() if len(text) > 2 * (BEFORE + BEHIND)]
    rng = random.Random(seed)
    gaps: list[Gap] = []
    while len(gaps) < count:
        text = rng.choice(texts)
        start = rng.randrange(BEFORE, len(text) - BEHIND - LONGEST)
        stop = start + rng.randint(1, LONGEST)
        gap = Gap(text[start - BEFORE : start], text[start:stop], text[stop : stop + BEHIND])
        if all(_is_text(part) for part in gap):
            gaps.append(gap)
    return gaps


def humaneval_gaps(shared: Path, count: int) -> list[Gap]:
    """Those of HumanEval's random spans that are short enough.

    Raises:
        FileNotFoundError: the shared folder has none.
    """
    with gzip.open(shared / HUMANEVAL, "rt", encoding="utf-8") as file:
        rows = [json.loads(line) for line in file]
    gaps = [
        Gap(row["prompt"].encode()[-BEFORE:], row["canonical_solution"].encode(), row["suffix"].encode()[:BEHIND])
        for row in rows
    ]
    return [gap for gap in gaps if 0 < len(gap.middle) <= 4 * LONGEST and all(map(_is_text, gap))][:count]


def inside(lm: TokenizedLM, gap: Gap) -> bool:
    """Whether the gap begins inside a token of the whole text."""
    tokens = lm.tokenizer.encode(gap.prefix + gap.middle)
    ends = np.cumsum([len(lm.tokenizer.token_bytes(token)) for token in tokens])
    return len(gap.prefix) not in ends


def naive(lm: TokenizedLM, gap: Gap) -> Filling:
    """The tokens of the prefix as they are, and the token model."""
    return _by_tokens(lm, gap, lm.infill_prompt(gap.prefix, gap.suffix, moved=0), False)


def healed(lm: TokenizedLM, gap: Gap) -> Filling:
    """The last token of the prefix is taken back."""
    last = lm.tokenizer.token_bytes(lm.tokenizer.encode(gap.prefix)[-1])
    return _by_tokens(lm, gap, lm.infill_prompt(gap.prefix, gap.suffix, moved=len(last)), True)


def naive_line(lm: TokenizedLM, gap: Gap) -> Filling:
    """The same as `naive`, with the last line of the prefix where the middle is written, as for `byte_exact`."""
    return _by_tokens(lm, gap, lm.infill_prompt(gap.prefix, gap.suffix), False)


def healed_line(lm: TokenizedLM, gap: Gap) -> Filling:
    """The same as `healed`, likewise."""
    return _by_tokens(lm, gap, lm.infill_prompt(gap.prefix, gap.suffix), True)


def from_border(lm: TokenizedLM, gap: Gap) -> Filling:
    """Conditioned on covers, from the last place where all have a border."""
    border = certain_border(lm.tokenizer.canonical, gap.prefix)
    return _by_bytes(lm, gap, {"moved": len(gap.prefix) - border})


def byte_exact(lm: TokenizedLM, gap: Gap) -> Filling:
    """What ``lm.infill`` does: conditioned on covers, from the beginning of the line at least."""
    return _by_bytes(lm, gap, {})


def suffix_first(lm: TokenizedLM, gap: Gap) -> Filling:
    """The same from the very beginning, in the order that the model was not trained in."""
    return _by_bytes(lm, gap, {"order": "spm"})


WAYS: Mapping[str, Callable[[TokenizedLM, Gap], Filling]] = {
    "naive prompting": naive,
    "token healing": healed,
    "byte-exact, from the border": from_border,
    "naive, line moved": naive_line,
    "token healing, line moved": healed_line,
    "byte-exact (lm.infill)": byte_exact,
    "byte-exact, suffix first": suffix_first,
}


def _by_tokens(lm: TokenizedLM, gap: Gap, prompt: Prompt, heal: bool) -> Filling:
    score = lm.score_tokens(prompt, gap.middle, heal=heal)
    made = lm.continue_tokens(prompt, max_bytes=len(gap.middle) + FURTHER, heal=heal)
    return Filling(score.logprob, score.logend, made, _met(made, gap))


def _by_bytes(lm: TokenizedLM, gap: Gap, options: dict[str, object]) -> Filling:
    before = lm.prefill(lm.infill_prompt(gap.prefix, gap.suffix, **options))  # type: ignore[arg-type]
    after = before.advance(gap.middle)
    most = len(gap.middle) + FURTHER
    made = lm.infill(gap.prefix, gap.suffix, max_bytes=most, **options)  # type: ignore[arg-type]
    assert isinstance(made, bytes)
    return Filling(after.logprob - before.logprob, float(after.logprobs()[END]), made, _met(made, gap))


def _met(made: bytes, gap: Gap) -> bytes:
    """A filling up to where it meets the beginning of the suffix."""
    from bytelm.decoding.infilling import meeting

    for stop in meeting(gap.suffix, "suffix", None, True):
        return made.partition(stop)[0]
    return made


def _is_text(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def compared(lm: TokenizedLM, gaps: list[Gap], say: Callable[[str], None]) -> Iterator[tuple[Gap, dict[str, Filling]]]:
    """Every way on every gap."""
    for place, gap in enumerate(gaps):
        if place % 20 == 0:
            say(f"gap {place} of {len(gaps)}")
        yield gap, {name: way(lm, gap) for name, way in WAYS.items()}
