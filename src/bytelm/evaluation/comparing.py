"""A byte model on texts, alone or beside a teacher: bits per byte, divergence, agreement.

Everything is taken at the places 0 to ``len(text) - 1``, before each byte; the place behind the last byte does not
count, since a text that was cut out of something says nothing about where texts end. Means are over places, so all
bytes count alike, whichever text they are in.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from math import isfinite, log, nan
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bytelm.decoding.checks import check_whole
from bytelm.decoding.texts import Texts, as_texts
from bytelm.evaluation.intervals import RESAMPLES, Estimate, ratios
from bytelm.model import ByteLM, Progress
from bytelm.protocol import FloatArray, Text
from bytelm.utf8 import unfinished

PIECE = 4096
"""How many bytes of a text are judged at a time by default: 8 MiB of distributions for each model."""

FLOOR = 1e-9
"""What a model rules out, or leaves unknown to its tolerance, counts as this probability in its divergence.

A token model cannot write every byte everywhere. Else one such place, however little it weighs, would make the mean
infinite. Bits per byte have no floor.
"""

_TOGETHER = 2**14
"""How many bytes of several texts are judged side by side."""


@dataclass(frozen=True, slots=True)
class Measured:
    """One model on some texts.

    Attributes:
        bits_per_byte: -log2 P of the texts over their bytes; the end of text is left out.
        accuracy: the share of places where the most probable symbol is the byte that follows.
    """

    bits_per_byte: Estimate
    accuracy: Estimate


@dataclass(frozen=True, slots=True)
class Compared:
    """A model beside its teacher on the same texts.

    Attributes:
        extra_bits_per_byte: bits per byte of the model less those of the teacher. The interval is of the difference, so
            it is narrower than those of the two.
        divergence: KL(teacher ‖ model) of the next-byte distributions, end of text included: mean over places, nats.
            What the model rules out counts as if it had probability `FLOOR`.
        agreement: the share of places where both find the same symbol the most probable.
    """

    extra_bits_per_byte: Estimate
    divergence: Estimate
    agreement: Estimate


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What ``evaluate`` found.

    Attributes:
        texts, bytes: how many there were.
        model: the model alone.
        teacher: the teacher alone, where there was one.
        compared: both, where there was a teacher.
    """

    texts: int
    bytes: int
    model: Measured
    teacher: Measured | None
    compared: Compared | None


def evaluate(
    model: ByteLM[Any],
    texts: Text | Texts,
    teacher: ByteLM[Any] | None = None,
    *,
    rng: np.random.Generator,
    piece: int = PIECE,
    resamples: int = RESAMPLES,
    progress: Progress | None = None,
) -> Evaluation:
    """How well a model predicts texts, and how far it is from a teacher.

    Intervals come from drawing texts anew, so there are none of one text; cut a long one by ``pieces`` first.

    Args:
        model: any byte model.
        texts: one text or a list of them; empty ones do not count.
        teacher: another byte model, whatever its tokenizer.
        rng: draws the texts for the intervals.
        piece: of longer texts so many bytes are judged at a time, each such piece as a text of its own, without what
            stands before it; so memory is bounded, by 2 kB a byte and model.
        resamples: how many times texts are drawn.
        progress: called with the bytes done and the bytes in all.

    Raises:
        ValueError: the texts have no bytes, or ``piece`` is too small for a character.
    """
    given = [text for text in as_texts(texts) if text]
    if not given:
        raise ValueError("there is nothing to evaluate: 0 bytes; give at least one byte of text")
    sums = np.zeros((len(given), 2 if teacher is None else 7))
    done, total = 0, sum(map(len, given))
    for some in _together((place, part) for place, text in enumerate(given) for part in pieces(text, piece)):
        parts = [part for _, part in some]
        logq = model.distributions(parts)
        logp = None if teacher is None else teacher.distributions(parts)
        for index, (place, part) in enumerate(some):
            sums[place] += _sums(part, logq[index], None if logp is None else logp[index])
        done += sum(map(len, parts))
        if progress is not None:
            progress(done, total)
    sizes = np.array([len(text) for text in given], dtype=np.float64)
    found = ratios(sums, sizes, rng, resamples)
    if teacher is None:
        return Evaluation(len(given), total, Measured(*found), None, None)
    return Evaluation(len(given), total, Measured(*found[:2]), Measured(*found[2:4]), Compared(*found[4:]))


def pieces(text: bytes, most: int = PIECE) -> Iterator[bytes]:
    """A text in pieces of at most ``most`` bytes, cut behind the last line end of their second half, else a character.

    Raises:
        ValueError: ``most`` is not a whole number of at least 4, the bytes of a character.
    """
    check_whole("piece", most, "how many bytes are judged at a time")
    if most < 4:
        raise ValueError(f"piece is {most}; a piece must hold at least one character, which may take 4 bytes")
    begun = 0
    while len(text) - begun > most:
        line_end = text.rfind(b"\n", begun + most // 2, begun + most) + 1
        cut = line_end or begun + most - unfinished(text[begun : begun + most])
        yield text[begun:cut]
        begun = cut
    yield text[begun:]


def _together(parts: Iterable[tuple[int, bytes]]) -> Iterator[list[tuple[int, bytes]]]:
    """The parts in their order, some at a time, so that their distributions fit into memory."""
    some: list[tuple[int, bytes]] = []
    for part in parts:
        if some and sum(len(text) for _, text in some) + len(part[1]) > _TOGETHER:
            yield some
            some = []
        some.append(part)
    yield some


def _sums(text: bytes, logq: FloatArray, logp: FloatArray | None) -> list[float]:
    """What one text adds to the figures, in the order of `Measured`, `Measured` of the teacher, and `Compared`.

    ``logq`` and ``logp`` are the distributions of the model and of the teacher, ``(len(text) + 1, 257)``.
    """
    follows = np.frombuffer(text, dtype=np.uint8)
    bits, hits, best = _alone(follows, logq[:-1])
    if logp is None:
        return [bits, hits]
    bits_of_teacher, hits_of_teacher, best_of_teacher = _alone(follows, logp[:-1])
    extra = bits - bits_of_teacher if isfinite(bits_of_teacher) else nan
    agreed = float((best == best_of_teacher).sum())
    return [bits, hits, bits_of_teacher, hits_of_teacher, extra, _divergence(logp[:-1], logq[:-1]), agreed]


def _alone(follows: NDArray[np.uint8], logprobs: FloatArray) -> tuple[float, float, NDArray[np.int64]]:
    """Of one model: the bits of all bytes, how often the most probable symbol follows, and these symbols."""
    best = logprobs.argmax(axis=1)
    nats = float(np.take_along_axis(logprobs, follows[:, np.newaxis].astype(np.int64), axis=1).sum())
    return -nats / log(2), float((best == follows).sum()), best


def _divergence(logp: FloatArray, logq: FloatArray) -> float:
    """The sum of KL(p ‖ q) over the rows, nats; what ``q`` rules out has the probability `FLOOR` there."""
    floored = np.where(logq > -np.inf, logq, log(FLOOR))
    differences = np.subtract(logp, floored, out=np.zeros_like(logp), where=logp > -np.inf)
    return float((np.exp(logp) * differences).sum())
