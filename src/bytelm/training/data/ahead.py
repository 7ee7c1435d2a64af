"""Batches that a thread makes while others are used."""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import Protocol

from bytelm.training.data.rows import Batch


class Batches(Protocol):
    """Rows as functions of their numbers."""

    def batch(self, numbers: Sequence[int], /) -> Batch:
        """The rows of these numbers, in this order."""
        ...


def batches_ahead(rows: Batches, numbers: Iterable[Sequence[int]], ahead: int = 2) -> Iterator[Batch]:
    """The batches of these rows, in order; some are made before they are asked for.

    There is no state but the numbers of the rows that were used: after an interruption give those that follow. The
    thread ends when this iterator is closed.

    Args:
        rows: to take them from.
        numbers: those of each batch; read so far ahead.
        ahead: how many batches may wait, at least 1.

    Raises:
        ValueError: none may wait.
        IndexError: a row is not there; where its batch would be.
    """
    if ahead < 1:
        raise ValueError(f"ahead is {ahead}; expected a number of batches, at least 1")
    left = iter(numbers)
    with ThreadPoolExecutor(1, thread_name_prefix="bytelm-rows") as thread:
        waiting: deque[Future[Batch]] = deque(thread.submit(rows.batch, some) for some in islice(left, ahead))
        try:
            while waiting:
                batch = waiting.popleft()
                waiting.extend(thread.submit(rows.batch, some) for some in islice(left, 1))
                yield batch.result()
        finally:
            for batch in waiting:
                batch.cancel()
