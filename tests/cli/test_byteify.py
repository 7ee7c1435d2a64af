"""``bytelm byteify`` and ``bytelm export``."""

import json
from pathlib import Path
from typing import get_args

import pytest

import bytelm
from byteified.sources import source
from bytelm.byteified.byte_tokenizer import LAYOUTS
from bytelm.byteified.converting import DTYPES
from bytelm.byteified.exporting import Kind
from bytelm.cli import byteify, export
from bytelm.cli.main import main

Capture = pytest.CaptureFixture[str]


def output(capture: Capture, *argv: str | Path) -> str:
    status = main(list(map(str, argv)))
    out, err = capture.readouterr()
    assert (status, err) == (0, "")
    return out


def test_a_model_is_made_and_exported(capsys: Capture, tmp_path: Path) -> None:
    first, made, out = source(tmp_path, kind="unigram"), tmp_path / "made", tmp_path / "out"
    capsys.readouterr()
    lines = output(capsys, "byteify", first, "--out", made).splitlines()
    assert lines[0].startswith(f"{made}: tpu_llama, ")
    assert lines[1].startswith("of these, embeddings of tokens:  ")
    assert lines[2] == f"vocabulary:  260 (before: {bytelm.tokenizer(first).size + 3})"
    assert lines[3] == "special tokens:  <|eot_id|> <|begin_of_text|> <|start_header_id|> <|end_header_id|>"
    assert lines[4].startswith("bytes without a token of their own:  ")
    found = json.loads(output(capsys, "byteify", first, "--out", made, "--overwrite", "--no-suffixes", "--json"))
    assert (found["model_type"], found["suffix_parameters"], found["out"]) == ("llama", 0, str(made))
    assert 0xFF in found["lacking"]
    assert output(capsys, "byteify", first, "--out", made, "--overwrite", "--tokenizer", "tokenkit", "--quiet") == ""
    assert bytelm.tokenizer(made).size == 265
    text = output(capsys, "export", made, "--out", out, "--dtype", "bfloat16")
    assert text.endswith("in transformers: AutoModelForCausalLM.from_pretrained(..., trust_remote_code=True)\n")
    found = json.loads(output(capsys, "export", made, "--out", out, "--overwrite", "--json"))
    assert (found["kind"], found["out"]) == ("suffixes", str(out))
    assert output(capsys, "export", made, "--out", out, "--overwrite", "--quiet") == ""


@pytest.mark.parametrize("command", ["byteify", "export"])
def test_mistakes_are_told_in_one_line(command: str, capsys: Capture, tmp_path: Path) -> None:
    assert main([command, "/not/here", "--out", str(tmp_path / "out")]) == 2
    assert capsys.readouterr().err == "bytelm: error: no such model directory: /not/here\n"
    assert main([command, "/not/here"]) == 2
    assert "--out" in capsys.readouterr().err


def test_choices_are_those_of_the_library() -> None:
    assert byteify.TOKENIZERS == LAYOUTS
    assert byteify.DTYPES == export.DTYPES == DTYPES
    assert export.LOADING.keys() == set(get_args(Kind))
