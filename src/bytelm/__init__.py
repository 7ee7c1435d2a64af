"""bytelm: every language model, whatever its tokenizer, is a model over bytes."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from bytelm.prompts import Prompt, Special
from bytelm.protocol import END

if TYPE_CHECKING:
    from bytelm.ensembles.building import ensemble
    from bytelm.loading import load, tokenizer
    from bytelm.native.ngram import ngram

__all__ = ["END", "Prompt", "Special", "ensemble", "load", "ngram", "tokenizer"]
__version__ = "0.1.0"

_HOMES = {
    "ensemble": "bytelm.ensembles.building",
    "load": "bytelm.loading",
    "ngram": "bytelm.native.ngram",
    "tokenizer": "bytelm.loading",
}


def __getattr__(name: str) -> Any:
    """Load the public functions on first use, so that ``import bytelm`` stays light."""
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'bytelm' has no attribute {name!r}")
