"""The whole of it: parts are opened, workers finish them, and one of them puts the results together."""

from collections.abc import Callable

from bytelm.corpora.files import only_one
from bytelm.corpora.job import Job
from bytelm.corpora.merging import merge
from bytelm.corpora.parts import Parts, open_parts, remove_parts
from bytelm.corpora.rows import Opener, Totals
from bytelm.corpora.target import Target
from bytelm.corpora.working import Report, Share, score_share
from bytelm.model import Progress

ENGINES = ("local", "ray")


def score_corpus(
    job: Job,
    open_model: Opener,
    target: Target,
    report: Report,
    *,
    within: Progress | None = None,
    engine: str = "local",
    workers: int = 1,
    overwrite: bool = False,
) -> Totals:
    """Score a corpus, or what is left of it, and put the results in their place.

    Args:
        job: what is scored, and how.
        open_model: loads the model; several workers are sent it by pickle.
        target: where the results go.
        report: told of every chunk that is scored now.
        within: told of the bytes of a chunk that are done, and of all of it, if this process alone scores.
        engine: ``local`` for processes of this machine, ``ray`` for actors of a cluster.
        workers: how many.
        overwrite: whether results that are there may be replaced.

    Raises:
        ValueError: an input cannot be read, results or parts of another job are there, a worker died.
    """
    assert engine in ENGINES
    if job.piped and (workers > 1 or engine != "local"):
        raise _not_shared()
    parts = open_parts(target, job, overwrite=overwrite)
    assert parts is not None
    with only_one(parts.lock) as alone:
        if not alone:
            raise ValueError(
                f"another process is at work on {str(parts.root)!r}; wait for it, or give another name for the results"
            )
        try:
            count = _score_all(job, open_model, parts, report, within, engine, workers)
        except BaseException:
            if not parts.finished():  # so that a slip in an option is no obstacle to the next try
                remove_parts(parts)
            raise
        return _merge(parts, job, target, count)


def _score_all(
    job: Job,
    open_model: Opener,
    parts: Parts,
    report: Report,
    within: Progress | None,
    engine: str,
    workers: int,
) -> int:
    """Finish all chunks; how many there are."""
    if engine == "ray":
        from bytelm.corpora.on_ray import score_on_ray

        return score_on_ray(job, open_model, parts, workers, report)
    if workers > 1:
        from bytelm.corpora.processes import score_on_processes  # brings what --help is not to wait for

        return score_on_processes(job, open_model, parts, workers, report)
    return score_share(job, open_model, parts, Share(), report, within)


def score_rank(
    job: Job, open_model: Opener, target: Target, report: Report, share: Share, *, overwrite: bool = False
) -> Totals | None:
    """Score one rank's share; whichever rank finds that all is finished puts the results together.

    Ranks share a file system and nothing else. ``None`` where another rank does the rest, or has done it.
    """
    if job.piped:
        raise _not_shared()
    parts = open_parts(target, job, overwrite=overwrite, shared=True)
    if parts is None:
        return None

    def work() -> Totals | None:
        count = score_share(job, open_model, parts, share, report)
        if len(parts.finished()) < count:
            return None
        with only_one(parts.lock) as alone:
            return _merge(parts, job, target, count) if alone else None

    return _unless_gone(parts, work)


def _unless_gone(parts: Parts, work: Callable[[], Totals | None]) -> Totals | None:
    """What ``work`` gives; nothing where another rank has put the results together and removed the parts meanwhile."""
    try:
        return work()
    except OSError:
        if parts.gone:
            return None
        raise


def _not_shared() -> ValueError:
    return ValueError("standard input cannot be shared by several workers; give files")


def _merge(parts: Parts, job: Job, target: Target, count: int) -> Totals:
    if count == 0:
        remove_parts(parts)
        names = ", ".join(repr(source.name) for source in job.inputs)
        raise ValueError(f"there is nothing to score: no records in {names}; give inputs that are not empty")
    return merge(parts, job, target, count)
