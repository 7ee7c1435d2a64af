"""bytelm: every language model, whatever its tokenizer, is a model over bytes."""

from typing import TYPE_CHECKING, Any

from bytelm.prompts import Prompt, Special
from bytelm.protocol import END

if TYPE_CHECKING:
    from bytelm.loading import load, tokenizer

__all__ = ["END", "Prompt", "Special", "load", "tokenizer"]
__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    """Load the public functions on first use, so that ``import bytelm`` stays light."""
    if name in ("load", "tokenizer"):
        from bytelm import loading

        return getattr(loading, name)
    raise AttributeError(f"module 'bytelm' has no attribute {name!r}")
