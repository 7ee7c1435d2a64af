"""Writing: whole or not at all, in files that the formats' own libraries read."""

import json
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file

from blt.weights.tiny import Tensors, check_equal, drawn_config, drawn_tensors, released
from bytelm.blt.weights import reading
from bytelm.blt.weights.reading import open_checkpoint, row_blocks
from bytelm.blt.weights.writing import save_directory, save_meta


class Gathered(Mapping[str, torch.Tensor]):
    """Tensors that are put together when they are asked for, as those of a model that is spread over devices."""

    def __init__(self, tensors: Tensors) -> None:
        self._tensors = tensors
        self.asked: list[str] = []

    def __getitem__(self, name: str) -> torch.Tensor:
        self.asked.append(name)
        return self._tensors[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._tensors)

    def __len__(self) -> int:
        return len(self._tensors)


def hidden(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir() if path.name.startswith(".")]


def test_safetensors_of_mixed_numbers_are_aligned(tmp_path: Path) -> None:
    config = drawn_config(2)
    tensors = drawn_tensors(config)
    for number, name in enumerate(sorted(tensors)):
        kinds = (torch.float32, torch.bfloat16, torch.float64, torch.float16)
        tensors[name] = tensors[name].to(kinds[number % 4])
    save_directory(tmp_path / "ours", config, tensors)
    path = tmp_path / "ours" / "model.safetensors"
    found = load_file(path)
    check_equal({name.removeprefix("model."): tensor for name, tensor in found.items()}, tensors)
    with safe_open(path, framework="pt") as file:
        assert file.metadata() == {"format": "pt"}
    length = int.from_bytes(path.read_bytes()[:8], "little")
    header = json.loads(path.read_bytes()[8 : 8 + length])
    assert length % 8 == 0
    for name, tensor in found.items():
        assert header[name]["data_offsets"][0] % tensor.itemsize == 0


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float64])
def test_numbers_become_what_is_asked_for(dtype: torch.dtype, tmp_path: Path) -> None:
    tensors = drawn_tensors(released())
    wanted = {name: tensor.to(dtype) for name, tensor in tensors.items()}
    save_directory(tmp_path / "own", released(), tensors, dtype)
    save_meta(tmp_path / "meta", released(), tensors, dtype)
    for form in ("own", "meta"):
        check_equal(dict(open_checkpoint(tmp_path / form)), wanted)
    assert json.loads((tmp_path / "own" / "config.json").read_text())["dtype"] == str(dtype).removeprefix("torch.")


def test_parameters_and_views_are_written_as_they_look(tmp_path: Path) -> None:
    tensors = drawn_tensors(released())
    odd = {name: torch.nn.Parameter(tensor.t().contiguous().t()) for name, tensor in tensors.items()}
    save_directory(tmp_path / "ours", released(), odd)
    check_equal(dict(open_checkpoint(tmp_path / "ours")), tensors)


def test_every_tensor_is_asked_for_when_its_turn_comes(tmp_path: Path) -> None:
    tensors = Gathered(drawn_tensors(released()))
    save_directory(tmp_path / "ours", released(), tensors, torch.float32)
    assert sorted(tensors.asked) == sorted(tensors)


