"""Several bytes for one pass: drafted with what is cheap, and verified together (self-speculation).

The large transformer runs once for a patch, and a byte that begins one waits for it. So a few bytes are drafted by the
encoder and the decoder alone, as if the last complete patch were still the last one; then one pass over all of them
gives the true distributions. That is Leviathan et al. 2023, "Fast Inference from Transformers via Speculative
Decoding", section 2, with one difference: the draft and the model choose by the same random number. So what is written
is the same, byte for byte, as without a draft, for greedy choice and for sampling.
"""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from bytelm.blt.distribution import byte_logprobs
from bytelm.blt.reader import Reader
from bytelm.blt.rows import Place
from bytelm.blt.vocabulary import OFFSET
from bytelm.decoding.sampling import Sampling, chosen
from bytelm.protocol import END, FloatArray


@dataclass
class Effort:
    """What drafts were good for (mutable).

    Attributes:
        passes: passes of the whole network, each over several texts.
        drafted: bytes that were drafted.
        kept: those of them that the model would have written, too.
    """

    passes: int = 0
    drafted: int = 0
    kept: int = 0


@dataclass
class _Text:
    """One continuation (mutable): where it stands, what follows there, and the draws of its next symbols."""

    place: Place
    logprobs: FloatArray
    rng: np.random.Generator
    points: deque[float] = field(default_factory=deque)

    def choose(self, logprobs: FloatArray, sampling: Sampling, ahead: int) -> int:
        """The symbol ``ahead`` symbols further on, if this is its distribution."""
        if sampling.greedy:
            return chosen(logprobs, sampling, 0.0)
        while len(self.points) <= ahead:
            self.points.append(self.rng.random())
        return chosen(logprobs, sampling, self.points[ahead])

    def move(self, place: Place, logprobs: FloatArray, symbols: int) -> None:
        """So many symbols further on (mutates)."""
        self.place, self.logprobs = place, logprobs
        for _ in range(min(symbols, len(self.points))):
            self.points.popleft()


class Speculating:
    """Makes continuations in rounds: a symbol that is certain, some that are drafted, one pass (mutable).

    Args:
        reader: reads for the model.
        open: reads the prompts; where each stands, and what follows there.
        sampling: how a symbol is chosen.
        rngs: where each continuation's draws come from.
        length: how many bytes are drafted at most.
        effort: counts what is done.
    """

    def __init__(
        self,
        reader: Reader,
        open: Callable[[], list[tuple[Place, FloatArray]]],
        sampling: Sampling,
        rngs: Sequence[np.random.Generator],
        length: int,
        effort: Effort,
    ) -> None:
        self._reader = reader
        self._open: Callable[[], list[tuple[Place, FloatArray]]] | None = open
        self._sampling = sampling
        self._rngs = rngs
        self._length = length
        self._effort = effort
        self._texts: dict[int, _Text] = {}

    def more(self, going: Sequence[int], most: Sequence[int]) -> list[list[int]]:
        if self._open is not None:
            reads, self._open = self._open(), None
            begun = enumerate(zip(reads, self._rngs, strict=True))
            self._texts = {index: _Text(*read, rng) for index, (read, rng) in begun if index in going}
        texts = [self._texts[index] for index in going]
        firsts = [text.choose(text.logprobs, self._sampling, 0) for text in texts]
        found = [[first] for first in firsts]
        on = [line for line, first in enumerate(firsts) if first != END and most[line] > 1]
        if on:
            lines = ([texts[line] for line in on], [firsts[line] for line in on], [most[line] for line in on])
            for line, symbols in zip(on, self._round(*lines), strict=True):
                found[line] = symbols
        return found

    def end(self, index: int) -> None:
        self._texts.pop(index, None)

    def _round(self, texts: list[_Text], firsts: list[int], most: list[int]) -> list[list[int]]:
        """The symbols of texts that are certain after a draft behind the first ones and one pass."""
        drafts = self._drafted(texts, firsts, min(self._length, max(most) - 1))
        ids = [np.array(draft) + OFFSET for draft in drafts]
        verified = self._reader.verify([text.place for text in texts], ids)
        self._effort.passes += 1
        found = []
        for text, draft, (trail, logits_NV), limit in zip(texts, drafts, verified, most, strict=True):
            rows = byte_logprobs(logits_NV)
            kept, reach = 1, min(len(draft), limit)
            while kept < reach and text.choose(rows[kept - 1], self._sampling, kept) == draft[kept]:
                kept += 1
            self._effort.drafted += len(draft) - 1
            self._effort.kept += kept - 1
            trail[kept - 1].row.shorten(trail[kept - 1].length)
            text.move(trail[kept - 1], rows[kept - 1], kept)
            found.append(draft[:kept])
        return found

    def _drafted(self, texts: list[_Text], firsts: list[int], length: int) -> list[list[int]]:
        """The first symbols, and what the draft puts behind them, without an end of text."""
        drafts = [[first] for first in firsts]
        if length == 0:
            return drafts
        draft = self._reader.draft([text.place for text in texts], length)
        going = [True] * len(texts)
        for ahead in range(1, length + 1):
            rows = byte_logprobs(draft.step(np.array([symbols[-1] for symbols in drafts]) + OFFSET))
            for line, text in enumerate(texts):
                symbol = text.choose(rows[line], self._sampling, ahead)
                going[line] = going[line] and symbol != END
                if going[line]:
                    drafts[line].append(symbol)
        return drafts
