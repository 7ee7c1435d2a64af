"""Random regular expressions and JSON schemas whose outputs are bounded, and judges that know nothing of bytelm."""

import json
import re
from random import Random
from typing import Any

from jsonschema import Draft202012Validator

Schema = dict[str, Any]

_CLASSES = ("[a-f]", "[0-9]", "[^a-z]", "[A-Za-z_]", "[éüß]", "[\u4e00-\u4e20]", "[^\\x00-\\x7f]", ".", "[ \\-+]")
_LITERALS = ("a", "if", "x1", "\\.", "\\(", "\\n", "é", "世", "😀", " = ", "%", "\\\\", '"')
_WORDS = ("red", "green", "blau", "naïve", "世界", "😀", 'quo"te', "back\\slash", "new\nline", "", " ", "/")
_PATTERNS = ("^[a-c]{1,4}$", "^(ab|cd){0,2}$", "^[0-9]{2}-[0-9]{2}$", "^x?y{2,3}$", "^[é-ü]{1,2}$")


def random_regex(random: Random, depth: int = 3) -> str:
    """A regular expression that Rust and Python read alike; what it matches is bounded in length."""
    parts = [_regex_part(random, depth) for _ in range(random.randint(1, 3))]
    return "".join(parts)


def _regex_part(random: Random, depth: int) -> str:
    kind = random.randrange(4 if depth else 2)
    if kind == 0:
        part = random.choice(_LITERALS)
    elif kind == 1:
        part = random.choice(_CLASSES)
    elif kind == 2:
        part = "|".join(random_regex(random, depth - 1) for _ in range(random.randint(2, 3)))
    else:
        part = random_regex(random, depth - 1)
    low = random.randint(0, 2)
    repeat = random.choice(["", "", "?", f"{{{low}}}", f"{{{low},{low + random.randint(0, 2)}}}"])
    return f"(?:{part}){repeat}"


def matches(regex: str, output: bytes) -> bool:
    """Whether Python's own engine says that the output, which must be UTF-8, is what the expression stands for."""
    try:
        return re.fullmatch(regex, output.decode("utf-8")) is not None
    except UnicodeDecodeError:
        return False


def random_schema(random: Random, depth: int = 3) -> Schema:
    """A JSON schema with a bounded number of bytes."""
    simple = (_boolean, _null, _integer, _enum, _constant, _string, _pattern)
    nested = (_array, _tuple, _object, _object, _any_of)
    if depth == 0 or random.random() < 0.3:
        return random.choice(simple)(random)
    return random.choice(nested)(random, depth - 1)


def _boolean(random: Random) -> Schema:
    return {"type": "boolean"}


def _null(random: Random) -> Schema:
    return {"type": "null"}


def _integer(random: Random) -> Schema:
    low = random.randint(-1200, 1200)
    least = random.choice(["minimum", "exclusiveMinimum"])
    return {"type": "integer", least: low, "maximum": low + random.choice([1, 2, 9, 37, 5000])}


def _enum(random: Random) -> Schema:
    values: list[Any] = [*random.sample(_WORDS, random.randint(1, 3)), random.randint(-5, 5), True, None]
    return {"enum": random.sample(values, random.randint(1, len(values)))}


def _constant(random: Random) -> Schema:
    return {"const": random.choice([*_WORDS, 17, False, [1, "a"], {"k": [None]}])}


def _string(random: Random) -> Schema:
    low = random.randint(0, 2)
    return {"type": "string", "minLength": low, "maxLength": low + random.randint(0, 4)}


def _pattern(random: Random) -> Schema:
    return {"type": "string", "pattern": random.choice(_PATTERNS)}


def _array(random: Random, depth: int) -> Schema:
    low = random.randint(0, 2)
    most = low + random.randint(0, 2)
    return {"type": "array", "items": random_schema(random, depth), "minItems": low, "maxItems": most}


def _tuple(random: Random, depth: int) -> Schema:
    items = [random_schema(random, depth) for _ in range(random.randint(1, 3))]
    return {"type": "array", "prefixItems": items, "items": False, "minItems": random.randint(0, len(items))}


def _object(random: Random, depth: int) -> Schema:
    names = random.sample(["name", "age", "ok", "Straße", "a b", "x"], random.randint(1, 4))
    properties = {name: random_schema(random, depth) for name in names}
    required = [name for name in names if random.random() < 0.6]
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


def _any_of(random: Random, depth: int) -> Schema:
    return {"anyOf": [random_schema(random, depth) for _ in range(2)]}


def validates(schema: Schema, output: bytes) -> bool:
    """Whether the output is JSON, by Python's own reader, and jsonschema finds it valid."""
    try:
        value = json.loads(output)
    except ValueError:
        return False
    return bool(Draft202012Validator(schema).is_valid(value))
