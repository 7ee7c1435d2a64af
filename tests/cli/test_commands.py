import json
import math
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from bytelm.cli.main import main
from bytelm.cli.score import impossible_note
from cli.fake_loading import SCRIPT, FakeLoading, install

Capture = pytest.CaptureFixture[bytes]


def output(capture: Capture, *argv: str) -> bytes:
    """What a command that succeeds writes to standard output; it says nothing on standard error."""
    status = main(argv)
    out, err = capture.readouterr()
    assert (status, err) == (0, b"")
    return out


@pytest.mark.usefixtures("loading")
class TestGenerate:
    def test_writes_the_continuation_and_nothing_else(self, capsysbinary: Capture) -> None:
        assert output(capsysbinary, "generate", "a doc") == SCRIPT

    def test_echo(self, capsysbinary: Capture) -> None:
        assert output(capsysbinary, "generate", "a doc", "--echo", "--max-bytes", "3") == b"a doctor"

    def test_stop_strings(self, capsysbinary: Capture) -> None:
        assert output(capsysbinary, "generate", "a doc", "--stop", "way", "--stop", "zz") == b"tor a"

    def test_every_option_is_taken(self, capsysbinary: Capture) -> None:
        options = "--temperature 0.5 --top-k 1 --top-p 0.9 --min-p 0.1 --seed 3 --raw --max-bytes 4"
        assert output(capsysbinary, "generate", "a doc", *options.split()) == SCRIPT[:4]

    def test_json(self, capsysbinary: Capture) -> None:
        found = json.loads(output(capsysbinary, "generate", "a doc", "--json"))
        assert found.pop("seconds") >= 0
        logprobs = [-float(place) for place in range(5, 5 + len(SCRIPT))]
        assert found.pop("bits_per_byte") == pytest.approx(-sum(logprobs) / math.log(2) / len(SCRIPT))
        assert found == {
            "prompt": "a doc",
            "text": SCRIPT.decode(),
            "bytes": len(SCRIPT),
            "ended": "end",
            "logprob": pytest.approx(sum(logprobs) - math.log(4)),
            "logend": pytest.approx(-math.log(4)),
            "logprobs": logprobs,
        }

    def test_a_prompt_from_a_file(self, capsysbinary: Capture, tmp_path: Path) -> None:
        (tmp_path / "prompt").write_bytes(b"\0\xff\r\n")
        out = output(capsysbinary, "generate", "--file", str(tmp_path / "prompt"), "--echo", "--max-bytes", "1")
        assert out == b"\0\xff\r\nt"

    @pytest.mark.parametrize("argv", [["-"], ["--file", "-"], []])
    def test_a_prompt_from_standard_input(
        self, capsysbinary: Capture, type_in: Callable[[bytes], None], argv: list[str]
    ) -> None:
        type_in(b"\xffdoc\n")
        assert output(capsysbinary, "generate", *argv, "--echo", "--max-bytes", "1") == b"\xffdoc\nt"

    @pytest.mark.parametrize(
        ("options", "shown"),
        [
            (["a<s>b"], b"a<s>b"),
            (["--special", "a<s>b"], b"a<s>b!"),
            (["--chat", "é"], "user: é<s>!".encode()),
        ],
    )
    def test_kinds_of_prompts(self, capsysbinary: Capture, options: list[str], shown: bytes) -> None:
        """The model under test answers prompts with special tokens by an exclamation mark first."""
        assert output(capsysbinary, "generate", *options, "--echo") == shown + SCRIPT

    @pytest.mark.parametrize("piped", [True, False])
    def test_a_chat_from_a_file(
        self, capsysbinary: Capture, tmp_path: Path, type_in: Callable[[bytes], None], piped: bool
    ) -> None:
        data = json.dumps([{"role": "system", "content": "a"}, {"role": "user", "content": "b"}]).encode()
        (tmp_path / "chat.json").write_bytes(data)
        type_in(data if piped else b"")
        file = "-" if piped else str(tmp_path / "chat.json")
        found = json.loads(output(capsysbinary, "generate", "--messages", file, "--json", "--max-bytes", "2"))
        assert (found["prompt"], found["text"]) == ("system: a<s>user: b<s>", "!t")

    def test_a_prompt_that_is_not_utf8(self, capsysbinary: Capture) -> None:
        prompt = os.fsdecode(b"caf\xe9 \xff")
        assert output(capsysbinary, "generate", prompt, "--echo", "--max-bytes", "1") == b"caf\xe9 \xfft"


