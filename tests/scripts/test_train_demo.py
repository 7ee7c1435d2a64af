"""The script that trains three models for equal FLOPs: all of it in small, cut off and resumed; and its parts."""

import json
import math
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer
from torch import Tensor
from training_demo.costs import cost_of_blt, cost_of_transformer
from training_demo.exporting import export
from training_demo.following import Point, Reached, Stopped, follow
from training_demo.library import Excerpt, excerpt
from training_demo.measuring import FRESH, nats_of
from training_demo.phases import Phases
from training_demo.plan import BLT, FULL, QUICK, TITLES
from training_demo.results import Json
from training_demo.token_run import TokenRun
from training_demo.tokens import TokenDocuments, documents_of, learned_tokenizer, token_ids, with_specials
from training_demo.words import markdown, verdict

import bytelm
from bytelm.blt.vocabulary import BOS, EOS, OFFSET, SIZE
from bytelm.training.data.options import Options
from bytelm.training.data.preparing import prepare
from bytelm.training.data.rows import Rows
from bytelm.training.data.shards import Shards
from bytelm.training.flops import flops_per_byte
from bytelm.training.stopping import StopSign

ROOT = Path(__file__).parents[2]
RESULT = ROOT / "benchmarks" / "train_demo.json"


def test_all_of_it_cut_off_by_ctrl_c_and_taken_up_again(tmp_path: Path) -> None:
    work, out, picture = tmp_path / "work", tmp_path / "result.json", tmp_path / "curves.png"
    options = ["--quick", "--threads", "1", "--work", str(work), "--out", str(out), "--picture", str(picture)]
    command = [sys.executable, "-u", str(ROOT / "scripts" / "train_demo.py"), *options]

    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=tmp_path) as begun:
        assert begun.stdout is not None
        for line in begun.stdout:
            if line.startswith("2/6"):
                begun.send_signal(signal.SIGINT)
        assert begun.wait() == 0
    assert not out.exists()

    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=tmp_path)
    found = json.loads(out.read_text("utf-8"))
    assert verdict(found) in done.stdout
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert set(found["models"]) == set(TITLES)
    step = {name: model["flops_per_byte"] * model["bytes"] / model["steps"] for name, model in found["models"].items()}
    for name, model in found["models"].items():
        assert model["flops"] == pytest.approx(found["flops"], abs=step[name])
        assert [point["flops"] for point in model["curve"]] == sorted(point["flops"] for point in model["curve"])
        assert model["curve"][-1]["bits_per_byte"] == model["bits_per_byte"] < math.log2(SIZE)
        assert model["text"]
    assert found["data"]["held_out_files"] == found["winner"]["files"] > 0


def test_excerpts_end_with_a_line_or_a_character() -> None:
    assert excerpt(b"a\nbc\n", 5) == Excerpt(b"a\nbc\n", True)
    assert excerpt(b"a\nbc\nd", 4) == Excerpt(b"a\n", False)
    assert excerpt("éé".encode(), 3) == Excerpt("é".encode(), False)
    assert excerpt(b"a\nbc\n", 5).symbols == 6
    assert excerpt(b"ab", 9).ids().tolist() == [BOS, ord("a") + OFFSET, ord("b") + OFFSET, EOS]


def test_each_id_is_predicted_once() -> None:
    rng = np.random.default_rng(0)
    table = torch.from_numpy(rng.normal(size=(20, 20))).float()
    texts = [rng.integers(4, 20, size) for size in (2, 9, 10, 41, 150)]
    logs = table.double().log_softmax(-1)
    expected = [-float(logs[text[:-1], text[1:]].sum()) for text in texts]
    assert nats_of(texts, 9, lambda ids: table[ids]) == pytest.approx(expected, rel=1e-5)


def test_behind_the_first_window_a_quarter_of_one_is_seen_at_least() -> None:
    length, size = 16, 100

    def costly_without_sight(ids: Tensor) -> Tensor:
        """A nat is the price of an id that is predicted from so few."""
        seen = torch.arange(1, ids.shape[1] + 1).expand(ids.shape)
        logits = torch.zeros(*ids.shape, 9)
        logits[..., 5] = torch.where(seen < (1 - FRESH) * length, -50.0, 50.0)
        return logits

    (nats,) = nats_of([np.full(size, 5)], length, costly_without_sight)
    assert nats == pytest.approx(((1 - FRESH) * length - 1) * (50 + math.log(8)), rel=1e-3)


