"""Slow and obvious: the byte model by its definition, to judge the fast one by.

The judge shares the rule with the engine (what may follow what) and nothing else: no lattice, no laziness, no cache
beyond the token model's own answers.
"""

from collections.abc import Callable

import numpy as np

from bytelm.protocol import END, SYMBOLS, FloatArray
from bytelm.tokens.rules import Context, Rule


def judge(
    rule: Rule, logprobs_of: Callable[[tuple[int, ...]], FloatArray], end_tokens: tuple[int, ...], text: bytes
) -> FloatArray:
    """The joint log-probabilities of ``text`` and the symbol after it, by the sum over all covers.

    Args:
        rule: which token sequences count.
        logprobs_of: the token model: ids after the begin tokens to log-probabilities ``(vocabulary size,)``, nats.
        end_tokens: the ids that end a text.
        text: the bytes so far, with the bytes that the tokenizer puts before every text.

    Returns:
        ``log P(text, symbol)``, float64 ``(257,)``, nats; their sum in probability is ``P(text)``.
    """
    with np.errstate(divide="ignore"):
        logs: FloatArray = np.log(_joint(rule, logprobs_of, end_tokens, (), rule.start, text))
    return logs


def _joint(
    rule: Rule,
    logprobs_of: Callable[[tuple[int, ...]], FloatArray],
    end_tokens: tuple[int, ...],
    tokens: tuple[int, ...],
    context: Context,
    rest: bytes,
) -> FloatArray:
    """``P(rest, symbol | tokens)`` for every symbol, float64 ``(257,)``."""
    joint = np.zeros(SYMBOLS)
    candidates = [token for token in rule.vocabulary.order[rule.allowed(context)].tolist() if token not in end_tokens]
    ends = list(end_tokens) if rule.may_end(context) else []
    probabilities = np.exp(logprobs_of(tokens))
    total = probabilities[candidates + ends].sum()
    if not rest:
        joint[END] = probabilities[ends].sum() / total
    for token in candidates:
        data = rule.vocabulary.token_bytes[token]
        share = probabilities[token] / total
        if len(data) > len(rest) and data.startswith(rest):
            joint[data[len(rest)]] += share
        elif rest.startswith(data):
            after = rule.advance(context, token)
            assert after is not None, "the mask and the step agree on what may follow"
            joint += share * _joint(rule, logprobs_of, end_tokens, (*tokens, token), after, rest[len(data) :])
    return joint