def test_json_of_what_is_not_utf8(capsysbinary: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, script=b"\xe2\x82\xac\xff")
    found = json.loads(output(capsysbinary, "generate", os.fsdecode(b"\xfe"), "--json"))
    assert (found["prompt"], found["prompt_hex"]) == ("\ufffd", "fe")
    assert (found["text"], found["text_hex"]) == ("€\ufffd", "e282acff")


def test_options_reach_the_loader(loading: FakeLoading, capsysbinary: Capture) -> None:
    output(capsysbinary, "generate", "x")
    options = "--model m --segmentation all --tolerance 0.1 --dtype float32 --device cpu --begin 0 --begin 5"
    output(capsysbinary, "next", "x", *options.split())
    output(capsysbinary, "next", "x", "--method", "beam", "--width", "3", "--prune", "0.2")
    plain: dict[str, object] = dict.fromkeys(
        ("path", "segmentation", "tolerance", "width", "prune", "begin", "dtype", "device", "speculate")
    )
    plain["compile"] = False
    named = {"segmentation": "all", "tolerance": 0.1, "begin": [0, 5], "dtype": "float32", "device": "cpu"}
    beam = {"method": "beam", "width": 3, "prune": 0.2}
    exact = plain | {"method": "exact"}
    assert loading.calls == [exact, exact | {"path": "m", **named}, plain | beam]


def test_compiling_is_announced(loading: FakeLoading, capsysbinary: Capture) -> None:
    assert main(["next", "x", "--compile"]) == 0
    assert loading.calls[0]["compile"] is True
    assert capsysbinary.readouterr().err.startswith(b"bytelm: compiling the network; that takes some seconds")


@pytest.mark.usefixtures("loading")
class TestScore:
    @pytest.fixture
    def files(self, tmp_path: Path) -> list[str]:
        contents = {"three": b"a\n\xff", "empty": b"", "two": b"ab"}
        for name, content in contents.items():
            (tmp_path / name).write_bytes(content)
        return [str(tmp_path / name) for name in contents]

    def test_table(self, capsysbinary: Capture, files: list[str]) -> None:
        lines = output(capsysbinary, "score", *files).decode().splitlines()
        assert lines[0].split() == ["bytes", "bits", "per", "byte", "log", "P", "(nats)", "file"]
        assert [line.split() for line in lines[1:]] == [
            ["3", f"{1 / math.log(2):.4f}", "-3.0000", files[0]],
            ["0", "-", "0.0000", files[1]],
            ["2", f"{0.5 / math.log(2):.4f}", "-1.0000", files[2]],
            ["5", f"{0.8 / math.log(2):.4f}", "-4.0000", "total"],
        ]

    def test_one_file_has_no_total(self, capsysbinary: Capture, files: list[str]) -> None:
        assert output(capsysbinary, "score", files[0]).count(b"\n") == 2

    def test_per_byte(self, capsysbinary: Capture, files: list[str]) -> None:
        lines = output(capsysbinary, "score", "--per-byte", files[0]).decode().splitlines()
        assert [line.split() for line in lines[1:4]] == [
            ["0", "a", "-0.0000"],
            ["1", "↵", "-1.0000"],
            ["2", "\\xff", "-2.0000"],
        ]

    def test_json(self, capsysbinary: Capture, files: list[str]) -> None:
        found = json.loads(output(capsysbinary, "score", "--json", "--per-byte", *files))
        assert [file["file"] for file in found["files"]] == files
        assert [file["bytes"] for file in found["files"]] == [3, 0, 2]
        assert [file["bits_per_byte"] for file in found["files"]] == pytest.approx(
            [1 / math.log(2), None, 0.5 / math.log(2)]
        )
        assert found["files"][0]["logprobs"] == [0, -1, -2]
        assert found["total"] == {
            "bytes": 5,
            "bits_per_byte": pytest.approx(0.8 / math.log(2)),
            "logprob": -4.0,
        }

    def test_standard_input(self, capsysbinary: Capture, type_in: Callable[[bytes], None]) -> None:
        type_in(b"abc")
        assert json.loads(output(capsysbinary, "score", "--json"))["files"][0]["bytes"] == 3


