"""A byte model in lm-eval-harness: real tasks, chats, arguments, and what its own models make of a cut."""

import json
import subprocess
import sys
from math import log
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("lm_eval")

from lm_eval.api.instance import Instance
from lm_eval.api.registry import get_model

import bytelm
from bytelm.evaluation.harness import ByteHarness
from bytelm.evaluation.tasks import CARD, TaskRow, rows_of, run_tasks
from bytelm.evaluation.writing import writing
from evaluation.local_tasks import BODIES, QUESTIONS, write_tasks

# What lm_eval and its libraries warn of while they load and write tasks.
pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning:lm_eval|datasets|dill|multiprocess|evaluate"),
    pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning"),
]


@pytest.fixture(scope="module")
def model() -> Any:
    return bytelm.load(device="cpu")


def asked(kind: str, *requests: tuple[Any, ...]) -> list[Instance]:
    return [Instance(request_type=kind, doc={}, arguments=one, idx=i) for i, one in enumerate(requests)]  # type: ignore[arg-type]


def test_tasks_of_every_kind(model: Any, tmp_path: Path) -> None:
    results = run_tasks(model, list(BODIES), include_path=write_tasks(tmp_path))
    rows = {(row.task, row.metric): row.value for row in rows_of(results)}
    chosen = [
        max(
            range(3),
            key=lambda i, one=one: model.score(one["question"] + one["choices"][i])[len(one["question"]) :].sum(),
        )
        for one in QUESTIONS
    ]
    right = [pick == one["gold"] for pick, one in zip(chosen, QUESTIONS, strict=True)]
    assert rows["tiny_choice", "acc"] == sum(right) / 2
    assert ("tiny_choice", "acc_norm") in rows
    assert rows["tiny_rolling", "bits_per_byte"] == pytest.approx(
        model.bits_per_byte([one["text"] for one in QUESTIONS]), abs=1e-6
    )
    written = [model.generate(one["question"], max_bytes=10, stop="\n").decode() for one in QUESTIONS]
    exact = [text == one["choices"][one["gold"]] for text, one in zip(written, QUESTIONS, strict=True)]
    assert rows["tiny_writing", "exact_match"] == sum(exact) / 2


def test_answers(model: Any) -> None:
    harness = ByteHarness(model, batch_size=2)
    pairs = [("import num", "py"), ("import num", "b"), ("", "import"), ("import n", "umpy")]
    found = harness.loglikelihood(asked("loglikelihood", *pairs), disable_tqdm=True)
    for (context, text), (logprob, greedy) in zip(pairs, found, strict=True):
        assert logprob == pytest.approx(model.score(context + text)[len(context) :].sum(), abs=1e-4)
        assert greedy == (model.generate(context, max_bytes=len(text)) == text.encode())
    (rolled,) = harness.loglikelihood_rolling(asked("loglikelihood_rolling", ("é日\n" * 9,)))
    assert -rolled / log(2) / 54 == pytest.approx(model.bits_per_byte("é日\n" * 9), abs=1e-6)


def test_answers_are_written_as_the_task_says(model: Any) -> None:
    harness = ByteHarness(model, batch_size=2, bytes_per_token=3)
    sampled = {"do_sample": True, "temperature": 0.7, "max_gen_toks": 4}
    ways = [{"until": "\n", "max_new_tokens": 5}, sampled, {"max_gen_toks": 1}, sampled]
    found = harness.generate_until(asked("generate_until", *(("import o", way) for way in ways)))
    assert found[0] == model.generate("import o", max_bytes=15, stop="\n").decode()
    assert found[2] == model.generate("import o", max_bytes=3).decode()
    both = model.generate(["import o"] * 2, max_bytes=12, temperature=0.7)
    assert [found[1], found[3]] == [text.decode() for text in both]


def test_generation_options() -> None:
    assert writing({}).max_bytes == 5 * 256
    assert writing({"do_sample": True}).temperature == 1
    assert writing({"do_sample": False, "temperature": 0.7, "top_p": 0.5}) == writing({})
    assert writing({"temperature": 0.7, "until": ["a", "b"]}).stop == ("a", "b")
    with pytest.raises(ValueError, match="the task generates with num_beams, which bytelm does not know"):
        writing({"num_beams": 3})


def test_arguments_are_those_of_loading() -> None:
    harness = get_model("bytelm").create_from_arg_string(
        "pretrained=bundled:code-sp,tolerance=1e-3,segmentation=all,dtype=float32",
        {"device": "cpu", "batch_size": "auto", "max_batch_size": None},
    )
    assert isinstance(harness, ByteHarness)
    assert isinstance(harness.model, type(bytelm.load(device="cpu")))
    assert (harness.model.tolerance, harness.batch_size) == (1e-3, 16)
    assert ByteHarness.create_from_arg_obj({"device": "cpu"}, {"batch_size": "3"}).batch_size == 3
    with pytest.raises(ValueError, match="bytelm takes no model argument peft, revision; it takes pretrained, segm"):
        ByteHarness.create_from_arg_string("peft=x,revision=main")
    with pytest.raises(ValueError, match="batch_size is 0; expected a whole number of at least 1"):
        ByteHarness.create_from_arg_obj({"device": "cpu"}, {"batch_size": 0})


