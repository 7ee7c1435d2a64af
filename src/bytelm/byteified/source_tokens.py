"""What a byte model takes over of a subword tokenizer: tokens that stand for no text, and what chats are made of."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from bytelm.chats import chat_templates, render_chat
from bytelm.tokens.json_files import read_json
from bytelm.tokens.specification import Specification

ROLES: Final = ("bos_token", "eos_token", "pad_token")
"""The tokens that a byte tokenizer names, if the source's does."""

ID_FIELDS: Final = ("bos_token_id", "eos_token_id", "pad_token_id")
"""What configurations call their ids."""

_FLAGS: Final = ("single_word", "lstrip", "rstrip")

_NAMES: Final = ("assistant", "model", "system", "user")
"""What templates call who speaks."""

_CHATS: Final = (("system", "user", "assistant", "user"), ("user", "assistant", "user"))
"""Who speaks in the chats that templates are tried on; not all of them take a system message."""


@dataclass(frozen=True)
class SpecialToken:
    """A token that stands for no text.

    Attributes:
        content: how it is written.
        source: its id in the source.
        flags: ``single_word``, ``lstrip`` and ``rstrip`` of the ``tokenizer.json``.
    """

    content: str
    source: int
    flags: Mapping[str, bool]


@dataclass(frozen=True)
class SourceTokens:
    """What is taken over.

    Attributes:
        every: all special tokens of the source by what they are written as.
        kept: the written forms of those that a byte tokenizer needs, in the order of their ids.
        roles: the written forms of the tokens with a role, such as ``bos_token``.
        names: what the chat template calls who speaks, such as ``user``, where that follows a special token.
        before: what the source's tokenizer puts before a text.
        after: what it puts behind it.
    """

    every: Mapping[str, SpecialToken]
    kept: tuple[str, ...]
    roles: Mapping[str, str]
    names: tuple[str, ...]
    before: tuple[str, ...]
    after: tuple[str, ...]


def source_tokens(source: Path, specification: Specification) -> SourceTokens:
    """What is taken over of the tokenizer in a model directory.

    Args:
        source: the directory.
        specification: its tokenizer, without the tokens that the model has no embedding of.

    Raises:
        ValueError: transformers cannot load the tokenizer, or a file of the directory is damaged.
    """
    settings = read_optional(source / "tokenizer_config.json")
    every = {entry["content"]: _special(entry) for entry in specification.entries if not entry["content"].isspace()}
    roles = {role: content for role in ROLES if (content := _content(settings.get(role))) is not None}
    for role, content in roles.items():
        if content not in every and role in specification.named:
            every[content] = SpecialToken(content, specification.named[role], dict.fromkeys(_FLAGS, False))
    roles = {role: content for role, content in roles.items() if content in every}
    by_id = {special.source: content for content, special in every.items()}
    before, after = _around(source, by_id)
    rendered = _rendered(source)
    spelled = [*chat_templates(source).values(), *rendered]
    needed = {*roles.values(), *before, *after, *(by_id[i] for i in named_ids(source) if i in by_id)}
    needed |= {content for content in every if any(content in text for text in spelled)}
    kept = tuple(sorted(needed, key=lambda content: every[content].source))
    return SourceTokens(every, kept, roles, _speakers(rendered, every), before, after)


def named_ids(source: Path) -> set[int]:
    """The ids that the configurations of a directory name: of begin, end and padding."""
    found: set[int] = set()
    for name in ("config.json", "generation_config.json"):
        values = read_optional(source / name)
        for field in ID_FIELDS:
            found.update(as_ids(values.get(field)))
    return found


def as_ids(value: Any) -> list[int]:
    """One id, several, or none, as configurations write them."""
    return [] if value is None else list(value) if isinstance(value, list) else [int(value)]


def read_optional(path: Path) -> dict[str, Any]:
    """The object in a JSON file; an empty one where there is no such file."""
    return read_json(path) if path.is_file() else {}


def _special(entry: Mapping[str, Any]) -> SpecialToken:
    return SpecialToken(entry["content"], entry["id"], {flag: bool(entry.get(flag)) for flag in _FLAGS})


def _content(value: Any) -> str | None:
    found = value.get("content") if isinstance(value, dict) else value
    return found if isinstance(found, str) else None


def _around(source: Path, by_id: Mapping[int, str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The special tokens that the tokenizer puts before a text and behind it, as transformers loads it."""
    from transformers import AutoTokenizer

    try:
        tokenizer = AutoTokenizer.from_pretrained(source, trust_remote_code=False, local_files_only=True)
        text, whole = (tokenizer("a", add_special_tokens=added)["input_ids"] for added in (False, True))
    except Exception as error:
        said = " ".join(str(error).split()) or type(error).__name__
        raise ValueError(f"transformers cannot load the tokenizer of {source}: {said}") from error
    places = range(len(whole) - len(text) + 1)
    begin = next((place for place in places if whole[place : place + len(text)] == text), 0)
    parts = whole[:begin], whole[begin + len(text) :]
    before, after = (tuple(by_id[token] for token in part if token in by_id) for part in parts)
    return before, after


def _rendered(source: Path) -> list[str]:
    """Short chats by every chat template that takes them."""
    found = []
    for name in chat_templates(source):
        for speakers in _CHATS:
            messages = [{"role": speaker, "content": "1"} for speaker in speakers]
            try:
                found.append(render_chat(source, messages, True, name))
            except ValueError:  # the template does not take such a chat
                continue
    return found


def _speakers(rendered: Iterable[str], specials: Iterable[str]) -> tuple[str, ...]:
    behind = "|".join(re.escape(content) for content in specials)
    if not behind:
        return ()
    found = {
        match[1] for text in rendered for match in re.finditer(rf"(?:{behind})({'|'.join(_NAMES)})(?![A-Za-z])", text)
    }
    return tuple(sorted(found))
