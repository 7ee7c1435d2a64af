"""The judge of real models: one plain forward pass of transformers for each token sequence, without any cache."""

from functools import cache, lru_cache
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM

from bytelm.covers.judges import judge
from bytelm.protocol import FloatArray
from bytelm.tokens.tokenizer import Tokenizer
from covers.comparing import total
from covers.random_models import LogprobsOf


class FullForward:
    """A model directory read in float32, and its byte model by the sum over covers.

    Attributes:
        tokenizer: its byte view.
        end: its end token.
        logprobs_of: the token model, ids after the begin token to log-probabilities.
    """

    def __init__(self, directory: Path, begin: int, end: int) -> None:
        self.tokenizer = Tokenizer(directory)
        self.end = end
        self.logprobs_of: LogprobsOf = lru_cache(maxsize=None)(self._run)
        self._network = AutoModelForCausalLM.from_pretrained(directory, dtype=torch.float32).eval()
        self._begin = begin

    def joint(self, text: bytes) -> FloatArray:
        """``log P(text, symbol)`` for every symbol, float64 ``(257,)``, given the bytes put before every text."""
        joint = self._judged(self.tokenizer.prefix + text)
        return joint - total(self._judged(self.tokenizer.prefix)) if self.tokenizer.prefix else joint

    def _judged(self, data: bytes) -> FloatArray:
        return judge(self.tokenizer.canonical, self.logprobs_of, (self.end,), data)

    def _run(self, tokens: tuple[int, ...]) -> FloatArray:
        with torch.inference_mode():
            logits = self._network(input_ids=torch.tensor([[self._begin, *tokens]]), use_cache=False).logits[0, -1]
        answer: FloatArray = torch.log_softmax(logits.double(), dim=-1).numpy()
        return answer


@cache
def full_forward(directory: Path) -> FullForward:
    """The judge of one of the shared models."""
    begin, end = {"stories260K": (1, 2), "smollgpt-wine": (256, 256), "pycode-bpe4k": (0, 0)}[directory.name]
    return FullForward(directory, begin, end)
