"""Tasks of lm-eval-harness on a byte model: running them, and the rows of their results."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bytelm.evaluation.extras import harness_module
from bytelm.evaluation.likelihoods import TOGETHER
from bytelm.model import ByteLM

CARD = ("mmlu", "boolq", "piqa", "ifeval", "arc_challenge")
"""The tasks that byte versions of token models are published with."""


@dataclass(frozen=True, slots=True)
class TaskRow:
    """One figure of one task, or of a group of tasks.

    Attributes:
        task: its name, indented below its group.
        metric: such as ``acc`` or ``bits_per_byte``; where answers are filtered, with the filter behind a comma.
        value: the figure.
        stderr: its standard error, where the harness has one.
        shots: how many examples stand before a question.
    """

    task: str
    metric: str
    value: float
    stderr: float | None
    shots: int | None


def run_tasks(
    model: ByteLM[Any],
    tasks: Sequence[str],
    *,
    include_path: Path | None = None,
    limit: int | None = None,
    num_fewshot: int | None = None,
    chat_template: bool | str = False,
    batch_size: int = TOGETHER,
) -> dict[str, Any]:
    """The results of lm-eval-harness as it gives them, without the single answers.

    Args:
        model: any byte model.
        tasks: names of tasks, groups or tags; ``"card"`` stands for those of `CARD`.
        include_path: a folder with more tasks, as YAML files. Such a file may name Python functions, which are run.
        limit: how many questions of each task; all by default.
        num_fewshot: how many examples before each question; by default what the task says.
        chat_template: whether questions are put as chats; the name of a template where the model has several.
        batch_size: how many prompts are read side by side.

    Raises:
        ImportError: lm-eval-harness is not installed.
        ValueError: a task is unknown, or its data is not there.
    """
    evaluator = harness_module("lm_eval.evaluator")
    from bytelm.evaluation.harness import ByteHarness

    names = list(dict.fromkeys(name for task in tasks for name in (CARD if task == "card" else [task])))
    manager = _manager(names, include_path)
    harness = ByteHarness(model, batch_size=batch_size)
    harness.chat_template(chat_template)
    try:
        found: dict[str, Any] = evaluator.simple_evaluate(
            model=harness,
            tasks=names,
            task_manager=manager,
            limit=limit,
            num_fewshot=num_fewshot,
            apply_chat_template=chat_template,
            log_samples=False,
        )
    except (OSError, ImportError) as error:  # data that cannot be reached; packages that a task needs
        raise ValueError(f"the tasks {', '.join(names)} could not be run: {' '.join(str(error).split())}") from error
    return found


def rows_of(results: Mapping[str, Any]) -> Iterator[TaskRow]:
    """The figures of results, task by task."""
    shots = results.get("n-shot", {})
    for name, figures in results["results"].items():
        for key, value in figures.items():
            metric, _, chosen = key.partition(",")
            if not chosen or metric.endswith("_stderr") or not isinstance(value, int | float):
                continue
            stderr = figures.get(f"{metric}_stderr,{chosen}")
            yield TaskRow(
                figures.get("alias", name),
                metric if chosen == "none" else f"{metric},{chosen}",
                float(value),
                float(stderr) if isinstance(stderr, int | float) else None,
                shots.get(name),
            )


def _manager(names: Sequence[str], include_path: Path | None) -> Any:
    """What knows the tasks. The harness's own are indexed, which takes seconds, only where others do not suffice."""
    if include_path is not None and not include_path.is_dir():
        raise ValueError(f"the folder of tasks is not there: {include_path}")
    manager_class = harness_module("lm_eval.tasks").TaskManager
    paths = None if include_path is None else str(include_path)
    manager = manager_class(include_path=paths, include_defaults=False)
    if not set(names) <= set(manager.all_tasks):
        manager = manager_class(include_path=paths)
    unknown = [name for name in names if name not in manager.all_tasks]
    if unknown:
        raise ValueError(f"lm-eval-harness knows no task {', '.join(unknown)}; 'lm_eval ls tasks' lists its own")
    return manager
