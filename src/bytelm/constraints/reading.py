"""Where an output stands: for the constraint, and for the base model, which is asked no sooner than somebody needs."""

from functools import cached_property

import numpy as np

from bytelm.constraints.masses import certain, restricted, restricted_bounds
from bytelm.constraints.place import Place
from bytelm.constraints.sharpening import sharpened
from bytelm.protocol import FloatArray, State


class Reading:
    """A place of the constraint, and the base model there or some bytes before. Frozen, but for what it remembers.

    Attributes:
        place: where the constraint stands.
        before: the last state of the base model that is known.
        unread: the bytes behind that one.
    """

    def __init__(self, place: Place, before: State, unread: bytes = b"") -> None:
        self.place = place
        self.before = before
        self.unread = unread

    @property
    def known(self) -> bool:
        """Whether the base model's state here is known; else asking for it costs passes."""
        return not self.unread or "state" in vars(self)

    @property
    def weighed(self) -> bool:
        """Whether the distribution is there, or costs nothing."""
        return "next" in vars(self) or self.place.forced

    @property
    def asks(self) -> bool:
        """Whether the base model must read on before there is a distribution."""
        return not self.known and not self.place.forced

    @cached_property
    def state(self) -> State:
        """The base model's state here; the bytes not read yet are read at once."""
        return self.before.advance(self.unread) if self.unread else self.before

    @cached_property
    def next(self) -> FloatArray:
        """The renormalised next-byte distribution, ``(257,)``, nats; not to be written to.

        Raises:
            FloatingPointError: the base model gives probability zero to all symbols that are allowed.
        """
        if self.place.forced:
            return certain(self.place.allowed)
        return restricted(self._sharp.logprobs(), self.place.allowed)

    @property
    def logmass(self) -> float:
        """The log of what the base model gives to all allowed symbols together, nats."""
        return float(np.logaddexp.reduce(self._sharp.logprobs()[self.place.allowed]))

    def bounds(self) -> tuple[FloatArray, FloatArray]:
        """Lower and upper bounds on ``next``, ``(257,)`` each, nats."""
        if self.place.forced:
            return self.next.copy(), self.next.copy()
        lower, upper = self._sharp.bounds()
        if np.array_equal(lower, upper):
            return self.next.copy(), self.next.copy()
        low, high = restricted_bounds(lower, upper, self.place.allowed)
        # The truth is between them; so is this, but for rounding.
        return np.minimum(low, self.next), np.minimum(np.maximum(high, self.next), 0.0)

    def on(self, place: Place, data: bytes) -> "Reading":
        """Where the output stands after more bytes, which nobody reads for now."""
        if "_sharp" in vars(self):
            return Reading(place, self._sharp, data)
        return Reading(place, self.state, data) if self.known else Reading(place, self.before, self.unread + data)

    def remember(self, state: State) -> None:
        """Keep the base model's state here, which was found together with others (mutates what is remembered)."""
        self.__dict__["state"] = state

    @cached_property
    def _sharp(self) -> State:
        return sharpened(self.state, self.place.allowed)
