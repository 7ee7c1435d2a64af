"""A byte model whose every text has a random distribution of its own, and all continuations of it."""

import weakref
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from bytelm.batch import BatchState
from bytelm.decoding.texts import text_of
from bytelm.model import ByteLM, Progress
from bytelm.prompts import Prompt
from bytelm.protocol import END, SYMBOLS, FloatArray, Text, as_bytes
from bytelm.searching.completion import Ended

Together = Callable[[Sequence["WholeState"], Sequence[bytes]], tuple["WholeState", ...]]


@dataclass(frozen=True, eq=False)
class WholeState:
    """After some bytes, all of which matter."""

    model: "WholeTexts"
    text: bytes

    @property
    def logprob(self) -> float:
        return float(self.model.score(self.text).sum())

    @property
    def dropped(self) -> float:
        return 0.0

    def logprobs(self) -> FloatArray:
        return self.model.row(self.text)

    def bounds(self) -> tuple[FloatArray, FloatArray]:
        return self.logprobs(), self.logprobs()

    def advance(self, text: Text) -> "WholeState":
        return WholeState(self.model, self.text + as_bytes(text))


class WholeTexts(ByteLM[WholeState]):
    """A random model over a few symbols; some texts end where others do not.

    Args:
        seed: of everything.
        symbols: the bytes that it knows.
        end: how probable the end of text is, on average, before every byte.
        together: how its states advance together.

    Attributes:
        prompted: the states behind prompts that are alive.
    """

    def __init__(self, seed: int, symbols: bytes = b"ab\n", end: float = 0.2, together: Together | None = None) -> None:
        self.seed = seed
        self.among = sorted(set(symbols))
        self.end = end
        self.together = together
        self.prompted: weakref.WeakSet[WholeState] = weakref.WeakSet()

    def row(self, text: bytes) -> FloatArray:
        rng = np.random.default_rng([self.seed, len(text), *text])
        row = np.zeros(SYMBOLS)
        end = float(rng.beta(1, 1 / self.end - 1)) if self.end else 0.0
        row[self.among] = rng.dirichlet(np.ones(len(self.among))) * (1 - end)
        row[END] = end
        with np.errstate(divide="ignore"):
            logs: FloatArray = np.log(row / row.sum())
        return logs

    def _prefill_all(self, prompts: Sequence[bytes | Prompt]) -> BatchState[WholeState]:
        states = tuple(WholeState(self, text_of(prompt)) for prompt in prompts)
        self.prompted.update(states)
        return BatchState(states, self.together)

    def _score_all(self, texts: Sequence[bytes | Prompt], progress: Progress | None) -> list[FloatArray]:
        return [
            np.array([self.row(text[:place])[byte] for place, byte in enumerate(text)], dtype=np.float64)
            for text in map(text_of, texts)
        ]


@dataclass(frozen=True)
class Outcome:
    """One way in which plain sampling ends: the text, why, its log-probability with what ended it, and their length."""

    text: bytes
    ended: Ended
    logprob: float
    length: int


def outcomes(
    model: ByteLM[WholeState], prompt: bytes, max_bytes: int, stops: Sequence[bytes], made: bytes = b""
) -> Iterator[Outcome]:
    """All of them: brute force, in plain words, over texts of up to ``max_bytes`` bytes."""
    logprob = float(model.score(prompt + made)[len(prompt) :].sum())
    met = [stop for stop in stops if made.endswith(stop)]
    if met:
        yield Outcome(made[: len(made) - max(map(len, met))], "stop", logprob, len(made))
    elif len(made) == max_bytes:
        yield Outcome(made, "max_bytes", logprob, len(made))
    else:
        row = model.prefill(prompt + made).logprobs()
        if row[END] > -np.inf:
            yield Outcome(made, "end", logprob + float(row[END]), len(made) + 1)
        for byte in np.flatnonzero(row[:END] > -np.inf).tolist():
            yield from outcomes(model, prompt, max_bytes, stops, made + bytes([byte]))