@pytest.mark.usefixtures("loading")
class TestNext:
    def test_table(self, capsysbinary: Capture) -> None:
        text = output(capsysbinary, "next", "a doc", "-k", "2").decode()
        assert "\x1b" not in text
        assert "log P = -12.5000 nats" in text
        assert "75.00 %" in text
        assert "⟨end⟩" in text
        assert "⟨0⟩|·day|·ke\n" in text
        assert "(pending)\n" in text

    def test_json(self, capsysbinary: Capture) -> None:
        found = json.loads(output(capsysbinary, "next", "a doc", "-k", "2", "--json"))
        assert (found["prompt"], found["logprob"], found["dropped"]) == ("a doc", -12.5, 0.0)
        assert [(entry["byte"], entry["text"]) for entry in found["next"]] == [(116, "t"), (0, "\0")]
        assert found["next"][0]["logprob"] == pytest.approx(math.log(0.75))
        assert found["next"][0]["lower"] < found["next"][0]["logprob"] < found["next"][0]["upper"]
        assert found["next"][1]["logprob"] is None
        assert found["end"]["logprob"] == pytest.approx(math.log(0.25))
        assert found["covers"] == [
            {
                "tokens": [0, 1],
                "pieces": ["", " day"],
                "rest": " ke",
                "logweight": -0.1,
                "evaluated": True,
            },
            {
                "tokens": [0, 1, 2],
                "pieces": ["", " day", " \\xff"],
                "rest": "",
                "logweight": -3.0,
                "evaluated": False,
            },
        ]


@pytest.mark.usefixtures("loading")
class TestDemo:
    def test_shows_the_distribution_the_covers_and_the_completion(self, capsysbinary: Capture) -> None:
        text = output(capsysbinary, "demo").decode()
        for expected in (
            "next byte",
            "2 live covers",
            "a cover that holds 5.50%",
            "json.loporter …",
            "json.lotor away",
            "bytes/s",
        ):
            assert expected in text
        assert len(text.splitlines()) <= 40
        assert "\x1b" not in text

    def test_another_prompt(self, capsysbinary: Capture) -> None:
        assert b"a doctor\n" in output(capsysbinary, "demo", "a doc", "--max-bytes", "3")


def test_impossible_bytes_are_named() -> None:
    scores = np.array([-1.0, -np.inf, -3.0, -np.inf])
    note = impossible_note("f.txt", scores)
    assert note.startswith("note: f.txt: 2 bytes cannot stand in any text of the tokenizer")
    assert "the first at position 1; the others come to 2.8854 bits per byte" in note
    assert impossible_note("f.txt", scores[:1]) == ""


@pytest.mark.usefixtures("loading")
@pytest.mark.parametrize("command", [["generate"], ["next"]])
def test_a_prompt_that_the_tokenizer_reads_otherwise(command: list[str], capsysbinary: Capture) -> None:
    assert main([*command, "caf e\u0301 1"]) == 0
    note = capsysbinary.readouterr().err.decode()
    assert note == (
        'note: the tokenizer reads the prompt from byte 4 on as "é·1", not "e\u0301·1"; '
        "what it never reads has probability zero (tokenizer.normalize)\n"
    )
    assert main([*command, "caf e\u0301 1", "--segmentation", "all"]) == 0
    assert not capsysbinary.readouterr().err
    assert main([*command, "caf é"]) == 0
    assert not capsysbinary.readouterr().err


@pytest.mark.usefixtures("loading")
def test_a_file_that_the_tokenizer_reads_otherwise(capsysbinary: Capture, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("e\u0301", encoding="utf-8")
    (tmp_path / "b.txt").write_bytes(b"\xff")
    assert main(["score", str(tmp_path / "a.txt"), str(tmp_path / "b.txt")]) == 0
    assert capsysbinary.readouterr().err.decode().startswith(f"note: the tokenizer reads {tmp_path / 'a.txt'} from ")
