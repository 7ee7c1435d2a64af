"""The log-probability of the tokens that all covers of a prompt begin with, asked for when somebody wants to know.

What comes next depends on how the covers weigh against each other, and what they share weighs on all of them alike. So
a prompt is read without the distributions inside it; its own probability costs one more pass over it.
"""

from functools import cached_property
from math import fsum, inf

from bytelm.covers.settling import Weights, impossible, logknown, settle
from bytelm.covers.weighing import Weigher, log
from bytelm.heads import Head
from bytelm.tokens.lattice import TextHead, begin_lattice, read_lattice


class Lead:
    """The weight of a head that all covers of a text go through, given what is put before every text.

    Args:
        weigher: the token model and the rule.
        root: where the text begins.
        head: a head at or below ``root``.
        prefix: the bytes that the tokenizer puts before every text; ``root`` stands before them.
        known: the log-weight, if it is known already; then nothing else is needed.
    """

    def __init__(
        self,
        weigher: Weigher | None = None,
        root: TextHead | None = None,
        head: TextHead | None = None,
        prefix: bytes = b"",
        known: float = 0.0,
    ) -> None:
        self._weigher = weigher
        self._root = root
        self._head = head
        self._prefix = prefix
        self._known = known

    @cached_property
    def logweight(self) -> float:
        """The log-weight, nats.

        Raises:
            FloatingPointError: the model gives these tokens probability zero.
        """
        if self._weigher is None or self._head is None:
            return self._known
        path = [head for head in self._head.path() if isinstance(head, TextHead)]
        path = path[: path.index(self._root) + 1][::-1] if self._root in path else path[:1]
        index = self._weigher.rule.vocabulary.index
        places = [int(index[head.token]) for head in path[1:]]
        weighed = zip(self._weigher.evaluate(path[:-1]), places, strict=True)
        total = fsum(log(masses.at(place)) for masses, place in weighed)
        if total == -inf:
            raise impossible()
        return total - prefix_logprob(self._weigher, self._prefix, self._root)


def prefix_logprob(weigher: Weigher, prefix: bytes, root: Head | None = None) -> float:
    """The log-probability that a text behind the tokens of ``root`` begins with ``prefix``, all of it, nats."""
    if not prefix:
        return 0.0
    lattice = read_lattice(weigher.rule, begin_lattice(weigher.rule, root), prefix)
    weights = settle(weigher, lattice, Weights({}, {lattice.root: 0.0}), 0.0)
    return logknown(lattice, weights.evaluated)
