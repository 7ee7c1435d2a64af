"""A teacher's logits as masses of next bytes, many heads at once, on the network's device.

Shapes: H heads, V tokens in the vocabulary's order, I ids of the network, E tokens that spell on, X symbols.
"""

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

import numpy as np
import torch
from torch import Tensor

from bytelm.engines.protocol import no_distribution
from bytelm.protocol import END, SYMBOLS
from bytelm.tokens.rules import Context, Rule
from bytelm.training.distillation.lattice_plans import IntArray

_NUMBERS: Final = 2**22
"""How many masses are made at a time."""


class Asked(NamedTuple):
    """What is asked of heads: the probabilities of single tokens, and the masses of tokens that spell on by a byte.

    Attributes:
        contexts: of the heads.
        edge_heads: whose following token is asked for, as numbers of these heads, int64, ascending.
        edge_places: these tokens, int64.
        entry_heads: whose token spells on, int64, ascending.
        entry_places: these tokens, int64.
    """

    contexts: Sequence[Context]
    edge_heads: IntArray
    edge_places: IntArray
    entry_heads: IntArray
    entry_places: IntArray


class Found(NamedTuple):
    """What was found of heads.

    Attributes:
        symbols_HX: the probabilities of first bytes, and of the end, float32.
        log_edges: the log-probabilities of the single tokens, float64, nats, in main memory.
        entries: the probabilities of those that spell on, float32.
    """

    symbols_HX: Tensor
    log_edges: np.ndarray
    entries: Tensor


class TokenMasses:
    """Makes masses of logits under a rule.

    Args:
        rule: of canonical segmentation.
        end_tokens: the ids that end a text.
        device: where the logits are.
    """

    def __init__(self, rule: Rule, end_tokens: Sequence[int], device: torch.device) -> None:
        self.device = device
        self._rule = rule
        vocabulary = rule.vocabulary
        self._order = torch.from_numpy(vocabulary.order).to(device)
        self._first = torch.from_numpy(vocabulary.first_bytes.astype(np.int64)).to(device)
        self._ends = torch.tensor(list(end_tokens), dtype=torch.int64, device=device)
        spelled = vocabulary.index[[token for token in end_tokens if token < len(vocabulary.index)]]
        self._never = spelled[spelled >= 0]

    def found(self, logits: Iterator[Tensor], asked: Asked) -> Found:
        """What follows some heads.

        Args:
            logits: of the heads in their order, some at a time: float ``(n, I)``.
            asked: about them.

        Raises:
            FloatingPointError: the logits hold NaN or infinity.
        """
        parts: list[tuple[Tensor, Tensor, Tensor]] = []
        done = 0
        for some in logits:
            step = max(1, _NUMBERS // some.shape[1])
            for rows in torch.split(some, step):
                parts.append(self._part(rows, asked, done))
                done += len(rows)
        symbols, edges, entries = (torch.cat(column) for column in zip(*parts, strict=True))
        log_edges = edges.double().cpu().numpy()
        if np.isnan(log_edges).any():
            raise no_distribution()
        return Found(symbols, log_edges, entries)

    def _part(self, logits: Tensor, asked: Asked, done: int) -> tuple[Tensor, Tensor, Tensor]:
        contexts = asked.contexts[done : done + len(logits)]
        known = {context: number for number, context in enumerate(dict.fromkeys(contexts))}
        allowed = np.stack([self._rule.allowed(context) for context in known])
        allowed[:, self._never] = False
        which = torch.tensor([known[context] for context in contexts], device=self.device)
        may_end = torch.tensor([self._rule.may_end(context) for context in contexts], device=self.device)
        logits = logits.float()
        tokens = logits.index_select(1, self._order)
        tokens.masked_fill_(~torch.from_numpy(allowed).to(self.device)[which], -torch.inf)
        ends = logits.index_select(1, self._ends).masked_fill(~may_end[:, None], -torch.inf).logsumexp(1)
        lse = torch.logaddexp(tokens.logsumexp(1), ends)
        masses = torch.exp_(tokens.sub_(lse[:, None]))
        symbols = masses.new_zeros((SYMBOLS, len(masses)))
        symbols.index_add_(0, self._first, masses.T)
        symbols[END] = torch.exp(ends - lse)
        edges = masses[self._chosen(asked.edge_heads, asked.edge_places, done, len(masses))].log()
        entries = masses[self._chosen(asked.entry_heads, asked.entry_places, done, len(masses))]
        return symbols.T, edges, entries

    def _chosen(self, heads: IntArray, places: IntArray, done: int, count: int) -> tuple[Tensor, Tensor]:
        low, high = np.searchsorted(heads, [done, done + count])
        rows, columns = heads[low:high] - done, places[low:high]
        return torch.from_numpy(rows).to(self.device), torch.from_numpy(columns).to(self.device)
