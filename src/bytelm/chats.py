"""Chats as text: the chat template of a model directory, rendered by transformers' own sandboxed renderer."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

Message = Mapping[str, Any]
"""One message of a chat: its ``role``, its ``content``, and what else the template knows."""

_SPECIAL_ROLES = ("bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token")
"""The special tokens that transformers hands to a template by name."""


def render_chat(
    directory: Path, messages: Sequence[Message], add_generation_prompt: bool, template: str | None = None
) -> str:
    """The text of a chat, in which special tokens are spelled out.

    Args:
        directory: the model directory.
        messages: the messages, the first one first.
        add_generation_prompt: whether the text goes on to where the reply begins.
        template: the name of the template, where the directory has several; by default the one named "default".

    Raises:
        ValueError: the directory has no such template, or the template does not take these messages.
    """
    check_messages(messages)
    source = _chosen(chat_templates(directory), template, directory)
    from transformers.utils.chat_template_utils import render_jinja_template

    given = [{key: value for key, value in message.items() if value is not None} for message in messages]
    try:
        rendered, _ = render_jinja_template(
            [given], chat_template=source, add_generation_prompt=add_generation_prompt, **_special_names(directory)
        )
    except Exception as error:  # a template is a program: it may raise anything
        said = " ".join(str(error).split()) or type(error).__name__
        raise ValueError(f"the chat template of {directory} does not take these messages: {said}") from error
    return str(rendered[0])


def check_messages(messages: object) -> None:
    """Refuse what is not a list of messages.

    Raises:
        ValueError: it is no list, it is empty, or one of them is not a dict with a role and a content.
    """
    hint = 'expected a list like [{"role": "user", "content": "Hello"}]'
    if not isinstance(messages, list | tuple):
        raise ValueError(f"the messages are of type {type(messages).__name__}; {hint}")
    if not messages:
        raise ValueError(f"there are no messages; {hint}")
    for place, message in enumerate(messages):
        if not isinstance(message, Mapping):
            raise ValueError(f"message {place} is of type {type(message).__name__}; {hint}")
        if not isinstance(message.get("role"), str) or "content" not in message:
            raise ValueError(f"message {place} has {', '.join(map(repr, message)) or 'nothing'}; {hint}")


def _chosen(templates: Mapping[str, str], name: str | None, directory: Path) -> str:
    if not templates:
        raise ValueError(
            f"{directory} has no chat template: neither chat_template.jinja nor tokenizer_config.json has one; "
            "write the prompt out with bytelm.Prompt"
        )
    wanted = "default" if name is None else name
    if wanted not in templates:
        raise ValueError(
            f"{directory} has no chat template named {wanted!r}; give template= one of {', '.join(sorted(templates))}"
        )
    return templates[wanted]


def chat_templates(directory: Path) -> dict[str, str]:
    """The chat templates by name. Where there are files of them, those in the configuration do not count."""
    files = {path.stem: path for path in sorted((directory / "additional_chat_templates").glob("*.jinja"))}
    if (directory / "chat_template.jinja").is_file():
        files["default"] = directory / "chat_template.jinja"
    if files:
        return {name: path.read_text(encoding="utf-8") for name, path in files.items()}
    found = _configuration(directory).get("chat_template")
    if isinstance(found, str):
        return {"default": found}
    return {entry["name"]: entry["template"] for entry in found or ()}


def _special_names(directory: Path) -> dict[str, str]:
    """What the tokenizer's configuration calls the begin token, the end token, and so on."""
    configuration = _configuration(directory)
    named = {role: configuration.get(role) for role in _SPECIAL_ROLES}
    contents = {role: value.get("content") if isinstance(value, dict) else value for role, value in named.items()}
    return {role: content for role, content in contents.items() if isinstance(content, str)}


def _configuration(directory: Path) -> dict[str, Any]:
    path = directory / "tokenizer_config.json"
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    return content
