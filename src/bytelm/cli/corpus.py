"""``bytelm score`` for corpora: records in JSON Lines and Parquet, results in the same, one worker or many."""

import argparse
import os
import sys
from functools import partial

from bytelm.cli.corpus_progress import CorpusProgress, totals_text
from bytelm.cli.loaded import LoadedModel, open_model
from bytelm.cli.outputs import write_bytes, write_line
from bytelm.corpora.chunks import CHUNK_BYTES
from bytelm.corpora.inputs import FORMATS, find_input, format_of
from bytelm.corpora.job import Job
from bytelm.corpora.json_rows import row_lines
from bytelm.corpora.records import Fields
from bytelm.corpora.rows import Totals
from bytelm.corpora.scoring import ENGINES, score_corpus, score_rank
from bytelm.corpora.target import SUFFIXES, Target, find_target
from bytelm.corpora.working import Share, Worker, WorkerError, share_of

TEXT = "text"

MODEL_OPTIONS = (
    "model", "segmentation", "tolerance", "method", "width", "prune", "begin", "dtype", "device", "compile",
    "how", "weight", "switch", "strength",
)  # fmt: skip

FOR_RECORDS = ("field", "keep", "skip_bad", "out", "out_format", "overwrite", "processes", "engine", "chunk_bytes")
"""The options that are for records alone."""


def add_corpus_arguments(parser: argparse.ArgumentParser) -> None:
    """The options for records."""
    group = parser.add_argument_group("records, of .jsonl, .jsonl.gz and .parquet files")
    add = group.add_argument
    add("--format", choices=(TEXT, *FORMATS), help="what the files hold (default: as their names say)")
    add("--field", default="text", metavar="NAME", help="the field of the text (default: text)")
    add("--keep", action="append", default=[], metavar="NAME", help="copy this field; repeat for several")
    add("--skip-bad", action="store_true", help="leave out records without a text instead of stopping")
    add("--out", metavar="PATH", help="a .jsonl or .parquet file, or a folder/ (default: standard output)")
    add("--out-format", choices=tuple(SUFFIXES.values()), help="of the files in the folder (default: jsonl)")
    add("--overwrite", action="store_true", help="replace the file --out if it is there")
    add("--processes", type=int, default=1, metavar="N", help="workers, each with a model (default: 1)")
    add("--engine", choices=ENGINES, default="local", help="processes here, or actors of Ray (default: local)")
    add(
        "--chunk-bytes",
        type=int,
        default=CHUNK_BYTES,
        metavar="N",
        help=f"bytes of input that are scored together (default: {CHUNK_BYTES})",
    )


def holds_records(arguments: argparse.Namespace) -> bool:
    """Whether the files are records; else each is one text.

    Raises:
        ValueError: some are and some are not, or an option is for the other kind.
    """
    names = arguments.files
    if arguments.format is None:
        without = [name for name in names if format_of(name) is None]
        if without and len(without) < len(names):
            raise ValueError(f"some files hold records, but {without[0]!r} is no .jsonl or .parquet; say --format")
        records = not without
    else:
        records = arguments.format != TEXT
    if records and arguments.json:
        raise ValueError("--json is for texts; the results of records are JSON Lines as it is, so leave it out")
    if not records:
        _check_of_texts(arguments)
    return records


def _check_of_texts(arguments: argparse.Namespace) -> None:
    parser = argparse.ArgumentParser()
    add_corpus_arguments(parser)
    for name in FOR_RECORDS:
        if getattr(arguments, name) != parser.get_default(name):
            option = "--" + name.replace("_", "-")
            raise ValueError(f"{option} is for records; give .jsonl or .parquet files, or say --format jsonl")


def run_corpus(arguments: argparse.Namespace) -> None:
    """Score the records of all files."""
    if arguments.processes < 1:
        raise ValueError(f"--processes is {arguments.processes}; expected a whole number of at least 1")
    share = share_of(os.environ)
    several = share.of > 1 or arguments.processes > 1 or arguments.engine != "local"
    if arguments.out is None and (several or arguments.overwrite or arguments.out_format):
        raise ValueError("several workers, --overwrite and --out-format need a place for the results; give --out")
    if share.of > 1 and (arguments.processes > 1 or arguments.engine != "local"):
        raise ValueError("RANK and WORLD_SIZE are set, as by torchrun: leave out --processes and --engine")
    target = None if arguments.out is None else find_target(arguments.out, arguments.out_format)
    job = make_job(arguments, target)
    on_terminal = sys.stderr.isatty() and not (target is None and sys.stdout.isatty())
    with CorpusProgress(sys.stderr, arguments.progress or on_terminal, job.size) as progress:
        if target is None:
            _to_standard_output(job, arguments, progress)
            return
        totals = _to_target(job, arguments, target, share, progress)
    if totals is None:
        progress.note(f"rank {share.rank} of {share.of} is done; the rank that finishes last writes {arguments.out!r}")
    else:
        write_line(f"{totals_text(totals)}: {arguments.out}")


def make_job(arguments: argparse.Namespace, target: Target | None) -> Job:
    """What the options ask for."""
    fields = Fields(arguments.field, tuple(arguments.keep))
    formats = [arguments.format or format_of(name) or FORMATS[0] for name in arguments.files]
    inputs = [find_input(name, format, fields) for name, format in zip(arguments.files, formats, strict=True)]
    return Job(
        tuple(inputs),
        fields,
        arguments.per_byte,
        FORMATS[0] if target is None else target.form,
        arguments.chunk_bytes,
        {name: getattr(arguments, name) for name in MODEL_OPTIONS},
        arguments.skip_bad,
    )


def open_on_device(arguments: argparse.Namespace, local: int) -> LoadedModel:
    """The model on the accelerator of worker ``local`` of its machine, if there are several to choose from."""
    if arguments.device in (None, "cuda"):
        import torch

        if (count := torch.cuda.device_count()) > 1:
            arguments = argparse.Namespace(**vars(arguments) | {"device": f"cuda:{local % count}"})
    return open_model(arguments)


def _to_standard_output(job: Job, arguments: argparse.Namespace, progress: CorpusProgress) -> None:
    worker = Worker(job, partial(open_on_device, arguments), within=progress.within)
    chunk = None
    for chunk in job.chunks():
        scored, rows = worker.score(chunk)
        write_bytes(row_lines(rows, job.fields, job.per_byte))
        progress.update(scored)
    if chunk is None:
        raise ValueError("there is nothing to score: no records; give inputs that are not empty")


def _to_target(
    job: Job, arguments: argparse.Namespace, target: Target, share: Share, progress: CorpusProgress
) -> Totals | None:
    opener = partial(open_on_device, arguments)
    try:
        if share.of > 1:
            return score_rank(job, opener, target, progress.update, share, overwrite=arguments.overwrite)
        return score_corpus(
            job,
            opener,
            target,
            progress.update,
            within=progress.within,
            engine=arguments.engine,
            workers=arguments.processes,
            overwrite=arguments.overwrite,
        )
    except KeyboardInterrupt:
        progress.note(f"interrupted; {_resume(target)}")
        raise
    except (WorkerError, OSError, MemoryError) as error:
        raise ValueError(f"{str(error) or type(error).__name__}; {_resume(target)}") from error


def _resume(target: Target) -> str:
    if not target.parts.exists():
        return "nothing was finished"
    return f"what is finished is kept in {str(target.parts)!r}: the same command goes on from there"
