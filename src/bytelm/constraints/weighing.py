"""The renormalised log-probability of an output, found where somebody asks for it.

Where one symbol alone may come, it is certain and costs nothing; else the base model's distribution is needed there.
"""

from dataclasses import dataclass, replace
from functools import cached_property

from bytelm.constraints.reading import Reading


@dataclass(frozen=True, eq=False)
class Weighed:
    """An output whose log-probability is known up to a place, and the bytes behind it. Frozen.

    Attributes:
        logprob: of the output up to the place, nats.
        reading: the place.
        rest: the bytes behind.
    """

    logprob: float
    reading: Reading
    rest: bytes = b""

    @property
    def known(self) -> bool:
        """Whether ``total`` is there; else asking for it may cost the base model's passes."""
        return not self.rest or "total" in vars(self)

    @cached_property
    def total(self) -> float:
        """The log-probability of all of the output, nats."""
        total, reading = self.logprob, self.reading
        for byte in self.rest:
            total += float(reading.next[byte])
            data = bytes((byte,))
            reading = reading.on(reading.place.after(data)[0], data)
        return total

    def on(self, data: bytes, here: Reading, after: Reading) -> "Weighed":
        """The same behind more bytes, as far as no distribution must be found for it.

        Args:
            data: the bytes, at least one.
            here: where the output stands before them.
            after: where it stands behind them.
        """
        if not self.known:
            return replace(self, rest=self.rest + data)
        if len(data) == 1 and here.weighed:
            return Weighed(self.total + float(here.next[data[0]]), after)
        return Weighed(self.total, here, data)
