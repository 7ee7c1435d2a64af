"""Reading texts with a Blt: from the beginning, or on from any place where one was left."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bytelm.blt.attention import whole
from bytelm.blt.continuing import Continuation, newlines_before
from bytelm.blt.drafting import Draft
from bytelm.blt.entropy import entropies
from bytelm.blt.memory import SLACK, Memory
from bytelm.blt.model import Blt
from bytelm.blt.opening import Opening, Remembering
from bytelm.blt.patching.stepwise import PatchState, begin
from bytelm.blt.rows import Place, Row
from bytelm.blt.vocabulary import PADDING, IdArray
from bytelm.tokens.tokenizer import Tokenizer

PADDED = 2**15
"""How many positions, padding included, a pass over whole texts has at most, unless one text alone has more."""


class Read(NamedTuple):
    """A text that was read on.

    Attributes:
        place: behind it.
        logits_NV: of the id behind each of the ids that were read, on the device.
    """

    place: Place
    logits_NV: Tensor


class Reader:
    """Reads texts, and remembers what it takes to go on from them (its memory changes; places never do).

    Args:
        network: in evaluation mode.
        tokenizer: for patching by ``"tokenizer"``.

    Attributes:
        network, tokenizer: as given.
    """

    def __init__(self, network: Blt, tokenizer: Tokenizer | None = None) -> None:
        self.network = network
        self.tokenizer = tokenizer
        self._memory = Memory(network)
        self._begin = begin(network.config.patching, tokenizer, documents=False)

    @torch.inference_mode()
    def starts(self, ids: IdArray) -> NDArray[np.bool_]:
        """Where the patches of one text start, bool ``(len(ids) + 1,)``."""
        found, _ = self._starts(self._batch([ids])[0], [ids], None, None)
        return found[0]

    @torch.inference_mode()
    def entropies(self, ids: IdArray) -> NDArray[np.float64]:
        """The entropies behind each id of one text, float64 ``(len(ids),)``, nats."""
        return np.array(self._entropies(self._batch([ids])[0], [ids], None)[0])

    @torch.inference_mode()
    def logits(self, texts: Sequence[IdArray]) -> Iterator[tuple[int, Tensor]]:
        """Each text's number with the logits behind each of its ids; nothing is remembered. In any order."""
        for chosen in _batches(list(map(len, texts))):
            batch = [texts[index] for index in chosen]
            ids, device = self._batch(batch)
            starts, _ = self._starts(ids, batch, None, None)
            logits = self.network(ids, self._padded(starts, ids.shape[1], device))
            for line, index in enumerate(chosen):
                yield index, logits[line, : len(texts[index])]

    @torch.inference_mode()
    def open(self, texts: Sequence[IdArray]) -> list[Read]:
        """Read texts from their beginnings."""
        found: dict[int, Read] = {}
        for chosen in _batches(list(map(len, texts))):
            opened = self._open([texts[index] for index in chosen], None)
            found.update(zip(chosen, opened, strict=True))
        return [found[index] for index in range(len(texts))]

    @torch.inference_mode()
    def verify(self, places: Sequence[Place], texts: Sequence[IdArray]) -> list[tuple[list[Place], Tensor]]:
        """Read on in one pass, texts of at most ``SLACK`` ids; the places and the logits behind each id."""
        trails, logits_RNV = Continuation(self.network, self._memory, self._ready(places), texts).run()
        return [(trail, logits[: len(trail)]) for trail, logits in zip(trails, logits_RNV, strict=True)]

    @torch.inference_mode()
    def draft(self, places: Sequence[Place], most: int) -> Draft:
        """Guesses behind places that are the ends of their texts."""
        assert all(place.is_end for place in places)
        return Draft(self.network, self._memory, places, most)

    @torch.inference_mode()
    def read(self, places: Sequence[Place], texts: Sequence[IdArray]) -> list[Read]:
        """Read on from places; texts of any length but 0."""
        going = list(places)
        parts: list[list[Tensor]] = [[] for _ in texts]
        for begun in range(0, max(map(len, texts), default=0), SLACK):
            left = [index for index, text in enumerate(texts) if len(text) > begun]
            chunks = [texts[index][begun : begun + SLACK] for index in left]
            verified = self.verify([going[index] for index in left], chunks)
            for index, (trail, logits) in zip(left, verified, strict=True):
                going[index] = trail[-1]
                parts[index].append(logits)
        joined = (logits[0] if len(logits) == 1 else torch.cat(logits) for logits in parts)
        return [Read(place, logits) for place, logits in zip(going, joined, strict=True)]

    def _ready(self, places: Sequence[Place]) -> list[Place]:
        """The same places at the ends of rows of their own."""
        found: list[Place] = []
        taken: set[int] = set()
        for place in places:
            if not self._memory.is_intact(place):
                place = self._again(place)
            elif not place.is_end or place.row.index in taken:
                place = self._memory.fork(place)
            taken.add(place.row.index)
            found.append(place)
        return found

    def _again(self, place: Place) -> Place:
        """The same place in a row of its own, whose text is read anew; patches start where they did."""
        ids = place.row.ids(place.length)
        starts = place.row.starts(place.length + 1)
        (read,) = self._open([ids], [(starts, place.patching)])
        return read.place

    def _open(
        self,
        texts: Sequence[IdArray],
        known: Sequence[tuple[NDArray[np.bool_], PatchState]] | None,
    ) -> list[Read]:
        lengths = [len(text) for text in texts]
        rows = self._memory.claim(len(texts))
        self._memory.write_bytes(rows, lengths, np.array(lengths))
        ids, device = self._batch(texts)
        starts, states = self._starts(ids, texts, rows, known)
        closed = [int(flags[1:].sum()) for flags in starts]
        opened = [int(np.flatnonzero(flags)[-1]) for flags in starts]
        self._memory.write_bytes(rows, opened, np.array(lengths))
        self._memory.write_patches(rows, np.array(closed))
        keep = Opening(self._memory, rows, lengths, closed)
        logits = self.network(ids, self._padded(starts, ids.shape[1], device), None, keep)
        newlines = self._newlines(ids)
        found = []
        for line, (row, text, flags) in enumerate(zip(rows, texts, starts, strict=True)):
            row.append(text, flags[1:])
            newline = 0 if newlines is None else int(newlines[line, len(text) - 1])
            place = Place(row, len(text), closed[line], opened[line], states[line], newline)
            found.append(Read(place, logits[line, : len(text)]))
        return found

    def _starts(
        self,
        ids: Tensor,
        texts: Sequence[IdArray],
        rows: Sequence[Row] | None,
        known: Sequence[tuple[NDArray[np.bool_], PatchState]] | None,
    ) -> tuple[list[NDArray[np.bool_]], list[PatchState]]:
        """Where patches start, and what decides about the next ones."""
        patching = self.network.config.patching
        uncertain = self._entropies(ids, texts, rows) if patching.needs_entropies else None
        if known is not None:
            return [starts for starts, _ in known], [state for _, state in known]
        found, states = [], []
        for line, text in enumerate(texts):
            state = self._begin
            flags = [True]
            for step, value in enumerate(text.tolist()):
                state = state.after(value, None if uncertain is None else uncertain[line][step])
                flags.append(state.starts)
            found.append(np.array(flags))
            states.append(state)
        return found, states

    def _entropies(self, ids: Tensor, texts: Sequence[IdArray], rows: Sequence[Row] | None) -> list[list[float]]:
        """The entropies behind the ids of each text; with ``rows`` the entropy model remembers them."""
        patcher = self.network.patcher
        assert patcher is not None
        newlines = self._newlines(ids)
        first = None if newlines is None else torch.from_numpy(newlines).to(ids.device)
        attend = whole(ids, patcher.config.window, first)
        if rows is not None:
            assert self._memory.entropy is not None
            attend = Remembering(attend, self._memory.entropy, rows, [len(text) for text in texts])
        rotate = patcher.rotary.upto(ids.shape[1], patcher.embed_tokens.weight)
        lines = entropies(patcher.logits(ids, rotate, attend)).tolist()
        return [line[: len(text)] for line, text in zip(lines, texts, strict=True)]

    def _newlines(self, ids: Tensor) -> IdArray | None:
        """The position from which on each one sees in the entropy model, where that forgets; from the beginnings."""
        if not self.network.config.patching.resets_at_newlines:
            return None
        positions = np.arange(ids.shape[1])[None].repeat(ids.shape[0], axis=0)
        return newlines_before(ids.cpu().numpy(), positions, [0] * ids.shape[0])

    def _batch(self, texts: Sequence[IdArray]) -> tuple[Tensor, torch.device]:
        """Texts side by side, padded at their ends."""
        ids = np.full((len(texts), max(map(len, texts))), PADDING, dtype=np.int64)
        for line, text in zip(ids, texts, strict=True):
            line[: len(text)] = text
        device = self.network.lm_head.weight.device
        return torch.from_numpy(ids).to(device), device

    def _padded(self, starts: Sequence[NDArray[np.bool_]], count: int, device: torch.device) -> Tensor:
        found = np.zeros((len(starts), count + 1), dtype=np.bool_)
        for line, flags in zip(found, starts, strict=True):
            line[: len(flags)] = flags
        return torch.from_numpy(found).to(device)


def _batches(lengths: Sequence[int]) -> Iterator[list[int]]:
    """Texts of about one length together, the longest first."""
    order = sorted(range(len(lengths)), key=lambda index: -lengths[index])
    while order:
        many = max(1, PADDED // max(1, lengths[order[0]]))
        yield order[:many]
        order = order[many:]
