"""An ensemble after some bytes: its members' states, what is known of them, and the pooled distribution."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from bytelm.decoding.ranking import top_symbols
from bytelm.ensembles.rendering import render_members, render_members_html
from bytelm.ensembles.ways import Way
from bytelm.later import Later
from bytelm.protocol import FloatArray, State, Text, as_bytes

REMEMBERED = 200
"""How many of the last bytes a state keeps to show them."""


@dataclass(frozen=True, eq=False, repr=False)
class EnsembleState:
    """Several models after the same bytes. Frozen: ``advance`` makes a new state.

    Attributes:
        way: how the distributions become one.
        names: of the members, for people.
        members: the members' states, in their order.
    """

    way: Way
    names: tuple[str, ...]
    members: tuple[State, ...]
    _known: FloatArray
    _opening: Later[float]
    _since: float
    _shown: bytes

    @property
    def weights(self) -> FloatArray:
        """The members' weights for the next byte, float64 ``(members,)``; exponents for a product."""
        return self.way.weights(self._known)

    @property
    def logprob(self) -> float:
        """``log P(bytes so far)``, nats. A prompt is scored when this is asked for first."""
        return self._opening.value + self._since

    @property
    def dropped(self) -> float:
        """The most posterior mass that any member has given up."""
        return max(state.dropped for state in self.members)

    def logprobs(self) -> FloatArray:
        """The next-byte distribution: log-probabilities, float64 ``(257,)``, nats; sums to one.

        Raises:
            FloatingPointError: no symbol is possible for all members of a product.
        """
        return self._pooled

    def bounds(self) -> tuple[FloatArray, FloatArray]:
        """Lower and upper bounds, float64 ``(257,)`` each, nats, by the members' own.

        They take the weights of the members for exact; those of a mixture follow the members' probabilities.
        """
        pairs = [state.bounds() for state in self.members]
        lower, upper = (np.array([pair[side] for pair in pairs]) for side in (0, 1))
        return self.way.bounds(lower, upper, self._known)

    def top(self, k: int) -> list[tuple[bytes | int, float]]:
        """The ``k`` most probable next symbols with their log-probabilities; the end of text as ``END``."""
        return top_symbols(self.logprobs(), k)

    def wanted(self) -> FloatArray:
        """What each member gives to each next symbol: log-probabilities, float64 ``(members, 257)``, nats."""
        return self._logprobs.copy()

    def advance(self, text: Text) -> "EnsembleState":
        """The state after ``text`` more bytes."""
        state = self
        for byte in as_bytes(text):
            state = state.after(byte, tuple(member.advance(bytes((byte,))) for member in state.members))
        return state

    def after(self, byte: int, members: tuple[State, ...]) -> "EnsembleState":
        """The state after one byte, where the members' states are known already."""
        return replace(
            self,
            members=members,
            _known=self.way.learn(self._known, self._logprobs[:, byte]),
            _since=self._since + float(self._pooled[byte]),
            _shown=(self._shown + bytes((byte,)))[-REMEMBERED:],
        )

    def __repr__(self) -> str:
        return self._rendered(render_members)

    def _repr_html_(self) -> str:
        return self._rendered(render_members_html)

    def _rendered(self, render: Callable[..., str]) -> str:
        logprob = self.logprob if self._opening.known else None
        return render(self._pooled, self._logprobs, self.weights, self.names, self._shown, 5, logprob=logprob)

    @cached_property
    def _logprobs(self) -> FloatArray:
        return np.array([state.logprobs() for state in self.members])

    @cached_property
    def _pooled(self) -> FloatArray:
        return self.way.pool(self._logprobs, self._known)


def together(
    advances: Sequence[Callable[[Sequence[State], Sequence[bytes]], Sequence[State]]],
) -> Callable[[Sequence[EnsembleState], Sequence[bytes]], tuple[EnsembleState, ...]]:
    """Advances the states of several prompts, byte by byte, each member's with those of the other prompts.

    Args:
        advances: does the same for the states of one member; one for each.
    """

    def advance(states: Sequence[EnsembleState], texts: Sequence[bytes]) -> tuple[EnsembleState, ...]:
        found = list(states)
        for place in range(max(map(len, texts), default=0)):
            going = [index for index, text in enumerate(texts) if place < len(text)]
            given = [texts[index][place : place + 1] for index in going]
            columns = [
                one([found[index].members[member] for index in going], given) for member, one in enumerate(advances)
            ]
            for index, byte, members in zip(going, given, zip(*columns, strict=True), strict=True):
                found[index] = found[index].after(byte[0], members)
        return tuple(found)

    return advance
