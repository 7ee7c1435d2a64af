"""Plain byte transformers in directories: transformers computes what we do, and nothing is lost on the way."""

import json
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, get_args

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM, AutoTokenizer, LlamaForCausalLM, MistralForCausalLM

from blt.plain_networks import FULL, WINDOWED, network, stacks
from blt.weights.tiny import drawn_tensors, released
from bytelm.blt.config import StackConfig
from bytelm.blt.vocabulary import SIZE, document
from bytelm.blt.weights.plain import open_transformer, save_transformer
from bytelm.blt.weights.plain_config import PlainKind, plain_kind
from bytelm.blt.weights.writing import save_directory

KINDS: tuple[PlainKind, ...] = get_args(PlainKind)
LENGTH = 30


@pytest.fixture(autouse=True)
def no_bars() -> None:
    from transformers.utils import logging

    logging.disable_progress_bar()


def saved(folder: Path, config: StackConfig = WINDOWED) -> Path:
    save_transformer(folder / "model", "entropy", config, network(config).state_dict())
    return folder / "model"


def change(directory: Path, changes: dict[str, Any]) -> None:
    path = directory / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


@settings(max_examples=50)
@given(stacks(), st.sampled_from(KINDS), st.integers(0, 99))
def test_transformers_computes_the_same(config: StackConfig, kind: PlainKind, seed: int) -> None:
    """Also behind the window, and with heads of keys that several heads of queries share."""
    made = network(config, seed)
    with TemporaryDirectory() as folder:
        directory = Path(folder) / "model"
        save_transformer(directory, kind, config, made.state_dict())
        found, tensors = open_transformer(directory)
        other, told = AutoModelForCausalLM.from_pretrained(directory, output_loading_info=True)
        assert (found, plain_kind(directory)) == (config, kind)
        assert tensors.keys() == made.state_dict().keys()
        assert all(torch.equal(tensors[name], tensor) for name, tensor in made.state_dict().items())
    assert not any(told.values())
    assert isinstance(other, LlamaForCausalLM if config.window is None else MistralForCausalLM)
    ids = torch.randint(SIZE, (2, LENGTH), generator=torch.Generator().manual_seed(seed))
    with torch.no_grad():
        # In float64, as drawn networks can make more of float32's rounding.
        assert torch.allclose(other.double()(ids).logits, made.double()(ids), rtol=0, atol=1e-5)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float64])
def test_numbers_become_what_is_asked_for(dtype: torch.dtype, tmp_path: Path) -> None:
    made = network(FULL)
    save_transformer(tmp_path / "model", "byte-llama", FULL, made.state_dict(), dtype)
    _, tensors = open_transformer(tmp_path / "model")
    assert all(torch.equal(tensors[name], tensor.to(dtype)) for name, tensor in made.state_dict().items())
    assert AutoModelForCausalLM.from_pretrained(tmp_path / "model", dtype="auto").dtype == dtype


@pytest.mark.parametrize("config", [FULL, WINDOWED])
def test_what_transformers_writes_is_read(config: StackConfig, tmp_path: Path) -> None:
    directory = saved(tmp_path, config)
    AutoModelForCausalLM.from_pretrained(directory).save_pretrained(tmp_path / "theirs")
    found, tensors = open_transformer(tmp_path / "theirs")
    assert (found, plain_kind(tmp_path / "theirs")) == (config, "entropy")
    assert all(torch.equal(tensors[name], tensor) for name, tensor in network(config).state_dict().items())


def test_transformers_goes_on_with_a_text_as_we_do(tmp_path: Path) -> None:
    """Its own cache of a window, greedily; the first id is BOS, and padding stands before the shorter text."""
    directory, made = saved(tmp_path), network(WINDOWED)
    tokenizer = AutoTokenizer.from_pretrained(directory, padding_side="left")
    given = tokenizer(["a longer text", "text"], return_tensors="pt", padding=True)
    found = AutoModelForCausalLM.from_pretrained(directory).generate(**given, max_new_tokens=20, do_sample=False)
    for text, row in zip(("a longer text", "text"), found.tolist(), strict=True):
        ids = document(text.encode()).tolist()
        for _ in range(20):
            ids.append(int(made(torch.tensor([ids]))[0, -1].argmax()))
        assert row[row.index(1) :] == ids


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return AutoTokenizer.from_pretrained(saved(tmp_path_factory.mktemp("models")))


def check_round_trip(tokenizer: Any, text: str) -> None:
    ids = tokenizer(text).input_ids
    assert ids == document(text.encode()).tolist()
    for skips in (True, False):
        assert tokenizer.decode(ids[1:], skip_special_tokens=skips) == text


@settings(max_examples=100)
@given(text=st.text(max_size=20))
def test_any_text_comes_back(tokenizer: Any, text: str) -> None:
    check_round_trip(tokenizer, text)


@pytest.mark.parametrize(
    "text", [" <eos><bos> x", "a ,b . 's\r\n\t \u00a0 ", "\x00\x7f\xad\u0120", "é e\u0301 \ufffd 😀"]
)
def test_texts_that_tokenizers_change(tokenizer: Any, text: str) -> None:
    check_round_trip(tokenizer, text)
    check_round_trip(tokenizer, text * 500)


def test_special_ids(tokenizer: Any) -> None:
    assert (len(tokenizer), tokenizer.bos_token_id, tokenizer.eos_token_id, tokenizer.pad_token_id) == (SIZE, 1, 2, 0)


