"""The data and the task of a distillation."""

from collections.abc import Callable
from pathlib import Path

from bytelm.training.data.manifest import TRAIN, VALIDATION
from bytelm.training.data.shards import Shards
from bytelm.training.distillation.blt_student import BltStudent, is_blt_student
from bytelm.training.distillation.byteified_student import ByteifiedStudent
from bytelm.training.distillation.config import STORABLE, DistillConfig
from bytelm.training.distillation.pieces import PackedRows, Pieces
from bytelm.training.distillation.stored_targets import StoredTargets
from bytelm.training.distillation.students import Student
from bytelm.training.distillation.task import DistillTask
from bytelm.training.inputs import Data, holds_out, prepared
from bytelm.training.world import World


def open_distillation_data(
    config: DistillConfig, progress: Callable[[int, int, str], None] | None = None
) -> tuple[Data, Path]:
    """The rows of whole pieces that a distillation reads, and the prepared directory that they are from.

    Raises:
        ValueError: there is no data, or it is not readable.
    """
    config.check_runnable()
    place = prepared(config, progress)
    rows = PackedRows(Pieces(Shards(place, TRAIN), config.length), config.length, config.seed)
    validation = None
    if holds_out(place):
        validation = PackedRows(Pieces(Shards(place, VALIDATION), config.length), config.length, 0, epochs=1)
    return Data(rows, validation), place


def make_task(config: DistillConfig, world: World, place: Path) -> DistillTask:
    """The task of a distillation, with its student.

    Args:
        config: of it.
        world: the processes that train together.
        place: the prepared directory of its data.

    Raises:
        FileNotFoundError: a file is missing.
        ValueError: the student cannot be made, or trained so; or the targets are of other data.
    """
    stored = StoredTargets(config.targets, Shards(place, TRAIN), config.length) if config.targets else None
    if stored is not None and {stored.kind} != set(config.losses) & set(STORABLE):
        raise ValueError(
            f"the targets in {config.targets!r} are of kind {stored.kind!r}, and the losses are "
            f"{', '.join(config.losses)}; compute those of the same kind: bytelm targets --kind"
        )
    student: Student = BltStudent(config, world) if is_blt_student(config) else ByteifiedStudent(config, world)
    task = DistillTask(config, world, student, stored)
    if config.needs_teacher:
        task.open_teacher()
    return task
