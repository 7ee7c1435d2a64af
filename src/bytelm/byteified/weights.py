"""The first weights of a byte model: rows of the source's embeddings, and everything else as it is.

Shapes: V ids of the source, B ids of the byte model, W the width.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

import torch

from bytelm.blt.weights.entries import Entry
from bytelm.blt.weights.names import Piece
from bytelm.blt.weights.outgoing import chunks_of
from bytelm.blt.weights.reading import Progress
from bytelm.blt.weights.safetensors_writing import write_safetensors
from bytelm.blt.weights.tensor_files import TensorFiles, dtype_name, float_dtype
from bytelm.byteified.byte_tokenizer import BYTES, ByteTokenizer
from bytelm.tokens.tokenizer import Tokenizer

INPUT: Final = "model.embed_tokens.weight"
OUTPUT: Final = "lm_head.weight"
SUFFIXES: Final = "model.expand_embed_tokens.weight"

_BUFFERS: Final = "rotary_emb.inv_freq"
"""How the names of tables end that some files hold although they follow from the configuration."""


@dataclass(frozen=True)
class Outgoing:
    """A tensor to be written.

    Attributes:
        shape: its shape.
        dtype: of its numbers.
        read: the tensor itself, made or read when it is asked for.
    """

    shape: tuple[int, ...]
    dtype: torch.dtype
    read: Callable[[], torch.Tensor]


@dataclass(frozen=True)
class RowSources:
    """Where the rows of a byte model's embeddings come from.

    Attributes:
        tokens: for every id of the byte model the ids of the source whose mean it is; none for the mean of all.
        lacking: the bytes that no token of the source spells alone.
    """

    tokens: tuple[tuple[int, ...], ...]
    lacking: tuple[int, ...]


def row_sources(tokenizer: ByteTokenizer, viewed: Tokenizer) -> RowSources:
    """Where the rows of the ids of a byte tokenizer come from.

    A byte has the row of the token that spells it; of several, that which the source's tokenizer takes for it. One that
    has none is the mean of the tokens that begin with it. A word is the mean of the tokens that spell it.

    Args:
        tokenizer: the byte tokenizer.
        viewed: the source's tokenizer.
    """
    found: list[tuple[int, ...]] = []
    lacking: list[int] = []
    vocabulary = viewed.vocabulary
    for byte in range(BYTES):
        own = own_token(viewed, byte)
        if own is None:
            lacking.append(byte)
            beginning = vocabulary.narrow(0, vocabulary.size, bytes([byte]))
            found.append(tuple(vocabulary.order[beginning.low : beginning.high].tolist()))
        else:
            found.append((own,))
    for piece in tokenizer.pieces:
        special = tokenizer.tokens.every.get(piece.content) if piece.special else None
        found.append(_word(viewed, piece.content) if special is None else (special.source,))
    return RowSources(tuple(found), tuple(lacking))


def own_token(viewed: Tokenizer, byte: int) -> int | None:
    """The token that spells a byte; of several that which the tokenizer takes for it, else the first."""
    data, vocabulary = bytes([byte]), viewed.vocabulary
    spelling = [int(vocabulary.order[place]) for place in vocabulary.find(data)]
    if len(spelling) > 1 and byte < 0x80:
        # Behind a line's end too, since some tokenizers put a space before a text.
        for text in (data, b"\n" + data):
            taken = next((token for token in reversed(viewed.encode(text)) if token in spelling), None)
            if taken is not None:
                return taken
    return spelling[0] if spelling else None


def suffix_entries(tokenizer: ByteTokenizer, viewed: Tokenizer, longest: int) -> Iterator[tuple[tuple[int, ...], int]]:
    """The dictionary of suffixes: ids of the byte tokenizer, at most ``longest``, and the row of the source they have.

    Where ids come up again, the later entry counts: a whole token before the ends of longer ones, and for single bytes
    the token that their row is of.
    """
    spelled = [(tokenizer.encode(data), token) for token in range(viewed.size) if (data := viewed.token_bytes(token))]
    yield from ((ids[-longest:], token) for ids, token in spelled if len(ids) > longest)
    yield from ((ids, token) for ids, token in spelled if len(ids) <= longest)
    for byte in range(BYTES):
        if (own := own_token(viewed, byte)) is not None:
            yield (byte,), own
    for token, new in tokenizer.source_ids().items():
        yield (new,), token


def rows_of(table_VW: torch.Tensor, sources: Sequence[Sequence[int]]) -> torch.Tensor:
    """The embeddings of a byte model, ``(B, W)``, in the dtype of the source's; means are computed in float32."""
    overall = table_VW.mean(0, dtype=torch.float32)
    rows = [table_VW[list(tokens)].mean(0, dtype=torch.float32) if tokens else overall for tokens in sources]
    return torch.stack(rows).to(table_VW.dtype)


