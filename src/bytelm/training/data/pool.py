"""Work shared by processes of this machine: each does one item at a time, and is given the next when it is done."""

import multiprocessing
import signal
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import chain, islice
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from typing import Any, TypeAlias, TypeVar, cast

ItemT = TypeVar("ItemT")
ResultT = TypeVar("ResultT")

Tell: TypeAlias = Callable[[int], None]
"""Told of so many bytes more that are done."""

_SECONDS_TO_LEAVE = 5.0


@dataclass(frozen=True)
class _Done:
    result: object


@dataclass(frozen=True)
class _Failed:
    what: str


def run_all(
    work: Callable[[ItemT, Tell], ResultT], items: Iterable[ItemT], processes: int, tell: Tell
) -> Generator[tuple[ItemT, ResultT], None, None]:
    """Each item and what ``work`` gives for it, as they are done.

    With several processes ``work``, the items and what is given travel by pickle, and the program's main module is
    imported by each of them. They end when this iterator is closed.

    Args:
        work: called with an item and ``tell``.
        items: are asked for when a process has nothing to do.
        processes: how many; one is this one.
        tell: told what all of them tell.

    Raises:
        ValueError: a process could not go on, or died.
    """
    left = iter(items)
    first = list(islice(left, 2))
    if processes > 1 and len(first) == 2:  # one item is quicker done than a process started
        yield from _run_on_processes(work, chain(first, left), processes, tell)
        return
    for item in chain(first, left):
        yield item, work(item, tell)


def _run_on_processes(
    work: Callable[[ItemT, Tell], ResultT], items: Iterator[ItemT], processes: int, tell: Tell
) -> Iterator[tuple[ItemT, ResultT]]:
    with _started(work) as start:
        busy: dict[Connection, tuple[SpawnProcess, ItemT]] = {}
        for _ in range(processes):
            for item in _next(items):
                process, connection = start()
                connection.send(item)
                busy[connection] = process, item
        while busy:
            for connection in cast("list[Connection]", wait(list(busy))):
                process, item = busy[connection]
                found = _receive(connection)
                if isinstance(found, int):
                    tell(found)
                    continue
                if not isinstance(found, _Done):
                    raise _failed(process, found)
                del busy[connection]
                for another in _next(items):
                    connection.send(another)
                    busy[connection] = process, another
                yield item, cast("ResultT", found.result)


def _next(items: Iterator[ItemT]) -> Iterator[ItemT]:
    """The next item, if there is one."""
    for item in items:
        yield item
        return


@contextmanager
def _started(work: Callable[[Any, Tell], object]) -> Iterator[Callable[[], tuple[SpawnProcess, Connection]]]:
    """What starts a process; none is left when the context ends."""
    context = multiprocessing.get_context("spawn")  # a fork of a process with threads may hang
    started: list[tuple[SpawnProcess, Connection]] = []

    def start() -> tuple[SpawnProcess, Connection]:
        ours, theirs = context.Pipe()
        process = context.Process(target=_live, args=(work, theirs), daemon=True)
        process.start()
        theirs.close()  # so that the end of one side is the end of the pipe
        started.append((process, ours))
        return process, ours

    try:
        yield start
    finally:
        _end([process for process, _ in started])


def _live(work: Callable[[Any, Tell], object], connection: Connection) -> None:
    """The whole life of a process; a parent that is gone ends it, when it is told something at the latest."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the parent too, which ends its workers
    with suppress(EOFError, ConnectionError):
        while True:
            item = connection.recv()
            try:
                answer: object = _Done(work(item, connection.send))
            except (ValueError, OSError, MemoryError) as error:
                short = isinstance(error, MemoryError)
                answer = _Failed("out of memory; use fewer processes" if short else str(error))
            connection.send(answer)


def _receive(connection: Connection) -> object:
    """The next message; ``None`` if the process is gone."""
    try:
        return connection.recv()
    except (EOFError, OSError):
        return None


def _failed(process: SpawnProcess, message: object) -> ValueError:
    if isinstance(message, _Failed):
        return ValueError(message.what)
    process.join(_SECONDS_TO_LEAVE)
    code = process.exitcode
    how = f"was killed by signal {-code}" if code is not None and code < 0 else f"ended with exit status {code}"
    advice = "; too little memory is a common cause, fewer processes need less" if code == -signal.SIGKILL else ""
    return ValueError(f"a process that prepares data {how}{advice}")


def _end(processes: list[SpawnProcess]) -> None:
    for process in processes:
        process.terminate()
    for process in processes:
        process.join(_SECONDS_TO_LEAVE)
        if process.is_alive():
            process.kill()
            process.join()