def test_all_or_nothing(tmp_path: Path) -> None:
    tensors = network(WINDOWED).state_dict()
    tensors["lm_head.weight"] = tensors["lm_head.weight"][:-1]
    with pytest.raises(ValueError, match=r"lm_head\.weight is \(259, 24\), but the configuration makes it \(260, 24\)"):
        save_transformer(tmp_path / "model", "entropy", WINDOWED, tensors)
    assert list(tmp_path.iterdir()) == []


def test_what_may_be_overwritten(tmp_path: Path) -> None:
    """Either kind of model takes the place of the other, and of nothing else."""
    directory, tensors = saved(tmp_path), network(FULL).state_dict()
    with pytest.raises(ValueError, match="model is not empty; name another directory, or give overwrite=True"):
        save_transformer(directory, "byte-llama", FULL, tensors)
    save_transformer(directory, "byte-llama", FULL, tensors, overwrite=True)
    assert plain_kind(directory) == "byte-llama"
    save_directory(directory, released(), drawn_tensors(released()), overwrite=True)
    save_transformer(directory, "entropy", FULL, tensors, overwrite=True)
    assert open_transformer(directory)[0] == FULL
    change(directory, {"bytelm": None})
    with pytest.raises(ValueError, match="holds something else than a model over bytes, and is not overwritten"):
        save_transformer(directory, "entropy", FULL, tensors, overwrite=True)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"kind": "blt"}, "unknown kind 'blt' of plain transformers; choose one of entropy, byte-llama"),
        ({"length": 1}, "length must leave room for a byte behind BOS, so be at least 2, got 1"),
        ({"dtype": torch.int8}, "weights cannot be of dtype torch.int8; choose one of"),
        ({"tensors": {}}, "the tensors to save lack embed_tokens"),
        ({"config": StackConfig(1, 24, 6, 3, 40)}, "besides those of the configuration, layers.1"),
        (
            {"config": StackConfig(2, 24, 6, 2, 40)},
            r"k_proj.weight is \(12, 24\), but the configuration makes it \(8, 24",
        ),
    ],
)
def test_what_is_not_written(options: dict[str, Any], message: str, tmp_path: Path) -> None:
    tensors = network(WINDOWED).state_dict()
    with pytest.raises(ValueError, match=message):
        save_transformer(
            **{"directory": tmp_path / "model", "kind": "entropy", "config": WINDOWED, "tensors": tensors} | options
        )
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"vocab_size": 300}, "vocab_size is 300, but it must be 260: those are the ids of bytes and special ones"),
        ({"rope_parameters": {"rope_type": "yarn", "factor": 2.0}}, r'rope_type is "yarn", but it must be "default"'),
        ({"rope_scaling": {"type": "linear", "factor": 2.0}}, r'rope_scaling\.rope_type is "linear"'),
        ({"tie_word_embeddings": True}, "tie_word_embeddings is true, but it must be false: the output layer is one"),
        ({"attention_bias": True}, "attention_bias is true, but it must be false: bytelm's matrices have no biases"),
        ({"hidden_act": "gelu"}, "hidden_act is .gelu., but it must be .silu.: bytelm computes SwiGLU only"),
        ({"head_dim": 8}, "head_dim is 8, but it must be 4: heads share the width in equal parts"),
        (
            {"num_attention_heads": 5, "head_dim": 4},
            "config.json: 5 heads must share a width of 24 in equal, even parts",
        ),
        ({"bytelm": {"kind": "rwkv"}}, r'bytelm\.kind is "rwkv", but this version of bytelm knows entropy, byte-llama'),
        (
            {"num_key_value_heads": 6},
            r"it holds model\.layers\.0\.self_attn\.k_proj\.weight as 12 × 24 instead of 24 × 24",
        ),
        ({"num_hidden_layers": 1}, r"it also holds model\.layers\.1\.input_layernorm\.weight"),
    ],
)
def test_what_is_not_read(changes: dict[str, Any], message: str, tmp_path: Path) -> None:
    directory = saved(tmp_path)
    change(directory, changes)
    with pytest.raises(ValueError, match=message):
        open_transformer(directory)


def without_key(directory: Path) -> None:
    change(directory, {"bytelm": None})


def another_model(directory: Path) -> None:
    change(directory, {"model_type": "gpt2"})


def without_weights(directory: Path) -> None:
    (directory / "model.safetensors").unlink()


def without_configuration(directory: Path) -> None:
    (directory / "config.json").unlink()


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (without_key, 'no plain byte transformer in .*"bytelm": {"kind": "entropy" or "byte-llama"}, which training'),
        (another_model, "no plain byte transformer in"),
        (without_configuration, "no plain byte transformer in"),
        (without_weights, "no weights in"),
    ],
)
def test_what_is_not_there(damage: Callable[[Path], None], message: str, tmp_path: Path) -> None:
    directory = saved(tmp_path)
    damage(directory)
    with pytest.raises(FileNotFoundError, match=message):
        open_transformer(directory)
    with pytest.raises(FileNotFoundError, match="no such model directory"):
        open_transformer(tmp_path / "nowhere")


def test_a_missing_tensor(tmp_path: Path) -> None:
    directory = saved(tmp_path)
    tensors = load_file(directory / "model.safetensors")
    del tensors["model.norm.weight"]
    save_file(tensors, directory / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ValueError, match=r"does not hold what .* describes: it lacks model\.norm\.weight"):
        open_transformer(directory)


def test_the_directory_of_a_byte_latent_transformer(tmp_path: Path) -> None:
    save_directory(tmp_path / "model", released(), drawn_tensors(released()))
    assert plain_kind(tmp_path / "model") is None
    with pytest.raises(FileNotFoundError, match="no plain byte transformer in"):
        open_transformer(tmp_path / "model")
