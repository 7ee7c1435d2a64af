"""Several workers on one machine, each a process of its own with a model of its own."""

import contextlib
import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from typing import cast

from bytelm.corpora.job import Job
from bytelm.corpora.parts import Parts
from bytelm.corpora.rows import Opener
from bytelm.corpora.working import Report, Scored, Share, WorkerError, score_share, threads_of

_SECONDS_TO_LEAVE = 5.0
_ORPHANED = 1


def score_on_processes(job: Job, open_model: Opener, parts: Parts, workers: int, report: Report) -> int:
    """What ``score_share`` does for all chunks, on so many processes.

    Raises:
        ValueError: a worker could not go on; a ``WorkerError`` if it died. The others are ended.
    """
    count = 0
    with _started(job, open_model, parts, workers) as started:
        names = {connection: number for number, (_, connection) in enumerate(started)}
        while names:
            for connection in cast("list[Connection]", wait(list(names))):
                found = _receive(connection)
                if isinstance(found, Scored):
                    report(found)
                elif isinstance(found, int):
                    count = found
                    del names[connection]
                else:
                    number = names[connection]
                    raise _failed(number, workers, started[number][0], found)
    return count


@contextlib.contextmanager
def _started(
    job: Job, open_model: Opener, parts: Parts, workers: int
) -> Iterator[list[tuple[SpawnProcess, Connection]]]:
    """The workers, each with what it sends; none is left when the context ends."""
    context = multiprocessing.get_context("spawn")  # a fork of a process with threads, or with CUDA, may hang
    started: list[tuple[SpawnProcess, Connection]] = []
    try:
        for number in range(workers):
            ours, theirs = context.Pipe(duplex=False)
            share = Share(number, workers, number)
            process = context.Process(target=_work, args=(job, open_model, parts, share, theirs), daemon=True)
            process.start()
            theirs.close()  # so that the end of the worker is the end of the pipe
            started.append((process, ours))
        yield started
    finally:
        _end([process for process, _ in started])


def _work(job: Job, open_model: Opener, parts: Parts, share: Share, connection: Connection) -> None:
    """The worker's whole life: it sends what it has scored, then how many chunks there are, or what is wrong."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the parent too, which ends its workers
    _end_with_parent()
    os.environ["OMP_NUM_THREADS"] = threads_of(share.of, os.environ)  # torch reads it when it is imported
    try:
        connection.send(score_share(job, open_model, parts, share, connection.send))
    except (ValueError, OSError, MemoryError, FloatingPointError) as error:
        connection.send("out of memory; use fewer processes" if isinstance(error, MemoryError) else str(error))


def _end_with_parent() -> None:
    """Leave when the parent is gone, even if it was killed: nobody would end this process."""
    parent = multiprocessing.parent_process()
    assert parent is not None

    def watch(sentinel: int) -> None:
        wait([sentinel])
        os._exit(_ORPHANED)

    threading.Thread(target=watch, args=(parent.sentinel,), daemon=True).start()


def _receive(connection: Connection) -> object:
    """The next message; ``None`` if the worker is gone."""
    try:
        return connection.recv()
    except (EOFError, OSError):
        return None


def _failed(number: int, workers: int, process: SpawnProcess, message: object) -> ValueError:
    if isinstance(message, str):
        return ValueError(message)
    process.join(_SECONDS_TO_LEAVE)
    code = process.exitcode
    how = f"was killed by signal {-code}" if code is not None and code < 0 else f"ended with exit status {code}"
    advice = "; too little memory is a common cause, fewer processes need less" if code == -signal.SIGKILL else ""
    return WorkerError(f"worker {number} of {workers} {how}{advice}")


def _end(processes: list[SpawnProcess]) -> None:
    for process in processes:
        if process.is_alive():
            process.terminate()
    for process in processes:
        process.join(_SECONDS_TO_LEAVE)
        if process.is_alive():
            process.kill()
            process.join()
