"""Stop strings: the byte strings that end an output.

An output ends as soon as it ends with a stop string. Which one counts: the first to be complete, and among
those complete at the same byte the longest. The stop string itself is not part of the output. Only generated
bytes count: a stop string that begins in the prompt does not stop.
"""

from collections.abc import Iterable, Iterator

from bytelm.decoding.texts import Texts, as_texts
from bytelm.protocol import Text


def stop_strings(stop: Text | Texts) -> tuple[bytes, ...]:
    """The stop strings as bytes, longest first, each once; a single text is one stop string.

    Raises:
        ValueError: a stop string is empty.
        TypeError: a stop string is neither bytes nor ``str``.
    """
    stops = set(as_texts(stop))
    if b"" in stops:
        raise ValueError("a stop string is empty and would end every output at once; leave it out")
    return tuple(sorted(stops, key=lambda text: (-len(text), text)))


class StopMatcher:
    """Watches an output byte by byte, holding back those that may be the start of a stop string.

    Mutable: ``push`` and ``flush`` change it. It holds no more than the longest stop string.

    Attributes:
        stopped: whether a stop string was met; nothing may be pushed after that.
    """

    def __init__(self, stops: tuple[bytes, ...]) -> None:
        """``stops`` as ``stop_strings`` gives them: longest first, none empty."""
        self.stopped = False
        self._stops = stops
        self._held = b""

    def push(self, byte: bytes) -> bytes:
        """Take one more byte; give the bytes that are now certain to belong to the output."""
        assert not self.stopped
        self._held += byte
        for stop in self._stops:
            if self._held.endswith(stop):
                self.stopped = True
                return self._release(len(self._held) - len(stop), keep=b"")
        cut = next(i for i in range(len(self._held) + 1) if self._may_begin(self._held[i:]))
        return self._release(cut, keep=self._held[cut:])

    def flush(self) -> bytes:
        """Give what is held back; for the end of the text, when no stop string can follow."""
        return self._release(len(self._held), keep=b"")

    def _may_begin(self, tail: bytes) -> bool:
        return not tail or any(stop.startswith(tail) for stop in self._stops)

    def _release(self, cut: int, keep: bytes) -> bytes:
        released, self._held = self._held[:cut], keep
        return released


def until_stop(output: Iterable[bytes], stops: tuple[bytes, ...]) -> Iterator[bytes]:
    """The output, given byte by byte, up to the first stop string; no piece is empty.

    Takes no byte from ``output`` after the stop string is complete.
    """
    matcher = StopMatcher(stops)
    for byte in output:
        if released := matcher.push(byte):
            yield released
        if matcher.stopped:
            return
    if rest := matcher.flush():
        yield rest
