"""Loading: what goes wrong is told in one line, what may be missing has a substitute, and no checkpoint runs code."""

import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM

import bytelm
from bytelm.batch import BatchState
from bytelm.covers.model import TokenizedLM
from bytelm.engines.huggingface import HuggingFaceModel
from bytelm.loading import BUNDLED
from covers.tiny_tokenizers import describe

BEGIN, STOP = "</s>", "<|stop|>"
IDS = 271
"""The ids of the tiny model: a few more than its tokenizer has."""


def write(directory: Path, size: int = IDS) -> Path:
    """A tiny Llama of random weights with a byte-level tokenizer, in Hugging Face form."""
    description, _ = describe("words", 0, every_byte=True)
    (directory / "tokenizer.json").write_text(json.dumps(description))
    (directory / "tokenizer_config.json").write_text(json.dumps({"bos_token": BEGIN, "eos_token": STOP}))
    torch.manual_seed(0)
    shape = {"hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 1, "num_attention_heads": 2}
    network = LlamaForCausalLM(LlamaConfig(vocab_size=size, bos_token_id=None, eos_token_id=None, **shape))
    network.save_pretrained(directory)
    return directory


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    return write(tmp_path)


def edit(path: Path, **changes: Any) -> None:
    content = json.loads(path.read_text()) if path.exists() else {}
    path.write_text(json.dumps(content | changes))


def load(path: Path | str, **options: Any) -> TokenizedLM:
    return bytelm.load(path, **({"device": "cpu"} | options))


def begin_of(model: TokenizedLM) -> tuple[int, ...]:
    engine = model._weigher.model
    assert isinstance(engine, HuggingFaceModel)
    return engine.windows.begin


def check_one_line(error: pytest.ExceptionInfo[Exception]) -> None:
    text = str(error.value)
    assert "\n" not in text
    assert "\x1b" not in text


def test_it_loads(checkpoint: Path) -> None:
    model = load(checkpoint)
    assert len(model.generate(b"a", max_bytes=4)) <= 4


@pytest.mark.parametrize(
    ("name", "complaint"),
    [
        ("/no/such/place", "no such model directory: /no/such/place"),
        ("missing", "no such model directory: missing"),
        ("./a/b", re.escape("no such model directory: ./a/b")),
        ("nobody/nothing", "nobody/nothing is neither a directory here nor a repository that could be downloaded"),
        ("bundled:nothing", "no bundled model 'nothing'; there are bundled:code, bundled:code-sp, bundled:blt"),
    ],
)
@pytest.mark.parametrize("opening", [bytelm.load, bytelm.tokenizer])
def test_a_model_that_is_not_there(name: str, complaint: str, opening: Callable[[str], object]) -> None:
    """The hub id fails at once: the tests have no network (HF_HUB_OFFLINE)."""
    with pytest.raises(FileNotFoundError, match=complaint) as error:
        opening(name)
    check_one_line(error)


@pytest.mark.parametrize("file", ["config.json", "tokenizer.json"])
def test_a_file_that_is_not_there(file: str, checkpoint: Path) -> None:
    (checkpoint / file).unlink()
    with pytest.raises(FileNotFoundError, match=f"no {file} in {checkpoint}"):
        load(checkpoint)


def test_a_file_instead_of_a_directory(checkpoint: Path) -> None:
    with pytest.raises(ValueError, match=r"config\.json is a file; give the directory of the model"):
        load(checkpoint / "config.json")


@pytest.mark.parametrize(
    ("file", "content", "complaint"),
    [
        ("tokenizer.json", b"{", r"tokenizer\.json is not valid JSON"),
        ("tokenizer.json", b"[]", r"tokenizer\.json holds a JSON list, expected an object"),
        ("tokenizer.json", b"{}", r"tokenizer\.json is not a tokenizer"),
        ("config.json", b"{", "config.json is not valid JSON: Expecting property name"),
        ("config.json", b'{"model_type": "nonsense"}', "does not hold a usable causal language model: .*`nonsense`"),
        ("model.safetensors", b"garbage" * 9, "does not hold a usable causal language model: .*header too large"),
        ("model.safetensors", None, "does not hold a usable causal language model: .*no file named model.safetensors"),
    ],
)
def test_a_broken_file(file: str, content: bytes | None, complaint: str, checkpoint: Path) -> None:
    (checkpoint / file).unlink()
    if content is not None:
        (checkpoint / file).write_bytes(content)
    with pytest.raises(ValueError, match=complaint) as error:
        load(checkpoint)
    check_one_line(error)


def test_a_cut_file_of_weights(checkpoint: Path) -> None:
    weights = checkpoint / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-10])
    with pytest.raises(ValueError, match=r"does not hold a usable causal language model: .*incomplete"):
        load(checkpoint)


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"segmentation": "best"}, "unknown segmentation 'best'; choose one of canonical, all"),
        ({"dtype": "int8"}, "unknown dtype 'int8'; choose one of float32, bfloat16, float16"),
        ({"device": "abacus"}, "unknown device 'abacus'; try cpu or cuda"),
        ({"tolerance": -0.1}, r"tolerance is a fraction from 0 \(exact\) to below 1, got -0.1"),
        ({"tolerance": 1.0}, r"tolerance is a fraction from 0 \(exact\) to below 1, got 1.0"),
        ({"tolerance": float("nan")}, r"tolerance is a fraction from 0 \(exact\) to below 1, got nan"),
        ({"begin": []}, rf"begin takes at least one token id from 0 to {IDS - 1}, got \[\]"),
        ({"begin": [0, IDS]}, rf"begin takes at least one token id from 0 to {IDS - 1}, got \[0, {IDS}\]"),
        ({"begin": [-1]}, rf"begin takes at least one token id from 0 to {IDS - 1}, got \[-1\]"),
    ],
)
def test_a_wrong_option(options: dict[str, Any], complaint: str, checkpoint: Path) -> None:
    with pytest.raises(ValueError, match=complaint) as error:
        load(checkpoint, **options)
    check_one_line(error)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")
