"""Some of the files."""

from itertools import pairwise
from pathlib import Path

import pytest

from bytelm.training.data.drawing import drawn
from bytelm.training.data.finding import Inputs, find_inputs
from bytelm.training.data.options import Options


@pytest.fixture
def inputs(tmp_path: Path) -> Inputs:
    """Thirty files of 1 to 30 bytes, in two folders."""
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
    for number in range(30):
        (tmp_path / "ab"[number % 2] / f"{number:02}").write_bytes(b"x" * (number + 1))
    return find_inputs([str(tmp_path / "a"), str(tmp_path / "b")])


def names(inputs: Inputs) -> list[str]:
    return [file.name for file in inputs.files]


def test_all(inputs: Inputs) -> None:
    assert drawn(inputs, Options(seed=5)) is inputs
    assert names(drawn(inputs, Options(files=30))) == names(inputs)
    assert drawn(inputs, Options(files=99)).sources == inputs.sources


def test_files(inputs: Inputs) -> None:
    """In their order; more of them have those of fewer, and another seed draws others."""
    found = [names(drawn(inputs, Options(files=count, seed=3))) for count in range(1, 31)]
    assert [len(one) for one in found] == list(range(1, 31))
    for fewer, more in pairwise(found):
        assert set(fewer) < set(more)
        assert [name for name in names(inputs) if name in more] == more
    assert found[4] != names(drawn(inputs, Options(files=5, seed=4)))
    every = {name for seed in range(50) for name in names(drawn(inputs, Options(files=3, seed=seed)))}
    assert every == set(names(inputs)), "each may be drawn"


@pytest.mark.parametrize("wanted", [1, 30, 200, 464, 465, 1000])
def test_bytes(inputs: Inputs, wanted: int) -> None:
    """At least so many, and without the last file fewer."""
    found = drawn(inputs, Options(bytes=wanted))
    assert found.size >= min(wanted, inputs.size)
    fewer = drawn(inputs, Options(files=len(found.files) - 1)) if len(found.files) > 1 else None
    assert fewer is None or fewer.size < wanted


def test_sources(inputs: Inputs) -> None:
    found = drawn(inputs, Options(files=7))
    for source in found.sources:
        sizes = [file.size for file in found.files if file.name.startswith(source.name)]
        assert (source.files, source.bytes) == (len(sizes), sum(sizes))


def test_options() -> None:
    assert {"files", "bytes", "seed"}.isdisjoint(Options(seed=1).as_json())
    assert Options(files=2).as_json().items() >= {"files": 2, "seed": 0}.items()
    assert Options(bytes=2, seed=1).as_json().items() >= {"bytes": 2, "seed": 1}.items()
    with pytest.raises(ValueError, match="files is 1 and bytes is 2; give one of them"):
        Options(files=1, bytes=2)
    with pytest.raises(ValueError, match="files is 0; expected at least 1"):
        Options(files=0)
    with pytest.raises(ValueError, match="bytes is 0; expected at least 1"):
        Options(bytes=0)
    with pytest.raises(ValueError, match=r"seed is -1; expected a number from 0 to 2\^64 - 1"):
        Options(seed=-1)
