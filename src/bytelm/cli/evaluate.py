"""``bytelm eval``: how good a byte model is, on files beside a teacher, or on the tasks of lm-eval-harness."""

import argparse
import json
import sys
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bytelm.cli.inputs import read_file
from bytelm.cli.loaded import open_model
from bytelm.cli.outputs import finite, write_json, write_line
from bytelm.cli.progress import ProgressLine
from bytelm.decoding.checks import check_whole

if TYPE_CHECKING:
    from bytelm.evaluation.comparing import Evaluation
    from bytelm.evaluation.intervals import Estimate
    from bytelm.evaluation.tasks import TaskRow

NAME = "eval"
SUMMARY = "how good a model is: on files, alone or beside a teacher, or on the tasks of lm-eval-harness"
EXAMPLE = """\
Files are cut into pieces, each judged by itself, and the intervals come from drawing pieces anew. Of the options of
models, the teacher gets --dtype, --device and --compile. Tasks take lm-eval-harness: pip install 'bytelm[eval]'.
With --json: texts, bytes, model, teacher, compared, each figure with value, low and high; of tasks the list tasks.

example:
  bytelm eval bundled:code setup.py README.md --teacher bundled:code-sp
  bytelm eval MODEL --tasks card --apply-chat-template --out results.json
  bytelm eval MODEL --tasks mine --include-path tasks --limit 100
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's own options."""
    parser.add_argument("model", metavar="MODEL", help="model directory or hub id, bundled:NAME, or ngram:FILE")
    parser.add_argument("files", nargs="*", metavar="FILE", help="texts to judge by; - is standard input")
    parser.add_argument("--json", action="store_true", help="one JSON object at the end")
    parser.add_argument("--out", metavar="F", type=Path, help="write the results to a file, as JSON")
    texts = parser.add_argument_group("on files")
    texts.add_argument("--teacher", metavar="PATH", help="a model to compare with, whatever its tokenizer")
    texts.add_argument("--piece", type=int, metavar="N", help="bytes judged at a time (default: 4096)")
    texts.add_argument("--seed", type=int, default=0, help="of the intervals (default: 0)")
    texts.add_argument("--progress", action="store_true", help="show progress even if not on a terminal")
    tasks = parser.add_argument_group("on tasks")
    tasks.add_argument(
        "--tasks", metavar="A,B", help="tasks of lm-eval-harness; card: mmlu, boolq, piqa, ifeval, arc_challenge"
    )
    tasks.add_argument("--include-path", type=Path, metavar="DIR", help="a folder with more tasks; its code is run")
    tasks.add_argument("--limit", type=int, metavar="N", help="so many questions of each task")
    tasks.add_argument("--num-fewshot", type=int, metavar="N", help="so many examples before each question")
    tasks.add_argument(
        "--apply-chat-template",
        nargs="?",
        const=True,
        default=False,
        metavar="NAME",
        help="put questions as chats, by the model's template of that name, or its default",
    )
    tasks.add_argument("--batch-size", type=int, metavar="N", help="prompts read side by side (default: 16)")
    _add_model_options(parser)


def run(arguments: argparse.Namespace) -> None:
    """Evaluate on files or on tasks."""
    if bool(arguments.files) == (arguments.tasks is not None):
        raise ValueError("give either files to judge by, or --tasks, and not both")
    of_tasks = ("include_path", "limit", "num_fewshot", "apply_chat_template", "batch_size")
    of_files = ("teacher", "piece")
    foreign = [name for name in (of_files if arguments.tasks else of_tasks) if getattr(arguments, name)]
    if foreign:
        kind = "files" if arguments.tasks else "tasks"
        raise ValueError(f"--{foreign[0].replace('_', '-')} is for {kind}; leave it out")
    if arguments.out is not None and not arguments.out.absolute().parent.is_dir():
        raise ValueError(f"cannot write --out {arguments.out}: its folder is not there")
    if arguments.tasks is None:
        _on_files(arguments)
    else:
        _on_tasks(arguments)


def _add_model_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("model")
    group.add_argument("--dtype", help="float32, bfloat16 or float16 (default: float32 on a CPU, else the model's)")
    group.add_argument("--device", help="where the model runs: cpu, cuda, … (default: cuda where there is one)")
    group.add_argument("--begin", type=int, action="append", metavar="ID", help="token id that every text begins with")
    group.add_argument("--segmentation", choices=("canonical", "all"), help="which token sequences count")
    group.add_argument("--tolerance", type=float, metavar="X", help="part of the probability that may stay unknown")
    group.add_argument("--compile", action="store_true", help="let torch compile the network")
    parser.set_defaults(method="exact", width=None, prune=None, speculate=None)


