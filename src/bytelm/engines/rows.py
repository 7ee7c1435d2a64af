"""The slow and obvious way: every head is a text of its own, run whole.

For architectures that the packed tree does not suit, and the judge of those it does.
"""

from collections.abc import Iterator, Sequence

from transformers import PreTrainedModel

from bytelm.engines.network import Network
from bytelm.engines.protocol import Effort, Logits, TokenModel
from bytelm.engines.windows import Windows, check_ids
from bytelm.heads import Head

ROWS = 16
"""The most texts in one pass."""

POSITIONS = 8192
"""The most positions in one pass of several texts, padding included."""


class RowsModel(TokenModel):
    """``p(token | begin tokens, head)`` of a transformers model, one row and no cache for each head.

    Attributes:
        vocabulary_size: the length of every distribution.
        effort: running counts of the work done; padding is not counted.
        windows: what the network sees of long heads.
    """

    def __init__(self, model: PreTrainedModel, begin: Sequence[int], context: int | None = None) -> None:
        """Puts ``model`` into evaluation mode. Arguments and errors are `HuggingFaceModel`'s."""
        self._network = Network(model)
        self.windows = Windows(tuple(begin), self._network.context if context is None else context)
        check_ids(self.windows.begin, self._network.vocabulary_size)
        self.vocabulary_size = self._network.vocabulary_size
        self.effort = Effort()

    def logits(self, heads: Sequence[Head]) -> Iterator[Logits]:
        """See `TokenModel.logits`.

        Raises:
            ValueError: a head has a token id outside the vocabulary.
        """
        waiting = list(heads)
        while waiting:
            rows = [self.windows.input_of(head) for head in waiting[:ROWS]]
            rows = rows[: max(1, min(POSITIONS // max(map(len, rows)), self._most_rows(rows)))]
            waiting = waiting[len(rows) :]
            for row in rows:
                check_ids(row, self.vocabulary_size)
            logits = self._network.last_of_rows(rows)
            self.effort.passes += 1
            self.effort.heads += len(rows)
            self.effort.tokens += sum(map(len, rows))
            yield self._network.handed(logits)

    def _most_rows(self, rows: list[list[int]]) -> int:
        """How many rows' logits fit: the network gives each row logits at every length among them."""
        lengths = {len(row) for row in rows}
        return self._network.most_logits // len(lengths)
