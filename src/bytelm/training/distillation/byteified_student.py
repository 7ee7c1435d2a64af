"""A byteified model as a student: a causal language model of transformers whose tokens are bytes."""

import shutil
import tempfile
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor, nn

from bytelm.blt.vocabulary import BOS, EOS, OFFSET, SIZE
from bytelm.loading import end_tokens, load_network, resolve
from bytelm.tokens.tokenizer import Tokenizer
from bytelm.training.distillation.adapting import adapted, merged
from bytelm.training.distillation.config import DistillConfig
from bytelm.training.distillation.likelihoods import space_mask
from bytelm.training.distillation.students import Predictions
from bytelm.training.spreading import ready, shard
from bytelm.training.world import World

_WEIGHTS: Final = ("*.safetensors", "*.safetensors.index.json", "*.bin", "*.bin.index.json", "*.pth")


class ByteifiedStudent:
    """A byteified model that learns (mutable).

    Args:
        config: of the distillation.
        world: the processes that train together; each reads the weights, and keeps its part.

    Raises:
        FileNotFoundError: there is no such directory.
        ValueError: it holds no causal language model over bytes, or cannot be trained so.
    """

    def __init__(self, config: DistillConfig, world: World) -> None:
        self._directory = resolve(config.student)
        tokenizer = Tokenizer(self._directory)
        self.network: Any = load_network(self._directory, "float32", "cpu")
        self._ids = _ids_of(tokenizer, end_tokens(self.network, tokenizer), self._directory).to(world.device)
        generator = torch.Generator().manual_seed(config.seed)
        named = adapted(
            self.network, config.train, config.lora, suffix_table=config.train_suffixes, generator=generator
        )
        blocks = list(self.network.model.layers)
        ready(blocks, config)
        if world.mesh is not None:
            shard(self.network, blocks, world, config)
        self.network.to(world.device).train()
        parameters = dict(self.network.named_parameters())
        self.trained: list[nn.Parameter] = [parameters[name] for name, _ in named]

    @property
    def last_block(self) -> nn.Module:
        found: nn.Module = self.network.model.layers[-1]
        return found

    @cached_property
    def byte_ids(self) -> Tensor:
        return self._ids[OFFSET:]

    @property
    def end_id(self) -> int:
        return int(self._ids[EOS])

    @cached_property
    def boundary_V(self) -> Tensor:
        size = int(self.network.config.vocab_size)
        spelled = [b""] * size
        for byte, token in enumerate(self.byte_ids.tolist()):
            spelled[token] = bytes([byte])
        special = [token for token in range(size) if not spelled[token]]
        return torch.from_numpy(space_mask(spelled, special)).to(self._ids.device)

    def ids_of(self, ids_RN: Tensor) -> Tensor:
        return self._ids[ids_RN]

    def read(self, ids_RN: Tensor, first_RN: Tensor, hidden: bool) -> Predictions:
        places = torch.arange(ids_RN.shape[1], device=ids_RN.device) - first_RN
        # Positions that begin anew tell transformers where documents do.
        out = self.network(
            input_ids=self.ids_of(ids_RN), position_ids=places, use_cache=False, output_hidden_states=hidden
        )
        return Predictions(out.logits, out.hidden_states[-1] if hidden else None)

    def export(self, weights: Mapping[str, Tensor], out: Path) -> None:
        with tempfile.TemporaryDirectory(prefix=".model-", dir=out) as scratch:
            fresh = Path(scratch)
            shutil.copytree(self._directory, fresh, dirs_exist_ok=True, ignore=shutil.ignore_patterns(*_WEIGHTS, ".*"))
            self.network.save_pretrained(fresh, state_dict=merged(self.network, weights))
            for path in sorted(fresh.iterdir(), key=lambda path: path.name == "config.json"):
                path.replace(out / path.name)


def _ids_of(tokenizer: Tokenizer, ends: tuple[int, ...], directory: Path) -> Tensor:
    """The student's id for each of bytelm's ids, int64 ``(260,)``; padding and delimiters are ends of texts."""
    vocabulary = tokenizer.vocabulary
    longer = [word for word in vocabulary.words if len(word) > 1]
    singles = [vocabulary.find(bytes([byte])) for byte in range(256)]
    if longer or not all(singles):
        lacking = sum(not found for found in singles)
        raise ValueError(
            f"a student's tokens are the 256 bytes, and {directory} lacks {lacking} of them and has {len(longer)} "
            f"longer ones{f', such as {longer[0]!r}' if longer else ''}; make one by bytelm byteify SOURCE --out DIR"
        )
    if not ends or tokenizer.begin_token is None:
        raise ValueError(f"{directory} names no token that ends a text, or none that begins it; a student needs both")
    ids = np.full(SIZE, ends[0], np.int64)
    ids[BOS] = tokenizer.begin_token
    ids[OFFSET:] = [int(vocabulary.order[found[0]]) for found in singles]
    return torch.from_numpy(ids)
