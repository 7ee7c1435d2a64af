"""A token model seen through a beam of a fixed width."""

from collections.abc import Sequence

from bytelm.batch import BatchState
from bytelm.covers.fixed_beam import BeamState, Limits, begin_beam
from bytelm.covers.model import TokenizedLM
from bytelm.covers.stepping import score_by_steps
from bytelm.decoding.texts import text_of
from bytelm.engines.protocol import Effort
from bytelm.model import ByteLM, Progress
from bytelm.prompts import Prompt, Text
from bytelm.protocol import FloatArray
from bytelm.tokens.tokenizer import Tokenizer


class FixedBeamLM(ByteLM[BeamState]):
    """The byte model of genlm-bytes: all token sequences, as far as a beam of a fixed width follows them.

    It renormalises nothing, so what the token model gives to special tokens is missing from ``logprob``; the
    next-byte distributions sum to one. There is no certificate.

    Args:
        exact: the same token model, tokenizer and prefix; its segmentation and tolerance play no part.
        width: how many hypotheses the beam keeps before every byte.
        prune: the share of the mass that a hypothesis must exceed to be kept, and a finished token to be followed.

    Raises:
        ValueError: the width is not at least 1, or the share not in [0, 1).
    """

    reads_specials = True

    def __init__(self, exact: TokenizedLM, width: int = 5, prune: float = 0.05) -> None:
        if width < 1:
            raise ValueError(f"width is how many hypotheses the beam keeps, at least 1, got {width}")
        if not 0 <= prune < 1:
            raise ValueError(f"prune is a share of the mass from 0 (nothing is pruned) to below 1, got {prune}")
        self._exact = exact
        self._limits = Limits(width, prune)

    @property
    def tokenizer(self) -> Tokenizer:
        """The byte view of the tokenizer; see ``TokenizedLM.tokenizer``."""
        return self._exact.tokenizer

    @property
    def effort(self) -> Effort:
        """Running counts of what the token model was asked."""
        return self._exact.effort

    def continue_tokens(self, prompt: Text | Prompt, *, max_bytes: int = 64) -> bytes:
        """The token model's own greedy continuation; see ``TokenizedLM.continue_tokens``."""
        return self._exact.continue_tokens(prompt, max_bytes=max_bytes)

    def _prefill_all(self, prompts: Sequence[bytes | Prompt]) -> BatchState[BeamState]:
        return BatchState(tuple(self._begin(prompt).advance(text_of(prompt)) for prompt in prompts))

    def _score_all(self, texts: Sequence[bytes | Prompt], progress: Progress | None) -> list[FloatArray]:
        return score_by_steps([self._begin(text) for text in texts], [text_of(text) for text in texts], progress)

    def _begin(self, prompt: bytes | Prompt) -> BeamState:
        opening = self._exact.opening(prompt)
        return begin_beam(self._exact._weigher, self._limits, opening.prefix, opening.head)
