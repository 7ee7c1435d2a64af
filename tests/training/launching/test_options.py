"""Times as Slurm has them, and options that cannot be."""

import pytest

from bytelm.training.launching.options import LocalOptions, SlurmOptions, minutes_of, other_option


@pytest.mark.parametrize(
    ("text", "minutes"),
    [
        ("1", 1),
        ("90", 90),
        ("1:30:00", 90),
        ("00:00:01", 1),
        ("24:00:30", 1441),
        ("2-0", 2880),
        ("1-12", 2160),
        ("1-12:30", 2190),
        ("1-12:30:00", 2190),
    ],
)
def test_times(text: str, minutes: int) -> None:
    assert minutes_of(text) == minutes


@pytest.mark.parametrize("text", ["", "10:00", "1h", "-5", "1:2:3:4", "1.5", "1-"])
def test_no_times(text: str) -> None:
    with pytest.raises(ValueError, match=r"a time must be MINUTES, HH:MM:SS or DAYS-HH:MM:SS, .* got "):
        minutes_of(text)


@pytest.mark.parametrize("text", ["0", "00:00:00", "0-0"])
def test_no_time_at_all(text: str) -> None:
    with pytest.raises(ValueError, match="a time must be at least one minute, got "):
        minutes_of(text)


def test_other_options() -> None:
    assert other_option("nodelist=a[1-2]") == ("nodelist", "a[1-2]")
    assert other_option("comment=a=b") == ("comment", "a=b")
    assert other_option("--exclusive") == ("exclusive", None)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"minutes": 0}, "minutes must be at least 1, got 0"),
        ({"nodes": 0}, "nodes must be at least 1, got 0"),
        ({"processes_per_node": 0}, "processes_per_node must be at least 1, got 0"),
        ({"gpus_per_node": 0}, "gpus_per_node must be at least 1, got 0"),
        ({"requeues": -1}, "requeues must be at least 0, got -1"),
        ({"gpus_per_node": 2, "processes_per_node": 3}, "3 processes cannot have a GPU each where a machine gives 2;"),
        ({"minutes": 2}, "a job of 2 min cannot be told to save 120 s before that is over;"),
        ({"partition": ""}, "partition must be a text in one line, got ''"),
        ({"memory": "1G\n#"}, r"memory must be a text in one line, got '1G\\n#'"),
        ({"more": (("no spaces", "1"),)}, "an option of sbatch must be KEY=VALUE or KEY, .* got 'no spaces'"),
        ({"more": (("time", "60"),)}, "time cannot be given to sbatch as it is: use --time"),
        ({"more": (("output", "log"),)}, "output cannot be given to sbatch as it is: logs are in OUT/launch"),
        ({"more": (("comment", "one\ntwo"),)}, "comment must be a text in one line"),
    ],
)
def test_what_slurm_cannot_be_told(given: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        SlurmOptions(**{"minutes": 60, **given})


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"processes": 0}, "processes must be at least 1, got 0"),
        ({"gpus": -1}, "gpus must be at least 0, got -1"),
        ({"gpus": 1, "processes": 2}, "2 processes cannot have a GPU each where a machine gives 1;"),
        ({"minutes": 1}, "a job of 1 min cannot be told to save 120 s before that is over;"),
    ],
)
def test_what_cannot_be_here(given: dict[str, int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        LocalOptions(**given)
