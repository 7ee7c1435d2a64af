"""The teacher of a distillation: a token model, what it says of bytes, and its tokens, likelihoods and hidden states.

Shapes: R texts, T tokens, V ids of the teacher's vocabulary, D width.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bytelm.covers.model import TokenizedLM
from bytelm.loading import load_with_network
from bytelm.training.distillation.config import DistillConfig
from bytelm.training.distillation.likelihoods import log_boundary, space_mask
from bytelm.training.distillation.targets import Targets


class Tokens(NamedTuple):
    """Some texts in the teacher's tokens.

    Attributes:
        ids_RT: begin tokens and tokens, int64, padded at their ends.
        ends: of each text, the byte at which each token behind the begin tokens ends, int64 ``(tokens,)``.
        begun: how many begin tokens there are.
    """

    ids_RT: Tensor
    ends: list[NDArray[np.int64]]
    begun: int


class Seen(NamedTuple):
    """What the teacher's network makes of tokens.

    Attributes:
        logs_RT: the log-probability of each id but the first, given those before it, nats, float32 ``(R, T - 1)``.
        log_boundary_RT: the log of the probability that what follows each id starts with a blank, or is special, nats.
        hidden_RTD: hidden states behind the final norm.
    """

    logs_RT: Tensor
    log_boundary_RT: Tensor
    hidden_RTD: Tensor


@dataclass(frozen=True, eq=False)
class Teacher:
    """A token model that a student learns from.

    Attributes:
        lm: it as a byte model, exact to the tolerance of targets.
        network: its network.
        device: where it computes.
    """

    lm: TokenizedLM
    network: Any
    device: torch.device

    @cached_property
    def targets(self) -> Targets:
        """Computes its next-byte distributions."""
        return Targets(self.lm, self.network, self.device)

    def tokens(self, texts: Sequence[bytes]) -> Tokens:
        """The texts in the teacher's own tokens, whose bytes count without those that it puts before every text."""
        begin = self.lm.begin_tokens
        heads = [self.lm.trunk(text) for text in texts]
        ends = [np.array([head.end for head in trunk[1:]], np.int64) - len(self.lm.prefix) for trunk in heads]
        rows = [[*begin, *(head.token for head in trunk[1:])] for trunk in heads]
        ids = np.zeros((len(rows), max(map(len, rows), default=1)), np.int64)
        for line, row in zip(ids, rows, strict=True):
            line[: len(row)] = row
        return Tokens(torch.from_numpy(ids).to(self.device), ends, len(begin))

    @torch.no_grad()
    def seen(self, tokens: Tokens) -> Seen:
        """What the network makes of texts; the padding behind them is seen by none of their tokens."""
        out = self.network(input_ids=tokens.ids_RT, use_cache=False, output_hidden_states=True)
        logits = out.logits
        highest = logits.float().logsumexp(-1)
        chosen = logits[:, :-1].gather(-1, tokens.ids_RT[:, 1:, None])[..., 0].float()
        return Seen(chosen - highest[:, :-1], log_boundary(logits, self._boundary), out.hidden_states[-1])

    @cached_property
    def _boundary(self) -> Tensor:
        """Which ids start with a blank, or are special: bool ``(V,)``."""
        spelled = self.lm.tokenizer.vocabulary.token_bytes
        size = self.network.get_output_embeddings().weight.shape[0]
        known = [spelled[token] if token < len(spelled) else b"" for token in range(size)]
        special = [token for token, data in enumerate(known) if not data]
        return torch.from_numpy(space_mask(known, special)).to(self.device)


def open_teacher(config: DistillConfig, device: torch.device) -> Teacher:
    """The teacher of a distillation, to compute with.

    Raises:
        FileNotFoundError: there is no such directory.
        ValueError: it holds no token model.
    """
    dtype = None if config.teacher_dtype == "auto" else config.teacher_dtype
    lm, network = load_with_network(config.teacher, tolerance=config.tolerance, dtype=dtype, device=str(device))
    network.requires_grad_(False)
    return Teacher(lm, network, device)
