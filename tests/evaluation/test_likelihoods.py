"""Likelihoods of continuations: wherever a text is cut its parts add up, and greedy is what decoding writes."""

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import bytelm
from bytelm.covers.model import TokenizedLM
from bytelm.engines.table import random_table
from bytelm.evaluation.likelihoods import Likelihood, likelihoods
from bytelm.model import ByteLM
from bytelm.prompts import Prompt
from tokens.tiny import added, byte_level, save, sentencepiece, trained

TEXT = "def é(x):\n    return '日本' + x\n".encode()
PATTERN = r" ?\p{L}+| ?\p{N}{1,3}| ?[^\s\p{L}\p{N}]+|\s+"
TABLES = ["byte-level", "sentencepiece", "no pattern"]
BUNDLED = ["bundled:code", "bundled:code-sp", "bundled:blt"]


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, ByteLM[Any]]:
    folder = tmp_path_factory.mktemp("tokenizers")
    views = {
        "byte-level": trained(folder / "a", PATTERN),
        "sentencepiece": save(folder / "b", sentencepiece("▁abé日\n", [("a", "b"), ("▁", "a"), ("é", "é")])),
        "no pattern": trained(folder / "c", "", 330),
    }
    rng = np.random.default_rng(0)
    tables: dict[str, ByteLM[Any]] = {
        name: TokenizedLM(random_table(view.size, rng, memory=1), view.canonical, (), 0.0, view.prefix, view)
        for name, view in views.items()
    }
    return tables | {name: bytelm.load(name, device="cpu") for name in BUNDLED}


def one(model: ByteLM[Any], prompt: bytes | Prompt, continuation: bytes) -> Likelihood:
    (found,) = likelihoods(model, [(prompt, continuation)])
    return found


@pytest.mark.parametrize("name", TABLES)
@settings(max_examples=15)
@given(text=st.text("ab é日\n1", max_size=12).map(str.encode), data=st.data())
def test_the_parts_of_a_text_add_up(
    models: dict[str, ByteLM[Any]], name: str, text: bytes, data: st.DataObject
) -> None:
    cuts = [0, *sorted(data.draw(st.lists(st.integers(0, len(text)), min_size=1, max_size=2))), len(text)]
    total = one(models[name], b"", text).logprob
    assert total == pytest.approx(models[name].score(text).sum(), abs=1e-6)
    parts = [one(models[name], text[:begun], text[begun:end]) for begun, end in pairwise(cuts)]
    assert sum(part.logprob for part in parts) == pytest.approx(total, abs=1e-6)


@pytest.mark.parametrize("name", BUNDLED)
def test_in_one_call_they_add_up_at_every_byte(models: dict[str, ByteLM[Any]], name: str) -> None:
    """In several calls they do to the rounding of a network in float32."""
    asked = [(b"", TEXT[:cut]) for cut in range(len(TEXT) + 1)] + [(TEXT[:cut], TEXT[cut:]) for cut in range(len(TEXT))]
    before, behind = np.split(np.array([found.logprob for found in likelihoods(models[name], asked)]), [len(TEXT) + 1])
    assert (before[:-1] + behind)[1:] == pytest.approx(before[-1], abs=1e-6)
    assert behind[0] == pytest.approx(before[-1], abs=1e-4)
    assert before[-1] == pytest.approx(models[name].score(TEXT).sum(), abs=1e-4)
    assert one(models[name], TEXT[:8], TEXT[8:]).logprob == pytest.approx(behind[8], abs=1e-4)


@pytest.mark.parametrize("name", [*TABLES, *BUNDLED])
def test_several_continuations_of_a_prompt(models: dict[str, ByteLM[Any]], name: str) -> None:
    several = [b" a", b" b", b" a", "日".encode()[:2], b"", b" ab ab"]
    found = likelihoods(models[name], [("a é", text) for text in several])
    alone = [one(models[name], "a é".encode(), text) for text in several]
    assert [part.logprob for part in found] == pytest.approx([part.logprob for part in alone], abs=1e-5)
    assert [part.greedy for part in found] == [part.greedy for part in alone]
    assert found[4] == (0.0, True)


@pytest.mark.parametrize("name", [*TABLES, *BUNDLED])
def test_greedy_is_what_decoding_writes(models: dict[str, ByteLM[Any]], name: str) -> None:
    written = models[name].generate("a é", max_bytes=6)
    other = written[:-1] + bytes([written[-1] ^ 1])
    asked = [("a é", text) for text in (written, written[:3], other, b"\x07", written + b"\x07")]
    greedy = [found.greedy for found in likelihoods(models[name], asked)]
    assert greedy == [True, True, False, False, False]


def test_the_end_of_text_is_not_greedy_for_more(tmp_path: Path) -> None:
    view = save(tmp_path, byte_level([], None) | {"added_tokens": [added(256, "<s>")]})
    logprobs = np.log(np.where(np.arange(257) == 256, 0.9, 0.1 / 256))
    model = TokenizedLM(_fixed(logprobs), view.canonical, (256,), 0.0, view.prefix, view)
    assert [found.greedy for found in likelihoods(model, [("a", ""), ("a", "b")])] == [True, False]


def test_special_tokens_stand_before_the_text(tmp_path: Path) -> None:
    view = save(tmp_path, byte_level([(b"a", b"b")]) | {"added_tokens": [added(257, "<s>")]})
    model = TokenizedLM(
        random_table(view.size, np.random.default_rng(1), memory=2), view.canonical, (257,), 0.0, view.prefix, view
    )
    prompt = Prompt("b", view.special("<s>"), "a")
    several = likelihoods(model, [(prompt, "b"), (prompt, "ba"), (b"ba", "b"), (Prompt(view.special("<s>")), "a")])
    expected = [model.score(Prompt(prompt, "b"))[1:].sum(), model.score(Prompt(prompt, "ba"))[1:].sum()]
    expected += [model.score("bab")[2:].sum(), model.score(Prompt(view.special("<s>"), "a")).sum()]
    assert [found.logprob for found in several] == pytest.approx(expected, abs=1e-9)
    with pytest.raises(ValueError, match="reads bytes alone"):
        likelihoods(bytelm.ngram("abc"), [(prompt, "b")])


def test_a_prompt_that_is_no_text_is_one_condition_more(models: dict[str, ByteLM[Any]]) -> None:
    asked = [(b"a\xff", b" a"), (b"a\xff", b" b"), (b"a\xffb", b" a")]
    found = likelihoods(models["byte-level"], asked)
    assert all(np.isfinite(part.logprob) for part in found)
    assert found[0].logprob == pytest.approx(models["byte-level"].score(b"a\xff a")[2:].sum(), abs=1e-9)


def test_progress_counts_what_was_asked(models: dict[str, ByteLM[Any]]) -> None:
    seen: list[int] = []
    asked = [("a", "b"), ("a", "c"), ("a", "b"), ("b", "c")]
    likelihoods(models["byte-level"], asked, together=1, progress=seen.append)
    assert seen == [3, 1]
    assert likelihoods(models["byte-level"], []) == []


def _fixed(logprobs: np.ndarray[Any, Any]) -> Any:
    from bytelm.engines.table import TableModel

    return TableModel(len(logprobs), lambda _: logprobs)
