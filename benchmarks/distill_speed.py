"""What a distillation step costs with each loss, on the same rows, step by step by turns.

    python benchmarks/distill_speed.py --out benchmarks/distill_speed.json

Exact next-byte distributions beside those along the path, likelihoods of chunks with texts, texts alone, and exact
ones that were stored before. It is the step of the product's loop: rows, the teacher, forward and backward pass,
clipping, AdamW. The teacher is bundled:code and the student its body over bytes, on bytelm's own source, unless
`--teacher DIR --student DIR --data DIR` name others; `--device cuda` measures them there. Threads: OMP_NUM_THREADS, or
1. Progress goes to standard error.
"""

import argparse
import math
import os
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any
from unittest import mock

import torch

import bytelm
from bytelm.byteified.converting import byteify
from bytelm.loading import resolve
from bytelm.training.data.options import Options
from bytelm.training.data.preparing import prepare
from bytelm.training.distillation.computing_targets import compute_targets
from bytelm.training.distillation.config import DistillConfig
from bytelm.training.distillation.opening import make_task, open_distillation_data
from bytelm.training.distillation.packed_targets import PackedTargets
from bytelm.training.run import Run
from bytelm.training.run_config import OptimizerConfig
from bytelm.training.world import joined
from measuring.options import add_places, parse
from measuring.rounds import Json, Say, ratios, summary
from measuring.running import one_quiet_thread, saying
from measuring.surroundings import load_average, surroundings
from measuring.writing import write

TEACHER = "bundled:code"

WAYS: dict[str, tuple[str, ...]] = {
    "sft": ("sft",),
    "path": ("path",),
    "alm+sft": ("alm", "sft"),
    "exact": ("exact",),
    "exact, stored": ("exact",),
}
"""The losses of each way to learn."""

_COUNTED = 4
"""Steps in which heads are counted."""

NOTES = [
    "seconds: of one step of the optimizer, by turns on the same rows, behind a warm-up in which the teacher also "
    "learns how its tokenizer goes through texts. bytes_per_second: predicted bytes and ends of texts by the median.",
    "over_path: seconds divided by those of path, round by round.",
    "heads: evaluated by the teacher for each byte that exact steps predict: one for each token of the text (trunk), "
    "and those beside it (side), in so many passes of its network a step.",
]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark; the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_places(parser)
    parser.add_argument("--teacher", default=TEACHER, help="directory of a token model (default: bundled:code)")
    parser.add_argument("--student", type=Path, help="directory of a byte model (default: the teacher, byteified)")
    parser.add_argument("--data", type=Path, help="a prepared directory (default: bytelm's own source)")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--dtype", choices=("float32", "bfloat16"), default="float32", help="of the computation")
    parser.add_argument("--rows", type=int, default=8)
    parser.add_argument("--length", type=int, default=512)
    parser.add_argument("--tolerance", type=float, default=0.01)
    parser.add_argument("--warmup", type=int, default=12, help="steps of each way before it is measured")
    parser.add_argument("--rounds", type=int, default=12, help="measured steps of each way")
    parser.add_argument("--quick", action="store_true", help="two short rounds of everything: does it run at all?")
    options = parse(parser, arguments)
    if options.quick:
        options.rows, options.length, options.warmup, options.rounds = 2, 64, 1, 2
    one_quiet_thread()
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS") or 1))
    try:
        with tempfile.TemporaryDirectory(prefix="bytelm-distill-") as scratch:
            result = run(options, Path(scratch))
    except KeyboardInterrupt:
        print("\ndistill_speed.py: interrupted; nothing was written", file=sys.stderr)
        return 130
    print("\n".join(markdown(result)))
    if options.out is not None:
        write(options.out, result)
    return 0


def run(options: argparse.Namespace, scratch: Path) -> Json:
    """Measure everything."""
    given = {name: getattr(options, name) for name in ("device", "dtype", "rows", "length", "tolerance", "teacher")}
    result: Json = {**surroundings(), **given, "student": str(options.student or "byteified"), "notes": NOTES}
    result |= saying("distillation", Measured(options, scratch))
    result["machine"]["load_after"] = load_average()
    return result


