"""``bytelm blt patches``."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bytelm.blt.cutting import cut, repatched
from bytelm.blt.lm import BltLM
from bytelm.blt.patching.options import Patching
from bytelm.blt.patching.statistics import PatchSizes
from bytelm.cli import blt_patches
from bytelm.cli.blt_showing import patch_text, patches_text
from bytelm.cli.blt_tables import histogram, most_have
from bytelm.cli.blt_tables import sizes_json as figures
from bytelm.cli.main import main
from bytelm.loading import load
from cli.blt_models import save

Capture = pytest.CaptureFixture[bytes]

CODE = b"import os\n\n\ndef size(path):\n    return os.stat(path).st_size\n"
SIZE = len(CODE)


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save(tmp_path_factory.mktemp("blt") / "model")


@pytest.fixture(scope="module")
def model(directory: Path) -> BltLM:
    found = load(directory)
    assert isinstance(found, BltLM)
    return found


@pytest.fixture
def code(tmp_path: Path) -> Path:
    path = tmp_path / "code.py"
    path.write_bytes(CODE)
    return path


def output(capture: Capture, *argv: str | Path) -> str:
    status = main(["blt", "patches", *map(str, argv)])
    out, err = capture.readouterr()
    assert (status, err) == (0, b"")
    return out.decode()


def as_json(capture: Capture, *argv: str | Path) -> Any:
    return json.loads(output(capture, *argv, "--json"))


def error(capture: Capture, *argv: str | Path) -> str:
    status = main(["blt", "patches", *map(str, argv)])
    out, err = capture.readouterr()
    assert (status, out) == (2, b"")
    assert err.startswith(b"bytelm: error: ")
    assert err.count(b"\n") == 1
    return err.decode().removeprefix("bytelm: error: ").rstrip("\n")


def test_one_file(capsysbinary: Capture, directory: Path, model: BltLM, code: Path) -> None:
    text = output(capsysbinary, code, "--model", directory)
    patches = model.patches(CODE)
    shown, *rest = text.split("\n\n       bytes  ")
    assert shown.replace("↵\n", "\n").replace("▏", "") == CODE.decode().removesuffix("\n") + "↵"
    assert shown.count("▏") == len(patches)
    assert shown.split("▏")[1] == patches[0].decode()
    line = rest[0].splitlines()[1].split()
    assert line[:2] == [str(SIZE), str(len(patches))]
    assert line[-2:] == ["Python", str(code)]
    assert "\x1b" not in text
    assert text.endswith(f"a patch starts: entropy > {model.config.patching.threshold:.4g} nats\n")


def test_the_figures(capsysbinary: Capture, directory: Path, model: BltLM, code: Path) -> None:
    found = as_json(capsysbinary, code, "--model", directory)
    sizes = sorted(map(len, model.patches(CODE)))
    (file,) = found["files"]
    assert file["bytes"] == len(CODE) == sum(size * count for size, count in file["histogram"])
    assert file["patches"] == len(sizes) == sum(count for _, count in file["histogram"])
    assert file["mean"] == pytest.approx(len(CODE) / len(sizes))
    assert file["longest"] == sizes[-1]
    assert file["median"] == (sizes[(len(sizes) - 1) // 2] + sizes[len(sizes) // 2]) / 2
    assert file["ninety_percent"] == next(size for size in sizes if sum(s <= size for s in sizes) >= 0.9 * len(sizes))
    assert {name: file[name] for name in found["total"]} == found["total"] == found["languages"]["Python"]
    assert found["patching"]["threshold"] == model.config.patching.threshold


def test_what_is_shown_for_programs(capsysbinary: Capture, directory: Path, model: BltLM, code: Path) -> None:
    shown = as_json(capsysbinary, code, "--model", directory)["shown"]
    assert [patch["text"].encode() for patch in shown["patches"]] == model.patches(CODE)
    entropies = model.entropies(CODE)
    assert [patch["entropy"] for patch in shown["patches"]] == [entropies[patch["start"]] for patch in shown["patches"]]
    assert all(entropies[patch["start"]] > model.config.patching.threshold for patch in shown["patches"][1:])


@pytest.mark.parametrize(
    ("options", "begin", "end"),
    [
        (["--from", "7"], 7, SIZE),
        (["--from", "7", "--bytes", "9"], 7, 16),
        (["--whole"], 0, SIZE),
        (["--bytes", "5"], 0, 5),
    ],
)
def test_a_part_is_shown(
    capsysbinary: Capture, directory: Path, code: Path, options: list[str], begin: int, end: int
) -> None:
    found = as_json(capsysbinary, code, "--model", directory, *options)
    shown = found["shown"]
    assert (shown["start"], shown["bytes"]) == (begin, end - begin)
    assert "".join(patch["text"] for patch in shown["patches"]).encode() == CODE[begin:end]
    assert found["total"]["bytes"] == len(CODE)
    text = output(capsysbinary, code, "--model", directory, *options)
    assert (f"… bytes {begin} to {end} of {SIZE}; --from, --bytes and --whole show others\n" in text) == (
        end - begin < SIZE
    )


def test_a_limit(capsysbinary: Capture, directory: Path, model: BltLM, code: Path) -> None:
    found = as_json(capsysbinary, code, "--model", directory, "--limit", "10")
    assert found["total"]["bytes"] == 10
    assert [patch["text"].encode() for patch in found["shown"]["patches"]] == model.patches(CODE[:10])


def test_directories_and_languages(capsysbinary: Capture, directory: Path, model: BltLM, tmp_path: Path) -> None:
    files = {"a.py": CODE, "b/c.py": b"x = 1\n", "b/d.md": b"# A title\n", "b/e.unknown": b"abc", "empty.txt": b""}
    for name, data in files.items():
        (tmp_path / "t" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "t" / name).write_bytes(data)
    for name in (".hidden/f.py", "__pycache__/g.py", ".h.py"):
        (tmp_path / "t" / name).parent.mkdir(exist_ok=True)
        (tmp_path / "t" / name).write_bytes(b"not to be read")
    found = as_json(capsysbinary, tmp_path / "t", "--model", directory)
    assert {os.path.relpath(file["file"], tmp_path / "t"): file["bytes"] for file in found["files"]} == {
        name: len(data) for name, data in files.items()
    }
    assert {name: own["bytes"] for name, own in found["languages"].items()} == {
        "Python": len(CODE) + 6,
        "Markdown": 10,
        "other": 3,
        "text": 0,
    }
    assert found["languages"]["text"]["mean"] is None
    assert found["total"]["bytes"] == sum(map(len, files.values()))
    assert found["total"]["patches"] == sum(len(model.patches(data)) for data in files.values())
    assert "shown" not in found
    lines = output(capsysbinary, tmp_path / "t", "--model", directory).splitlines()
    assert [line.split()[-1] for line in lines[1:6]] == [str(tmp_path / "t" / name) for name in sorted(files)]
    assert [line.split()[-3:] for line in lines[7:11]] == [
        ["Markdown", "1", "file"],
        ["Python", "2", "files"],
        ["other", "1", "file"],
        ["text", "1", "file"],
    ]
    assert lines[12].split()[-1] == "total"


def test_binary_files_are_left_out_of_directories(capsysbinary: Capture, directory: Path, tmp_path: Path) -> None:
    (tmp_path / "a.py").write_bytes(CODE)
    (tmp_path / "b.bin").write_bytes(b"ab\0cd")
    assert main(["blt", "patches", str(tmp_path), "--model", str(directory), "--json"]) == 0
    out, err = capsysbinary.readouterr()
    assert json.loads(out)["total"]["bytes"] == len(CODE)
    assert err.decode() == f"note: {tmp_path}: 1 binary file left out\n"
    assert as_json(capsysbinary, tmp_path / "b.bin", "--model", directory)["total"]["bytes"] == 5


def test_standard_input(capsysbinary: Capture, type_in: Callable[[bytes], None], directory: Path) -> None:
    type_in(b"abc \xff")
    found = as_json(capsysbinary, "--model", directory)
    assert (found["files"][0]["file"], found["files"][0]["bytes"], found["files"][0]["language"]) == ("-", 5, "other")
    assert "".join(patch.get("text_hex", patch["text"].encode().hex()) for patch in found["shown"]["patches"]) == (
        b"abc \xff".hex()
    )


def test_a_pipe(capsysbinary: Capture, directory: Path) -> None:
    """As the shell names the output of another program."""
    end, other = os.pipe()
    os.write(other, CODE)
    os.close(other)
    try:
        found = as_json(capsysbinary, f"/dev/fd/{end}", "--model", directory)
    finally:
        os.close(end)
    assert found["total"]["bytes"] == SIZE


@pytest.mark.parametrize(
    ("options", "patching"),
    [
        (["--patching", "space"], Patching(mode="space")),
        (["--patching", "byte"], Patching(mode="byte")),
        (["--patching", "static", "--size", "7"], Patching(mode="static", size=7)),
        (["--threshold", "5"], Patching(threshold=5)),
        (["--threshold", "-1", "--longest", "3"], Patching(threshold=-1, longest=3)),
        (["--patching", "monotonic", "--threshold", "0.1"], Patching(mode="monotonic", threshold=0.1)),
        (["--patching", "both", "--threshold", "1", "--rise", "0.1"], Patching(mode="both", threshold=1, rise=0.1)),
        (["--threshold", "2", "--newlines", "reset"], Patching(threshold=2, resets_at_newlines=True)),
    ],
)
def test_other_patchings(
    capsysbinary: Capture, directory: Path, model: BltLM, code: Path, options: list[str], patching: Patching
) -> None:
    found = as_json(capsysbinary, code, "--model", directory, *options)
    wanted = cut(repatched(model, patching), CODE)
    assert [patch["text"].encode() for patch in found["shown"]["patches"]] == wanted.patches
    assert all((patch["entropy"] is None) == (wanted.entropies is None) for patch in found["shown"]["patches"])
    names = ("mode", "longest", "resets_at_newlines")
    assert {name: found["patching"][name] for name in names} == {name: getattr(patching, name) for name in names}


def test_the_longest_can_be_taken_away(capsysbinary: Capture, tmp_path: Path, code: Path) -> None:
    directory = save(tmp_path / "model", Patching(longest=2))
    assert as_json(capsysbinary, code, "--model", directory)["total"]["longest"] == 2
    assert as_json(capsysbinary, code, "--model", directory, "--longest", "0")["total"]["longest"] > 2


@pytest.mark.parametrize("name", ["a.png", "a.svg", "a.pdf"])
def test_a_picture(capsysbinary: Capture, directory: Path, code: Path, tmp_path: Path, name: str) -> None:
    target = tmp_path / name
    text = output(capsysbinary, code, "--model", directory, "--plot", target, "--from", "3", "--bytes", "20")
    assert text.endswith(f"\nbytes 3 to 23: {target}\n")
    assert "▏" not in text
    assert target.read_bytes()[:5] in (b"\x89PNG\r", b"<?xml", b"%PDF-")


@pytest.mark.parametrize(
    ("options", "threshold", "rises", "curves"),
    [
        ([], True, False, True),
        (["--patching", "monotonic", "--threshold", "0.1"], False, True, True),
        (["--patching", "both", "--threshold", "1", "--rise", "0.1"], True, True, True),
        (["--patching", "space"], False, False, False),
    ],
)
def test_what_a_picture_shows(
    capsysbinary: Capture,
    directory: Path,
    code: Path,
    tmp_path: Path,
    options: list[str],
    threshold: bool,
    rises: bool,
    curves: bool,
) -> None:
    argv = [code, "--model", directory, *options, "--plot", tmp_path / "a.svg", "--from", "2", "--bytes", "50"]
    shown = as_json(capsysbinary, *argv)["shown"]["patches"]
    drawn = (tmp_path / "a.svg").read_text("utf-8")
    assert drawn.count('id="border"') in (len(shown), len(shown) - 1)  # the first one may begin before
    assert [f'id="{part}"' in drawn for part in ("threshold", "rise", "curve")] == [threshold, rises, curves]


def test_progress_goes_to_standard_error(
    capsysbinary: Capture, directory: Path, code: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bytelm.cli.progress.SECONDS_BETWEEN", -1.0)
    assert main(["blt", "patches", str(code), str(code), "--model", str(directory), "--progress", "--json"]) == 0
    out, err = capsysbinary.readouterr()
    assert json.loads(out)["total"]["bytes"] == 2 * SIZE
    assert err.decode().splitlines()[-1].startswith(f"{2 * SIZE} of {2 * SIZE} bytes (100 %)")


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["--threshold", "1", "--patching", "space"], "--threshold is for patching by 'entropy' or 'monotonic' or"),
        (["--size", "3"], "--size is for patching by 'static', and this is by 'entropy'"),
        (["--rise", "3"], "--rise is for patching by 'both', and this is by 'entropy'"),
        (["--patching", "byte", "--newlines", "keep"], "--newlines is for patching by 'entropy' or 'monotonic' or"),
        (["--patching", "monotonic"], "the model cuts by 'entropy' and has no threshold for 'monotonic'; give"),
        (["--patching", "static", "--size", "0"], "static patches need at least 1 byte, got 0"),
        (["--longest", "-1"], "the longest patch must have at least 1 byte, got -1"),
        (["--patching", "tokenizer"], "argument --patching: invalid choice: 'tokenizer'"),
        (["--limit", "0"], "--limit is 0; expected a number of bytes, at least 1"),
        (["--bytes", "0"], "--bytes is 0; expected a number of bytes, at least 1"),
        (["--from", "-1"], "--from is -1; expected a number of bytes, at least 0"),
        (["--from", "99"], f"--from is 99, but the text has {SIZE} bytes; begin further in front"),
        (["--whole", "--bytes", "3"], "--whole is all bytes, --bytes some of them; give one of them"),
        (["--plot", "a.gif"], "--plot 'a.gif' ends in none of .png, .svg, .pdf, so its form is not known"),
        (["CODE", "--whole"], "--whole is for one file, and there are 2; give one of them"),
        (["CODE", "--plot", "a.png"], "--plot is for one file, and there are 2; give one of them"),
        (["/not/here"], "cannot read '/not/here': No such file or directory; give a file that can be read"),
    ],
)
def test_mistakes(capsysbinary: Capture, directory: Path, code: Path, argv: list[str], message: str) -> None:
    given = [str(code) if word == "CODE" else word for word in argv]
    assert error(capsysbinary, code, *given, "--model", directory).startswith(message)


def test_long_texts_are_not_drawn(capsysbinary: Capture, directory: Path, tmp_path: Path) -> None:
    (tmp_path / "long").write_bytes(b"x" * 5000)
    message = error(capsysbinary, tmp_path / "long", "--model", directory, "--whole", "--plot", tmp_path / "a.png")
    assert message == "a picture shows at most 4,000 bytes, and bytes 0 to 5,000 are more; give a lower --bytes"


def test_nothing_to_cut(capsysbinary: Capture, directory: Path, tmp_path: Path) -> None:
    (tmp_path / "t").mkdir()
    (tmp_path / "empty").write_bytes(b"")
    for name in ("t", "empty"):
        assert error(capsysbinary, tmp_path / name, "--model", directory).startswith("there is nothing to cut: 0 bytes")


def test_other_models(capsysbinary: Capture, code: Path) -> None:
    expected = "bundled:code is not a Byte Latent Transformer; give --model the directory of one"
    assert error(capsysbinary, code, "--model", "bundled:code") == expected
    assert "no such model directory" in error(capsysbinary, code, "--model", "/not/here")


def test_ctrl_c(capsysbinary: Capture, directory: Path, code: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(blt_patches, "_told", interrupted)
    assert main(["blt", "patches", str(code), "--model", str(directory)]) == 130
    assert capsysbinary.readouterr() == (b"", b"")


def test_what_cannot_be_seen_is_escaped() -> None:
    assert patches_text([b"a\x00\t", b"\n", "é▏".encode(), b"\xe2", b"\x82\xac |\\"], colour=False) == (
        "▏a\\x00⇥▏↵\n▏é\\u258f▏\\xe2▏\\x82\\xac |\\"
    )
    assert patches_text([b"a", b"b"], colour=False, begun=True) == "a▏b"


def test_colours_alternate_and_do_not_cross_lines() -> None:
    assert patch_text(b"a\nb", 0, colour=True) == "\x1b[36ma↵\x1b[0m\n\x1b[36mb\x1b[0m"
    assert patch_text(b"a", 1, colour=True, dim=True) == "\x1b[2;33ma\x1b[0m"
    assert patch_text(b"", 1, colour=True) == ""


def test_histograms() -> None:
    sizes = PatchSizes(((1, 5), (7, 10), (8, 10), (40, 15)))
    lines = list(histogram(sizes))[1:]
    assert [line.split()[0] for line in lines] == [
        "1",
        "2",
        "3",
        "4",
        "5",
        "6",
        "7–8",
        "9–12",
        "13–16",
        "17–32",
        "33–64",
    ]
    assert [int(line.split()[-1]) for line in lines] == [5, 0, 0, 0, 0, 0, 20, 0, 0, 0, 15]
    assert [line.count("█") for line in lines if "█" in line] == [10, 40, 30]
    assert "50.0 %" in lines[6]
    assert list(histogram(PatchSizes())) == []
    assert list(histogram(PatchSizes(((65, 1), (9000, 1)))))[-1].split()[:3] == ["65", "or", "more"]


@pytest.mark.parametrize(("share", "size"), [(0.1, 1), (0.125, 1), (0.13, 7), (0.9, 40), (1.0, 40)])
def test_what_most_patches_do_not_exceed(share: float, size: int) -> None:
    assert most_have(PatchSizes(((1, 5), (7, 20), (40, 15))), share) == size
    assert most_have(PatchSizes(), share) == 0
    assert figures(PatchSizes())["median"] is None
