"""The next-token distributions that count: restricted to what may follow, and renormalised."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from bytelm.covers.masses import Masses, Restriction, Wanted
from bytelm.engines.protocol import Logits, TokenModel
from bytelm.tokens.lattice import TextHead
from bytelm.tokens.rules import Rule


@dataclass(frozen=True, slots=True, eq=False)
class Evaluation:
    """What is known of a head once the model was asked.

    Attributes:
        logweight: the log-probability of the head itself, nats.
        masses: the probabilities of what follows it.
    """

    logweight: float
    masses: Masses

    def logweight_after(self, index: int) -> float:
        """The log-probability of the head with the token at ``index`` of the sorted order behind it."""
        return self.logweight + log(self.masses.at(index))


@dataclass(frozen=True)
class Weigher:
    """A token model and the rule of what may follow.

    Attributes:
        rule: which token sequences count.
        model: the token model.
        end_tokens: the ids that end a text; they stand for no bytes, whatever the vocabulary says.
    """

    rule: Rule
    model: TokenModel
    end_tokens: tuple[int, ...]

    def evaluate(self, heads: Sequence[TextHead]) -> Iterator[Masses]:
        """For each head, in order: the masses of what follows it."""
        done = 0
        for logits in self.model.logits(heads):
            some = heads[done : done + len(logits)]
            done += len(some)
            yield from self.restricted(some, logits)

    def restricted(self, heads: Sequence[TextHead], logits: Logits) -> Iterator[Masses]:
        """The masses of heads whose logits are known: ``(len(heads), ids)``."""
        rule = self.rule
        return self._restriction.masses(
            logits, [Wanted(rule.allowed(head.context), rule.may_end(head.context)) for head in heads]
        )

    def apart(self) -> "Weigher":
        """The same, asking a model that remembers nothing."""
        return Weigher(self.rule, self.model.apart(), self.end_tokens)

    @cached_property
    def _restriction(self) -> Restriction:
        return Restriction(self.rule.vocabulary, self.end_tokens)


def log(value: float) -> float:
    """The natural logarithm, with ``log(0) = -inf``."""
    return math.log(value) if value > 0 else -math.inf
