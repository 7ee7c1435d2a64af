"""A byte model that counts what it is asked, around another one."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from bytelm.batch import BatchState
from bytelm.model import ByteLM, Progress
from bytelm.prompts import Prompt
from bytelm.protocol import FloatArray, State, Text, as_bytes


@dataclass
class Asked:
    """What was asked (mutable).

    Attributes:
        advances: the bytes of each call to ``advance`` of a state, and of each joint one as a tuple.
        distributions: how many distributions were asked for.
    """

    advances: list[bytes | tuple[bytes, ...]] = field(default_factory=list)
    distributions: int = 0


@dataclass(frozen=True)
class CountingState:
    inner: State
    asked: Asked

    @property
    def logprob(self) -> float:
        return self.inner.logprob

    @property
    def dropped(self) -> float:
        return self.inner.dropped

    def logprobs(self) -> FloatArray:
        self.asked.distributions += 1
        return self.inner.logprobs()

    def bounds(self) -> tuple[FloatArray, FloatArray]:
        return self.inner.bounds()

    def advance(self, text: Text) -> "CountingState":
        self.asked.advances.append(as_bytes(text))
        return replace(self, inner=self.inner.advance(text))


class Counting(ByteLM[CountingState]):
    """Answers as ``inner`` does and counts."""

    def __init__(self, inner: ByteLM[Any]) -> None:
        self.inner = inner
        self.asked = Asked()

    def _prefill_all(self, prompts: Sequence[bytes | Prompt]) -> BatchState[CountingState]:
        states = tuple(CountingState(state, self.asked) for state in self.inner.prefill(list(prompts)))
        return BatchState(states, self._together)

    def _score_all(self, texts: Sequence[bytes | Prompt], progress: Progress | None) -> list[FloatArray]:
        return self.inner.score(list(texts), progress=progress)

    def _together(self, states: Sequence[CountingState], texts: Sequence[bytes]) -> tuple[CountingState, ...]:
        self.asked.advances.append(tuple(texts))
        return tuple(replace(s, inner=s.inner.advance(text)) for s, text in zip(states, texts, strict=True))
