"""The same models at the level of tokens, by transformers alone: what bytelm is measured against."""

from itertools import groupby
from typing import Any

import torch

from bytelm.engines.network import context_of
from bytelm.engines.windows import Windows
from measuring.subjects import Subject


class TokenLevel:
    """A network of its own, in float32, with the tokenizer and the begin token that bytelm uses.

    Args:
        subject: the model.
        tokenizer: its tokenizer.

    Attributes:
        parameters: how many numbers it has.
        vocabulary: how many tokens it knows.
        context: how many tokens it takes.
        budget: how many tokens `generate` makes.
    """

    def __init__(self, subject: Subject, tokenizer: Any) -> None:
        from transformers import AutoModelForCausalLM

        self._network: Any = AutoModelForCausalLM.from_pretrained(subject.path, dtype=torch.float32).eval()
        self._tokenizer = tokenizer
        config = self._network.config
        self._windows = Windows((tokenizer.begin_token,), context_of(config))
        self.parameters = int(self._network.num_parameters())
        self.vocabulary = int(config.vocab_size)
        self.context = self._windows.context
        self.budget = 16

    def aim(self, prompt: bytes, new_bytes: int) -> None:
        """Set the budget to about so many bytes, by the length of the tokens that follow ``prompt``."""
        made = max(1, len(self.generate(prompt)))
        self.budget = max(1, round(self.budget * new_bytes / made))

    @torch.inference_mode()
    def generate(self, prompt: bytes) -> bytes:
        """Greedy, with a cache, exactly ``budget`` tokens: the end of the text is not let come."""
        ids = torch.tensor([[*self._windows.begin, *self._tokenizer.encode(prompt)]])
        made = self._network.generate(
            ids,
            attention_mask=torch.ones_like(ids),
            max_new_tokens=self.budget,
            min_new_tokens=self.budget,
            do_sample=False,
            use_cache=True,
            pad_token_id=self._windows.begin[0],
        )
        return b"".join(self._tokenizer.token_bytes(token) for token in made[0, ids.shape[1] :].tolist())

    @torch.inference_mode()
    def score(self, text: bytes) -> float:
        """The log-probability of the text's own tokens, nats: one plain call for each window of the context.

        The windows are bytelm's, so that both sides see the same past: half a context apart, each call scores
        the tokens behind those of the call before.
        """
        tokens = self._tokenizer.encode(text)
        total = 0.0
        for index, depths in groupby(range(len(tokens)), self._windows.index):
            which = list(depths)
            start = self._windows.start(index)
            ids = torch.tensor([[*self._windows.begin, *tokens[start : which[-1]]]])
            logits = self._network(input_ids=ids, use_cache=False).logits[0, -len(which) :]
            logprobs = torch.log_softmax(logits.float(), dim=-1)
            wanted = torch.tensor([tokens[depth] for depth in which])
            total += float(logprobs.gather(1, wanted[:, None]).double().sum())
        return total
