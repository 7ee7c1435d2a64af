"""A model with covers for the command line, and the module it is loaded from."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from types import ModuleType

import numpy as np
import pytest

from bytelm.batch import BatchState
from bytelm.chats import Message, check_messages
from bytelm.decoding.texts import text_of
from bytelm.model import ByteLM, Progress
from bytelm.prompts import Prompt, Special, Text, as_bytes
from bytelm.protocol import END, SYMBOLS, FloatArray

SCRIPT = b"tor away\n"


@dataclass(frozen=True)
class Cover:
    tokens: tuple[int, ...]
    rest: bytes
    logweight: float
    evaluated: bool


@dataclass(frozen=True)
class FakeState:
    """Three in four for the next byte of the script, the rest for the end of text."""

    prompt: bytes
    script: bytes

    logprob = -12.5
    dropped = 0.0

    def logprobs(self) -> FloatArray:
        values = np.full(SYMBOLS, -np.inf)
        values[END] = np.log(0.25)
        if self.script:
            values[self.script[0]] = np.log(0.75)
        logprobs: FloatArray = values - np.log(np.exp(values).sum())
        return logprobs

    def bounds(self) -> tuple[FloatArray, FloatArray]:
        return self.logprobs() - 1e-7, self.logprobs() + 1e-7

    def covers(self) -> list[Cover]:
        return [Cover((0, 1), b" ke", -0.1, True), Cover((0, 1, 2), b"", -3.0, False)]

    def advance(self, text: Text) -> "FakeState":
        size = len(as_bytes(text))
        return FakeState(self.prompt + as_bytes(text), self.script[size:])


class FakeTokenizer:
    def token_bytes(self, token: int) -> bytes:
        return [b"", b" day", b" \xff"][token]

    def normalize(self, text: Text) -> bytes:
        return as_bytes(text).replace("e\u0301".encode(), "é".encode())

    def parse(self, text: Text) -> Prompt:
        before, _, after = as_bytes(text).partition(b"<s>")
        return Prompt(before, Special(0, "<s>"), after)


class FakeModel(ByteLM[FakeState]):
    """Continues every prompt with ``SCRIPT``; each byte scores its position in nats, negated."""

    tokenizer = FakeTokenizer()

    def continue_tokens(self, prompt: Text, *, max_bytes: int) -> bytes:
        return b"porter"[:max_bytes]

    def chat_prompt(self, messages: Sequence[Message]) -> Prompt:
        check_messages(messages)
        parts = [(message["role"], ": ", message["content"], Special(0, "<s>")) for message in messages]
        return Prompt(*(part for four in parts for part in four))

    def __init__(self, script: bytes = SCRIPT) -> None:
        self.script = script

    reads_specials = True

    def _prefill_all(self, prompts: Sequence[bytes | Prompt]) -> BatchState[FakeState]:
        return BatchState(
            tuple(
                FakeState(one.spelled, b"!" + self.script) if isinstance(one, Prompt) else FakeState(one, self.script)
                for one in prompts
            )
        )

    def _score_all(self, texts: Sequence[bytes | Prompt], progress: Progress | None) -> list[FloatArray]:
        total = sum(len(text_of(text)) for text in texts)
        if progress:
            progress(total, total)
        return [-np.arange(len(text_of(text)), dtype=np.float64) for text in texts]


class FakeLoading(ModuleType):
    """``bytelm.loading`` that remembers how ``load`` was called."""

    def __init__(self, model: FakeModel) -> None:
        super().__init__("bytelm.loading")
        self.model = model
        self.calls: list[dict[str, object]] = []
        self.error: BaseException | None = None

    def load(
        self,
        path: str | None = None,
        *,
        segmentation: str | None = None,
        tolerance: float | None = None,
        method: str = "exact",
        width: int | None = None,
        prune: float | None = None,
        begin: Sequence[int] | None = None,
        dtype: str | None = None,
        device: str | None = None,
        compile: bool = False,
        speculate: int | None = None,
    ) -> FakeModel:
        self.calls.append(
            {
                "path": path,
                "segmentation": segmentation,
                "tolerance": tolerance,
                "method": method,
                "width": width,
                "prune": prune,
                "begin": begin,
                "dtype": dtype,
                "device": device,
                "compile": compile,
                "speculate": speculate,
            }
        )
        if self.error:
            raise self.error
        return self.model


def install(monkeypatch: pytest.MonkeyPatch, script: bytes = SCRIPT) -> FakeLoading:
    """Put the fake in the place of ``bytelm.loading`` for one test."""
    loading = FakeLoading(FakeModel(script))
    monkeypatch.setitem(sys.modules, "bytelm.loading", loading)
    return loading
