"""Signals that are sent to a process of a job, and what follows from them."""

import contextlib
import signal
from collections.abc import Callable, Iterator, Sequence
from types import FrameType

from bytelm.training.stopping import StopSign


class JobSign(StopSign):
    """Whether a job was asked to stop, and to be started again (mutable).

    Args:
        first: whether this is the first process of the job, which requeues it.
        goes_on: whether the job is to be started again; given the signals that came.
        requeue: has the job started again, and leaves the process.
    """

    def __init__(self, first: bool, goes_on: Callable[[frozenset[int]], bool], requeue: Callable[[], None]) -> None:
        super().__init__()
        self._first = first
        self._goes_on = goes_on
        self._requeue = requeue
        self._received: frozenset[int] = frozenset()
        self._training = False

    @property
    def asked(self) -> bool:
        """Whether the run is to end behind the step that was made; who asks has something to save."""
        self._training = True
        return bool(self._received)

    def handle(self, number: int, frame: FrameType | None) -> None:
        """Take a signal; later ones change nothing, as clusters send several.

        Raises:
            SystemExit: nothing is there to save yet.
        """
        self._received |= {number}
        if self._first and not self._training:
            self.leave()
            raise SystemExit(0)

    def leave(self) -> None:
        """Requeue the job where it is to go on, which does not return; for the first process, when all is saved."""
        if self._first and signal.SIGINT not in self._received and self._goes_on(self._received):
            self._requeue()


@contextlib.contextmanager
def listening(sign: JobSign, signals: Sequence[int]) -> Iterator[None]:
    """Give signals to a sign, as long as the context lasts."""
    before = {number: signal.signal(number, sign.handle) for number in signals}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
