"""The same models at the level of tokens, by transformers alone: what bytelm is measured against."""

from collections.abc import Callable, Sequence
from itertools import accumulate, groupby
from typing import Any

import torch

from bytelm.engines.network import context_of
from bytelm.engines.windows import Windows
from bytelm.tokens.tokenizer import Tokenizer
from measuring.subjects import Subject

PLAIN = {"do_sample": True, "temperature": 1.0, "top_k": 0, "top_p": 1.0}
"""Sampling with nothing done to the probabilities."""


class TokenLevel:
    """A network of its own, with the tokenizer and the begin token that bytelm uses, in the same precision.

    It is kept from ending a text by having no end token, which costs nothing: a least number of tokens would add
    work for every token of the vocabulary.

    Args:
        subject: the model.

    Attributes:
        network: the network, which nobody else uses.
        parameters: how many numbers it has.
        vocabulary: how many tokens it knows.
        context: how many tokens it takes.
        budget: how many tokens are generated behind prompts that `plan` does not know.
    """

    def __init__(self, subject: Subject) -> None:
        from transformers import AutoModelForCausalLM

        dtype = getattr(torch, subject.hardware.dtype)
        network: Any = AutoModelForCausalLM.from_pretrained(subject.path, dtype=dtype)
        self.network = network.to(subject.hardware.device).eval()
        self._tokenizer = Tokenizer(subject.path)
        begin = self._tokenizer.begin_token
        if begin is None:
            raise ValueError(f"the tokenizer of {subject.name} names neither a begin nor an end token")
        config = self.network.config
        self._windows = Windows((begin,), context_of(config))
        self.network.generation_config.eos_token_id = None
        self.network.generation_config.pad_token_id = begin
        self.parameters = int(self.network.num_parameters())
        self.vocabulary = int(config.vocab_size)
        self.context = self._windows.context
        self.budget = 16
        self._planned: dict[bytes, int] = {}

    def plan(self, prompts: Sequence[bytes], new_bytes: int) -> None:
        """Find how many tokens `generate` takes for about so many bytes behind each prompt (mutates)."""
        for prompt in prompts:
            room = self.context - len(self._windows.begin) - self.tokens(prompt)
            (made,) = self._continue([prompt], max(1, min(new_bytes, room)), do_sample=False)
            ends = accumulate(len(self._tokenizer.token_bytes(token)) for token in made)
            self._planned[prompt] = 1 + sum(1 for end in ends if end < new_bytes)

    def planned(self, prompts: Sequence[bytes]) -> int:
        """How many tokens `generate` makes behind all of these."""
        return sum(self._planned.get(prompt, self.budget) for prompt in prompts)

    def aim(self, run: Callable[[bytes], bytes], prompt: bytes, new_bytes: int) -> None:
        """Set the budget so that ``run`` makes about so many bytes behind ``prompt`` (mutates)."""
        self.budget = 16
        for _ in range(2):
            made = max(1, len(run(prompt)))
            self.budget = max(1, round(self.budget * new_bytes / made))

    def generate(self, prompt: bytes) -> bytes:
        """Greedy, with a cache, exactly as many tokens as planned."""
        return self._spelled(self._continue([prompt], self.planned([prompt]), do_sample=False)[0])

    def sample(self, prompt: bytes) -> bytes:
        """Drawn at temperature 1 without filters, exactly ``budget`` tokens."""
        return self._spelled(self._continue([prompt], self.budget, **PLAIN)[0])

    def generate_batch(self, prompts: Sequence[bytes]) -> list[bytes]:
        """Greedy, all prompts at once, padded on the left; exactly ``budget`` tokens each."""
        return [self._spelled(made) for made in self._continue(prompts, self.budget, do_sample=False)]

    def tokens(self, text: bytes) -> int:
        """How many tokens the text makes, a character left unfinished aside."""
        return len(self._encode(text))

    @torch.inference_mode()
    def score(self, text: bytes) -> float:
        """The log-probability of the text's own tokens, nats: one plain call for each window of the context.

        The windows are bytelm's, so that both sides see the same past: half a context apart, each call scores
        the tokens behind those of the call before, and makes logits for those alone.
        """
        tokens = self._encode(text)
        total = 0.0
        for index, depths in groupby(range(len(tokens)), self._windows.index):
            which = list(depths)
            start = self._windows.start(index)
            ids = self._tensor([[*self._windows.begin, *tokens[start : which[-1]]]])
            logits = self.network(input_ids=ids, use_cache=False, logits_to_keep=len(which)).logits[0]
            wanted = self._tensor([tokens[depth] for depth in which])
            total -= float(torch.nn.functional.cross_entropy(logits.float(), wanted, reduction="sum"))
        return total

    @torch.inference_mode()
    def _continue(self, prompts: Sequence[bytes], budget: int, **how: Any) -> list[list[int]]:
        """The ``budget`` tokens behind each prompt."""
        rows = [[*self._windows.begin, *self._encode(prompt)] for prompt in prompts]
        longest = max(map(len, rows))
        pad = self._windows.begin[0]
        ids = self._tensor([[pad] * (longest - len(row)) + row for row in rows])
        mask = self._tensor([[0] * (longest - len(row)) + [1] * len(row) for row in rows])
        made = self.network.generate(ids, attention_mask=mask, max_new_tokens=budget, use_cache=True, **how)
        tails: list[list[int]] = made[:, longest:].tolist()
        assert all(len(tail) == budget for tail in tails), "there is no end token to stop at"
        return tails

    def _encode(self, text: bytes) -> Sequence[int]:
        """The tokenizer's tokens, a character left unfinished aside."""
        return self._tokenizer.encode(text.decode("utf-8", "ignore"))

    def _spelled(self, tokens: Sequence[int]) -> bytes:
        return b"".join(map(self._tokenizer.token_bytes, tokens))

    def _tensor(self, numbers: Sequence[Any]) -> torch.Tensor:
        return torch.tensor(numbers, device=self.network.device)
