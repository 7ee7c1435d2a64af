"""``bytelm score``: the log-probability of files, byte by byte."""

import argparse
import math
import sys
from dataclasses import dataclass

import numpy as np

from bytelm.cli.corpus import add_corpus_arguments, holds_records, run_corpus
from bytelm.cli.inputs import STDIN, read_file
from bytelm.cli.loaded import LoadedModel, add_model_arguments, open_model
from bytelm.cli.outputs import finite, write_json, write_line
from bytelm.cli.progress import ProgressLine
from bytelm.cli.seen import note_unseen
from bytelm.protocol import FloatArray
from bytelm.rendering import symbol_name

NAME = "score"
SUMMARY = "how well the model predicts files: bits per byte, and the log-probability of every byte"
EXAMPLE = """\
With --json: one object with files (file, bytes, bits_per_byte, logprob in nats, and with --per-byte the list
logprobs) and total. null stands for minus infinity, and for the bits per byte of an empty file.

Each record is a document and gives one with file, record (its index there, from 0), the fields of --keep, bytes,
logprob, bits_per_byte, and with --per-byte logprobs. In JSON null stands for minus infinity. With --out, the same
command goes on where it was cut off, and --processes N, torchrun or --engine ray share the work: docs/scoring.md.

example:
  bytelm score setup.py README.md
  bytelm score corpus.jsonl.gz --keep id --out scores.parquet
  bytelm score setup.py --model bundled:code --model bundled:code-sp --model ngram:README.md
"""


@dataclass(frozen=True)
class Scored:
    """The score of one file: how many bytes, and log P of them all, nats."""

    file: str
    bytes: int
    logprob: float

    @property
    def bits_per_byte(self) -> float | None:
        """-log2 P per byte; ``None`` for an empty file."""
        return -self.logprob / math.log(2) / self.bytes if self.bytes else None

    def as_json(self) -> dict[str, object]:
        """The fields for ``--json``."""
        bits = self.bits_per_byte
        return {
            "file": self.file,
            "bytes": self.bytes,
            "bits_per_byte": None if bits is None else finite(bits),
            "logprob": finite(self.logprob),
        }

    def as_line(self) -> str:
        """The line of the table for people."""
        bits = "-" if self.bits_per_byte is None else f"{self.bits_per_byte:.4f}"
        return f"{self.bytes:12,}  {bits:>13}  {self.logprob:16.4f}  {self.file}"


HEADING = f"{'bytes':>12}  {'bits per byte':>13}  {'log P (nats)':>16}  file"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's own options."""
    parser.add_argument("files", nargs="*", metavar="FILE", default=[STDIN], help="- is standard input (default)")
    parser.add_argument("--per-byte", action="store_true", help="the log-probability of every byte as well")
    parser.add_argument("--json", action="store_true", help="one JSON object at the end")
    parser.add_argument("--progress", action="store_true", help="show progress even if not on a terminal")
    add_corpus_arguments(parser)
    add_model_arguments(parser, ensembles=True)


def run(arguments: argparse.Namespace) -> None:
    """Score records, or whole files."""
    if holds_records(arguments):
        run_corpus(arguments)
    else:
        run_texts(arguments)


def run_texts(arguments: argparse.Namespace) -> None:
    """Score the files one after the other, each as one text."""
    texts = [(file, read_file(file)) for file in arguments.files]
    total = sum(len(text) for _, text in texts)
    if total == 0:
        raise ValueError("there is nothing to score: 0 bytes; give a file that is not empty")
    model = open_model(arguments)
    for file, text in texts:
        note_unseen(model, text, "standard input" if file == STDIN else file, arguments)
    scores = _score_all(model, [text for _, text in texts], arguments.progress)
    rows = [Scored(file, len(text), float(one.sum())) for (file, text), one in zip(texts, scores, strict=True)]
    whole = Scored("total", total, math.fsum(row.logprob for row in rows))
    if arguments.json:
        _write_json(rows, whole, scores if arguments.per_byte else None)
    else:
        _write_table(rows, whole, texts, scores if arguments.per_byte else None)
        for file, one in zip(arguments.files, scores, strict=True):
            if note := impossible_note(file, one):
                print(note, file=sys.stderr)


def impossible_note(file: str, scores: FloatArray) -> str:
    """What to say of bytes that have probability zero; nothing where there are none."""
    impossible = np.flatnonzero(np.isneginf(scores))
    if not impossible.size:
        return ""
    rest = np.delete(scores, impossible)
    bits = f"; the others come to {-rest.sum() / math.log(2) / rest.size:.4f} bits per byte" if rest.size else ""
    return (
        f"note: {file}: {impossible.size:,} bytes cannot stand in any text of the tokenizer "
        f"(most often invalid UTF-8), the first at position {impossible[0]:,}{bits}"
    )


def _score_all(model: LoadedModel, texts: list[bytes], always: bool) -> list[FloatArray]:
    with ProgressLine(sys.stderr, enabled=always or sys.stderr.isatty()) as line:
        return model.score(texts, progress=line.update)


def _write_json(rows: list[Scored], whole: Scored, scores: list[FloatArray] | None) -> None:
    files = [row.as_json() for row in rows]
    for fields, per_byte in zip(files, scores or [], strict=False):
        fields["logprobs"] = [finite(value) for value in per_byte.tolist()]
    total = {name: value for name, value in whole.as_json().items() if name != "file"}
    write_json({"files": files, "total": total})


def _write_table(
    rows: list[Scored], whole: Scored, texts: list[tuple[str, bytes]], scores: list[FloatArray] | None
) -> None:
    for (file, text), per_byte in zip(texts, scores or [], strict=False):
        write_line(f"{'position':>12}  {'byte':<5}  {'log P (nats)':>12}  {file}")
        for position, (byte, logprob) in enumerate(zip(text, per_byte.tolist(), strict=True)):
            write_line(f"{position:12}  {symbol_name(byte):<5}  {logprob:12.4f}")
        write_line()
    write_line(HEADING)
    for row in rows if len(rows) == 1 else [*rows, whole]:
        write_line(row.as_line())
