"""llguidance, which is imported when it is needed, and the tokenizer through which it sees bytes."""

import importlib
from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

from bytelm.protocol import END, as_bytes

if TYPE_CHECKING:
    from llguidance import LLTokenizer


class _Bytes:
    """A tokenizer whose tokens are the 256 bytes and an end, as llguidance takes one."""

    eos_token_id = END
    bos_token_id = None
    tokens: Sequence[bytes] = (*(bytes((byte,)) for byte in range(256)), b"<end>")
    special_token_ids: Sequence[int] = (END,)

    def __call__(self, text: bytes | str) -> list[int]:
        return list(as_bytes(text))


def llguidance() -> Any:
    """The library.

    Raises:
        ValueError: it is not installed.
    """
    try:
        return importlib.import_module("llguidance")
    except ImportError as error:
        raise ValueError(
            "a regular expression, JSON schema or grammar needs llguidance, which is not installed: "
            f"pip install 'bytelm[constraints]' ({error})"
        ) from error


@cache
def byte_tokenizer() -> "LLTokenizer":
    """The tokenizer with the 257 symbols of a byte model as its tokens, the end as the end token."""
    library = llguidance()
    found: LLTokenizer = library.LLTokenizer(library.TokenizerWrapper(_Bytes()), n_vocab=END + 1, slices=[])
    return found
