"""The command line is frozen: a change here is a change that users see."""

import argparse
import subprocess
import sys

import pytest

from bytelm.cli.main import build_parser, main

NETWORK = "--begin --device --dtype --model"
MODEL = f"{NETWORK} --compile --method --prune --segmentation --speculate --tolerance --width"
ENSEMBLE = "--how --weight --switch --strength"
CONSTRAINT = "--regex --choice --json-schema --grammar"
SAMPLING = "--max-bytes --seed --stop --temperature --top-k --top-p --min-p"
BLT = "--model --dtype --device"
PATCHING = "--patching --rise --longest --newlines"
REPORT = "--json --progress"
RUN = (
    "CONFIG KEY=VALUE --print-config --device --json --quiet --launch --nodes --processes-per-node --gpus-per-node"
    " --cpus-per-task --memory --time --partition --account --qos --constraint --notice --requeues --slurm"
    " --dry-run"
)
COMMANDS = {
    "generate": (
        f"PROMPT --file --chat --messages --special --echo --json --raw {CONSTRAINT} {SAMPLING} {MODEL} {ENSEMBLE}"
    ),
    "infill": (
        "PROMPT --file --mark --at --prefix --suffix --end --match --order --tokens --whole --json "
        f"{SAMPLING} {MODEL} {ENSEMBLE}"
    ),
    "score": (
        "FILE --json --per-byte --progress --format --field --keep --skip-bad --out --out-format --overwrite "
        f"--processes --engine --chunk-bytes {MODEL} {ENSEMBLE}"
    ),
    "next": f"PROMPT --file --json -k {MODEL} {ENSEMBLE}",
    "plot": f"FILE --out --by --ended --title {MODEL} {ENSEMBLE}",
    "demo": f"PROMPT --max-bytes -k {MODEL}",
    "audit": f"PROMPT --file --cut --every-cut --json --tolerance {NETWORK}",
    "check": "MODEL --contexts --cuts --json --progress --seed --text",
    "blt patches": f"FILE --limit --from --bytes --whole --plot --threshold --size {PATCHING} {REPORT} {BLT}",
    "blt calibrate": f"FILE --mean-patch --write --bytes --seed {PATCHING} {REPORT} {BLT}",
    "blt demo": f"PROMPT --max-bytes --temperature --seed --json {BLT}",
    "blt convert": "MODEL DIRECTORY --to --dtype --entropy --overwrite --progress",
    "blt entropies": "PREPARED --model --out --processes --batch --device --json --progress --quiet",
    "data prepare": (
        "INPUT --out --format --field --validation --unique --files --bytes --seed --keep-downloads --binary "
        "--shard-bytes --processes --json --progress"
    ),
    "data inspect": "DIR --verify --show --json --progress",
    "eval": (
        "MODEL FILE --json --out --teacher --piece --seed --progress --tasks --include-path --limit --num-fewshot"
        " --apply-chat-template --batch-size --dtype --device --begin --segmentation --tolerance --compile"
    ),
    "byteify": "MODEL --out --no-suffixes --tokenizer --dtype --overwrite --json --quiet",
    "export": "MODEL --out --dtype --overwrite --json --quiet",
    "targets": (
        "DATA --teacher --out --kind --length --tolerance --keep --dtype --processes --device --json --progress --quiet"
    ),
    "train": RUN,
    "distill": RUN,
}
SAMPLING_DEFAULTS: dict[str, object] = {
    "max_bytes": 64,
    "temperature": 0.0,
    "top_k": 0,
    "top_p": 1.0,
    "min_p": 0.0,
    "stop": [],
    "seed": 0,
}
PATCHING_DEFAULTS: dict[str, object] = dict.fromkeys(("patching", "rise", "longest", "newlines"))
RUN_DEFAULTS: dict[str, object] = {
    "config": "cpu-tiny",
    "changes": [],
    "print_config": False,
    "device": None,
    "json": False,
    "quiet": False,
    **dict.fromkeys(
        (
            *("launch", "nodes", "processes_per_node", "gpus_per_node", "cpus_per_task", "memory", "time"),
            *("partition", "account", "qos", "constraint", "notice", "requeues", "slurm", "dry_run"),
        )
    ),
}
DEFAULTS: dict[str, dict[str, object]] = {
    "infill": SAMPLING_DEFAULTS
    | {
        "prompt": None,
        "file": None,
        "mark": "<GAP>",
        "at": None,
        "prefix": None,
        "suffix": None,
        "end": None,
        "match": None,
        "order": None,
        "tokens": None,
        "whole": False,
        "json": False,
    },
    "generate": SAMPLING_DEFAULTS
    | {
        "prompt": None,
        "file": None,
        "chat": False,
        "messages": None,
        "special": False,
        "regex": None,
        "choice": None,
        "json_schema": None,
        "grammar": None,
        "raw": False,
        "echo": False,
        "json": False,
    },
    "score": {
        "files": ["-"],
        "per_byte": False,
        "json": False,
        "progress": False,
        "format": None,
        "field": "text",
        "keep": [],
        "skip_bad": False,
        "out": None,
        "out_format": None,
        "overwrite": False,
        "processes": 1,
        "engine": "local",
        "chunk_bytes": 1 << 18,
    },
    "next": {"prompt": None, "file": None, "k": 10, "json": False},
    "plot": {"file": "-", "out": None, "by": None, "ended": False, "title": ""},
    "demo": {"max_bytes": 160, "k": 6},
    "audit": {"file": None, "cut": None, "every_cut": False, "json": False, "tolerance": 1e-4},
    "check": {
        "model": None,
        "cuts": 2000,
        "contexts": 20,
        "seed": 0,
        "text": [],
        "json": False,
        "progress": False,
    },
    "blt patches": PATCHING_DEFAULTS
    | {
        "files": ["-"],
        "limit": None,
        "begin": None,
        "bytes": None,
        "whole": False,
        "plot": None,
        "threshold": None,
        "size": None,
        "json": False,
        "progress": False,
    },
    "blt calibrate": PATCHING_DEFAULTS
    | {
        "files": ["-"],
        "mean_patch": 5.0,
        "write": False,
        "bytes": 1 << 18,
        "seed": 0,
        "json": False,
        "progress": False,
    },
    "blt demo": {"max_bytes": 160, "temperature": 0.0, "seed": 0, "json": False},
    "blt convert": {
        "source": "a",
        "target": "b",
        "to": "bytelm",
        "dtype": None,
        "entropy": None,
        "overwrite": False,
        "progress": False,
    },
    "blt entropies": {
        "prepared": "a",
        "model": "b",
        "out": None,
        "processes": 1,
        "batch": None,
        "device": None,
        "json": False,
        "progress": False,
        "quiet": False,
    },
    "data prepare": {
        "inputs": ["a"],
        "out": "b",
        "format": None,
        "field": "text",
        "validation": 0.01,
        "unique": False,
        "files": None,
        "bytes": None,
        "seed": 0,
        "keep_downloads": False,
        "binary": False,
        "shard_bytes": 1 << 30,
        "processes": 1,
        "json": False,
        "progress": False,
    },
    "data inspect": {"directory": "a", "verify": False, "show": 3, "json": False, "progress": False},
    "train": RUN_DEFAULTS,
    "distill": RUN_DEFAULTS,
    "eval": {
        "model": "a",
        "files": [],
        "json": False,
        "out": None,
        "teacher": None,
        "piece": None,
        "seed": 0,
        "progress": False,
        "tasks": None,
        "include_path": None,
        "limit": None,
        "num_fewshot": None,
        "apply_chat_template": False,
        "batch_size": None,
        "method": "exact",
        **dict.fromkeys(("width", "prune", "speculate")),
    },
    "byteify": {
        "source": "a",
        "out": "b",
        "no_suffixes": False,
        "tokenizer": "bytes",
        "dtype": None,
        "overwrite": False,
        "json": False,
        "quiet": False,
    },
    "export": {"source": "a", "out": "b", "dtype": None, "overwrite": False, "json": False, "quiet": False},
    "targets": {
        "data": "a",
        "teacher": "b",
        "out": "c",
        "kind": "exact",
        "length": 2048,
        "tolerance": 0.01,
        "keep": 16,
        "dtype": "auto",
        "processes": 1,
        "device": None,
        "json": False,
        "progress": False,
        "quiet": False,
    },
}
NEEDED = {
    "blt calibrate": ["--mean-patch", "5"],
    "blt convert": ["a", "b"],
    "blt entropies": ["a", "--model", "b"],
    "data prepare": ["a", "--out", "b"],
    "data inspect": ["a"],
    "train": ["cpu-tiny"],
    "distill": ["cpu-tiny"],
    "byteify": ["a", "--out", "b"],
    "export": ["a", "--out", "b"],
    "targets": ["a", "--teacher", "b", "--out", "c"],
    "eval": ["a"],
}
"""What commands cannot be without."""

