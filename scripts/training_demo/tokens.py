"""A tokenizer of the texts' own: byte-pair encoding, learned from what is learned from; and texts as its tokens."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from bundled_training.tokenizers import CL100K_PATTERN
from numpy.typing import NDArray
from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, processors, trainers

from bytelm.blt.vocabulary import BOS, EOS, OFFSET, IdArray
from bytelm.blt.weights.plain_tokenizer import SPECIALS
from bytelm.corpora.files import complete_file
from bytelm.training.data.shards import Shards

from .library import Excerpt

TOKENIZER: Final = "bpe.json"


class TokenDocuments:
    """Documents as tokens instead of bytes, for `bytelm.training.data.rows.Rows`.

    Args:
        documents: the tokens of each, at least one.
    """

    def __init__(self, documents: Sequence[NDArray[np.uint16]]) -> None:
        self._documents = documents
        self._sizes = np.array([len(document) for document in documents], np.int64)

    @property
    def sizes(self) -> NDArray[np.int64]:
        """The tokens of each, int64 ``(documents,)``."""
        return self._sizes

    def document(self, index: int, /) -> NDArray[np.uint16]:
        """The tokens of one, uint16 ``(size,)``."""
        return self._documents[index]


def learned_tokenizer(work: Path, shards: Shards, vocabulary: int) -> Tokenizer:
    """A byte-level BPE of at most so many tokens, as in Llama 3; the one of ``work`` where it is there."""
    path = work / TOKENIZER
    if path.is_file():
        return Tokenizer.from_file(str(path))
    tokenizer = Tokenizer(models.BPE())
    split = pre_tokenizers.Split(Regex(CL100K_PATTERN), behavior="isolated")
    level = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([split, level])
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False
    )
    tokenizer.train_from_iterator(_texts(shards), trainer)
    with complete_file(path) as file:
        file.write(tokenizer.to_str().encode("utf-8"))
    return tokenizer


def documents_of(tokenizer: Tokenizer, shards: Shards) -> TokenDocuments:
    """All documents as tokens."""
    encoded = tokenizer.encode_batch(list(_texts(shards)))
    return TokenDocuments([np.array(one.ids, np.uint16) for one in encoded])


def token_ids(tokenizer: Tokenizer, excerpt: Excerpt) -> IdArray:
    """BOS, the tokens of a text, and EOS where it ends, as the ids of a model."""
    tokens = np.array(tokenizer.encode(excerpt.text.decode("utf-8")).ids, np.int64)
    return np.concatenate([[BOS], tokens + OFFSET, [EOS] if excerpt.ended else []]).astype(np.int64)


def with_specials(tokenizer: Tokenizer) -> Tokenizer:
    """The tokenizer with the ids of a model: special tokens before all others, and BOS before each text."""
    description: dict[str, Any] = json.loads(tokenizer.to_str())
    known = description["model"]["vocab"]
    names = {name: index for index, name in SPECIALS.items()}
    description["model"]["vocab"] = names | {token: index + OFFSET for token, index in known.items()}
    fresh = Tokenizer.from_str(json.dumps(description))
    fresh.add_special_tokens(list(names))
    begin = SPECIALS[BOS]
    fresh.post_processor = processors.TemplateProcessing(
        single=f"{begin} $A", pair=f"{begin} $A {begin} $B", special_tokens=[(begin, BOS)]
    )
    return fresh


def _texts(shards: Shards) -> Iterator[str]:
    for index in range(shards.documents):
        yield np.asarray(shards.document(index)).tobytes().decode("utf-8")
