"""What a fixed beam is made of: token sequences that spell a text up to an unfinished token.

A **hypothesis** is a head that the model was asked about and the bytes after it, which the next token must begin with.
Its weight is the probability of the head times that of all tokens that begin so, those that end there included. The
token model's probabilities are taken as they are: nothing is renormalised over the tokens that have bytes.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from bytelm.covers.weighing import Weigher, log
from bytelm.heads import Head
from bytelm.protocol import END, SYMBOLS, FloatArray
from bytelm.tokens.vocabulary import Narrowed, Vocabulary


@dataclass(frozen=True, slots=True, eq=False)
class Opened:
    """A head that the model was asked about.

    Attributes:
        head: the token sequence.
        logweight: its log-probability, nats.
        masses: the probabilities of the tokens after it, float64 ``(vocabulary size,)`` in sorted order.
        end: the probability that the text ends after it.
    """

    head: Head
    logweight: float
    masses: FloatArray
    end: float


class Finished(NamedTuple):
    """A token finished behind a head, not yet asked about: the head and its log-probability, nats."""

    head: Head
    logweight: float


class Hypothesis(NamedTuple):
    """A head and the bytes of the text after it, which the next token begins with.

    Attributes:
        opened: the head.
        rest: the bytes after it.
        node: the tokens that end there, ``[low, exact)``, and the longer ones, ``[exact, high)``.
        logweight: the log-probability of the head and of all tokens that begin with the bytes, nats.
    """

    opened: Opened
    rest: bytes
    node: Narrowed
    logweight: float

    def read(self, vocabulary: Vocabulary, byte: int) -> "Hypothesis | None":
        """The hypothesis one byte on; ``None`` if no token begins so."""
        rest = self.rest + bytes([byte])
        node = vocabulary.narrow(self.node.exact, self.node.high, rest)
        if node.low == node.high:
            return None
        mass = float(self.opened.masses[node.low : node.high].sum())
        return Hypothesis(self.opened, rest, node, self.opened.logweight + log(mass))

    def finished(self, vocabulary: Vocabulary) -> list[Finished]:
        """The heads that come of ending the token here, one for each token with these bytes."""
        tokens = range(self.node.low, self.node.exact)
        logweights = (self.opened.logweight + log(float(self.opened.masses[index])) for index in tokens)
        heads = (Head(self.opened.head, int(vocabulary.order[index])) for index in tokens)
        return [Finished(head, logweight) for head, logweight in zip(heads, logweights, strict=True)]

    def following(self, vocabulary: Vocabulary) -> FloatArray:
        """The masses of the next symbols if the token goes on or the text ends: float64 ``(257,)``, over the head's."""
        masses = np.zeros(SYMBOLS)
        masses[:END] = vocabulary.byte_masses(self.opened.masses, self.node.exact, self.node.high, len(self.rest))
        masses[END] = 0.0 if self.rest else self.opened.end
        return masses


def whole(opened: Opened) -> Hypothesis:
    """The hypothesis at the end of a head, where no byte of the next token is known."""
    return Hypothesis(opened, b"", Narrowed(0, 0, len(opened.masses)), opened.logweight)


def open_heads(weigher: Weigher, finished: Sequence[Finished]) -> Iterator[Opened]:
    """Ask the model about heads, all in one call."""
    order, ends = weigher.rule.vocabulary.order, list(weigher.end_tokens)
    heads = [one.head for one in finished]
    for (head, logweight), logprobs in zip(finished, weigher.model.evaluate(heads), strict=True):
        end = float(np.exp(logprobs[ends]).sum())
        logprobs[ends] = -np.inf
        yield Opened(head, logweight, np.exp(logprobs[order]), end)


def heal(weigher: Weigher, hypothesis: Hypothesis, byte: int) -> Hypothesis | None:
    """Another way to cut the unfinished bytes of a hypothesis, so that a byte can follow that could not.

    This is the adaptive token healing of genlm-bytes: the token ends as late as possible, the bytes behind it are read
    again, and where they get stuck the token that was being read ends, too.

    Returns:
        the first that is possible, with its own weight; ``None`` if there is none.
    """
    vocabulary = weigher.rule.vocabulary
    path = [whole(hypothesis.opened)]
    for value in hypothesis.rest:
        further = path[-1].read(vocabulary, value)
        assert further is not None, "the hypothesis itself read these bytes"
        path.append(further)
    for shorter in reversed(path):
        again = (*hypothesis.rest[len(shorter.rest) :], byte)
        for finished in shorter.finished(vocabulary):
            found = _read_again(weigher, finished, again)
            if found is not None:
                return found
    return None


def _read_again(weigher: Weigher, finished: Finished, data: Sequence[int]) -> Hypothesis | None:
    """The hypothesis behind a head after some bytes; a token ends only where no longer one reads on."""
    if finished.logweight == -np.inf:
        return None
    vocabulary = weigher.rule.vocabulary
    (opened,) = open_heads(weigher, [finished])
    here = whole(opened)
    for place, byte in enumerate(data):
        further = here.read(vocabulary, byte)
        if further is None or further.logweight == -np.inf:
            ways = (_read_again(weigher, one, data[place:]) for one in here.finished(vocabulary))
            return next((found for found in ways if found is not None), None)
        here = further
    return here
