import errno
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from bytelm.cli.main import main
from cli.fake_loading import FakeLoading, FakeState

Capture = pytest.CaptureFixture[bytes]


def error(capture: Capture, *argv: str) -> str:
    """The one line that a mistake gives, without its beginning; nothing was written to standard output."""
    status = main(argv)
    out, err = capture.readouterr()
    assert (status, out) == (2, b"")
    text = err.decode()
    assert text.startswith("bytelm: error: ")
    assert text.count("\n") == 1
    return text.removeprefix("bytelm: error: ").rstrip("\n")


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        ([], "the following arguments are required: COMMAND; see 'bytelm --help'"),
        (["nxt"], "argument COMMAND: invalid choice: 'nxt' (choose from "),
        (["generate", "--max-bytes", "x"], "argument --max-bytes: invalid int value: 'x'; see 'bytelm generate"),
        (["generate", "x", "--top", "3"], "unrecognized arguments: --top 3; see 'bytelm --help'"),
        (["generate", "x", "--file", "y"], "argument --file: not allowed with argument PROMPT"),
        (["next", "x", "--segmentation", "some"], "argument --segmentation: invalid choice: 'some'"),
        (["next", "x", "-k", "-1"], "-k is -1; expected a whole number of at least 0: how many bytes to show"),
        (["generate", "x", "--top-p", "2"], "top_p is 2.0; expected a number from 0 to 1: 1 keeps every symbol"),
        (["generate", "x", "--stop", ""], "a stop string is empty and would end every output at once; leave it"),
        (["generate", "x", "--seed", "-1"], "seed is -1; expected a whole number of at least 0"),
        (["generate", "x", "--chat", "--special"], "argument --special: not allowed with argument --chat"),
        (["generate", "x", "--messages", "f"], "--messages stands in the place of a prompt; give one of them"),
        (["generate", "--chat", os.fsdecode(b"a\xff")], "a message is valid UTF-8; byte 1 of this one is not"),
        (["generate", "\ud800"], "'utf-8' codec can't encode character"),
    ],
)
@pytest.mark.usefixtures("loading")
def test_a_mistake_is_one_line(capsysbinary: Capture, argv: list[str], message: str) -> None:
    assert error(capsysbinary, *argv).startswith(message)


def test_an_unknown_command_lists_the_known_ones(capsysbinary: Capture) -> None:
    text = error(capsysbinary, "nxt")
    assert all(name in text for name in ("generate", "score", "next", "demo", "check", "audit"))


@pytest.mark.parametrize("argv", [["generate", "--file"], ["generate", "--messages"], ["next", "--file"], ["score"]])
def test_a_file_that_is_not_there(capsysbinary: Capture, tmp_path: Path, argv: list[str]) -> None:
    path = str(tmp_path / "none")
    expected = f"cannot read {path!r}: No such file or directory; give a file that can be read, or - for standard input"
    assert error(capsysbinary, *argv, path) == expected


def test_nothing_to_score(capsysbinary: Capture, type_in: Callable[[bytes], None]) -> None:
    type_in(b"")
    assert error(capsysbinary, "score") == "there is nothing to score: 0 bytes; give a file that is not empty"


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"hello", r"is not valid JSON: Expecting value"),
        (b"\xff", r"is not valid JSON: 'utf-8' codec can't decode"),
        (b"{}", "the messages are of type dict; expected a list like"),
        (b'[{"role": "user"}]', "message 0 has 'role'; expected a list like"),
    ],
)
@pytest.mark.usefixtures("loading")
def test_a_file_that_holds_no_chat(capsysbinary: Capture, tmp_path: Path, content: bytes, complaint: str) -> None:
    (tmp_path / "chat.json").write_bytes(content)
    assert complaint in error(capsysbinary, "generate", "--messages", str(tmp_path / "chat.json"))


def test_no_prompt_on_a_terminal(capsysbinary: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True, raising=False)
    assert error(capsysbinary, "next").startswith("no prompt; give one as an argument, with --file, or on")


@pytest.mark.parametrize(
    ("raised", "message"),
    [
        (ValueError("no model here;\n  give a directory"), "no model here; give a directory"),
        (FileNotFoundError(errno.ENOENT, "No such file", "x"), "[Errno 2] No such file: 'x'"),
        (UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid start byte"), "'utf-8' codec can't decode byte 0xff"),
        (MemoryError(), "out of memory; give a shorter text or a smaller model"),
        (OSError(), "OSError"),
        (FloatingPointError("the logits are NaN"), "the logits are NaN"),
    ],
)
def test_an_error_of_the_loader(capsysbinary: Capture, loading: FakeLoading, raised: Exception, message: str) -> None:
    loading.error = raised
    assert error(capsysbinary, "next", "x").startswith(message)


def test_a_defect_is_not_hidden(loading: FakeLoading) -> None:
    loading.error = RuntimeError("a defect")
    with pytest.raises(RuntimeError, match="a defect"):
        main(["next", "x"])


@pytest.mark.usefixtures("loading")
def test_ctrl_c_leaves_what_was_written(capsysbinary: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    steps = FakeState.advance

    def interrupted(state: FakeState, text: bytes) -> FakeState:
        if state.script.startswith(b" "):
            raise KeyboardInterrupt
        return steps(state, text)

    monkeypatch.setattr(FakeState, "advance", interrupted)
    assert main(["generate", "a doc"]) == 130
    assert capsysbinary.readouterr() == (b"tor ", b"")


PROGRAM = """
import sys
sys.path[:0] = {paths!r}
from cli.fake_loading import FakeLoading, FakeModel
sys.modules["bytelm.loading"] = FakeLoading(FakeModel(b"x" * 1_000_000))
from bytelm.cli.main import main
sys.exit(main(["generate", "a", "--max-bytes", "200000"]))
"""


def test_a_reader_that_goes_away_is_no_error() -> None:
    paths = [path for path in sys.path if path]
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM.format(paths=paths)], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout is not None
    assert process.stderr is not None
    assert process.stdout.read(4) == b"xxxx"
    process.stdout.close()
    with process.stderr:
        assert process.stderr.read() == b""
    assert process.wait(timeout=60) == 141


def test_python_m_bytelm_is_the_same_program() -> None:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    argv = [sys.executable, "-m", "bytelm", "nxt"]
    done = subprocess.run(argv, capture_output=True, env=environment, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith(b"bytelm: error: argument COMMAND: invalid choice: 'nxt'")
