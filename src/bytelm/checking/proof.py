"""The whole proof of a tokenizer: random cuts of many texts, and masks after random contexts."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from random import Random

from bytelm.checking.counterexamples import Counterexample, check_cuts
from bytelm.checking.judge import Judge
from bytelm.checking.masks import check_mask
from bytelm.checking.shrinking import shrink
from bytelm.checking.texts import SAMPLES, draw
from bytelm.tokens.tokenizer import Tokenizer

Progress = Callable[[str, int, int], None]
"""Called with what is being tried, how much of it is done, and how much there is."""

_LONGEST_CONTEXT = 12
_TRIES = 200_000
"""How many texts have to fail before a head or an allowed token counts as one that nothing proves."""

_PATIENCE = 1000
"""How many texts in a row may be passed over."""


@dataclass
class Proof:
    """What was tried, and what came of it.

    Attributes:
        texts: how many texts were cut or gave contexts.
        passed_over: how many texts were left out because the tokenizer's own tokens do not spell what it sees of them.
        an_example: the first text that was passed over.
        cuts: how many cuts were tried.
        heads: how many heads were found at them.
        masks: how many contexts were tried, each with every token of the vocabulary.
        allowed: how many tokens were allowed after them, all together.
        refused: how many tokens with bytes were refused.
        build_seconds: how long making the byte view of canonical sequences took.
        mask_seconds: how long each mask took the byte view.
        counterexamples: what was found, the first one made small.
    """

    texts: int = 0
    passed_over: int = 0
    an_example: str | None = None
    cuts: int = 0
    heads: int = 0
    masks: int = 0
    allowed: int = 0
    refused: int = 0
    build_seconds: float = 0.0
    mask_seconds: list[float] = field(default_factory=list)
    counterexamples: list[Counterexample] = field(default_factory=list)

    @property
    def holds(self) -> bool:
        """Whether there was no counterexample."""
        return not self.counterexamples


def prove(
    tokenizer: Tokenizer,
    texts: Sequence[str] = (),
    *,
    cuts: int = 2000,
    contexts: int = 20,
    seed: int = 0,
    limit: int = 1,
    progress: Progress | None = None,
) -> Proof:
    """Compare a byte view with its tokenizer, at every cut of random pieces of texts and after random contexts.

    Args:
        tokenizer: the byte view.
        texts: texts to take pieces from besides the built-in ones.
        cuts: try at least so many cuts.
        contexts: try so many masks.
        seed: decides which; the same seed tries the same.
        limit: stop at so many counterexamples of each part; only the first one is made small.
        progress: called with what is being tried.

    Raises:
        ValueError: a count is negative, or the tokenizer's own tokens spell hardly any text.
    """
    for name, count, least in (("cuts", cuts, 0), ("contexts", contexts, 0), ("limit", limit, 1)):
        if count < least:
            raise ValueError(f"{name} is {count}; expected a whole number of at least {least}")
    judge, random, proof = Judge(tokenizer, seed), Random(seed), Proof()
    begun = time.perf_counter()
    tokenizer.canonical_heads(b"")  # the first question makes what all others need
    proof.build_seconds = time.perf_counter() - begun
    sources = [[*SAMPLES.values()], *([[text for text in texts if text]] if any(texts) else [])]
    say = progress or (lambda what, done, total: None)
    while proof.cuts < cuts and len(proof.counterexamples) < limit:
        _try_cuts(judge, _next_text(judge, random, sources, proof), proof)
        say("cuts", min(proof.cuts, cuts), cuts)
    wrong = len(proof.counterexamples)
    while proof.masks < contexts and len(proof.counterexamples) - wrong < limit:
        _try_mask(judge, _next_text(judge, random, sources, proof), random, proof)
        say("masks", proof.masks, contexts)
    if proof.counterexamples:
        proof.counterexamples[0] = shrink(judge, proof.counterexamples[0])
    return proof


def _next_text(judge: Judge, random: Random, sources: Sequence[Sequence[str]], proof: Proof) -> str:
    """A text that the tokenizer's own tokens spell; counts it and those passed over (mutates ``proof``)."""
    for _ in range(_PATIENCE):
        text = draw(random, random.choice(sources))
        if judge.spells(text):
            proof.texts += 1
            return text
        proof.passed_over += 1
        proof.an_example = proof.an_example or text
    raise ValueError(
        f"the tokenizer's own tokens do not spell any of {_PATIENCE:,} texts in a row, the last {text!r}: "
        "there is nothing to compare with"
    )


def _try_cuts(judge: Judge, text: str, proof: Proof) -> None:
    verdict = check_cuts(judge, text, range(len(judge.seen(text)) + 1), tries=_TRIES)
    proof.cuts += verdict.cuts
    proof.heads += verdict.heads
    proof.counterexamples += verdict.wrong


def _try_mask(judge: Judge, text: str, random: Random, proof: Proof) -> None:
    ids = judge.encode(text)
    head = ids[: random.randint(0, min(_LONGEST_CONTEXT, len(ids)))]
    verdict = check_mask(judge, head, random, tries=_TRIES)
    proof.masks += 1
    proof.allowed += verdict.allowed
    proof.refused += verdict.refused
    proof.mask_seconds.append(verdict.seconds)
    proof.counterexamples += verdict.wrong