def test_flops_of_both_stages() -> None:
    cost = cost_of_blt(FULL.blt, 5.0)
    model = FULL.blt.model
    entropy = flops_per_byte(model.entropy, FULL.blt.length)
    ids = FULL.blt.rows * FULL.blt.length
    assert cost.flops(cost.first_steps) == cost.first_steps * ids * entropy
    one = cost.flops(cost.first_steps + 1) - cost.flops(cost.first_steps)
    assert one == pytest.approx(ids * (flops_per_byte(model, FULL.blt.length, 5.0) + entropy / 3))
    later = cost.first_steps + 200
    assert cost.steps(cost.flops(later)) == later
    assert cost.steps(0.0) == cost.first_steps + 1


def test_flops_of_tokens_are_those_of_bytes_and_of_a_larger_output() -> None:
    width = FULL.over_tokens.model.width
    cost = cost_of_transformer(FULL.over_tokens, 1000, 4.0)
    of_bytes = cost_of_transformer(FULL.over_tokens)
    assert cost.per_id == of_bytes.per_id + 6 * width * (1000 - SIZE)
    assert cost.per_byte == cost.per_id / 4
    assert cost.bytes(10) == 4 * of_bytes.bytes(10)


def test_a_run_is_measured_at_steps_and_goes_on_behind_the_last_one(tmp_path: Path) -> None:
    asked: list[int] = []

    class Reaching:
        def reach(self, step: int) -> Reached:
            if len(asked) == 2:
                asked.clear()
                raise Stopped
            asked.append(step)
            return Reached(step, step / 10, lambda ids: torch.zeros(*ids.shape, 9))

    told: list[Point] = []
    texts = [np.array([1, 5, 5])]
    with pytest.raises(Stopped):
        follow(Reaching(), [3, 6, 9], texts, 4, tmp_path, told.append)
    points = follow(Reaching(), [3, 6, 9], texts, 4, tmp_path, told.append)
    assert asked == [9]
    assert [point.step for point in told] == [3, 6, 3, 6, 9]
    assert [point.step for point in points] == [3, 6, 9]
    assert points[0].nats == pytest.approx([2 * math.log(9)])


def test_phases_add_up(tmp_path: Path) -> None:
    with Phases(tmp_path / "phases.json").timed("one"):
        pass
    again = Phases(tmp_path / "phases.json")
    before = dict(again.seconds)
    with pytest.raises(Stopped), again.timed("one"):
        raise Stopped
    assert list(before) == ["one"]
    assert again.seconds["one"] >= before["one"]


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory) -> Shards:
    folder = tmp_path_factory.mktemp("texts")
    for number in range(6):
        (folder / f"{number}.py").write_text(f"def count{number}(names):\n    return len(names) + {number}\n" * 5)
    prepare([folder], folder / "data", Options(validation=0.0))
    return Shards(folder / "data")


@pytest.fixture(scope="module")
def tokenizer(shards: Shards) -> Tokenizer:
    return learned_tokenizer(shards.directory.parent, shards, 290)


def test_a_tokenizer_is_learned_once(shards: Shards, tokenizer: Tokenizer, tmp_path: Path) -> None:
    assert 256 < tokenizer.get_vocab_size() <= 290
    again = learned_tokenizer(shards.directory.parent, shards, 300)
    assert again.to_str() == tokenizer.to_str()


def test_tokens_are_those_of_the_texts(shards: Shards, tokenizer: Tokenizer) -> None:
    documents = documents_of(tokenizer, shards)
    text = bytes(shards.document(2))
    assert tokenizer.decode(documents.document(2).tolist()).encode() == text
    assert documents.sizes.tolist() == [len(documents.document(index)) for index in range(shards.documents)]
    ids = token_ids(tokenizer, Excerpt(text, True))
    assert ids.tolist() == [BOS, *(documents.document(2).astype(int) + OFFSET), EOS]
    assert with_specials(tokenizer).encode(text.decode()).ids == ids[:-1].tolist()


def token_run(documents: TokenDocuments, ids: int, out: Path, sign: StopSign | None = None) -> TokenRun:
    config = replace(QUICK.over_tokens, out=str(out), steps=6)
    return TokenRun(config, Rows(documents, config.length, 1), ids, 2.0, sign or StopSign(), quiet=True)