def test_a_device_that_is_not_there(checkpoint: Path) -> None:
    with pytest.raises(ValueError, match="device 'cuda' was asked for, but torch sees no CUDA here"):
        load(checkpoint, device="cuda")


class Malicious:
    """Makes a folder when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Callable[..., object], tuple[str]]:
        return os.mkdir, (str(self.path),)


def test_a_pickled_checkpoint_runs_no_code(checkpoint: Path, tmp_path: Path) -> None:
    (checkpoint / "model.safetensors").unlink()
    torch.save({"weight": Malicious(tmp_path / "created")}, checkpoint / "pytorch_model.bin")
    with pytest.raises(ValueError, match="does not hold a usable causal language model: Weights only load failed"):
        load(checkpoint)
    assert not (tmp_path / "created").exists()
    torch.load(checkpoint / "pytorch_model.bin", weights_only=False)
    assert (tmp_path / "created").exists(), "the folder shows where code did run"


@pytest.mark.parametrize("known_type", [True, False])
def test_remote_code_does_not_run(known_type: bool, checkpoint: Path, tmp_path: Path) -> None:
    (checkpoint / "theirs.py").write_text(f"open({str(tmp_path / 'created')!r}, 'w')\n")
    classes = {"AutoConfig": "theirs.Config", "AutoModelForCausalLM": "theirs.Model"}
    edit(checkpoint / "config.json", auto_map=classes)
    edit(checkpoint / "tokenizer_config.json", auto_map={"AutoTokenizer": ["theirs.Tokenizer", None]})
    if known_type:
        load(checkpoint)
    else:
        edit(checkpoint / "config.json", model_type="theirs")
        with pytest.raises(ValueError, match=r"does not hold a usable causal language model: .*custom code"):
            load(checkpoint)
    assert not (tmp_path / "created").exists()


def test_ids_that_the_tokenizer_does_not_have(checkpoint: Path) -> None:
    """They get no part of the probability, and are no reason to fail."""
    model = load(checkpoint)
    assert model.tokenizer.size < IDS
    assert abs(np.exp(model.prefill(b"a").logprobs()).sum() - 1) <= 1e-12


def test_tokens_that_the_model_does_not_have(tmp_path: Path) -> None:
    """Tokens added behind the model's ids are no tokens of this model."""
    model = load(write(tmp_path, size=266), begin=[0])
    assert bytelm.tokenizer(tmp_path).size == 267
    assert model.tokenizer.size == 266
    assert abs(np.exp(model.prefill(b"a").logprobs()).sum() - 1) <= 1e-12


