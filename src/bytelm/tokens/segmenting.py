"""How one pre-token is cut into tokens: the part of a tokenizer that differs between its families.

A pre-token is read from left to right, one token after the other. A segmenter remembers of the tokens so far what it
needs as a small hashable *segment*. It knows nothing of borders between pre-tokens, nor of characters.
"""

from collections.abc import Hashable
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Segment = Hashable
"""What a segmenter remembers of a pre-token; equal segments are continued alike."""


class Segmenter(Protocol):
    """Which token sequences a family of tokenizers makes of pre-tokens.

    Masks are bool ``(vocabulary.size,)`` in the vocabulary's sorted order, and not to be changed.

    Attributes:
        start: the segment of a pre-token before its first token.
        reachable: the tokens that some pre-token yields.
    """

    start: Segment
    reachable: NDArray[np.bool_]

    def advance(self, segment: Segment, token: int) -> Segment | None:
        """The segment after one more token id; ``None`` if the tokenizer never puts it there, whatever follows."""
        ...

    def allowed(self, segment: Segment) -> NDArray[np.bool_]:
        """The tokens that :meth:`advance` does not refuse."""
        ...

    def closing(self, segment: Segment) -> NDArray[np.bool_]:
        """Those of the allowed tokens behind which the pre-token may end."""
        ...

    def may_close(self, segment: Segment) -> bool:
        """Whether the pre-token may end here."""
        ...

    def exceptional(self, segment: Segment) -> NDArray[np.int64]:
        """The indices, in sorted order, of allowed tokens behind which the segment is not simply their id."""
        ...
