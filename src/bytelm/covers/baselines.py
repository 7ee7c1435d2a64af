"""What people do without a byte model: a token model fed the prompt's own tokens. For comparison only.

*Naive* prompting bets on the prompt's ending where a token ends. *Token healing* (Lundberg 2023, "The Art of Prompt
Design: Prompt Boundaries and Token Healing") takes the last token back and lets the model choose another one that
begins with the same bytes. Neither is a distribution over bytes: both are about one sequence of tokens. Here the token
model is as it is, not renormalised.
"""

from typing import NamedTuple

import numpy as np

from bytelm.covers.opening import Opening
from bytelm.covers.weighing import Weigher
from bytelm.heads import Head
from bytelm.protocol import FloatArray
from bytelm.tokens.tokenizer import Tokenizer


class TokenScore(NamedTuple):
    """The probability of a continuation's own tokens.

    Attributes:
        logprob: of the tokens, nats; ``-inf`` where token healing cannot reach them.
        logend: that an end token follows them, nats.
    """

    logprob: float
    logend: float


class Baseline:
    """A token model and its tokenizer behind one prompt.

    Args:
        weigher: of the byte model; its rule plays no part.
        tokenizer: the tokenizer.
        opening: the prompt.
        heal: whether the last token of the prompt's text is taken back.

    Raises:
        ValueError: the prompt is not valid UTF-8.
    """

    def __init__(self, weigher: Weigher, tokenizer: Tokenizer, opening: Opening, heal: bool) -> None:
        self._weigher = weigher
        self._tokenizer = tokenizer
        tokens = tokenizer.encode(opening.text)
        self._required = tokenizer.token_bytes(tokens.pop()) if heal and tokens else b""
        self._head = _behind(Head() if opening.head is None else opening.head, tokens)

    def continued(self, max_bytes: int) -> bytes:
        """The greedy continuation, of at most ``max_bytes`` bytes."""
        head, text = self._head, b""
        most = max_bytes + len(self._required)
        while len(text) < most:
            logprobs = self._logprobs(head)
            token = int(np.argmax(logprobs if text or not self._required else self._healed(logprobs)))
            if token in self._weigher.end_tokens:
                break
            head, text = Head(head, token), text + self._tokenizer.token_bytes(token)
        return text[len(self._required) : most]

    def score(self, text: bytes) -> TokenScore:
        """How probable the tokens of a continuation are, cut by themselves or with the token taken back.

        Raises:
            ValueError: the text is not valid UTF-8.
        """
        tokens = self._tokenizer.encode(self._required + text)
        head, logprob = self._head, 0.0
        for place, token in enumerate(tokens):
            logprobs = self._logprobs(head)
            if place == 0 and self._required:
                logprobs = self._healed(logprobs)
            logprob, head = logprob + float(logprobs[token]), Head(head, token)
        return TokenScore(logprob, float(np.logaddexp.reduce(self._logprobs(head)[list(self._weigher.end_tokens)])))

    def _logprobs(self, head: Head) -> FloatArray:
        (logprobs,) = self._weigher.model.evaluate([head])
        return logprobs

    def _healed(self, logprobs: FloatArray) -> FloatArray:
        """The distribution over the tokens that begin with the one taken back."""
        vocabulary = self._weigher.rule.vocabulary
        low, _, high = vocabulary.narrow(0, vocabulary.size, self._required)
        among = vocabulary.order[low:high]
        healed = np.full_like(logprobs, -np.inf)
        healed[among] = logprobs[among] - np.logaddexp.reduce(logprobs[among])
        return healed


def _behind(head: Head, tokens: list[int]) -> Head:
    for token in tokens:
        head = Head(head, token)
    return head