def test_begin_tokens(checkpoint: Path) -> None:
    """What is given, also id 0; else the begin token that the tokenizer names, else its end token."""
    tokenizer = bytelm.tokenizer(checkpoint)
    assert begin_of(load(checkpoint, begin=[0])) == (0,)
    assert begin_of(load(checkpoint, begin=[5, 0])) == (5, 0)
    assert begin_of(load(checkpoint)) == (tokenizer.token_named(BEGIN),)
    edit(checkpoint / "tokenizer_config.json", bos_token=None)
    assert begin_of(load(checkpoint)) == (tokenizer.token_named(STOP),)
    (checkpoint / "tokenizer_config.json").unlink()
    with pytest.raises(ValueError, match=r"names neither a begin nor an end token; give begin=\[ids\]"):
        load(checkpoint)
    assert begin_of(load(checkpoint, begin=[0])) == (0,)
    assert begin_of(load(checkpoint, begin=5)) == (5,)


def test_another_beginning_is_another_model(checkpoint: Path) -> None:
    one, other = (load(checkpoint, begin=[token]).prefill(b"").logprobs() for token in (0, 1))
    assert not np.allclose(one, other)


def test_end_tokens(checkpoint: Path) -> None:
    """Those of the generation configuration, all of them; else the configuration's, else the tokenizer's."""
    stop = bytelm.tokenizer(checkpoint).token_named(STOP)
    assert load(checkpoint)._weigher.end_tokens == (stop,)
    edit(checkpoint / "config.json", eos_token_id=3)
    assert load(checkpoint)._weigher.end_tokens == (3,)
    edit(checkpoint / "generation_config.json", eos_token_id=[stop, 0])
    assert load(checkpoint)._weigher.end_tokens == (stop, 0)


def test_end_tokens_of_the_configuration_alone(checkpoint: Path) -> None:
    edit(checkpoint / "config.json", eos_token_id=[3, 0])
    (checkpoint / "generation_config.json").unlink()
    assert load(checkpoint)._weigher.end_tokens == (3, 0)


def test_an_end_token_counts_once_however_often_it_is_named(checkpoint: Path) -> None:
    edit(checkpoint / "generation_config.json", eos_token_id=[3, 0])
    once = load(checkpoint).prefill("").logprobs()
    edit(checkpoint / "generation_config.json", eos_token_id=[3, 0, 3, IDS, -1, 0])
    model = load(checkpoint)
    assert model._weigher.end_tokens == (3, 0)
    assert np.array_equal(model.prefill("").logprobs(), once)


def test_end_tokens_that_only_the_model_has(checkpoint: Path) -> None:
    """The end of text has the masses of all end tokens, also of one behind the tokenizer's ids."""
    edit(checkpoint / "generation_config.json", eos_token_id=[3, IDS - 1])
    model = load(checkpoint, tolerance=0)
    viewed = model.tokenizer
    assert viewed.size < IDS
    network = LlamaForCausalLM.from_pretrained(checkpoint).eval()
    with torch.no_grad():
        logits = network(torch.tensor([begin_of(model)])).logits[0, -1].double().numpy()
    ends, rule = [3, IDS - 1], viewed.canonical
    follow = [token for token in rule.vocabulary.order[rule.allowed(rule.start)] if token != 3]
    expected = np.logaddexp.reduce(logits[ends]) - np.logaddexp.reduce(logits[[*follow, *ends]])
    assert model.prefill("").logprobs()[bytelm.END] == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("wrong", [-1, IDS])
