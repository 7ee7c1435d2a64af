"""What a token model's answer comes to once it is restricted to what may follow: probabilities of ranges of tokens.

Logits are turned into *scaled* masses, in the precision that they came in: ``exp(logit - the highest one)``, 0 where
the rule forbids the token, and their sum. In float32 that is right to 1e-7 near the highest logit, and to 3e-8 more for
every nat further down. Rows that have a logit too far down for float32, or whose allowed tokens together are far down,
are done in float64, from the best of what is allowed.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bytelm.engines.protocol import Logits, no_distribution
from bytelm.protocol import FloatArray
from bytelm.tokens.vocabulary import Vocabulary

if TYPE_CHECKING:
    import torch

DEEPEST = 80.0
"""How many nats below the highest logit float32 holds all digits of a mass."""

FADED = 1e-3
"""Where the masses of a row come to less than this, they have lost digits."""

_BLOCK = 512
_FEW = 4096
"""A cumulative sum of no more values than this is quick."""

_ROWS_AT_ONCE = 2**17


class Wanted(NamedTuple):
    """What may follow one head.

    Attributes:
        allowed: which tokens, bool ``(size,)`` in sorted order.
        ends: whether the text may end.
    """

    allowed: NDArray[np.bool_]
    ends: bool


class Masses(ABC):
    """The probabilities of what may follow one head, summing to one.

    Attributes:
        end: that the text ends.
    """

    end: float

    @abstractmethod
    def of(self, low: int, high: int) -> float:
        """The probability of the tokens ``[low, high)`` of the sorted order."""

    @abstractmethod
    def at(self, index: int) -> float:
        """The probability of the token at ``index`` of the sorted order."""

    @abstractmethod
    def add_by_byte(
        self, into: FloatArray, factor: float, vocabulary: Vocabulary, low: int, high: int, depth: int
    ) -> None:
        """Add the probabilities of the tokens ``[low, high)`` by their byte at ``depth``, times ``factor``.

        ``into`` is float64, at least 256 (mutates); all the tokens are longer than ``depth``.
        """

    @abstractmethod
    def best(self, low: int, high: int) -> int:
        """The most probable of the tokens ``[low, high)``; there is at least one."""

    @abstractmethod
    def array(self) -> FloatArray:
        """The probabilities of all tokens, float64 ``(size,)``."""

    @abstractmethod
    def drawn(self, low: int, high: int, share: float) -> int:
        """Of the tokens ``[low, high)`` the one at which their cumulative probability exceeds a share of theirs.

        ``share`` is in [0, 1); a token of probability zero is never drawn; at least one has more.
        """


class HostMasses(Masses):
    """Masses in main memory."""

    __slots__ = ("_scaled", "_tokens", "_total", "end")

    def __init__(self, scaled: NDArray[Any], tokens: float, end: float) -> None:
        """``scaled`` is float32 or float64 ``(size,)`` and ``tokens`` its sum; ``end`` is scaled likewise."""
        self._scaled = scaled
        self._total = tokens + end if tokens + end > 0 else np.inf
        self._tokens = tokens / self._total
        self.end = end / self._total

    def of(self, low: int, high: int) -> float:
        if low == 0 and high == len(self._scaled):
            return self._tokens
        return float(self._scaled[low:high].sum(dtype=np.float64)) / self._total

    def at(self, index: int) -> float:
        return float(self._scaled[index]) / self._total

    def add_by_byte(
        self, into: FloatArray, factor: float, vocabulary: Vocabulary, low: int, high: int, depth: int
    ) -> None:
        vocabulary.add_byte_masses(into, factor / self._total, self._scaled, low, high, depth)

    def best(self, low: int, high: int) -> int:
        return low + int(self._scaled[low:high].argmax())

    def array(self) -> FloatArray:
        return self._scaled / np.float64(self._total)

    def drawn(self, low: int, high: int, share: float) -> int:
        return low + _Drawn(self._scaled[low:high]).at(share)


class DeviceMasses(Masses):
    """Masses on another device. What comes from there are sums by first byte, and the masses of one narrow range."""

    __slots__ = ("_first", "_high", "_low", "_near", "_scaled", "_total", "end")

    def __init__(self, scaled: "torch.Tensor", first: FloatArray, end: float) -> None:
        """``first`` are the scaled sums by first byte, float64 ``(256,)``; the rest as for `HostMasses`."""
        total = float(first.sum()) + end
        self._scaled = scaled
        self._first = first
        self._total = total if total > 0 else np.inf
        self._low = self._high = 0
        self._near: NDArray[Any] = np.empty(0)
        self.end = end / self._total

    def of(self, low: int, high: int) -> float:
        if low == 0 and high == len(self._scaled):
            return float(self._first.sum()) / self._total
        return float(self.fetch(low, high).sum(dtype=np.float64)) / self._total

    def at(self, index: int) -> float:
        return self.of(index, index + 1)

    def add_by_byte(
        self, into: FloatArray, factor: float, vocabulary: Vocabulary, low: int, high: int, depth: int
    ) -> None:
        if (low, high, depth) == (0, len(self._scaled), 0):
            into[: len(self._first)] += factor / self._total * self._first
            return
        vocabulary.add_byte_masses(into, factor / self._total, self.fetch(low, high), low, high, depth, low)

    def best(self, low: int, high: int) -> int:
        if self._low <= low and high <= self._high:
            return low + int(self.fetch(low, high).argmax())
        return low + int(self._scaled[low:high].argmax())

    def array(self) -> FloatArray:
        whole: FloatArray = self._scaled.double().cpu().numpy() / self._total
        return whole

    def drawn(self, low: int, high: int, share: float) -> int:
        if self._low <= low and high <= self._high:
            return low + _Drawn(self.fetch(low, high)).at(share)
        sums = self._scaled[low:high].double().cumsum(0)
        return low + int((sums <= share * float(sums[-1])).sum())

    def fetch(self, low: int, high: int) -> NDArray[Any]:
        """The scaled masses of a range. What was fetched last is kept, as ranges only narrow (mutates)."""
        if not (self._low <= low and high <= self._high):
            self._low, self._high = low, high
            self._near = self._scaled[low:high].cpu().numpy()
        return self._near[low - self._low : high - self._low]


def drawing(logits: Logits) -> Callable[[float], int]:
    """Draws from one row of logits, ``(1, ids)``: the id at which the cumulative probability exceeds a share in [0, 1).

    Logits on another device stay there.

    Raises:
        FloatingPointError: the logits hold NaN or infinity.
    """
    if not isinstance(logits, np.ndarray):
        return _drawing_on_device(logits[0])
    row = logits[0]
    highest = row.max()
    if not np.isfinite(highest):
        raise no_distribution()
    return _Drawn(np.exp(row - highest)).at


def _drawing_on_device(row: "torch.Tensor") -> Callable[[float], int]:
    import torch

    sums = torch.exp(row - row.max()).double().cumsum(0)
    total = float(sums[-1])
    if not np.isfinite(total):
        raise no_distribution()

    def draw(share: float) -> int:
        place = int(torch.searchsorted(sums, share * total, right=True))
        return place if place < len(sums) else int(torch.searchsorted(sums, total))

    return draw


class _Drawn:
    """Draws by cumulative sums, of blocks first: one sum over everything is slow."""

    def __init__(self, scaled: NDArray[Any]) -> None:
        self._scaled = scaled
        self._block = 1 if len(scaled) <= _FEW else _BLOCK
        sums = (
            scaled if self._block == 1 else np.add.reduceat(scaled, np.arange(0, len(scaled), _BLOCK), dtype=np.float64)
        )
        self._blocks = np.cumsum(sums, dtype=np.float64)

    def at(self, share: float) -> int:
        """The place at which the cumulative sum exceeds a share of all, in [0, 1)."""
        target = share * float(self._blocks[-1])
        block = min(int(np.searchsorted(self._blocks, target, side="right")), len(self._blocks) - 1)
        within = self._scaled[block * self._block : (block + 1) * self._block]
        rest = target - (float(self._blocks[block - 1]) if block else 0.0)
        place = 0 if self._block == 1 else int(np.searchsorted(np.cumsum(within, dtype=np.float64), rest, side="right"))
        if place < len(within) and within[place] > 0:
            return block * self._block + place
        # Rounding has led past the last one that has any probability.
        return int(np.flatnonzero(self._scaled[: (block + 1) * self._block])[-1])


class Restriction:
    """Turns logits into masses.

    Args:
        vocabulary: the tokens, sorted.
        end_tokens: the ids that end a text; they stand for no bytes, whatever the vocabulary says.
    """

    def __init__(self, vocabulary: Vocabulary, end_tokens: tuple[int, ...]) -> None:
        self._vocabulary = vocabulary
        self._ends = list(end_tokens)
        index = vocabulary.index
        found = index[[token for token in end_tokens if token < len(index)]]
        self._spelled_ends: NDArray[np.int64] = found[found >= 0]
        self._places: dict[torch.device, tuple[torch.Tensor, torch.Tensor]] = {}

    def masses(self, logits: Logits, wanted: Sequence[Wanted]) -> Iterator[Masses]:
        """The masses of each row of logits, ``(len(wanted), ids)``.

        Raises:
            FloatingPointError: the logits of a row hold NaN or infinity.
        """
        if not isinstance(logits, np.ndarray):
            yield from self._on_device(logits, wanted)
            return
        step = max(1, _ROWS_AT_ONCE // logits.shape[1])
        for start in range(0, len(wanted), step):
            yield from self._in_memory(logits[start : start + step], wanted[start : start + step])

    def _in_memory(self, logits: NDArray[Any], wanted: Sequence[Wanted]) -> Iterator[Masses]:
        """The masses of a few rows."""
        highest = logits.max(axis=1, keepdims=True)
        if not np.isfinite(highest).all():
            raise no_distribution()
        deep = (highest - logits.min(axis=1, keepdims=True) > DEEPEST)[:, 0].tolist()
        # Clipping takes the place of a check: the order is a permutation, and in range.
        scaled = logits.take(self._vocabulary.order, axis=1, mode="clip")
        np.exp(np.subtract(scaled, highest, out=scaled), out=scaled)
        for row, one in zip(scaled, wanted, strict=True):
            row *= one.allowed
        scaled[:, self._spelled_ends] = 0
        ends = [0.0] * len(wanted)
        if any(one.ends for one in wanted):
            ends = np.exp(logits[:, self._ends] - highest).sum(axis=1, dtype=np.float64).tolist()
        totals = scaled.sum(axis=1).tolist()
        for row, (one, total, end) in enumerate(zip(wanted, totals, ends, strict=True)):
            end = end if one.ends else 0.0
            if np.isnan(total + end):
                raise no_distribution()
            if total + end > FADED and not deep[row]:
                yield HostMasses(scaled[row], total, end)
            else:
                yield self._slowly(logits[row].astype(np.float64), one)

    def _slowly(self, logits: FloatArray, wanted: Wanted) -> HostMasses:
        """The same in float64 from the best of what is allowed."""
        scores = np.where(wanted.allowed, logits[self._vocabulary.order], -np.inf)
        scores[self._spelled_ends] = -np.inf
        ends = logits[self._ends] if wanted.ends else np.empty(0)
        top = max(float(scores.max()), float(ends.max(initial=-np.inf)))
        if top == -np.inf:
            return HostMasses(np.zeros_like(scores), 0.0, 0.0)
        masses, end = np.exp(scores - top), float(np.exp(ends - top).sum())
        return HostMasses(masses, float(masses.sum()), end)

    def _on_device(self, logits: "torch.Tensor", wanted: Sequence[Wanted]) -> Iterator[Masses]:
        """All rows at once; only their sums by first byte leave the device."""
        import torch

        order, first_byte = self._placed(logits.device)
        allowed = torch.from_numpy(np.stack([one.allowed for one in wanted])).to(logits.device, non_blocking=True)
        highest = logits.amax(dim=1, keepdim=True)
        exponentials = torch.exp(logits - highest)
        scaled = exponentials.index_select(1, order) * allowed
        scaled[:, self._spelled_ends] = 0
        sums = torch.zeros((len(wanted), 258), dtype=torch.float64, device=logits.device)
        sums.index_add_(1, first_byte, scaled.double())
        sums[:, 256] = exponentials[:, self._ends].double().sum(dim=1)
        sums[:, 257] = (highest - logits.amin(dim=1, keepdim=True))[:, 0]
        for row, (one, found) in enumerate(zip(wanted, sums.cpu().numpy(), strict=True)):
            if not np.isfinite(found[:257]).all():
                raise no_distribution()
            end = float(found[256]) if one.ends else 0.0
            if float(found[:256].sum()) + end > FADED and found[257] <= DEEPEST:
                yield DeviceMasses(scaled[row], found[:256], end)
            else:
                yield self._slowly(logits[row].double().cpu().numpy(), one)

    def _placed(self, device: "torch.device") -> "tuple[torch.Tensor, torch.Tensor]":
        """On a device: the ids of the tokens in sorted order, and the first byte of each."""
        import torch

        if device not in self._places:
            first = self._vocabulary.first_bytes.astype(np.int64)
            self._places[device] = (
                torch.from_numpy(self._vocabulary.order).to(device),
                torch.from_numpy(first).to(device),
            )
        return self._places[device]
