"""A constrained byte model after some bytes of its output."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from bytelm.constraints.place import Mask, Place, refusal
from bytelm.constraints.reading import Reading
from bytelm.constraints.weighing import Weighed
from bytelm.decoding.ranking import top_symbols
from bytelm.protocol import FloatArray, State, Text, as_bytes
from bytelm.rendering import render_next
from bytelm.rendering_html import render_next_html

_SHOWN = 200
"""How many of the last bytes are shown."""

_LINES = 5
"""How many symbols are shown."""


@dataclass(frozen=True, eq=False, repr=False)
class ConstrainedState:
    """A constrained model after some bytes of its output. Frozen: ``advance`` makes a new state.

    The base model is asked where more than one symbol is allowed, and there when a distribution is asked for; it then
    reads at once all bytes since it was last asked.

    Attributes:
        text: the output so far.
    """

    text: bytes
    _start: State
    _reading: Reading
    _weighed: Weighed

    @property
    def logprob(self) -> float:
        """The renormalised log-probability of the output so far, nats."""
        return self._weighed.total

    @property
    def unconstrained_logprob(self) -> float:
        """The base model's log-probability of the same bytes behind the same context, nats: as without a constraint.

        Raises:
            FloatingPointError: the base model gives the context itself probability zero.
        """
        before = self._start.logprob
        if before == -np.inf:
            raise FloatingPointError(
                "the base model gives the context probability zero, so no output behind it has a probability there"
            )
        return self.base.logprob - before

    @property
    def logmass(self) -> float:
        """The log of the base model's probability of all symbols that are allowed next, nats.

        At 0 the constraint takes nothing away here; at ``-inf`` the base model wants nothing that is allowed.
        """
        return self._reading.logmass

    @property
    def logmasses(self) -> float:
        """The sum of ``logmass`` at every byte of the output so far, nats: ``unconstrained_logprob - logprob``.

        So far the output is as much too probable, against the base model's own distribution of valid outputs, as
        ``exp(-logmasses)`` says, up to one factor for all complete outputs; see ``ConstrainedLM``.

        Raises:
            FloatingPointError: the output has probability zero, so the difference is not known.
        """
        if self.logprob == -np.inf:
            raise FloatingPointError("the base model gives this output probability zero, so its masses are not known")
        return self.unconstrained_logprob - self.logprob

    @property
    def base(self) -> State:
        """The base model's state behind the context and the output so far."""
        return self._reading.state

    @property
    def dropped(self) -> float:
        """The posterior mass that the base model has given up so far; 0 where nothing was."""
        return self.base.dropped

    def allowed(self) -> Mask:
        """Which symbols may come next, bool ``(257,)``; index 256, the end, where the output is complete.

        Raises:
            RuntimeError: the constraint has no answer: its engine gave up, or the grammar leads nowhere from here.
        """
        return self._reading.place.allowed.copy()

    def logprobs(self) -> FloatArray:
        """The next-byte distribution, renormalised: log-probabilities, float64 ``(257,)``, nats; sums to one.

        Raises:
            FloatingPointError: the base model gives probability zero to all symbols that are allowed.
            RuntimeError: as ``allowed``.
        """
        return self._reading.next.copy()

    def bounds(self) -> tuple[FloatArray, FloatArray]:
        """Lower and upper bounds on the true log-probabilities, float64 ``(257,)`` each, nats, by the base model's."""
        return self._reading.bounds()

    def top(self, k: int) -> list[tuple[bytes | int, float]]:
        """The ``k`` most probable next symbols with their log-probabilities; the end of text as ``END``."""
        return top_symbols(self._reading.next, k)

    def advance(self, text: Text) -> "ConstrainedState":
        """The state after ``text`` more bytes of output.

        Raises:
            ValueError: the constraint forbids one of them.
        """
        data = as_bytes(text)
        if not data:
            return self
        place, read = self._reading.place.after(data)
        if read < len(data):
            raise refusal(self.text + data[:read], data[read], place)
        after = self._reading.on(place, data)
        weighed = self._weighed.on(data, self._reading, after)
        return replace(self, text=self.text + data, _reading=after, _weighed=weighed)

    def __repr__(self) -> str:
        return self._rendered(render_next, "\n  {}")

    def _repr_html_(self) -> str:
        return self._rendered(render_next_html, '<div class="bytelm-next"><div class="dim">{}</div></div>')

    def _rendered(self, render: Callable[..., str], note: str) -> str:
        """The distribution, and what is allowed; nothing that costs passes beyond those of the distribution."""
        read = self._reading.known
        count = int(np.count_nonzero(self._reading.place.allowed))
        shown = render(
            self._reading.next,
            self.bounds(),
            (),
            lambda _: b"",
            self.text[-_SHOWN:],
            min(_LINES, count),
            logprob=self.logprob if self._weighed.known else None,
            dropped=self.dropped if read else 0.0,
        )
        share = f", {np.exp(self.logmass):.2%} of the base model's probability" if read else ""
        return shown + note.format(f"allowed: {count} of 257 symbols{share}")


def begin(place: Place, start: State) -> ConstrainedState:
    """The state before the first byte of output.

    Args:
        place: where the constraint begins.
        start: the base model's state behind the context.
    """
    reading = Reading(place, start)
    return ConstrainedState(b"", start, reading, Weighed(0.0, reading))


def together(
    advance_bases: Callable[[Sequence[State], Sequence[bytes]], Sequence[State]],
) -> Callable[[Sequence[ConstrainedState], Sequence[bytes]], tuple[ConstrainedState, ...]]:
    """Advances several states; where a distribution will be needed, the base model's states together.

    Args:
        advance_bases: advances states of the base model, each by its bytes.
    """

    def advance(states: Sequence[ConstrainedState], texts: Sequence[bytes]) -> tuple[ConstrainedState, ...]:
        after = tuple(state.advance(text) for state, text in zip(states, texts, strict=True))
        readings = list({id(state._reading): state._reading for state in after if state._reading.asks}.values())
        if readings:
            found = advance_bases([one.before for one in readings], [one.unread for one in readings])
            for one, base in zip(readings, found, strict=True):
                one.remember(base)
        return after

    return advance
