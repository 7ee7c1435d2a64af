"""bytelm: every language model, whatever its tokenizer, is a model over bytes."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from bytelm.prompts import Prompt, Special
from bytelm.protocol import END

if TYPE_CHECKING:
    from bytelm.constraints.building import constrain
    from bytelm.ensembles.building import ensemble
    from bytelm.loading import load, tokenizer
    from bytelm.native.ngram import ngram
    from bytelm.searching.completing import complete
    from bytelm.searching.completion import Completion
    from bytelm.searching.search import search
    from bytelm.spans.heatmap import heatmap
    from bytelm.spans.measuring import surprisal, word_surprisal

__all__ = [
    "END",
    "Completion",
    "Prompt",
    "Special",
    "complete",
    "constrain",
    "ensemble",
    "heatmap",
    "load",
    "ngram",
    "search",
    "surprisal",
    "tokenizer",
    "word_surprisal",
]
__version__ = "0.1.0"

_HOMES = {
    "Completion": "bytelm.searching.completion",
    "complete": "bytelm.searching.completing",
    "search": "bytelm.searching.search",
    "constrain": "bytelm.constraints.building",
    "ensemble": "bytelm.ensembles.building",
    "heatmap": "bytelm.spans.heatmap",
    "load": "bytelm.loading",
    "ngram": "bytelm.native.ngram",
    "surprisal": "bytelm.spans.measuring",
    "tokenizer": "bytelm.loading",
    "word_surprisal": "bytelm.spans.measuring",
}


def __getattr__(name: str) -> Any:
    """Load the public functions on first use, so that ``import bytelm`` stays light."""
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'bytelm' has no attribute {name!r}")
