"""Workers on the machines of a Ray cluster: Ray Data hands chunks to actors, each of which has loaded the model."""

import pickle
from collections.abc import Iterator, Mapping
from typing import Any

from bytelm.corpora.chunks import Chunk
from bytelm.corpora.extras import ray_data
from bytelm.corpora.job import Job
from bytelm.corpora.parts import Parts
from bytelm.corpora.rows import Opener
from bytelm.corpora.working import Report, Worker

_CHUNKS_AT_ONCE = 4
"""Chunks that an actor is given at once: few, so that the last ones are shared among all."""


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
        """Score the chunks of a batch ``{"chunk": indices}``, and keep their parts; what came out, pickled."""
        found = [self._worker.finish(self._find(int(index)), self._parts) for index in batch["chunk"]]
        return {"scored": [pickle.dumps(scored) for scored in found]}

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
        ValueError: Ray is not installed, or standard input is to be read, which actors cannot.
    """
    ray, data = ray_data()
    if job.piped:
        raise ValueError("standard input cannot be read by the actors of Ray; give files")
    count = sum(1 for _ in job.chunks())
    done = parts.finished()
    left = [index for index in range(count) if index not in done]
    if not left:
        return count
    started = not ray.is_initialized()
    if started:
        ray.init(log_to_driver=False, include_dashboard=False)
    try:
        _run(ray, data, ChunkScorer, (job, open_model, parts), left, workers, report)
    finally:
        if started:
            ray.shutdown()
    return count


def _run(
    ray: Any,
    data: Any,
    scorer: type[ChunkScorer],
    arguments: tuple[Job, Opener, Parts],
    left: list[int],
    workers: int,
    report: Report,
) -> None:
    blocks = max(min(workers, len(left)), len(left) // _CHUNKS_AT_ONCE)
    chunks = data.from_items([{"chunk": index} for index in left], override_num_blocks=blocks)
    accelerators = 1 if ray.cluster_resources().get("GPU", 0) >= workers else 0
    scored = chunks.map_batches(
        scorer,
        fn_constructor_args=arguments,
        batch_size=1,
        concurrency=workers,
        num_gpus=accelerators,
    )
    for row in scored.iter_rows():
        report(pickle.loads(row["scored"]))
