"""From a user's words to a constrained model."""

from collections.abc import Mapping
from typing import Any

from bytelm.constraints.choices import begin_choices
from bytelm.constraints.grammars import begin_grammar, begin_json, begin_regex
from bytelm.constraints.model import ConstrainedLM, readable
from bytelm.constraints.place import Place
from bytelm.decoding.texts import Texts, as_texts
from bytelm.model import ByteLM
from bytelm.prompts import Prompt, Text, is_batch

KINDS = ("regex", "choices", "json_schema", "grammar")


def constrain(
    lm: ByteLM[Any],
    *,
    regex: str | None = None,
    choices: Texts | None = None,
    json_schema: Mapping[str, Any] | str | None = None,
    grammar: str | None = None,
    after: Text | Prompt = b"",
) -> ConstrainedLM:
    """A byte model of what ``lm`` writes after a context, as far as a constraint allows; give exactly one constraint.

    Args:
        lm: any byte model.
        regex: a regular expression for the whole output, in the syntax of Rust's ``regex`` crate: no look-around and no
            anchors; ``\\d`` and ``\\w`` are those of Unicode.
        choices: texts, one of which the output is, byte for byte; this takes no engine.
        json_schema: a JSON schema, as a dict or as JSON. A blank may follow each comma and colon, and none stands
            elsewhere; properties come in the order of the schema.
        grammar: a context-free grammar in llguidance's form of Lark, whose rule ``start`` is the output.
        after: the fixed context: what stands before the output, bytes or, for a base model that reads special tokens, a
            ``Prompt``. The constraint does not hold for it.

    Raises:
        ValueError: not exactly one constraint is given, it is malformed or has no output, the context has special
            tokens that the base model does not read, or llguidance is needed and not installed.
        TypeError: one of the arguments is of another type.
    """
    if not isinstance(lm, ByteLM):
        raise TypeError(f"a constraint takes a byte model, as bytelm.load gives it; got {type(lm).__name__}")
    given = {"regex": regex, "choices": choices, "json_schema": json_schema, "grammar": grammar}
    named = [kind for kind in KINDS if given[kind] is not None]
    if len(named) != 1:
        received = " and ".join(f"{kind}=" for kind in named) or "none"
        raise ValueError(f"give exactly one of {', '.join(f'{kind}=' for kind in KINDS)}; got {received}")
    place = _begin(regex, choices, json_schema, grammar)
    try:
        place.allowed  # noqa: B018  it is asked here once, so that a constraint without outputs is refused at once
    except RuntimeError as error:
        raise ValueError(f"no output satisfies {named[0]}=: {error}") from error
    return ConstrainedLM(lm, place, readable(lm, after))


def _begin(
    regex: str | None, choices: Texts | None, json_schema: Mapping[str, Any] | str | None, grammar: str | None
) -> Place:
    if regex is not None:
        return begin_regex(regex)
    if json_schema is not None:
        return begin_json(json_schema)
    if grammar is not None:
        return begin_grammar(grammar)
    if not is_batch(choices):
        raise TypeError(f"choices is a list of texts, bytes or str; got {type(choices).__name__}")
    assert choices is not None
    texts = as_texts(choices)
    if not texts:
        raise ValueError("choices has no texts, so there is no output; give at least one")
    return begin_choices(texts)