def source_tensors(files: TensorFiles) -> dict[str, Outgoing]:
    """The tensors of a checkpoint as they are, but for tables of rotary embeddings.

    Raises:
        ValueError: one does not hold floating-point numbers.
    """
    return {
        name: Outgoing(stored.shape, float_dtype(name, stored), partial(files.rows, name, 0, stored.shape[0]))
        for name, stored in files.stored.items()
        if not name.endswith(_BUFFERS)
    }


def byte_tensors(
    tensors: Mapping[str, Outgoing], sources: RowSources, *, tied: bool, suffixes: bool
) -> dict[str, Outgoing]:
    """The tensors of a byte model.

    Args:
        tensors: those of the source.
        sources: where rows come from.
        tied: whether the source's output layer is its input embedding.
        suffixes: whether there are suffix embeddings: the whole input embedding of the source.
    """
    count = len(sources.tokens)
    made = dict(tensors)
    output = tensors[INPUT if tied else OUTPUT]
    for name, table in ((INPUT, tensors[INPUT]), (OUTPUT, output)):
        made[name] = Outgoing((count, table.shape[1]), table.dtype, partial(_taken, table, sources.tokens))
    if suffixes:
        made[SUFFIXES] = tensors[INPUT]
    return made


def write_tensors(
    folder: Path,
    tensors: Mapping[str, Outgoing],
    dtype: torch.dtype | None = None,
    progress: Progress | None = None,
) -> str:
    """Write ``model.safetensors``, in several files where it is large, one tensor at a time in memory.

    Args:
        folder: where to.
        tensors: what to write.
        dtype: what the numbers become; as they are by default.
        progress: called with the bytes that are written and those in all.

    Returns:
        the dtype of the output layer, such as ``"bfloat16"``.

    Raises:
        ValueError: numbers are too large for float16.
    """
    shapes = {name: tensor.shape for name, tensor in tensors.items()}
    entries = [
        Entry(Piece("model", name, name, 0, tensor.shape), tensor.dtype if dtype is None else dtype)
        for name, tensor in tensors.items()
    ]
    write_safetensors(folder, entries, chunks_of(_Reading(tensors), shapes, entries, progress))
    return dtype_name(tensors[OUTPUT].dtype if dtype is None else dtype)


def count_numbers(tensors: Mapping[str, Outgoing]) -> int:
    """How many numbers tensors hold."""
    return sum(math.prod(tensor.shape) for tensor in tensors.values())


class _Reading(Mapping[str, torch.Tensor]):
    """Tensors that are read whenever they are asked for."""

    def __init__(self, tensors: Mapping[str, Outgoing]) -> None:
        self._tensors = tensors

    def __getitem__(self, name: str) -> torch.Tensor:
        return self._tensors[name].read()

    def __iter__(self) -> Iterator[str]:
        return iter(self._tensors)

    def __len__(self) -> int:
        return len(self._tensors)


def _taken(table: Outgoing, sources: Sequence[Sequence[int]]) -> torch.Tensor:
    return rows_of(table.read(), sources)


def _word(viewed: Tokenizer, word: str) -> tuple[int, ...]:
    """The token whose bytes are a word, else the tokens that the tokenizer cuts it into."""
    same = viewed.vocabulary.find(word.encode())
    return (int(viewed.vocabulary.order[same.start]),) if same else tuple(viewed.encode(word))