def test_chats(tmp_path: Path) -> None:
    import torch
    from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM

    from tokens.tiny import added, byte_level, save

    template = "{% for m in messages %}<|im|>{{ m['role'] }}\n{{ m['content'] | trim }}<|end|>{% endfor %}"
    template += "{% if add_generation_prompt %}<|im|>assistant\n{% endif %}"
    save(tmp_path, byte_level([(b"a", b"b")]) | {"added_tokens": [added(257, "<|im|>"), added(258, "<|end|>")]})
    names = {"tokenizer_class": "PreTrainedTokenizerFast", "eos_token": "<|end|>", "chat_template": template}
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(names))
    torch.manual_seed(0)
    shape = {
        "hidden_size": 16,
        "intermediate_size": 16,
        "num_hidden_layers": 1,
        "num_attention_heads": 1,
    }
    LlamaForCausalLM(LlamaConfig(vocab_size=259, eos_token_id=258, **shape)).save_pretrained(tmp_path)
    model: Any = bytelm.load(tmp_path, device="cpu")
    harness, plain = ByteHarness(model), ByteHarness(model)
    chat = [{"role": "user", "content": "ab"}, {"role": "assistant", "content": "So "}]
    theirs = AutoTokenizer.from_pretrained(tmp_path)
    text = harness.apply_chat_template(chat[:1])
    assert text == theirs.apply_chat_template(chat[:1], tokenize=False, add_generation_prompt=True)
    going_on = theirs.apply_chat_template(chat, tokenize=False, continue_final_message=True)
    assert harness.apply_chat_template(chat, add_generation_prompt=False) == going_on
    assert harness.chat_template(True) == template
    assert harness.chat_template(False) is None
    ((as_chat, _),) = harness.loglikelihood(asked("loglikelihood", (text, "ab")))
    ((as_text, _),) = plain.loglikelihood(asked("loglikelihood", (text, "ab")))
    prompt = model.chat_prompt(chat[:1])
    assert as_chat == pytest.approx(model.score(bytelm.Prompt(prompt, "ab"))[-2:].sum(), abs=1e-5)
    assert as_text == pytest.approx(model.score(text + "ab")[-2:].sum(), abs=1e-5)
    assert abs(as_chat - as_text) > 1e-4
    with pytest.raises(ValueError, match="this model has no tokenizer of a directory, so no chat template"):
        ByteHarness(bytelm.ngram("a")).apply_chat_template(chat)


def test_what_a_cut_does_to_a_model_of_tokens(model: Any) -> None:
    """Their own model forgets that the prompt could go on; ours adds up to the same wherever the text is cut."""
    from lm_eval.models.huggingface import HFLM

    directory = str(model.tokenizer.directory)
    hf = HFLM(pretrained=directory, tokenizer=directory, device="cpu", dtype="float32")
    text, cuts = "import numpy as np\n", [8, 10, 12, 16]
    requests = [asked("loglikelihood", ("", text[:cut]), (text[:cut], text[cut:])) for cut in cuts]
    theirs, ours = (
        [sum(logprob for logprob, _ in lm.loglikelihood(pair, disable_tqdm=True)) for pair in requests]
        for lm in (hf, ByteHarness(model))
    )
    assert max(ours) - min(ours) < 1e-4
    assert max(theirs) - min(theirs) > 1


def test_rows_name_filters_and_groups() -> None:
    results = {
        "results": {
            "group": {"alias": "group", "acc,none": 0.5, "acc_stderr,none": "N/A"},
            "part": {"alias": " - part", "exact_match,strict": 1, "exact_match_stderr,strict": 0.1},
        },
        "n-shot": {"part": 5},
    }
    assert list(rows_of(results)) == [
        TaskRow("group", "acc", 0.5, None, None),
        TaskRow(" - part", "exact_match,strict", 1.0, 0.1, 5),
    ]


def test_the_tasks_of_the_card_are_known_by_name() -> None:
    import lm_eval.tasks

    folder = Path(lm_eval.tasks.__file__).parent
    known = {line.removeprefix(kind + ": ").strip() for kind in ("task", "group") for line in _first_lines(folder)}
    assert set(CARD) <= known


def test_unknown_tasks_and_folders(model: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match="the folder of tasks is not there"):
        run_tasks(model, ["tiny"], include_path=tmp_path / "none")
    (write_tasks(tmp_path).parent / "data.jsonl").unlink()
    with pytest.raises(ValueError, match=r"the tasks tiny_choice could not be run: .*data\.jsonl"):
        run_tasks(model, ["tiny_choice"], include_path=tmp_path / "tasks")


def test_their_command_line_knows_bytelm(tmp_path: Path) -> None:
    task = str(write_tasks(tmp_path) / "tiny_choice.yaml")
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "bytelm.evaluation",
            "run",
            "--model",
            "bytelm",
            "--model_args",
            "wrong=1",
            "--tasks",
            task,
        ],
        capture_output=True,
        text=True,
    )
    assert "bytelm takes no model argument wrong" in done.stderr


def _first_lines(folder: Path) -> list[str]:
    names = ("mmlu/default/_mmlu.yaml", "super_glue/boolq/default.yaml", "piqa/piqa.yaml", "ifeval/ifeval.yaml")
    files = [folder / name for name in (*names, "arc/arc_challenge.yaml", "arc/arc_easy.yaml")]
    return [line for file in files if file.exists() for line in file.read_text(encoding="utf-8").splitlines()]
