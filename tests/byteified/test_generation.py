"""Cached generation writes what full passes say: ours, chats included, and that of transformers itself."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedModel

import bytelm
from byteified.direct import DirectModel
from byteified.published import WRITERS
from bytelm.byteified.registering import register
from bytelm.covers.judges import judge
from bytelm.prompts import Special
from covers.comparing import largest_gap, total

TEXTS = ["the user's username is a model", "there", "assistant\n\n\naaaa é"]
NEW = 24


@pytest.fixture(params=WRITERS)
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    return WRITERS[request.param](tmp_path)


def opened(folder: Path) -> PreTrainedModel:
    register()
    found: PreTrainedModel = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    found.generation_config.eos_token_id = None
    return found


def greedy(direct: DirectModel, ids: list[int], count: int) -> list[int]:
    for _ in range(count):
        ids = [*ids, int(direct.logits(tuple(ids))[-1].argmax())]
    return ids


def test_transformers_generates_as_full_passes_say(folder: Path) -> None:
    """Texts of different lengths side by side, padded on the left; also with ids that match as padding."""
    encoded = [[256, *bytelm.tokenizer(folder).encode(text)] for text in TEXTS]
    truth = [greedy(DirectModel(folder), ids, NEW) for ids in encoded]
    longest = max(map(len, encoded))
    mask = torch.tensor([[0] * (longest - len(ids)) + [1] * len(ids) for ids in encoded])
    for padding in (ord("e"), 258):
        padded = torch.tensor([[padding] * (longest - len(ids)) + ids for ids in encoded])
        made = opened(folder).generate(
            padded, attention_mask=mask, max_new_tokens=NEW, do_sample=False, pad_token_id=258
        )
        for row, ids in zip(made.tolist(), truth, strict=True):
            assert row[-len(ids) :] == ids


def test_beams_keep_the_rows_of_their_own_texts(folder: Path) -> None:
    network = opened(folder)
    ids = torch.tensor([[256, *bytelm.tokenizer(folder).encode(TEXTS[0])]])
    options = {"max_new_tokens": 8, "num_beams": 4, "do_sample": False, "num_return_sequences": 4, "pad_token_id": 258}
    cached, whole = (network.generate(ids, use_cache=use_cache, **options) for use_cache in (True, False))
    assert torch.equal(cached, whole)
    assert len({tuple(row) for row in cached.tolist()}) == 4


def test_every_cached_step_gives_the_logits_of_a_full_pass(folder: Path) -> None:
    network = opened(folder)
    ids = torch.tensor([[256, *bytelm.tokenizer(folder).encode(TEXTS[0])]])
    made = network.generate(
        ids, max_new_tokens=NEW, do_sample=False, return_dict_in_generate=True, output_logits=True, pad_token_id=258
    )
    found = torch.log_softmax(torch.stack(made.logits, 1)[0].double(), 1).numpy()
    truth = DirectModel(folder).logprobs(tuple(made.sequences[0, :-1].tolist()))[ids.shape[1] - 1 :]
    np.testing.assert_allclose(found, truth, atol=1e-5)


def test_ours_writes_the_most_probable_bytes(folder: Path) -> None:
    model = bytelm.load(folder, device="cpu", tolerance=0)
    for text in TEXTS:
        state, slowly = model.prefill(text), b""
        for _ in range(NEW):
            best = int(model.prefill(text.encode() + slowly).logprobs()[:256].argmax())
            if state.logprobs().argmax() == 256:
                break
            slowly += bytes([best])
            state = state.advance(bytes([best]))
        assert model.generate(text, max_bytes=NEW) == slowly


def test_chats_follow_the_template_of_the_directory(tmp_path: Path) -> None:
    folder = WRITERS["llama"](tmp_path)
    model = bytelm.load(folder, device="cpu")
    messages = [{"role": "user", "content": "my username"}]
    prompt = model.chat_prompt(messages)
    text = AutoTokenizer.from_pretrained(folder).apply_chat_template(
        messages, tokenize=False, add_generation_prompt=True
    )
    assert "Be brief." in text, "the template puts a system prompt in"
    assert prompt == model.tokenizer.parse(text)
    specials = [part for part in prompt.parts if isinstance(part, Special)]
    assert [special.token for special in specials] == [256, 260, 257, 259, 260, 257, 259, 260, 257]
    truth = DirectModel(folder)
    fixed = tuple(
        AutoTokenizer.from_pretrained(folder)(text.removesuffix("\n\n"), add_special_tokens=False)["input_ids"]
    )
    assert fixed[:5] == (256, 260, 262, 257, 264)
    assert fixed[-3:] == (260, 261, 257)
    rule = model.tokenizer.canonical
    joint = judge(rule, lambda tokens: truth.logprobs_of(fixed[1:] + tokens), (258, 259), b"\n\n")
    assert largest_gap(model.prefill(prompt).logprobs(), joint - total(joint)) < 1e-4
    replies = [model.chat(messages, temperature=1.0, max_bytes=300, seed=seed) for seed in range(3)]
    assert min(map(len, replies)) < 300, "an end token ended one"


def test_another_template_leaves_the_system_prompt_out(tmp_path: Path) -> None:
    folder = WRITERS["llama"](tmp_path)
    config = json.loads((folder / "tokenizer_config.json").read_text())
    plain = "{{ bos_token }}{% for message in messages %}{{ message['content'] + '<|eot_id|>' }}{% endfor %}"
    named = [{"name": "default", "template": config["chat_template"]}, {"name": "training", "template": plain}]
    (folder / "tokenizer_config.json").write_text(json.dumps(config | {"chat_template": named}))
    model = bytelm.load(folder, device="cpu")
    messages = [{"role": "user", "content": "a user"}]
    assert model.chat_prompt(messages, template="training") == model.tokenizer.parse(
        "<|begin_of_text|>a user<|eot_id|>"
    )
    assert model.chat_prompt(messages) != model.chat_prompt(messages, template="training")
