"""Byte models made of tables, small enough to see through."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from bytelm.batch import BatchState
from bytelm.decoding.texts import text_of
from bytelm.model import ByteLM, Progress
from bytelm.prompts import Prompt
from bytelm.protocol import END, SYMBOLS, FloatArray, Text, as_bytes


@dataclass(frozen=True, eq=False)
class MarkovState:
    """After some bytes, of which only the last one matters."""

    table: FloatArray
    last: int = END
    logprob: float = 0.0
    dropped: float = 0.0

    def logprobs(self) -> FloatArray:
        row: FloatArray = self.table[self.last]
        return row

    def bounds(self) -> tuple[FloatArray, FloatArray]:
        return self.logprobs(), self.logprobs()

    def advance(self, text: Text) -> "MarkovState":
        state = self
        for byte in as_bytes(text):
            logprob = state.logprob + float(state.logprobs()[byte])
            state = replace(state, last=byte, logprob=logprob)
        return state


class Markov(ByteLM[MarkovState]):
    """An order-1 model: row ``last`` of ``table (257, 257)``, nats; row ``END`` is the empty text."""

    def __init__(self, table: FloatArray) -> None:
        table.flags.writeable = False
        self.table = table

    def _prefill_all(self, prompts: Sequence[bytes | Prompt]) -> BatchState[MarkovState]:
        return BatchState(tuple(MarkovState(self.table).advance(text_of(prompt)) for prompt in prompts))

    def _score_all(self, texts: Sequence[bytes | Prompt], progress: Progress | None) -> list[FloatArray]:
        done, scores = 0, []
        for text in map(text_of, texts):
            before = [END, *text][: len(text)]
            scores.append(self.table[before, list(text)])
            done += len(text)
            if progress:
                progress(done, sum(map(len, map(text_of, texts))))
        return scores


def markov(seed: int, symbols: bytes = bytes(range(256)), end: float = 0.05) -> Markov:
    """A random model over ``symbols``; each text ends with probability ``end`` at every byte."""
    rng = np.random.default_rng(seed)
    table = np.zeros((SYMBOLS, SYMBOLS))
    among = sorted(set(symbols))
    table[:, among] = rng.dirichlet(np.full(len(among), 0.3), size=SYMBOLS) * (1 - end)
    table[:, END] = end
    with np.errstate(divide="ignore"):
        return Markov(np.log(table / table.sum(axis=1, keepdims=True)))


@dataclass(frozen=True)
class ScriptedState:
    """Certain of one text: the next byte of the script, and the end after it."""

    script: bytes
    logprob: float = 0.0
    dropped: float = 0.0

    def logprobs(self) -> FloatArray:
        certain = np.full(SYMBOLS, -np.inf)
        certain[self.script[0] if self.script else END] = 0.0
        return certain

    def bounds(self) -> tuple[FloatArray, FloatArray]:
        return self.logprobs(), self.logprobs()

    def advance(self, text: Text) -> "ScriptedState":
        return ScriptedState(self.script[len(as_bytes(text)) :])


class Scripted(ByteLM[ScriptedState]):
    """Continues every prompt with one text."""

    def __init__(self, script: bytes) -> None:
        self.script = script

    def _prefill_all(self, prompts: Sequence[bytes | Prompt]) -> BatchState[ScriptedState]:
        return BatchState(tuple(ScriptedState(self.script) for _ in prompts))

    def _score_all(self, texts: Sequence[bytes | Prompt], progress: Progress | None) -> list[FloatArray]:
        return [np.zeros(len(text_of(text))) for text in texts]


def scripted(script: bytes) -> Scripted:
    """The model that continues every prompt with ``script`` and then ends."""
    return Scripted(script)
