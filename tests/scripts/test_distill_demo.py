"""The script that compares losses of distillation: all of it in small, taken up again; its measuring and its words."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from distilling_demo.following import ALONE, Finished, Point, follow
from distilling_demo.measuring import Found, HeldOut
from distilling_demo.plan import ALM, EXACT, FULL, PATH, QUICK, SFT, TITLES
from distilling_demo.preparing import held_out_rows, make_student, prepare_sources
from distilling_demo.results import FIGURES, Json, result_of
from distilling_demo.words import markdown, table, verdict

from bytelm.training.distillation.opening import make_task, open_distillation_data
from bytelm.training.distillation.teacher import open_teacher
from bytelm.training.stopping import StopSign

ROOT = Path(__file__).parents[2]


def points(*bits: float, seconds: float = 1.0) -> list[Point]:
    """A run measured behind every second step."""
    return [
        Point(2 * place, place * seconds, Found(found, found / 10, 1 - found / 10))
        for place, found in enumerate(bits, 1)
    ]


RUNS = {
    EXACT: {1: points(4.0, 2.0, seconds=2.0), 2: points(4.0, 2.2, seconds=2.0)},
    PATH: {1: points(4.2, 2.4, 1.6), 2: points(4.0, 2.4, 1.8)},
    ALM: {1: points(4.6, 3.0, 1.7), 2: points(4.6, 3.0, 1.7)},
    SFT: {1: points(4.4, 2.6, 2.0, 1.9), 2: points(4.4, 2.6, 2.0, 1.9)},
}


def result() -> Json:
    begun = {"bits_per_byte": 7.5, "kl": 3.5, "agreement": 0.1}
    return {**result_of(RUNS, replace(FULL, seconds=4.0)), "teacher": {"bits_per_byte": 1.5}, "untrained": begun}


def test_all_of_it_and_again_from_what_is_finished(tmp_path: Path) -> None:
    work, out, picture = tmp_path / "work", tmp_path / "result.json", tmp_path / "curves.png"
    options = ["--quick", "--threads", "1", "--work", str(work), "--out", str(out), "--picture", str(picture)]
    command = [sys.executable, str(ROOT / "scripts" / "distill_demo.py"), *options]

    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=tmp_path)
    found = json.loads(out.read_text("utf-8"))
    assert verdict(found) in done.stdout
    assert "\n".join(table(found)) in done.stdout
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert picture.stat().st_size <= 80_000
    assert list(found["losses"]) == list(TITLES)
    assert found["steps"] >= 1
    for loss in found["losses"].values():
        (run,) = loss["seeds"].values()
        assert loss["mean"] == {when: run[when] for when in ("at_steps", "at_seconds")}
        assert run["seconds"] >= found["seconds"] == QUICK.seconds
        assert run["curve"][-1] == {"step": run["steps"], "seconds": run["seconds"], **run["at_seconds"]}
        assert run["at_seconds"]["bits_per_byte"] < found["untrained"]["bits_per_byte"]
    assert 0 < found["teacher"]["bits_per_byte"] < found["untrained"]["bits_per_byte"]

    other = subprocess.run([*command, "--seconds", "9"], capture_output=True, text=True, check=False, cwd=tmp_path)
    assert other.returncode == 1
    assert "holds runs of another plan" in other.stderr
    assert "--fresh" in other.stderr

    again = Finished(work, QUICK)
    for name, loss in found["losses"].items():
        kept = again.points(name, 1)
        assert kept is not None
        assert [point.step for point in kept] == [point["step"] for point in loss["seeds"]["1"]["curve"]]
    assert again.points(SFT, 2) is None


def test_students_are_measured_as_by_the_product(tmp_path: Path) -> None:
    prepare_sources(tmp_path, QUICK, lambda done, total, unit: None)
    make_student(tmp_path)
    config = QUICK.run_in(tmp_path, PATH, 1)
    _, place = open_distillation_data(config)
    rows = held_out_rows(tmp_path, QUICK)
    rows.count = 4
    task = make_task(config, ALONE, place)
    held_out = HeldOut(rows, 9, task.teacher)
    assert held_out.rows == 4
    found = held_out.measured(task.student)
    expected = task.validated(rows)
    assert {name: getattr(found, name) for name in FIGURES} == pytest.approx(expected, rel=1e-4)
    assert 0 < held_out.teacher_bits < found.bits_per_byte


def test_losses_are_compared_after_the_same_steps_and_the_same_seconds() -> None:
    found = result()
    assert found["steps"] == 4
    exact = found["losses"][EXACT]
    assert exact["mean"]["at_steps"] == exact["mean"]["at_seconds"]
    assert exact["mean"]["at_steps"]["bits_per_byte"] == pytest.approx(2.1)
    path = found["losses"][PATH]["mean"]
    assert (path["at_steps"]["bits_per_byte"], path["at_seconds"]["bits_per_byte"]) == pytest.approx((2.4, 1.7))
    assert found["losses"][PATH]["seeds"]["1"]["seconds_per_step"] == 0.5


def test_runs_that_are_too_short_to_be_measured(tmp_path: Path) -> None:
    prepare_sources(tmp_path, QUICK, lambda done, total, unit: None)
    make_student(tmp_path)
    plan = replace(QUICK, seconds=1e-3, every=9)
    config = plan.run_in(tmp_path, SFT, 1)
    data, _ = open_distillation_data(config)
    held_out = HeldOut(held_out_rows(tmp_path, plan), 1, open_teacher(config, ALONE.device))
    with pytest.raises(ValueError, match=r"sft made 1 steps in 0 s, .* every 9 steps; .* --seconds"):
        follow(config, data.rows, plan, held_out, StopSign(), lambda step, seconds, bits: None)


def test_who_wins_follows_from_the_figures() -> None:
    said = verdict(result())
    assert said.startswith("After 4 steps, exact is the best with 2.100 bits a byte, before path (2.400)")
    assert "After 4 s, path is the best with 1.700 bits a byte, before alm+sft (1.700), better from 1 of 2" in said
    assert "Beside alm+sft, path has 0.600 bits a byte less (2 of 2 seeds) and 0.060 nats of KL less" in said
    assert "exact has 0.900 bits a byte less (2 of 2 seeds)" in said
    assert "0.400 bits a byte more (0 of 2 seeds) and 0.040 nats of KL more (0 of 2 seeds) after 4 s." in said


def test_tables_have_all_of_it() -> None:
    lines = table(result())
    assert max(map(len, lines)) <= 110
    assert [line.split()[0] for line in lines[2:-1]] == [word for name in TITLES for word in (name, "seed", "seed")]
    page = markdown(result())
    assert page[0].startswith("| loss | s a step | bits a byte after 4 steps |")
    assert page[2].startswith("| exact | 1.00 | 2.100 | 0.210 | 0.790 |")


@pytest.mark.parametrize(("seconds", "seeds", "message"), [(0.0, 2, "--seconds must be above 0"), (5.0, 0, "--seeds")])
def test_times_and_seeds_that_are_none(seconds: float, seeds: int, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        FULL.limited(seconds, seeds, None)