def test_tensors_are_written_in_blocks(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(reading, "BLOCK", 100)
    assert list(row_blocks(7, 7 * 40)) == [(0, 2), (2, 4), (4, 6), (6, 7)]
    assert list(row_blocks(2, 2 * 400)) == [(0, 1), (1, 2)]
    tensors = drawn_tensors(released())
    calls: list[tuple[int, int]] = []
    save_directory(tmp_path / "own", released(), tensors, progress=lambda *call: calls.append(call))
    save_meta(tmp_path / "meta", released(), open_checkpoint(tmp_path / "own"))
    check_equal(dict(open_checkpoint(tmp_path / "meta")), tensors)
    total = sum(tensor.nbytes for tensor in tensors.values())
    assert calls[-1] == (total, total)
    assert calls == sorted(calls)
    assert len(calls) > total / 400


def test_a_directory_that_is_taken(tmp_path: Path) -> None:
    tensors = drawn_tensors(released())
    target = tmp_path / "ours"
    target.mkdir()
    save_directory(target, released(), tensors)
    with pytest.raises(ValueError, match="ours is not empty; name another directory, or give overwrite=True"):
        save_directory(target, released(), tensors)
    other = drawn_tensors(released(), seed=1)
    save_meta(target, released(), other, overwrite=True)
    check_equal(dict(open_checkpoint(target)), other)
    assert not (target / "model.safetensors").exists()
    (tmp_path / "file").write_bytes(b"x")
    with pytest.raises(ValueError, match="file is not a directory"):
        save_directory(tmp_path / "file", released(), tensors, overwrite=True)
    with pytest.raises(ValueError, match="holds something else than a model over bytes, and is not overwritten"):
        save_directory(tmp_path, released(), tensors, overwrite=True)
    assert hidden(tmp_path) == []


@pytest.mark.parametrize("save", [save_directory, save_meta, partial(save_meta, hub=True)])
def test_an_interruption_leaves_nothing(save: Callable[..., None], tmp_path: Path) -> None:
    tensors = drawn_tensors(released())
    target = tmp_path / "deep" / "ours"
    save_directory(target, released(), tensors)

    def interrupt(done: int, total: int) -> None:
        if done > total / 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        save(target, released(), drawn_tensors(released(), seed=1), overwrite=True, progress=interrupt)
    with pytest.raises(KeyboardInterrupt):
        save(tmp_path / "fresh", released(), tensors, progress=interrupt)
    assert [path.name for path in tmp_path.iterdir()] == ["deep"]
    assert [path.name for path in target.parent.iterdir()] == ["ours"]
    check_equal(dict(open_checkpoint(target)), tensors)


def test_what_others_put_there_meanwhile_stays(tmp_path: Path) -> None:
    def meddle(done: int, total: int) -> None:
        (tmp_path / "ours").mkdir(exist_ok=True)
        (tmp_path / "ours" / "file").write_bytes(b"x")

    with pytest.raises(ValueError, match="ours is not empty"):
        save_directory(tmp_path / "ours", released(), drawn_tensors(released()), progress=meddle)
    assert [path.name for path in tmp_path.rglob("*")] == ["ours", "file"]


def test_what_was_there_comes_back(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    tensors = drawn_tensors(released())
    save_directory(tmp_path / "ours", released(), tensors)
    rename = Path.rename
    failing = [True]

    def rename_later(path: Path, target: Path) -> Path:
        if target.name == "ours" and failing and failing.pop():
            raise KeyboardInterrupt
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", rename_later)
    with pytest.raises(KeyboardInterrupt):
        save_directory(tmp_path / "ours", released(), drawn_tensors(released(), seed=1), overwrite=True)
    assert [path.name for path in tmp_path.iterdir()] == ["ours"]
    check_equal(dict(open_checkpoint(tmp_path / "ours")), tensors)


def test_other_tensors_are_not_saved(tmp_path: Path) -> None:
    tensors = drawn_tensors(released())
    head = tensors.pop("lm_head.weight")
    with pytest.raises(ValueError, match=r"the tensors to save lack lm_head.weight; 1 in all"):
        save_directory(tmp_path / "ours", released(), tensors)
    tensors |= {"lm_head.weight": head, "head": head}
    with pytest.raises(ValueError, match="the tensors to save hold, besides those of the configuration, head; 1"):
        save_meta(tmp_path / "ours", released(), tensors)
    del tensors["head"]
    with pytest.raises(ValueError, match=r"lm_head.weight is \(8, 260\), but the configuration makes it \(260, 8\)"):
        save_directory(tmp_path / "ours", released(), tensors | {"lm_head.weight": head.t()})
    with pytest.raises(ValueError, match=r"weights cannot be of dtype torch.int8; choose one of float64"):
        save_directory(tmp_path / "ours", released(), tensors, torch.int8)
    head[0, 0] = 1e6
    with pytest.raises(ValueError, match=r"lm_head.weight has numbers too large for float16; choose bfloat16"):
        save_directory(tmp_path / "ours", released(), tensors, torch.float16)
    assert list(tmp_path.iterdir()) == []