def test_a_run_over_tokens_goes_on_where_it_was_saved(shards: Shards, tokenizer: Tokenizer, tmp_path: Path) -> None:
    documents, ids = documents_of(tokenizer, shards), tokenizer.get_vocab_size() + OFFSET
    whole = token_run(documents, ids, tmp_path / "whole")
    assert whole.reach(6).step == 6
    stopping = StopSign()
    stopping.handle(signal.SIGTERM, None)
    with pytest.raises(Stopped):
        token_run(documents, ids, tmp_path / "parts", stopping).reach(6)
    assert token_run(documents, ids, tmp_path / "parts").reach(3).step == 3
    parts = token_run(documents, ids, tmp_path / "parts")
    assert parts.reach(6).step == 6
    for name, parameter in whole.network.named_parameters():
        assert torch.equal(parameter, parts.network.get_parameter(name)), name


def test_the_transformer_over_tokens_is_a_llama(shards: Shards, tokenizer: Tokenizer, tmp_path: Path) -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    run = token_run(documents_of(tokenizer, shards), tokenizer.get_vocab_size() + OFFSET, tmp_path / "run")
    run.reach(3)
    export(tmp_path / "model", run.network, tokenizer, 24)
    rival = AutoModelForCausalLM.from_pretrained(tmp_path / "model").eval()
    ids = torch.from_numpy(token_ids(tokenizer, Excerpt(b"def count(names):\n", False)))[None]
    assert AutoTokenizer.from_pretrained(tmp_path / "model")("def count(names):\n")["input_ids"] == ids[0].tolist()
    with torch.no_grad():
        torch.testing.assert_close(rival(ids).logits, run.network(ids), rtol=1e-4, atol=1e-5)
    assert len(bytelm.load(tmp_path / "model").generate("def ", max_bytes=3)) <= 3


def model_result(title: str, *bits: float) -> Json:
    curve = [
        {"flops": 1e9 * (place + 1) / len(bits), "bits_per_byte": found, "seconds": 1.0}
        for place, found in enumerate(bits)
    ]
    figures = {"parameters": 1, "tables": 0, "flops_per_byte": 1, "bytes": 1, "seconds": 3, "flops": 1e9}
    return {"title": title, "bits_per_byte": bits[-1], "curve": curve, **figures}


@pytest.mark.parametrize(("low", "begins"), [(0.01, "The b wins: 2.000 bits"), (-0.01, "The b is ahead, by less than")])
def test_who_wins_follows_from_the_figures(low: float, begins: str) -> None:
    models = {name: model_result(name, 4.0, 2.0 + more) for name, more in (("a", 1.0), ("b", 0.0), ("c", 2.0))}
    winner = {"name": "b", "second": "a", "difference": 1.0, "interval": [low, 2.0], "better_on": 5, "files": 6}
    result = {"flops": 1e9, "models": models, "winner": winner, "marks": [0.5, 1.0]}
    said = verdict(result)
    assert said.startswith(begins)
    assert "33.3 % less than the a (3.000) and 50.0 % less than the c (4.000)" in said
    assert "after 75 % of the FLOPs" in said
    assert "on 5 of 6 held-out files" in said
    assert markdown(result)[3].endswith("| 2.000 | 4.000 |")


def test_the_page_says_what_was_found() -> None:
    found = json.loads(RESULT.read_text("utf-8"))
    page = (ROOT / "docs" / "training.md").read_text("utf-8")
    assert "\n".join(markdown(found)) in page
    assert verdict(found) in page.replace("\n", " ")
    assert (ROOT / "docs" / "train_demo.png").stat().st_size <= 60_000


def test_the_plan_is_fair() -> None:
    assert FULL.blt.mean_patch is not None
    cost = cost_of_blt(FULL.blt, FULL.blt.mean_patch)
    assert cost.flops(cost.first_steps) < FULL.marks[0] * cost.flops(FULL.blt.steps) * 0.8
    assert FULL.over_bytes.optimizer == replace(FULL.blt.optimizer, rate=FULL.over_bytes.optimizer.rate)
    assert FULL.over_tokens.optimizer == replace(FULL.blt.optimizer, rate=FULL.over_tokens.optimizer.rate)
    assert FULL.over_bytes.length == FULL.blt.length
    assert FULL.run_in(Path("work"), BLT).out == str(Path("work") / BLT)
