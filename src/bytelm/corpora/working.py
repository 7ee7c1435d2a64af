"""What one worker does: it goes through all chunks, and scores those that are its own and not finished."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from bytelm.corpora.chunks import Chunk
from bytelm.corpora.forms import Header
from bytelm.corpora.job import Job
from bytelm.corpora.kinds import kinds_of
from bytelm.corpora.parts import Parts
from bytelm.corpora.rows import Opener, Row, Scorer, Totals, documents_of, score_chunk, totals_of
from bytelm.model import Progress


class WorkerError(ValueError):
    """A worker could not go on, through no fault of the inputs. What is finished is kept."""


@dataclass(frozen=True)
class Share:
    """Which chunks a worker takes: those whose index leaves ``rank`` when divided by ``of``.

    Attributes:
        rank: its number among all workers, from 0.
        of: how many there are.
        local: its number on its machine, from 0.
    """

    rank: int = 0
    of: int = 1
    local: int = 0


@dataclass(frozen=True)
class Scored:
    """A chunk that was scored just now.

    Attributes:
        chunk: its index.
        totals: what it adds up to.
        read: the bytes of input read behind it.
        wrong: what is wrong with the records that were left out.
    """

    chunk: int
    totals: Totals
    read: int
    wrong: tuple[str, ...] = ()


Report = Callable[[Scored], None]


def share_of(environment: Mapping[str, str]) -> Share:
    """The share that torchrun, or whoever sets the same variables, gives this process.

    Raises:
        ValueError: they make no sense.
    """
    if "RANK" not in environment or "WORLD_SIZE" not in environment:
        return Share()
    names = ("RANK", "WORLD_SIZE", "LOCAL_RANK")
    given = [environment.get(name, environment["RANK"]) for name in names]
    if not all(value.isdecimal() for value in given) or not int(given[0]) < int(given[1]):
        shown = ", ".join(f"{name}={value}" for name, value in zip(names, given, strict=True))
        raise ValueError(f"{shown} in the environment; expected whole numbers, the rank below the world size, or none")
    rank, of, local = map(int, given)
    return Share(rank, of, local)


class Worker:
    """Scores chunks. The model is loaded when the first one is there, so that what is wrong with it is said at once."""

    def __init__(self, job: Job, open_model: Opener, local: int = 0, within: Progress | None = None) -> None:
        """``local`` is the worker's number on its machine; ``within`` is told of the bytes done of a chunk."""
        self._job = job
        self._open_model = open_model
        self._local = local
        self._within = within
        self._model: Scorer | None = None

    def score(self, chunk: Chunk) -> tuple[Scored, list[Row]]:
        """The rows of a chunk.

        Raises:
            ValueError: a record holds no document.
        """
        documents, wrong = documents_of(chunk, self._job.fields, self._job.skip_bad)
        if self._model is None:
            self._model = self._open_model(self._local)
        rows = score_chunk(self._model, documents, self._within)
        return Scored(chunk.index, totals_of(rows, len(wrong)), chunk.read, tuple(wrong)), rows

    def finish(self, chunk: Chunk, parts: Parts) -> Scored:
        """Score a chunk and keep its part; errors as in ``score``."""
        scored, rows = self.score(chunk)
        kinds = kinds_of(self._job.fields.keep, (row.document.kept for row in rows))
        header = Header(chunk.index, chunk.checksum, scored.totals, kinds)
        parts.put(chunk.index, parts.form.pack(header, rows, self._job.fields, self._job.per_byte))
        return scored


def score_share(
    job: Job, open_model: Opener, parts: Parts, share: Share, report: Report, within: Progress | None = None
) -> int:
    """Score what is left of a share; how many chunks there are in all.

    Raises:
        ValueError: an input cannot be read, or is not what it was.
    """
    worker = Worker(job, open_model, share.local, within)
    done = parts.finished()
    count = 0
    for chunk in job.chunks():
        count += 1
        if chunk.index in done:
            if job.piped:
                check_same(chunk, parts)
        elif chunk.index % share.of == share.rank:
            report(worker.finish(chunk, parts))
    return count


def check_same(chunk: Chunk, parts: Parts) -> None:
    """Refuse records of standard input that are not those that the part was made of."""
    if parts.header(chunk.index).checksum != chunk.checksum:
        raise ValueError(
            f"standard input is not what it was: chunk {chunk.index} differs from the one in {str(parts.root)!r}; "
            "give the same input again, or remove that folder to begin anew"
        )


def threads_of(workers: int, environment: Mapping[str, str]) -> str:
    """The threads of each of several workers on this machine: what is said, else an equal part of the processors."""
    found = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return environment.get("OMP_NUM_THREADS", str(max(1, found // workers)))
