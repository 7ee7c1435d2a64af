"""Counterexamples to completeness and soundness, at the cuts of a text.

Complete: for every text and every cut, the beginning of the tokenizer's own encoding that lies before the cut is among
the heads found. Sound: every head found is a beginning of the encoding of some text.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from bytelm.checking.judge import MANY, Judge
from bytelm.tokens.lattice import advance_lattice, begin_lattice
from bytelm.tokens.tokenizer import Tokenizer

Found = tuple[tuple[int, ...], bytes]
"""A head and the bytes of the text that come after it."""

MISSING, UNPROVED, TWICE = "missing", "unproved", "twice"
REFUSED, ALLOWED = "refused", "allowed"


@dataclass(frozen=True)
class Counterexample:
    """One place where the byte view and the tokenizer differ.

    Attributes:
        kind: ``"missing"``: the tokenizer's own head at a cut is not found; ``"unproved"``: a head is found that no
            text tried has; ``"twice"``: a head is found twice; ``"refused"``: the mask refuses a token that the
            tokenizer produces; ``"allowed"``: the mask allows a token that no text tried has.
        data: what the tokenizer sees of the text: its prefix and the normalized text.
        cut: the place in ``data``, in bytes: the cut, or for masks the end of the tokens before.
        tokens: the head, or for masks the tokens before and the token in question.
        rest: the bytes between the head and the cut.
        found: all heads found at the cut, with the bytes after them; empty for masks.
    """

    kind: str
    data: bytes
    cut: int
    tokens: tuple[int, ...]
    rest: bytes = b""
    found: tuple[Found, ...] = ()

    @property
    def breaks(self) -> str:
        """``"complete"`` or ``"sound"``: what it shows the byte view not to be."""
        return "complete" if self.kind in (MISSING, REFUSED) else "sound"


@dataclass(frozen=True)
class CutVerdict:
    """What was tried at the cuts of one text.

    Attributes:
        cuts: how many cuts.
        heads: how many heads were found at them, all proved but for those in ``wrong``.
        wrong: the counterexamples.
    """

    cuts: int
    heads: int
    wrong: tuple[Counterexample, ...]


def counterexamples(judge: Judge, text: str, cuts: Iterable[int]) -> list[Counterexample]:
    """What is wrong with the heads found at each cut of ``text``; nothing if all is well. See :func:`check_cuts`."""
    return list(check_cuts(judge, text, cuts).wrong)


def check_cuts(judge: Judge, text: str, cuts: Iterable[int], tries: int = MANY) -> CutVerdict:
    """Compare the heads found at cuts of ``text`` with what the tokenizer produces.

    Args:
        judge: the judge.
        text: the whole text.
        cuts: byte positions in what the tokenizer sees of it; those inside the prefix are passed over.
            No head is expected of the empty text: the tokenizer adds no prefix to it.
        tries: how many texts to try to prove a head found.
    """
    data = judge.seen(text)
    wanted = {cut for cut in cuts if len(judge.tokenizer.prefix) <= cut <= len(data)}
    heads = 0
    wrong: list[Counterexample] = []
    for cut, found in _heads_at(judge.tokenizer, data, wanted):
        heads += len(found)
        own = judge.covering(text, cut)
        if text and own not in found:
            wrong.append(Counterexample(MISSING, data, cut, *own, found))
        for tokens, rest in dict.fromkeys(found):
            if found.count((tokens, rest)) > 1:
                wrong.append(Counterexample(TWICE, data, cut, tokens, rest, found))
            if not judge.produces(tokens, rest, hints=[data[cut:]], tries=tries):
                wrong.append(Counterexample(UNPROVED, data, cut, tokens, rest, found))
    return CutVerdict(len(wanted), heads, tuple(wrong))


def _heads_at(tokenizer: Tokenizer, data: bytes, wanted: set[int]) -> Iterator[tuple[int, tuple[Found, ...]]]:
    """The wanted cuts in order, each with the heads found there; at the end of the data by the public method."""
    lattice = begin_lattice(tokenizer.canonical)
    for cut in range(len(data)):
        if cut:
            lattice = advance_lattice(tokenizer.canonical, lattice, data[cut - 1])
        if cut in wanted:
            yield cut, tuple((cursor.head.tokens(), lattice.after(cursor.head.end)) for cursor in lattice.cursors)
    if len(data) in wanted:
        yield len(data), tuple(tokenizer.canonical_heads(data[len(tokenizer.prefix) :]))
