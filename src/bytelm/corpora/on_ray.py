"""Workers on the machines of a Ray cluster: Ray Data hands chunks to actors, each of which has loaded the model."""

import logging
import math
import pickle
import traceback
from collections.abc import Iterator, Mapping
from typing import Any

from bytelm.corpora.chunks import Chunk
from bytelm.corpora.extras import ray_data
from bytelm.corpora.job import Job
from bytelm.corpora.parts import Parts
from bytelm.corpora.rows import Opener
from bytelm.corpora.working import Report, Scored, Worker, WorkerError

_MOST_BLOCKS = 10_000
"""Chunks are handed out one by one until they are so many: Ray keeps books on every block."""


class ChunkScorer:
    """An actor. It reads the inputs for itself, in order, and scores the chunks that it is asked for."""

    def __init__(self, job: Job, open_model: Opener, parts: Parts) -> None:
        """Nothing is read yet."""
        self._job = job
        self._parts = parts
        self._worker = Worker(job, open_model)  # number 0: Ray shows an actor its own accelerator alone
        self._chunks: Iterator[Chunk] = iter(())
        self._next = 0

    def __call__(self, batch: Mapping[str, Any]) -> dict[str, list[bytes]]:
        """Score the chunks of a batch ``{"chunk": indices}`` and keep their parts.

        Returns ``{"found": pickles}``, each of a ``Scored``, or of the error to raise: Ray would wrap it beyond
        recognition.
        """
        return {"found": [pickle.dumps(self._finish(int(index))) for index in batch["chunk"]]}

    def _finish(self, index: int) -> Scored | ValueError:
        try:
            return self._worker.finish(self._find(index), self._parts)
        except ValueError as error:
            return ValueError(str(error))
        except Exception as error:
            traceback.print_exc()  # to Ray's own log of this actor
            return WorkerError(f"an actor of Ray failed: {type(error).__name__}: {error}")

    def _find(self, index: int) -> Chunk:
        """Read on to a chunk; from the beginning if it is behind."""
        if index < self._next or self._next == 0:
            self._chunks = self._job.chunks()
        chunk = next(chunk for chunk in self._chunks if chunk.index == index)
        self._next = index + 1
        return chunk


def score_on_ray(job: Job, open_model: Opener, parts: Parts, workers: int, report: Report) -> int:
    """What ``score_share`` does for all chunks, on so many actors.

    The cluster is the one that ``RAY_ADDRESS`` names, else one is started on this machine. The inputs and the folder
    of the parts must be at the same paths on all machines.

    Raises:
        ValueError: Ray is not installed, an input cannot be read; a ``WorkerError`` if an actor failed otherwise.
    """
    ray, data = ray_data()
    count = sum(1 for _ in job.chunks())
    done = parts.finished()
    left = [index for index in range(count) if index not in done]
    if not left:
        return count
    started = not ray.is_initialized()
    if started:
        ray.init(log_to_driver=False, logging_level=logging.ERROR)
    try:
        for scored in _scored(ray, data, (job, open_model, parts), left, workers):
            report(scored)
    except ray.exceptions.RayError as error:
        lines = str(error).strip().splitlines() or [type(error).__name__]
        raise WorkerError(f"Ray failed: {lines[-1].strip()}") from error
    finally:
        if started:
            ray.shutdown()
    return count


def accelerators_of(there: float, workers: int, device: object) -> float:
    """The part of an accelerator for each actor: with none, Ray would let it see none."""
    if there < 1 or device == "cpu":
        return 0.0
    return 1 / math.ceil(workers / there)


def _scored(
    ray: Any, data: Any, arguments: tuple[Job, Opener, Parts], left: list[int], workers: int
) -> Iterator[Scored]:
    """What the actors have scored, as it comes."""
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    data.DataContext.get_current().enable_progress_bars = False
    blocks = min(len(left), _MOST_BLOCKS)
    chunks = data.from_items([{"chunk": index} for index in left], override_num_blocks=blocks)
    found = chunks.map_batches(
        ChunkScorer,
        fn_constructor_args=arguments,
        batch_size=1,
        compute=data.ActorPoolStrategy(size=workers),
        num_gpus=accelerators_of(ray.cluster_resources().get("GPU", 0), workers, arguments[0].model.get("device")),
    )
    for row in found.iter_rows():
        one = pickle.loads(row["found"])
        if isinstance(one, ValueError):
            raise one
        yield one
