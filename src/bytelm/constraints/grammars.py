"""Outputs that a grammar of llguidance accepts: a regular expression, a JSON schema or a context-free grammar.

llguidance compiles all three to an Earley parser over a lexer whose automaton is made as it is needed, on UTF-8 bytes
(Moskal, Musuvathi and others, github.com/guidance-ai/llguidance). Its matchers move on in place; here none is moved
once it is in a place of ours, only copied.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from bytelm.constraints.engine import byte_tokenizer, llguidance
from bytelm.constraints.place import Mask, Place
from bytelm.protocol import END, SYMBOLS

if TYPE_CHECKING:
    from llguidance import LLMatcher

SPACING: dict[str, Any] = {"whitespace_flexible": False, "item_separator": ", ?", "key_separator": ": ?"}
"""Where JSON may have blanks: one behind each comma and colon, and nowhere else; so no model can go round in blanks.

Both ``json.dumps(x)`` and its compact form are allowed. ``x-guidance`` at the top of a schema overrides it.
"""

_LONGEST_REASON = 300
_DEAD_END = "NoExtensionBias"


@dataclass(frozen=True, eq=False)
class GrammarPlace(Place):
    """A place in an output that a grammar accepts so far."""

    _matcher: "LLMatcher"
    _read: int = 0

    @cached_property
    def allowed(self) -> Mask:
        mask: Mask = np.frombuffer(self._matcher.compute_logit_bias(), dtype=np.uint8)[:SYMBOLS] != 0
        # Where the engine has failed, too, it says that the end alone may come.
        reason = _one_line(self._matcher.get_error())
        mask[END] = not reason and self._matcher.is_accepting()
        if reason == _DEAD_END or (not reason and not mask.any()):
            raise RuntimeError(f"the constraint has come to a dead end: nothing may come behind byte {self._read}")
        if reason:
            raise RuntimeError(f"llguidance gave up on the constraint behind byte {self._read} of the output: {reason}")
        mask.flags.writeable = False
        return mask

    def after(self, data: bytes) -> tuple[Place, int]:
        read, matcher = self._moved(data)
        if read < len(data):
            read, matcher = self._moved(data[:read])
        return GrammarPlace(matcher, self._read + read), read

    def _moved(self, data: bytes) -> "tuple[int, LLMatcher]":
        matcher = self._matcher.deep_copy()
        return matcher.try_consume_tokens(list(data)), matcher


def begin_regex(pattern: str) -> GrammarPlace:
    """The place before the first byte of what a regular expression matches as a whole; errors as ``begin_grammar``."""
    if not isinstance(pattern, str):
        raise TypeError(f"regex is a str, as Rust's regex crate takes it; got {type(pattern).__name__}")
    return _begin("regex", llguidance().LLMatcher.grammar_from_regex(pattern))


def begin_json(schema: Mapping[str, Any] | str) -> GrammarPlace:
    """The place before the first byte of a JSON text that a schema accepts; errors as ``begin_grammar``."""
    try:
        written = schema if isinstance(schema, str) else json.dumps(schema)
        grammar = llguidance().LLMatcher.grammar_from_json_schema(written, defaults=SPACING)
    except (TypeError, ValueError) as error:
        raise ValueError(f"json_schema is no JSON object: {_one_line(str(error))}") from error
    return _begin("json_schema", grammar)


def begin_grammar(grammar: str) -> GrammarPlace:
    """The place before the first byte of what a Lark grammar accepts.

    Raises:
        ValueError: llguidance refuses the grammar, or is not installed.
        TypeError: it is no ``str``.
    """
    if not isinstance(grammar, str):
        raise TypeError(f"grammar is a str, in llguidance's form of Lark; got {type(grammar).__name__}")
    return _begin("grammar", llguidance().LLMatcher.grammar_from_lark(grammar))


def _begin(kind: str, grammar: str) -> GrammarPlace:
    library = llguidance()
    limits = library.LLParserLimits(verbose_errors=False)
    matcher = library.LLMatcher(byte_tokenizer(), grammar, log_level=0, limits=limits)
    if matcher.is_error():
        raise ValueError(f"{kind}= cannot be used: {_one_line(matcher.get_error())}")
    return GrammarPlace(matcher)


def _one_line(reason: str) -> str:
    joined = " ".join(reason.replace("<non-verbose/>", "").split())
    return joined if len(joined) <= _LONGEST_REASON else joined[:_LONGEST_REASON] + " …"
