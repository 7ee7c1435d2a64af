"""A token model and its tokenizer as a byte model."""

from collections.abc import Iterator

import numpy as np

from bytelm.covers.estimating import Estimate, estimate
from bytelm.covers.greedy import COARSE, greedy_symbols
from bytelm.covers.scoring import score_text
from bytelm.covers.state import CoverState, begin
from bytelm.covers.stepping import score_by_steps
from bytelm.covers.weighing import Weigher
from bytelm.decoding.checks import check_whole
from bytelm.engines.protocol import Effort, TokenModel
from bytelm.heads import Head
from bytelm.model import ByteLM, Progress
from bytelm.protocol import FloatArray, Text, as_bytes
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

    def estimate_logprob(self, text: Text, *, samples: int = 16, width: int = 32, seed: int = 0) -> Estimate:
        """An unbiased estimate of the probability that a text begins so, by drawing segmentations of it.

        It is of the same byte model as ``score``, and no tolerance limits it: where ``segmentation="all"`` drops mass,
        it tells how much.

        Args:
            text: one text.
            samples: how many independent samples; four times as many halve the standard error.
            width: how many segmentations each sample follows side by side; long texts need more.
            seed: of the lots.

        Raises:
            ValueError: there are fewer than 2 samples, the width is 0, or the seed is negative.
        """
        check_whole("samples", samples, "how many independent samples to draw")
        check_whole("width", width, "how many segmentations each sample follows")
        check_whole("seed", seed, "the start of the random draws")
        if samples < 2 or width < 1:
            raise ValueError(f"an estimate takes samples >= 2 and width >= 1, got {samples} and {width}")
        return estimate(self._weigher, self._prefix, as_bytes(text), samples, width, np.random.default_rng(seed))

    def _prefill_one(self, prompt: bytes) -> CoverState:
        return begin(self._weigher, self.tolerance, self._prefix).advance(prompt)

    def _score_one(self, text: bytes, progress: Progress | None) -> FloatArray:
        if self._weigher.rule.heads_die:
            return score_text(self._weigher, self.tolerance, self._prefix, text, progress)
        return score_by_steps(begin(self._weigher, self.tolerance, self._prefix), text, progress)
