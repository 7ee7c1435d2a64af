"""A Byte Latent Transformer as a byte model, with states that can be left and taken up again."""

import math
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray

from bytelm.batch import BatchState
from bytelm.blt import vocabulary
from bytelm.blt.config import BltConfig
from bytelm.blt.distribution import byte_logprobs, scores
from bytelm.blt.memory import SLACK
from bytelm.blt.model import Blt
from bytelm.blt.reader import Read, Reader
from bytelm.blt.rows import Place
from bytelm.blt.speculation import Effort, Speculating
from bytelm.decoding.ranking import top_symbols
from bytelm.decoding.sampling import Sampling
from bytelm.decoding.texts import text_of
from bytelm.lockstep import made_by
from bytelm.model import ByteLM, Progress
from bytelm.prompts import Prompt, Text
from bytelm.protocol import FloatArray, as_bytes
from bytelm.rendering import render_next
from bytelm.rendering_html import render_next_html
from bytelm.tokens.tokenizer import Tokenizer

SHOWN = 200
"""How many of the last bytes are shown with a state."""

_WHOLE = 2**17
"""Of longer texts the rest is read in small parts, so that memory holds what one of them takes."""


@dataclass(frozen=True, eq=False, repr=False)
class BltState:
    """A Byte Latent Transformer after some bytes. Frozen: ``advance`` makes a new state.

    Attributes:
        model: the model.
        place: where the text stands in the model's memory.
        logprob: ``log P(bytes so far)``, nats.
    """

    model: "BltLM"
    place: Place
    logprob: float
    _logprobs: FloatArray

    dropped = 0.0

    @property
    def text(self) -> bytes:
        """The bytes so far."""
        return _bytes_of(self.place.row.ids(self.place.length))

    @property
    def patches(self) -> list[bytes]:
        """The bytes so far, patch by patch; the last one may go on."""
        return _cut(self.text, self.place.row.starts(self.place.length + 1))

    def logprobs(self) -> FloatArray:
        """The next-byte distribution: log-probabilities, float64 ``(257,)``, nats; index 256 is end of text."""
        return self._logprobs.copy()

    def bounds(self) -> tuple[FloatArray, FloatArray]:
        """The log-probabilities twice: a model over bytes leaves nothing open."""
        return self.logprobs(), self.logprobs()

    def top(self, k: int) -> list[tuple[bytes | int, float]]:
        """The ``k`` most probable next symbols with their log-probabilities; the end of text as ``END``."""
        return top_symbols(self._logprobs, k)

    def advance(self, text: Text) -> "BltState":
        """The state after ``text`` more bytes."""
        (state,) = advance_together([self], [as_bytes(text)])
        return state

    def __repr__(self) -> str:
        shown = self.text[-SHOWN:]
        return render_next(self._logprobs, self.bounds(), (), lambda _: b"", shown, 5, logprob=self.logprob)

    def _repr_html_(self) -> str:
        shown = self.text[-SHOWN:]
        return render_next_html(self._logprobs, self.bounds(), (), lambda _: b"", shown, 5, logprob=self.logprob)


