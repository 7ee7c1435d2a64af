import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from training.data.making import TEXTS, write_lines


@pytest.fixture(autouse=True, scope="module")
def no_power_is_lost() -> Iterator[None]:
    """Waiting for the disk is most of what small data costs, and no test cuts the power."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda _: None)
        yield


@pytest.fixture
def inputs(tmp_path: Path) -> list[Path]:
    """One input of each kind, with a few things in them that are left out."""
    folder = tmp_path / "in"
    folder.mkdir()
    write_lines(folder / "a.jsonl", [*TEXTS[:120], "", None, 5])
    write_lines(folder / "b.jsonl.gz", TEXTS[120:170])
    code = folder / "code"
    code.mkdir()
    for number, text in enumerate(TEXTS[170:]):
        (code / f"{number:02}.txt").write_bytes(text.encode())
    (code / "z.bin").write_bytes(b"\0")
    return [folder / "a.jsonl", folder / "b.jsonl.gz", code]