def _on_files(arguments: argparse.Namespace) -> None:
    import numpy as np

    from bytelm.evaluation.comparing import PIECE, evaluate, pieces

    check_whole("seed", arguments.seed, "any such number fixes the intervals")
    size = PIECE if arguments.piece is None else arguments.piece
    texts = [piece for file in arguments.files for piece in pieces(read_file(file), size) if piece]
    if not texts:
        raise ValueError("there is nothing to judge by: 0 bytes; give a file that is not empty")
    model: Any = open_model(arguments)
    teacher: Any = None if arguments.teacher is None else open_model(_of_teacher(arguments))
    with ProgressLine(sys.stderr, enabled=arguments.progress or sys.stderr.isatty()) as line:
        rng = np.random.default_rng(arguments.seed)
        found = evaluate(model, texts, teacher, rng=rng, piece=size, progress=line.update)
    fields = {name: _finite(value) for name, value in asdict(found).items()}
    _write_out(arguments.out, fields)
    if arguments.json:
        write_json(fields)
    else:
        _write_table(found)


def _of_teacher(arguments: argparse.Namespace) -> argparse.Namespace:
    """The options by which the teacher is opened: those that say where and how precisely models run."""
    own = {"model": arguments.teacher, "segmentation": None, "tolerance": None, "begin": None}
    return argparse.Namespace(**(vars(arguments) | own))


def _write_table(found: "Evaluation") -> None:
    write_line(f"{found.bytes:,} bytes in {found.texts:,} piece{'s' * (found.texts != 1)}")
    write_line()
    write_line(f"{'':<34}  {'value':>9}  {'95 % interval':>19}")
    rows = [("bits per byte", found.model.bits_per_byte, 1.0), ("top-1 accuracy, %", found.model.accuracy, 100.0)]
    if found.teacher is not None and found.compared is not None:
        rows += [
            ("bits per byte of the teacher", found.teacher.bits_per_byte, 1.0),
            ("top-1 accuracy of the teacher, %", found.teacher.accuracy, 100.0),
            ("bits per byte more than the teacher", found.compared.extra_bits_per_byte, 1.0),
            ("KL(teacher ‖ model), nats per byte", found.compared.divergence, 1.0),
            ("top-1 agreement, %", found.compared.agreement, 100.0),
        ]
    for name, estimate, scale in rows:
        write_line(_figure(name, estimate, scale))


def _figure(name: str, estimate: "Estimate", scale: float) -> str:
    value, low, high = (scale * number for number in (estimate.value, estimate.low, estimate.high))
    interval = "-" if low != low else f"{low:.4f} to {high:.4f}"
    return f"{name:<35} {value:9.4f}  {interval:>19}"


def _on_tasks(arguments: argparse.Namespace) -> None:
    from bytelm.evaluation.likelihoods import TOGETHER
    from bytelm.evaluation.tasks import rows_of, run_tasks

    model: Any = open_model(arguments)
    try:
        results = run_tasks(
            model,
            [name.strip() for name in arguments.tasks.split(",") if name.strip()],
            include_path=arguments.include_path,
            limit=arguments.limit,
            num_fewshot=arguments.num_fewshot,
            chat_template=arguments.apply_chat_template,
            batch_size=TOGETHER if arguments.batch_size is None else arguments.batch_size,
        )
    except ImportError as error:
        raise ValueError(str(error)) from error
    _write_out(arguments.out, results)
    rows = list(rows_of(results))
    if arguments.json:
        write_json({"tasks": [_finite(asdict(replace(row, task=row.task.strip(" -")))) for row in rows]})
    else:
        _write_rows(rows)


def _write_rows(rows: "list[TaskRow]") -> None:
    width = max((len(row.task) for row in rows), default=4)
    write_line(f"{'task':<{width}}  {'shots':>5}  {'metric':<24}  {'value':>10}  {'standard error':>14}")
    for row in rows:
        shots = "-" if row.shots is None else str(row.shots)
        stderr = "-" if row.stderr is None else f"{row.stderr:.4f}"
        write_line(f"{row.task:<{width}}  {shots:>5}  {row.metric:<24}  {row.value:10.4f}  {stderr:>14}")


def _write_out(target: Path | None, fields: object) -> None:
    if target is not None:
        target.write_text(json.dumps(fields, indent=2, default=str) + "\n", encoding="utf-8")


def _finite(value: Any) -> Any:
    """A value for JSON, in which infinities and what is not known are ``null``."""
    if isinstance(value, dict):
        return {name: _finite(one) for name, one in value.items()}
    return finite(value) if isinstance(value, float) else value
