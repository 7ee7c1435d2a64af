"""A token model and its tokenizer as a byte model."""

import math
from collections.abc import Iterator, Sequence

import numpy as np

from bytelm.covers.greedy import COARSE, greedy_symbols
from bytelm.covers.scoring import score_text
from bytelm.covers.state import CoverState, begin
from bytelm.covers.weighing import Weigher, log
from bytelm.engines.protocol import Effort, TokenModel
from bytelm.heads import Head
from bytelm.model import ByteLM, Progress
from bytelm.protocol import FloatArray, Text
from bytelm.tokens.lattice import TextHead
from bytelm.tokens.rules import Rule
from bytelm.tokens.tokenizer import Tokenizer


class TokenizedLM(ByteLM[CoverState]):
    """The byte model that a token model is, exact to a tolerance.

    Args:
        model: the token model.
        rule: which token sequences count.
        end_tokens: the ids that end a text.
        tolerance: how much of what is known may be left unknown, as a fraction; 0 evaluates everything.
        prefix: the bytes that the tokenizer puts before every text; the model is conditioned on them.
        tokenizer: the tokenizer, where there is one.

    Raises:
        ValueError: the tolerance is not in [0, 1).
    """

    def __init__(
        self,
        model: TokenModel,
        rule: Rule,
        end_tokens: tuple[int, ...],
        tolerance: float = 1e-6,
        prefix: bytes = b"",
        tokenizer: Tokenizer | None = None,
    ) -> None:
        if not 0 <= tolerance < 1:
            raise ValueError(f"tolerance is a fraction from 0 (exact) to below 1, got {tolerance}; the default is 1e-6")
        self._weigher = Weigher(rule, model, end_tokens)
        self._prefix = prefix
        self._tokenizer = tokenizer
        self.tolerance = tolerance

    @property
    def tokenizer(self) -> Tokenizer:
        """The byte view of the tokenizer.

        Raises:
            AttributeError: the model was made from a bare rule.
        """
        if self._tokenizer is None:
            raise AttributeError("this model was made from a rule alone and has no tokenizer")
        return self._tokenizer

    @property
    def effort(self) -> Effort:
        """Running counts of what the token model was asked."""
        return self._weigher.model.effort

    def over(self, rule: Rule, tolerance: float) -> "TokenizedLM":
        """The same token model over the sequences of another rule; nothing is loaded again."""
        weigher = self._weigher
        return TokenizedLM(weigher.model, rule, weigher.end_tokens, tolerance, self._prefix, self._tokenizer)

    def tokens_logprob(self, tokens: Sequence[int]) -> float:
        """``log P(tokens | prefix)`` of these very tokens, which spell the prefix first; nats.

        After every token the token model is renormalised over what the rule lets follow.

        Raises:
            ValueError: one of the tokens may not follow those before it.
        """
        rule = self._weigher.rule
        heads = [TextHead(None, -1, rule.start, 0)]
        for token in tokens:
            known = 0 <= token < len(rule.vocabulary.index)
            context = rule.advance(heads[-1].context, token) if known else None
            if context is None:
                raise ValueError(f"token {token} may not follow {list(heads[-1].tokens())}; see tokenizer.allowed_next")
            heads.append(TextHead(heads[-1], token, context, heads[-1].end + len(rule.vocabulary.token_bytes[token])))
        if not tokens:
            return 0.0
        weighed = zip(self._weigher.evaluate(heads[:-1]), tokens, strict=True)
        total = math.fsum(log(float(masses[rule.vocabulary.index[token]])) for (masses, _), token in weighed)
        return total - begin(self._weigher, 0.0, b"").advance(self._prefix).logprob

    def continue_tokens(self, prompt: Text, *, max_bytes: int = 64) -> bytes:
        """The token model's own greedy continuation of the prompt's own tokens: the baseline, not the byte model.

        It bets on the prompt's ending where a token ends, so it goes wrong where the prompt stops inside a word.

        Raises:
            ValueError: the prompt is not valid UTF-8.
        """
        head, text = Head(), b""
        for token in self.tokenizer.encode(prompt):
            head = Head(head, token)
        while len(text) < max_bytes:
            (logprobs,) = self._weigher.model.evaluate([head])
            token = int(np.argmax(logprobs))
            if token in self._weigher.end_tokens:
                break
            head, text = Head(head, token), text + self.tokenizer.token_bytes(token)
        return text[:max_bytes]

    def greedy(self, prompt: Text) -> Iterator[int]:
        """The most probable symbols after a prompt: exactly those of ``tolerance=0``, whatever the tolerance."""
        if not self._weigher.rule.heads_die:
            return super().greedy(prompt)
        return greedy_symbols(begin(self._weigher, COARSE, self._prefix).advance(prompt))

    def _prefill_one(self, prompt: bytes) -> CoverState:
        return begin(self._weigher, self.tolerance, self._prefix).advance(prompt)

    def _score_one(self, text: bytes, progress: Progress | None) -> FloatArray:
        if self._weigher.rule.heads_die:
            return score_text(self._weigher, self.tolerance, self._prefix, text, progress)
        state = begin(self._weigher, self.tolerance, self._prefix)
        scores = np.empty(len(text))
        for i in range(len(text)):
            after = state.advance(text[i : i + 1])
            scores[i] = after.logprob - state.logprob
            state = after
            if progress is not None:
                progress(i + 1, len(text))
        return scores
