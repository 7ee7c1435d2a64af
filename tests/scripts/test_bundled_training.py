"""The script that trains the bundled models: its parts, and a run of two steps."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from bundled_training import fim
from bundled_training.corpus import Document, is_held_out, load_corpus
from bundled_training.loop import Budget
from bundled_training.recipe import CODE, CODE_SP, Recipe
from bundled_training.run import Options, train
from bundled_training.windows import Windows
from transformers import AutoModelForCausalLM, AutoTokenizer

SOURCE = '''\
def greet(name):
    """Say hello to someone."""
    if not name:
        raise ValueError("déjà vu: ☃ {0}".format(name))
    return "hello, " + name
'''
AWKWARD = "  two spaces\n\n\ttab\r\nunknown: ☃ \U0001f600 \x00 é\n    "
SMALL = {
    "vocabulary": 400,
    "hidden": 32,
    "layers": 2,
    "intermediate": 48,
    "heads": 2,
    "context": 32,
    "batch": 4,
}
RECIPES = [replace(CODE, **SMALL), replace(CODE_SP, **SMALL)]


def documents() -> list[Document]:
    return [Document(f"module{i}.py", SOURCE.replace("greet", f"greet{i}") * 5) for i in range(12)]


def test_fim_cut_and_its_parts_reassemble() -> None:
    rng = random.Random(0)
    for _ in range(200):
        assert fim.cut(AWKWARD, rng).text == AWKWARD


def test_fim_arrangement_reassembles() -> None:
    tokens = fim.FimTokens(prefix=100, suffix=101, middle=102, end=103)
    ids = fim.arrange([1, 2], [3], [4, 5], tokens)
    assert ids == [100, 1, 2, 101, 4, 5, 102, 3, 103]


def test_held_out_files_are_the_same_each_time_and_about_as_many_as_asked() -> None:
    paths = [f"package/module{i}.py" for i in range(5000)]
    held_out = [path for path in paths if is_held_out(path, 3.0)]
    assert held_out == [path for path in reversed(paths) if is_held_out(path, 3.0)][::-1]
    assert 100 < len(held_out) < 200


def test_corpus_leaves_out_what_is_not_source(tmp_path: Path) -> None:
    (tmp_path / "site-packages").mkdir()
    (tmp_path / "site-packages" / "other.py").write_text("x = 1\n")
    (tmp_path / "latin.py").write_bytes(b"# caf\xe9\n")
    (tmp_path / "empty.py").write_bytes(b"")
    (tmp_path / "good.py").write_bytes(b"x = 1\r\n")
    corpus = load_corpus(tmp_path, held_out_percent=0)
    assert corpus.train == [Document("good.py", "x = 1\r\n")]


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: recipe.name)
def test_tokenizer_gives_any_text_back(recipe: Recipe) -> None:
    tokenizer = recipe.train_tokenizer(documents(), recipe.vocabulary)
    ids = tokenizer.encode(AWKWARD).ids
    assert ids[0] == tokenizer.token_to_id(recipe.begin)
    assert tokenizer.decode(ids) == AWKWARD


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: recipe.name)
def test_windows_are_full(recipe: Recipe) -> None:
    tokenizer = recipe.train_tokenizer(documents(), recipe.vocabulary)
    windows = Windows(documents(), tokenizer, recipe, random.Random(0))
    for _ in range(20):
        batch = windows.batch()
        assert batch.shape == (recipe.batch, recipe.context + 1)
        assert int(batch.max()) < tokenizer.get_vocab_size()


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: recipe.name)
def test_two_steps_and_a_resumed_third_export_a_loadable_directory(recipe: Recipe, tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    for document in (Document(f"file{i}.py", SOURCE * 3) for i in range(60)):
        (data / document.path).write_text(document.text, encoding="utf-8")
    out = tmp_path / "out"
    options = Options(
        data=data,
        out=out,
        state=tmp_path / "state",
        budget=Budget(None, 2),
        seed=1,
        resume=False,
        compiled=False,
        checkpoint_seconds=60,
    )
    train(recipe, options)
    train(recipe, replace(options, budget=Budget(None, 3), resume=True))

    figures = json.loads((out / "eval.json").read_text())
    assert figures["steps"] == 3
    assert figures["bits_per_byte"] > 0
    assert (out / "MODEL_CARD.md").read_text(encoding="utf-8").startswith("# bytelm bundled model")
    tokenizer = AutoTokenizer.from_pretrained(out)
    model = AutoModelForCausalLM.from_pretrained(out)
    ids = tokenizer(SOURCE, return_tensors="pt")["input_ids"][:, :16]
    assert ids[0, 0] == model.config.bos_token_id == tokenizer.bos_token_id
    with torch.no_grad():
        assert torch.isfinite(model(ids).logits).all()
