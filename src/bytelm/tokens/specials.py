"""The special tokens of a tokenizer: found by name, and found where a text spells them."""

import json
from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from functools import cached_property
from typing import Any

from bytelm.prompts import Prompt, Special


class Specials:
    """The added tokens of a tokenizer, except those that are nothing but white space.

    Published tokenizers mark only some of the tokens that stand for no text as special; the others (``<tool_call>``
    of Qwen, its ``<|fim_prefix|>``) are as much atoms. Added runs of spaces are text.

    Args:
        entries: the ``added_tokens`` of a ``tokenizer.json``.
        normalizer: its ``normalizer``.
        size: the tokens from this id on are left out.
    """

    def __init__(self, entries: Iterable[Mapping[str, Any]], normalizer: Any, size: int) -> None:
        self._entries = [entry for entry in entries if entry["id"] < size]
        self._normalizer = normalizer
        contents = {entry["content"]: entry["id"] for entry in self._entries}
        self._found = {content: Special(i, content) for content, i in contents.items() if not content.isspace()}

    def find(self, content: str) -> Special | None:
        """The token written ``content``, if there is one."""
        return self._found.get(content)

    def named(self, content: str) -> Special:
        """The token written ``content``.

        Raises:
            ValueError: there is none.
        """
        found = self.find(content)
        if found is None:
            raise ValueError(f"the tokenizer has no special token {content!r}; {self._hint(content)}")
        return found

    def parse(self, text: str) -> Prompt:
        """The prompt that a text is in which special tokens are spelled out.

        They are found as the tokenizer finds them: where one takes in the spaces beside it, these are gone.
        """
        return Prompt(*self._cut(text))

    def _cut(self, text: str) -> Iterator[str | Special]:
        if not self._entries:
            yield text
            return
        encoding = self._finder.encode(text, add_special_tokens=False)
        done = 0
        for token, (start, end) in zip(encoding.ids, encoding.offsets, strict=True):
            special = self._found.get(self._finder.id_to_token(token))
            if special is not None:
                yield text[done:start]
                yield special
                done = end
        yield text[done:]

    @cached_property
    def _finder(self) -> Any:
        """The tokenizer with its added tokens and no others; their ids are of its own."""
        from tokenizers import Tokenizer as Encoder

        nothing = {"type": "BPE", "vocab": {}, "merges": []}
        return Encoder.from_str(
            json.dumps(
                {"version": "1.0", "added_tokens": self._entries, "normalizer": self._normalizer, "model": nothing}
            )
        )

    def _hint(self, content: str) -> str:
        if not self._found:
            return "it has none at all"
        near = get_close_matches(content, self._found, n=3, cutoff=0.5)
        return f"did you mean {_listed(near)}?" if near else f"it has {_listed(list(self._found)[:5])} …"


def _listed(contents: Iterable[str]) -> str:
    return ", ".join(map(repr, contents))
