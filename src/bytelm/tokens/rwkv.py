"""RWKV's own tokenizer files: one token a line, and no rule but greedy longest match.

A line is ``id literal length``: a Python literal of a string (its UTF-8 is meant) or of bytes, and the number of
bytes. Id 0 is not in the file: it ends texts and has no bytes. Source: ``rwkv_tokenizer.py`` of RWKV-LM.
"""

import ast
from collections.abc import Sequence
from pathlib import Path


def read_rwkv(path: Path) -> tuple[bytes, ...]:
    """The bytes of every token by id; ``b""`` for id 0, the end of a text.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: a line is not ``id literal length``, its length is wrong, or its id does not follow the last one.
    """
    tokens = [b""]
    lines = path.read_text(encoding="utf-8").removesuffix("\n").split("\n")
    for number, line in enumerate(lines, 1):
        try:
            tokens.append(_token(line, len(tokens)))
        except ValueError as error:
            raise ValueError(f"{path}, line {number}: {error}") from error
    return tuple(tokens)


def _token(line: str, expected: int) -> bytes:
    """The bytes of the token that a line describes, which must have the id ``expected``."""
    first, last = line.find(" "), line.rfind(" ")
    if first == last:
        raise ValueError(f"expected 'id literal length', found {line!r}")
    index, literal, length = line[:first], line[first + 1 : last], line[last + 1 :]
    if index != str(expected):
        raise ValueError(f"expected id {expected}, found {index!r}")
    try:
        value = ast.literal_eval(literal)
    except (ValueError, SyntaxError, MemoryError, RecursionError) as error:
        raise ValueError(f"expected a string or bytes literal, found {literal!r}") from error
    if not isinstance(value, str | bytes):
        raise ValueError(f"expected a string or bytes literal, found {literal!r}")
    data = value.encode() if isinstance(value, str) else value
    if not data or length != str(len(data)):
        raise ValueError(f"expected the length of {literal}, which is {len(data)} and not 0, found {length!r}")
    return data


class RwkvEncoder:
    """Greedy longest match over a whole text.

    Args:
        token_bytes: the bytes of every token by id; ``b""`` for tokens that text never yields. Of equal ones the
            lowest id is taken.
    """

    def __init__(self, token_bytes: Sequence[bytes]) -> None:
        self._ids = {data: token for token, data in reversed(list(enumerate(token_bytes))) if data}
        lengths: dict[int, set[int]] = {}
        for data in self._ids:
            lengths.setdefault(data[0], set()).add(len(data))
        self._lengths = {byte: sorted(found, reverse=True) for byte, found in lengths.items()}

    def encode(self, text: bytes) -> list[int]:
        """The tokens of ``text``: at every place the longest that it goes on with.

        Raises:
            ValueError: no token starts with some byte of the text.
        """
        tokens = []
        place = 0
        while place < len(text):
            for length in self._lengths.get(text[place], ()):
                token = self._ids.get(text[place : place + length])
                if token is not None:
                    break
            else:
                raise ValueError(f"no token matches the text at byte {place}, {text[place : place + 8]!r}")
            tokens.append(token)
            place += len(text[place : place + length])
        return tokens
