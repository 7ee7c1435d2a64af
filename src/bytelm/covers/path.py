"""Next-byte distributions along the tokenizer's own cut of a text, given where its tokens end: one pass, no side heads.

At a place inside a token the distribution is that of the bytes with which the tokens go on that agree with it so far
and do not end there; at the end of a token it is that of the first bytes of what may follow, and of the end. So each is
conditioned on the borders before it, which the bytes alone do not tell. Averaged over texts that the model itself
writes, that is the distribution given the bytes alone, with more variance.
"""

from collections.abc import Sequence

import numpy as np

from bytelm.covers.masses import Masses
from bytelm.covers.opening import Opening, cut, walked
from bytelm.covers.settling import impossible
from bytelm.covers.weighing import Weigher
from bytelm.heads import Head
from bytelm.protocol import END, SYMBOLS, FloatArray
from bytelm.tokens.lattice import TextHead
from bytelm.tokens.rules import Rule
from bytelm.tokens.tokenizer import Tokenizer


def path_distributions(weigher: Weigher, tokenizer: Tokenizer, openings: Sequence[Opening]) -> list[FloatArray]:
    """The distributions along the tokens of each text: float64 ``(len(text) + 1, 257)``, log-probabilities, nats.

    Where no text of the tokenizer has such bytes, they are taken as their byte tokens.

    Raises:
        FloatingPointError: the model gives the tokens of a text probability zero.
    """
    apart = weigher.apart()
    trunks = [trunk(weigher.rule, tokenizer, opening) for opening in openings]
    answers = apart.evaluate([head for heads in trunks for head in heads])
    return [
        np.concatenate([_behind(weigher.rule, head, next(answers), follower) for head, follower in _pairs(heads)])[
            len(opening.prefix) :
        ]
        for heads, opening in zip(trunks, openings, strict=True)
    ]


def trunk(rule: Rule, tokenizer: Tokenizer, opening: Opening) -> list[TextHead]:
    """The heads along the tokenizer's own tokens of a text, the one before the first token first."""
    fixed = opening.head
    root = TextHead(None, -1, rule.start, 0)
    if fixed is not None:
        root = TextHead(fixed.parent, fixed.token, rule.start, 0)
    data, spelled = opening.prefix + opening.text, rule.vocabulary.token_bytes
    tokens = cut(tokenizer, opening.text, opening.prefix)
    if b"".join(spelled[token] for token in tokens) != data:
        tokens = walked(rule, data)
    heads = [root]
    for token in tokens:
        context = rule.advance(heads[-1].context, token)
        end = heads[-1].end + len(spelled[token])
        # What may not follow was taken as given: behind it, a text begins anew.
        heads.append(TextHead(heads[-1], token, rule.start if context is None else context, end))
    return heads


def _pairs(heads: Sequence[TextHead]) -> list[tuple[TextHead, Head | None]]:
    """Each head with the one behind it."""
    return list(zip(heads, [*heads[1:], None], strict=True))


def _behind(rule: Rule, head: TextHead, masses: Masses, follower: Head | None) -> FloatArray:
    """The distributions at the end of a head and within the token behind it, ``(bytes of that, or 1, 257)``."""
    vocabulary = rule.vocabulary
    spelled = b"?" if follower is None else vocabulary.token_bytes[follower.token]
    rows = np.zeros((len(spelled), SYMBOLS))
    low, high = 0, vocabulary.size
    for depth, byte in enumerate(spelled):
        masses.add_by_byte(rows[depth], 1.0, vocabulary, low, high, depth)
        if follower is not None:
            _, low, high = vocabulary.narrow(low, high, spelled[:depth] + bytes([byte]))
    rows[0, END] = masses.end
    totals = rows.sum(axis=1, keepdims=True)
    if not (totals > 0).all():
        raise impossible()
    with np.errstate(divide="ignore"):
        logs: FloatArray = np.log(rows / totals)
    return logs
