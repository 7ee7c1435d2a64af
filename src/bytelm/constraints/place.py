"""What a constraint is to a byte model: at every place in an output, the symbols that may come next."""

from abc import ABC, abstractmethod

import numpy as np
from numpy.typing import NDArray

from bytelm.protocol import END

Mask = NDArray[np.bool_]
"""Which of the 257 symbols may come next; the last one is the end."""

_SPANS_SHOWN = 8


class Place(ABC):
    """A place in an output that obeys a constraint so far. Frozen: nothing that is asked changes what it answers."""

    @property
    @abstractmethod
    def allowed(self) -> Mask:
        """Which symbols may come next, bool ``(257,)``, not to be written to; the end where the output is complete.

        Raises:
            RuntimeError: the constraint has no answer: its engine gave up, or the grammar leads nowhere from here.
        """

    @abstractmethod
    def after(self, data: bytes) -> "tuple[Place, int]":
        """The place behind as many of these bytes as may stand here one after the other, and how many these are."""

    @property
    def forced(self) -> bool:
        """Whether one symbol alone may come next."""
        return int(np.count_nonzero(self.allowed)) == 1


def refusal(before: bytes, byte: int, place: Place) -> ValueError:
    """The error for an output that a constraint forbids.

    Args:
        before: the output as far as it is allowed.
        byte: what stands behind it and must not.
        place: the constraint behind ``before``.
    """
    return ValueError(
        f"the constraint forbids byte {bytes((byte,))!r} at offset {len(before)} of the output, "
        f"behind {_tail(before)}; allowed there: {described(place.allowed)}"
    )


def described(allowed: Mask) -> str:
    """The symbols that are allowed, as words: ``b'0' to b'9', the end``."""
    found = np.flatnonzero(allowed[:END])
    spans = np.split(found, np.flatnonzero(np.diff(found) > 1) + 1) if len(found) else []
    named = [_span(int(span[0]), int(span[-1])) for span in spans]
    more = [f"{len(named) - _SPANS_SHOWN} more ranges"] if len(named) > _SPANS_SHOWN else []
    return ", ".join(named[:_SPANS_SHOWN] + more + (["the end"] if allowed[END] else []))


def _span(first: int, last: int) -> str:
    low, high = bytes((first,)), bytes((last,))
    return repr(low) if first == last else f"{low!r} to {high!r}"


def _tail(before: bytes) -> str:
    return f"…{before[-40:]!r}" if len(before) > 40 else repr(before)