class Measured:
    """The steps of all ways.

    Args:
        options: of the command line.
        scratch: a folder for what is made.
    """

    def __init__(self, options: argparse.Namespace, scratch: Path) -> None:
        self._options = options
        self._scratch = scratch

    def __call__(self, say: Say) -> Json:
        """What they cost."""
        configs = self._configs(say)
        with ExitStack() as stack:
            # Half precision of the student needs a process group: weights are kept in float32 beside.
            group = self._options.dtype != "float32"
            world = stack.enter_context(joined(self._options.device, group=group))
            steps: dict[str, Iterator[Any]] = {}
            for name, config in configs.items():
                data, place = open_distillation_data(config)
                own = Run(config, data.rows, world, None, make_task(config, world, place))
                steps[name] = stack.enter_context(closing(own.steps()))
            for turn in range(self._options.warmup):
                say(f"warm-up {turn + 1} of {self._options.warmup}")
                for one in steps.values():
                    next(one)
            seconds, targets = self._by_turns(steps, say)
            found = {name: _described(seconds[name], targets) for name in steps}
            say("heads")
            heads = self._heads(steps["exact"])
        return {
            "ways": found,
            "over_path": {name: ratios(seconds[name], seconds["path"]) for name in steps},
            "heads": heads,
        }

    def _configs(self, say: Say) -> dict[str, DistillConfig]:
        """A run for each way; makes the data, the student and the targets that are not there."""
        options, scratch = self._options, self._scratch
        data, student = options.data, options.student
        if data is None:
            say("data")
            data = scratch / "data"
            sources = sorted(path for path in Path(bytelm.__file__).parent.rglob("*.py") if path.stat().st_size)
            prepare(sources, data, Options(validation=0.0, bytes=self._needed()))
        if student is None:
            say("student")
            student = scratch / "student"
            byteify(resolve(options.teacher), student)
        say("stored targets")
        compute_targets(
            data,
            options.teacher,
            scratch / "targets",
            length=options.length,
            tolerance=options.tolerance,
            device=options.device,
            progress=lambda done, total, unit: say(f"stored targets, {done:,} of {total:,} {unit}"),
        )
        return {name: self._config(name, data, student) for name in WAYS}

    def _needed(self) -> int:
        """How many bytes all steps of a way read: texts are not met again, which would be quicker."""
        steps = self._options.warmup + self._options.rounds + _COUNTED
        return steps * self._options.rows * self._options.length

    def _config(self, name: str, data: Path, student: Path) -> DistillConfig:
        options = self._options
        return DistillConfig(
            data=str(data),
            out=str(self._scratch),
            teacher=options.teacher,
            student=str(student),
            losses=WAYS[name],
            mixing="gradients" if len(WAYS[name]) > 1 else "fixed",
            tolerance=options.tolerance,
            targets=str(self._scratch / "targets") if name == "exact, stored" else "",
            rows=options.rows,
            length=options.length,
            dtype=options.dtype,
            optimizer=OptimizerConfig(rate=1e-4, decay=0.0, warmup=10),
        )

    def _by_turns(self, steps: dict[str, Iterator[Any]], say: Say) -> tuple[dict[str, list[float]], list[int]]:
        """The seconds of the steps of each way, and how much each of these steps predicts."""
        seconds: dict[str, list[float]] = {name: [] for name in steps}
        targets = []
        names = list(steps)
        for turn in range(self._options.rounds):
            say(f"round {turn + 1} of {self._options.rounds}")
            first = turn % len(names)
            for name in names[first:] + names[:first]:
                settle()
                begun = time.perf_counter()
                report = next(steps[name])
                settle()
                seconds[name].append(time.perf_counter() - begun)
            targets.append(report.targets)
        return seconds, targets

    def _heads(self, steps: Iterator[Any]) -> Json:
        """How many heads the teacher evaluates in a few exact steps."""
        counted = {"trunk": 0, "side": 0, "passes": 0}
        trunk, side = PackedTargets._trunk_logits, PackedTargets._side_logits

        def of_trunks(self: PackedTargets) -> Any:
            counted["trunk"] += len(self._all.trunk)
            counted["passes"] += 1
            return trunk(self)

        def beside(self: PackedTargets, heads: Any) -> Any:
            counted["side"] += len(heads)
            counted["passes"] += 1
            return side(self, heads)

        with (
            mock.patch.object(PackedTargets, "_trunk_logits", of_trunks),
            mock.patch.object(PackedTargets, "_side_logits", beside),
        ):
            targets = sum(next(steps).targets for _ in range(_COUNTED))
        if not counted["passes"]:
            return {"packed": False}
        found = {name: round(counted[name] / targets, 4) for name in ("trunk", "side")}
        return {"packed": True, **found, "passes": round(counted["passes"] / _COUNTED, 2)}


def _described(seconds: Sequence[float], targets: Sequence[int]) -> Json:
    """The seconds of a way, and how fast it reads."""
    found = summary(seconds)
    return {"seconds": found, "bytes_per_second": round(math.fsum(targets) / len(targets) / found["median"], 1)}


def settle() -> None:
    """Wait for an accelerator."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def markdown(result: Json) -> Iterator[str]:
    """The table of docs/byteification.md."""
    yield "| loss | seconds a step | bytes/s | beside path |"
    yield "|---|---|---|---|"
    for name, way in result["ways"].items():
        median = way["seconds"]["median"]
        ratio = result["over_path"][name]["median"]
        yield f"| {name} | {median:.3f} | {way['bytes_per_second']:,.0f} | {ratio:.2f} |"
    heads = result["heads"]
    if heads["packed"]:
        yield ""
        yield (
            f"Exact steps evaluate {heads['trunk']:.2f} heads a byte along the texts' own tokens and "
            f"{heads['side']:.2f} beside them, in {heads['passes']:.1f} passes."
        )


if __name__ == "__main__":
    sys.exit(main())
