"""Chats: the prompt is what transformers makes of the same messages, and the reply ends at an end token."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM

import bytelm
from bytelm.covers.model import TokenizedLM
from bytelm.prompts import Prompt, Special
from tokens.tiny import added, byte_level, sentencepiece

CHATML = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
BEGIN_FIRST = (
    "{{ bos_token }}{% for message in messages %}{% if message['role'] not in ['user', 'assistant', 'system'] %}"
    "{{ raise_exception('Only user,\nassistant and system roles are supported!') }}{% endif %}"
    "{{ '<|im_start|>' + message['content'] | trim + eos_token }}{% endfor %}"
)
CHAT = [
    {"role": "system", "content": "a b"},
    {"role": "user", "content": "abba é 日\n\n"},
    {"role": "assistant", "content": " ab <|im_start|>"},
    {"role": "user", "content": "abab", "name": None},
]
ASK = [{"role": "user", "content": "ab"}]


def write(directory: Path, description: dict[str, Any], template: object = CHATML, **named: object) -> Path:
    """A tiny Llama of random weights with special tokens for chats."""
    first = 1 + max(description["model"]["vocab"].values())
    contents = ("<|begin|>", "<|im_start|>", "<|im_end|>")
    description["added_tokens"] += [added(first + i, content) for i, content in enumerate(contents)]
    (directory / "tokenizer.json").write_text(json.dumps(description))
    names = {"tokenizer_class": "PreTrainedTokenizerFast", "bos_token": "<|begin|>", "eos_token": "<|im_end|>"} | named
    (directory / "tokenizer_config.json").write_text(json.dumps(names | {"chat_template": template}))
    torch.manual_seed(0)
    shape = {"hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 1, "num_attention_heads": 2}
    config = LlamaConfig(vocab_size=first + 3, bos_token_id=first, eos_token_id=first + 2, **shape)
    LlamaForCausalLM(config).save_pretrained(directory)
    return directory


def load(path: Path, **options: Any) -> TokenizedLM:
    return bytelm.load(path, device="cpu", **options)


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return write(tmp_path, byte_level([(b"a", b"b"), (b"ab", b"ab")]))


def edit(directory: Path, **changes: object) -> None:
    path = directory / "tokenizer_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def tokens_of(model: TokenizedLM, prompt: Prompt) -> list[int]:
    cut = [[p.token] if isinstance(p, Special) else model.tokenizer.encode(p) for p in prompt.parts]
    return [token for tokens in cut for token in tokens]


def tokens_of_transformers(directory: Path, messages: list[dict[str, Any]], add_generation_prompt: bool) -> list[int]:
    tokenizer = AutoTokenizer.from_pretrained(directory)
    found = tokenizer.apply_chat_template(
        messages, tokenize=True, add_generation_prompt=add_generation_prompt, return_dict=False
    )
    assert isinstance(found, list)
    return found


@pytest.mark.parametrize("kind", ["byte-level", "sentencepiece"])
@pytest.mark.parametrize("template", [CHATML, BEGIN_FIRST])
@pytest.mark.parametrize("messages", [ASK, CHAT])
@pytest.mark.parametrize("add_generation_prompt", [True, False])
def test_the_tokens_are_those_of_transformers(
    kind: str, template: str, messages: list[dict[str, Any]], add_generation_prompt: bool, tmp_path: Path
) -> None:
    byte = kind == "byte-level"
    description = (
        byte_level([(b"a", b"b"), (b" ", b"a")]) if byte else sentencepiece("▁abé\n", [("a", "b"), ("▁", "a")])
    )
    model = load(write(tmp_path, description, template))
    prompt = model.chat_prompt(messages, add_generation_prompt=add_generation_prompt)
    expected = tokens_of_transformers(tmp_path, messages, add_generation_prompt)
    assert tokens_of(model, prompt) == expected
    fixed = expected[: 1 + max(place for place, token in enumerate(expected) if not model.tokenizer.token_bytes(token))]
    begins = fixed[:1] == [model.tokenizer.begin_token]
    found = {cover.tokens[: len(fixed) - begins] for cover in model.prefill(prompt).covers()}
    assert found == {tuple(fixed[begins:])}, "what the network sees behind its begin token"


def test_a_chat_by_hand(directory: Path) -> None:
    model = load(directory)
    start, end = map(model.tokenizer.special, ("<|im_start|>", "<|im_end|>"))
    assert model.chat_prompt(ASK) == Prompt(start, "user\nab", end, "\n", start, "assistant\n")
    assert model.chat_prompt(ASK, add_generation_prompt=False) == Prompt(start, "user\nab", end, "\n")


def test_a_reply_is_what_follows_the_prompt(directory: Path) -> None:
    model = load(directory)
    prompt = model.chat_prompt(ASK)
    reply = model.chat(ASK, max_bytes=12)
    assert reply == model.generate(prompt, max_bytes=12)
    assert b"".join(model.stream(prompt, max_bytes=12, raw=True)) == reply
    drawn = model.chat(ASK, max_bytes=12, temperature=1.0, seed=3, top_p=0.9, top_k=50, min_p=0.01, stop="a")
    options: dict[str, Any] = {"temperature": 1.0, "seed": 3, "top_p": 0.9, "top_k": 50, "min_p": 0.01, "stop": "a"}
    assert drawn == model.generate(prompt, max_bytes=12, **options)


def test_a_reply_ends_at_an_end_token(directory: Path) -> None:
    """The end of text has the probability of the end token behind the tokens of transformers, among what may follow."""
    model = load(directory, begin=bytelm.tokenizer(directory).special("<|im_start|>").token, tolerance=0)
    text = "assistant\n"
    prompt = tokens_of_transformers(directory, ASK, add_generation_prompt=True)
    network = LlamaForCausalLM.from_pretrained(directory).eval()
    with torch.no_grad():
        logprobs = network(torch.tensor([prompt])).logits[0].double().log_softmax(-1).numpy()
    whole = model.tokenizer.encode(text)
    context, logweight = model.tokenizer.canonical.start, 0.0
    for place, token in enumerate([*whole, model.tokenizer.end_token]):
        row = logprobs[len(prompt) - len(whole) - 1 + place]
        rule = model.tokenizer.canonical
        allowed = [*rule.vocabulary.order[rule.allowed(context)]]
        allowed += [model.tokenizer.end_token] if rule.may_end(context) else []
        logweight += row[token] - np.logaddexp.reduce(row[allowed])
        context = rule.advance(context, token) if place < len(whole) else context
    state = model.prefill(model.chat_prompt(ASK))
    assert state.logprob + state.logprobs()[bytelm.END] == pytest.approx(logweight, abs=1e-4)


def test_what_is_given_costs_one_pass(directory: Path) -> None:
    model = load(directory)
    prompt = model.chat_prompt([{"role": "user", "content": "abé " * 20}] * 2)
    before = model.effort.passes
    model.prefill(Prompt(*prompt.fixed)).logprobs()
    assert model.effort.passes == before + 1
    asked = model.effort.tokens
    assert asked > 150
    model.prefill(Prompt(*prompt.fixed)).logprobs()
    assert model.effort.passes == before + 2
    assert model.effort.tokens < 1.1 * asked, "what two prompts share runs once"


def test_templates_in_files_come_first(directory: Path) -> None:
    model = load(directory)
    (directory / "chat_template.jinja").write_text("file {{ messages[0]['content'] }}")
    assert model.chat_prompt(ASK) == Prompt("file ab")
    (directory / "additional_chat_templates").mkdir()
    (directory / "additional_chat_templates" / "tools.jinja").write_text("other {{ messages[0]['role'] }}")
    assert model.chat_prompt(ASK) == Prompt("file ab")
    assert model.chat_prompt(ASK, template="tools") == Prompt("other user")
    for name in (None, "tools"):
        expected = AutoTokenizer.from_pretrained(directory).apply_chat_template(ASK, tokenize=False, chat_template=name)
        assert model.chat_prompt(ASK, template=name).spelled.decode() == expected


def test_named_templates(directory: Path) -> None:
    model = load(directory)
    named = [{"name": "default", "template": "one"}, {"name": "rag", "template": "two"}]
    edit(directory, chat_template=named)
    assert model.chat_prompt(ASK) == Prompt("one")
    assert model.chat_prompt(ASK, template="rag") == Prompt("two")
    with pytest.raises(ValueError, match="no chat template named 'tools'; give template= one of default, rag"):
        model.chat_prompt(ASK, template="tools")
    edit(directory, chat_template=named[1:])
    with pytest.raises(ValueError, match="no chat template named 'default'; give template= one of rag"):
        model.chat(ASK)


def test_no_template(directory: Path) -> None:
    model = load(directory)
    edit(directory, chat_template=None)
    complaint = "has no chat template: neither chat_template.jinja nor tokenizer_config.json has one; write the prompt"
    with pytest.raises(ValueError, match=complaint):
        model.chat(ASK)


@pytest.mark.parametrize(
    ("messages", "complaint"),
    [
        ("hello", r"the messages are of type str; expected a list like \[\{"),
        ({"role": "user", "content": "a"}, "the messages are of type dict; expected a list"),
        ([], "there are no messages; expected a list"),
        (["hello"], "message 0 is of type str; expected a list"),
        ([ASK[0], {"role": "user"}], "message 1 has 'role'; expected a list"),
        ([{"content": "a"}], "message 0 has 'content'; expected a list"),
        ([{"role": 1, "content": "a"}], "message 0 has 'role', 'content'; expected a list"),
        ([{}], "message 0 has nothing; expected a list"),
    ],
)
def test_malformed_messages(directory: Path, messages: Any, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        load(directory).chat_prompt(messages)


@pytest.mark.parametrize(
    ("template", "complaint"),
    [
        (BEGIN_FIRST, "does not take these messages: Only user, assistant and system roles are supported!$"),
        ("{{ 1 / 0 }}", "does not take these messages: division by zero$"),
        ("{% for %}", "does not take these messages: .*"),
        ("{{ messages.__class__.__mro__ }}", "does not take these messages: .*unsafe"),
    ],
)
def test_a_template_that_refuses(tmp_path: Path, template: str, complaint: str) -> None:
    model = load(write(tmp_path, byte_level([]), template))
    with pytest.raises(ValueError, match=complaint) as error:
        model.chat([{"role": "tool", "content": "a"}])
    assert "\n" not in str(error.value)


def test_the_messages_are_not_changed(directory: Path) -> None:
    messages = [{"role": "user", "content": "ab", "name": None}]
    load(directory).chat_prompt(messages)
    assert messages == [{"role": "user", "content": "ab", "name": None}]