def test_an_end_token_that_the_model_does_not_have_never_comes(wrong: int, checkpoint: Path) -> None:
    edit(checkpoint / "generation_config.json", eos_token_id=[wrong])
    assert load(checkpoint).prefill(b"").logprobs()[bytelm.END] == -np.inf


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_dtypes(dtype: str, checkpoint: Path) -> None:
    assert abs(np.exp(load(checkpoint, dtype=dtype).prefill(b"a").logprobs()).sum() - 1) <= 1e-12


def test_default_tolerances(checkpoint: Path) -> None:
    assert load(checkpoint).tolerance == 1e-6
    assert load(checkpoint, segmentation="all").tolerance == 1e-4
    assert load(checkpoint, tolerance=0).tolerance == 0


def test_the_public_names(checkpoint: Path) -> None:
    """What the design promises of a model, a state, a batch and a tokenizer."""
    model = load(str(checkpoint))
    for name in ("prefill", "generate", "stream", "score", "bits_per_byte", "chat", "chat_prompt"):
        assert callable(getattr(model, name))
    state = model.prefill("a")
    assert state.logprobs().shape == (257,)
    assert [bound.shape for bound in state.bounds()] == [(257,), (257,)]
    assert state.dropped == 0
    assert state.logprob < 0
    assert len(state.top(5)) == 5
    assert state.advance(b"b").logprob < state.logprob
    assert state.covers()[0].evaluated
    batch = model.prefill([b"a", b""])
    assert isinstance(batch, BatchState)
    assert batch.logprobs().shape == (2, 257)
    assert [scores.shape for scores in model.score([b"ab", b""])] == [(2,), (0,)]
    assert model.bits_per_byte([b"ab"]) > 0
    tokenizer = bytelm.tokenizer(checkpoint)
    assert tokenizer.token_bytes(int(tokenizer.vocabulary.order[0])) == tokenizer.vocabulary.bytes_at(0)
    assert tokenizer.allowed_next([]).shape == (tokenizer.size,)
    assert all(b"a".endswith(rest) for _, rest in tokenizer.canonical_heads(b"a"))


@pytest.mark.parametrize("name", [None, *(f"bundled:{name}" for name in BUNDLED)])
def test_bundled_models(name: str | None) -> None:
    model = bytelm.load(name, device="cpu")
    assert model.prefill(b"    for i in ran").top(1)[0][0] == b"g"
    assert model.bits_per_byte(b"for i in range(10):\n    print(i)\n") < 4
    assert len(model.generate(b"def add(a, b):\n    ret", max_bytes=8)) == 8


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"method": "quick"}, "unknown method 'quick'; choose one of exact, beam"),
        ({"width": 5}, 'the exact method takes no width: leave that out, or use method="beam"'),
        ({"width": 5, "prune": 0.1}, "the exact method takes no width and no prune"),
        (
            {"method": "beam", "segmentation": "all"},
            "the beam method takes no segmentation: leave that out, or use met",
        ),
        ({"method": "beam", "tolerance": 0.1}, "the beam method takes no tolerance"),
        ({"method": "beam", "width": 0}, "width is how many hypotheses the beam keeps"),
    ],
)
def test_options_of_the_other_method(options: dict[str, Any], complaint: str, checkpoint: Path) -> None:
    with pytest.raises(ValueError, match=complaint) as error:
        load(checkpoint, **options)
    check_one_line(error)


def test_the_beam(checkpoint: Path) -> None:
    model = bytelm.load(checkpoint, method="beam", device="cpu")
    assert len(model.generate(b"a", max_bytes=4)) <= 4
    assert 1 <= len(model.prefill(b"a a").covers()) <= 10
    assert model.continue_tokens(b"a", max_bytes=3) == load(checkpoint).continue_tokens(b"a", max_bytes=3)