class BltLM(ByteLM[BltState]):
    """The byte model that a Byte Latent Transformer is.

    Patches that were begun are decided byte by byte, so every state gives just what the network gives for the whole
    text, to rounding. The four special ids of the network but the end of text have no place in a byte model: the
    probabilities are renormalised over bytes and the end.

    Args:
        network: the network; it is put into evaluation mode.
        tokenizer: for patching by ``"tokenizer"``.
        speculate: how many bytes are drafted for each pass in generation; see `bytelm.blt.speculation`.

    Raises:
        ValueError: ``speculate`` is out of range.
    """

    def __init__(self, network: Blt, tokenizer: Tokenizer | None = None, speculate: int = 0) -> None:
        if isinstance(speculate, bool) or not 0 <= speculate < SLACK:
            raise ValueError(f"speculate is how many bytes are drafted for a pass, 0 to {SLACK - 1}; got {speculate!r}")
        self.network = network.eval()
        self.reader = Reader(network, tokenizer)
        self.speculate = speculate
        self.effort = Effort()

    @property
    def config(self) -> BltConfig:
        """The shape of the network, and its patching."""
        return self.network.config

    def patches(self, text: Text) -> list[bytes]:
        """A text, patch by patch."""
        data = as_bytes(text)
        return _cut(data, self.reader.starts(vocabulary.document(data)))

    def entropies(self, text: Text) -> FloatArray:
        """What the entropy model finds uncertain about each byte, given those before it: float64 ``(len,)``, nats.

        Raises:
            ValueError: the model has no entropy model.
        """
        if self.network.patcher is None:
            raise ValueError(f"this model cuts patches by {self.config.patching.mode!r} and has no entropy model")
        return self.reader.entropies(vocabulary.document(as_bytes(text)))[:-1]

    def _prefill_all(self, prompts: Sequence[bytes | Prompt]) -> BatchState[BltState]:
        texts = [text_of(prompt) for prompt in prompts]
        opened = self.reader.open([vocabulary.document(text[:_WHOLE]) for text in texts])
        begun = [self._begun(text[:_WHOLE], read) for text, read in zip(texts, opened, strict=True)]
        return BatchState(advance_together(begun, [text[_WHOLE:] for text in texts]), advance_together)

    def symbols(
        self,
        prompts: Sequence[bytes | Prompt],
        sampling: Sampling,
        rngs: Sequence[np.random.Generator],
        most: int = sys.maxsize,
    ) -> list[Iterator[int]]:
        """The symbols after each prompt; see `ByteLM.symbols`."""
        given = list(prompts)

        def opened() -> list[tuple[Place, FloatArray]]:
            return [(state.place, state._logprobs) for state in self.prefill(given)]

        maker = Speculating(self.reader, opened, sampling, rngs, self.speculate, self.effort)
        return made_by(maker, len(given), most)

    def _begun(self, text: bytes, read: Read) -> BltState:
        logprobs = byte_logprobs(read.logits_NV[-1:])[0]
        return BltState(self, read.place, math.fsum(scores(read.logits_NV[:-1], text)), logprobs)

    def _score_all(self, texts: Sequence[bytes | Prompt], progress: Progress | None) -> list[FloatArray]:
        given = [text_of(text) for text in texts]
        found = [np.empty(0)] * len(given)
        done, total = 0, sum(map(len, given))
        short = [index for index, text in enumerate(given) if len(text) <= _WHOLE]
        for place, logits in self.reader.logits([vocabulary.document(given[index]) for index in short]):
            found[short[place]] = scores(logits[:-1], given[short[place]])
            done += len(given[short[place]])
            if progress is not None:
                progress(done, total)
        for index in sorted(set(range(len(given))) - set(short)):
            found[index] = self._score_on(given[index], progress, done, total)
            done += len(given[index])
        return found

    def _distributions_all(self, texts: Sequence[bytes | Prompt], progress: Progress | None) -> list[FloatArray]:
        given = [text_of(text) for text in texts]
        if any(len(text) > _WHOLE for text in given):
            return super()._distributions_all(texts, progress)
        found, done, total = [np.empty(0)] * len(given), 0, sum(map(len, given))
        for place, logits in self.reader.logits([vocabulary.document(text) for text in given]):
            found[place] = byte_logprobs(logits)
            done += len(given[place])
            if progress is not None:
                progress(done, total)
        return found

    def _score_on(self, text: bytes, progress: Progress | None, done: int, total: int) -> FloatArray:
        """The scores of a long text, read part by part."""
        (read,) = self.reader.open([vocabulary.document(text[:_WHOLE])])
        logits, parts = read.logits_NV, [scores(read.logits_NV[:-1], text[:_WHOLE])]
        for begun in range(_WHOLE, len(text), 1024):
            part = text[begun : begun + 1024]
            (after,) = self.reader.read([read.place], [vocabulary.ids_of(part)])
            parts.append(scores(torch.cat([logits[-1:], after.logits_NV[:-1]]), part))
            read, logits = after, after.logits_NV
            if progress is not None:
                progress(done + begun + len(part), total)
        return np.concatenate(parts)


def advance_together(states: Sequence[BltState], texts: Sequence[bytes]) -> tuple[BltState, ...]:
    """States of one model, each after a text of its own; their passes are shared."""
    moved = [index for index, text in enumerate(texts) if text]
    found = list(states)
    if moved:
        ids = [vocabulary.ids_of(texts[index]) for index in moved]
        reads = states[0].model.reader.read([states[index].place for index in moved], ids)
        last = byte_logprobs(torch.stack([read.logits_NV[-1] for read in reads]))
        for index, read, logprobs in zip(moved, reads, last, strict=True):
            found[index] = _advanced(states[index], texts[index], read, logprobs)
    return tuple(found)


def _advanced(state: BltState, text: bytes, read: Read, logprobs: FloatArray) -> BltState:
    logprob = state.logprob + float(state._logprobs[text[0]])
    if len(text) > 1:
        logprob += math.fsum(scores(read.logits_NV[:-1], text[1:]))
    return BltState(state.model, read.place, logprob, logprobs)


def _cut(text: bytes, starts: NDArray[np.bool_]) -> list[bytes]:
    """A text cut where patches start, bool ``(len(text) + 2,)``: BOS stands before it, the next position behind."""
    places = np.flatnonzero(starts[1:-1]).tolist()
    return [text[start:end] for start, end in pairwise([*places, len(text)])]


def _bytes_of(ids: vocabulary.IdArray) -> bytes:
    return (ids[1:] - vocabulary.OFFSET).astype(np.uint8).tobytes()
