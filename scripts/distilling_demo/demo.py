"""The whole of it: data, a student, runs one after the other, and what comes of them."""

import dataclasses
from pathlib import Path

from training_demo.byte_runs import progress_line
from training_demo.talking import Talk

from bytelm.cli.progress import ProgressLine
from bytelm.training.data.manifest import TRAIN
from bytelm.training.distillation.opening import open_distillation_data
from bytelm.training.distillation.teacher import open_teacher
from bytelm.training.stopping import StopSign
from measuring.surroundings import load_average, surroundings

from .following import ALONE, Finished, Point, Stopped, Told, follow, student_as_it_begins
from .measuring import HeldOut
from .plan import TEACHER, TITLES, Plan
from .preparing import held_out_rows, make_student, prepare_sources
from .results import NOTES, Json, figures, result_of

PARTS = len(TITLES) + 2
_TOLERANCE = 0.001
"""Of the distributions that students are measured against."""


class Demo:
    """The demonstration in a working folder (mutable); runs that were finished there are not made again.

    Args:
        plan: what is trained.
        work: the folder.
        sign: ends it.
        talk: says what is going on.

    Raises:
        ValueError: the folder holds runs of another plan.
    """

    def __init__(self, plan: Plan, work: Path, sign: StopSign, talk: Talk) -> None:
        work.mkdir(parents=True, exist_ok=True)
        self._plan = plan
        self._work = work
        self._sign = sign
        self._talk = talk
        self._finished = Finished(work, plan)

    def run(self) -> Json:
        """All of it; what was found.

        Raises:
            Stopped: somebody asked for the end; the same call goes on from there.
            ValueError: the runs were too short to be compared.
        """
        result = surroundings()
        held_out = self._prepare(result)
        runs: dict[str, dict[int, list[Point]]] = {}
        for name, title in TITLES.items():
            self._talk.part(f"{name}: {title}, {self._plan.seconds:g} s from each of {len(self._plan.seeds)} seeds")
            runs[name] = {seed: self._run(name, seed, held_out) for seed in self._plan.seeds}
        result["machine"]["load_after"] = load_average()
        return {**result, **result_of(runs, self._plan), "notes": NOTES}

    def _prepare(self, result: Json) -> HeldOut:
        """Data, student, and what the teacher says of held-out rows; adds to ``result`` (mutates it)."""
        self._talk.part(f"data, and {TEACHER} as a byte model (bytelm data prepare, bytelm byteify)")
        with progress_line(self._talk.quiet) as line:
            manifest = prepare_sources(self._work, self._plan, line.update)
        make_student(self._work)
        config = self._plan.run_in(self._work, next(iter(TITLES)), self._plan.seeds[0])
        teacher = open_teacher(dataclasses.replace(config, tolerance=_TOLERANCE), ALONE.device)
        held_out = HeldOut(held_out_rows(self._work, self._plan), self._plan.measured, teacher)
        before, bits = student_as_it_begins(config, held_out), held_out.teacher_bits
        learned = manifest.splits[TRAIN]
        result["plan"] = dataclasses.asdict(self._plan)
        result["data"] = {
            "files": learned.documents,
            "bytes": learned.bytes,
            "measured_rows": held_out.rows,
            "measured_bytes": held_out.places,
        }
        result["teacher"] = {"name": TEACHER, "bits_per_byte": round(bits, 5)}
        result["untrained"] = figures(before)
        self._talk.line(
            f"  {learned.documents} files, {learned.bytes / 1e6:.2f} MB, to learn from; {held_out.places:,} bytes of "
            f"others held out\n  the teacher: {bits:.3f} bits/byte; the student before it learns: "
            f"{before.bits_per_byte:.3f}, KL {before.kl:.3f} nats"
        )
        return held_out

    def _run(self, name: str, seed: int, held_out: HeldOut) -> list[Point]:
        """A run, unless it was finished before."""
        points = self._finished.points(name, seed)
        if points is None:
            if self._sign.asked:
                raise Stopped
            config = self._plan.run_in(self._work, name, seed)
            data, _ = open_distillation_data(config)
            with progress_line(self._talk.quiet) as line:
                told = self._telling(line, f"{name}, seed {seed}")
                points = follow(config, data.rows, self._plan, held_out, self._sign, told)
            self._finished.add(name, seed, points)
        last = points[-1]
        self._talk.line(
            f"  seed {seed}: {last.step} steps, {last.found.bits_per_byte:.3f} bits/byte, KL {last.found.kl:.3f} nats, "
            f"top-1 {last.found.agreement:.3f}"
        )
        return points

    def _telling(self, line: ProgressLine, name: str) -> Told:
        """What shows how a run goes."""

        def told(step: int, seconds: float, bits: float) -> None:
            line.show(
                lambda _: (
                    f"{name}: step {step}, {seconds:.0f} of {self._plan.seconds:g} s, {bits:.3f} bits/byte learned"
                )
            )

        return told