MODEL_DEFAULTS: dict[str, object] = {
    "model": None,
    "segmentation": None,
    "tolerance": None,
    "method": "exact",
    "width": None,
    "prune": None,
    "dtype": None,
    "device": None,
    "begin": None,
    "compile": False,
    "speculate": None,
    "how": None,
    "weight": None,
    "switch": None,
    "strength": None,
}


def subparsers() -> dict[str, argparse.ArgumentParser]:
    """The parser of each command; those within a group by both names."""
    found = commands_of(build_parser())
    return {
        f"{name} {inner}".rstrip(): own
        for name, parser in found.items()
        for inner, own in (commands_of(parser) or {"": parser}).items()
    }


def commands_of(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    return {
        name: own
        for action in parser._actions
        if isinstance(action, argparse._SubParsersAction)
        for name, own in action.choices.items()
    }


def test_the_commands() -> None:
    assert set(subparsers()) == set(COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_the_options_of_a_command(name: str) -> None:
    actions = subparsers()[name]._actions
    options = {option for action in actions for option in action.option_strings or [str(action.metavar)]}
    assert options == {*COMMANDS[name].split(), "-h", "--help"}


@pytest.mark.parametrize("name", COMMANDS)
def test_the_defaults_of_a_command(name: str) -> None:
    found = vars(build_parser().parse_args([*name.split(), *NEEDED.get(name, [])]))
    options = {option.removeprefix("--") for option in COMMANDS[name].split()}
    expected = {key: value for key, value in MODEL_DEFAULTS.items() if key in options} | DEFAULTS[name]
    assert {key: found[key] for key in expected} == expected
    assert set(found) - set(expected) <= {"run", "prompt"}


@pytest.mark.parametrize("name", COMMANDS)
def test_help_has_an_example_and_text_for_every_option(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*name.split(), "--help"]) == 0
    assert f"example:\n  bytelm {name}" in capsys.readouterr().out
    assert all(action.help for action in subparsers()[name]._actions)


def test_help_of_the_program(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    text = capsys.readouterr().out
    assert "example:\n  bytelm next" in text
    assert all(f"\n    {name.split()[0]} " in text for name in COMMANDS)


def test_help_of_a_group(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["blt", "--help"]) == 0
    text = capsys.readouterr().out
    assert "example:\n  bytelm blt demo" in text
    assert all(f"\n    {name.split()[1]}" in text for name in COMMANDS if name.startswith("blt "))
    assert main(["blt"]) == 2
    assert "arguments are required: COMMAND; see 'bytelm blt --help'" in capsys.readouterr().err


@pytest.mark.parametrize("argv", [["score"], ["blt"], ["blt", "patches"]])
def test_help_does_not_wait_for_torch(argv: list[str]) -> None:
    program = (
        f"import sys; from bytelm.cli.main import main; main({[*argv, '--help']!r}); "
        "sys.exit(bool({'torch', 'transformers', 'tokenizers', 'pyarrow', 'ray'} & set(sys.modules)))"
    )
    command = [sys.executable, "-c", f"import sys; sys.path[:0] = {[p for p in sys.path if p]!r}; {program}"]
    assert subprocess.run(command, capture_output=True, check=False).returncode == 0
