"""The whole of it: texts, three models one after the other, and what comes of them."""

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from tokenizers import Tokenizer

from bytelm.blt.model import Blt
from bytelm.blt.vocabulary import OFFSET, IdArray
from bytelm.training.data.manifest import TRAIN
from bytelm.training.data.rows import Rows
from bytelm.training.data.shards import Shards
from bytelm.training.stopping import StopSign
from measuring.surroundings import load_average, surroundings

from .byte_runs import ByteRun, mean_patch, progress_line
from .costs import Cost, cost_of_blt, cost_of_transformer
from .exporting import export
from .following import Point, Runner, Stopped, follow
from .library import PREPARED, Excerpt, excerpt, excerpts, library_files, prepare_library
from .measuring import nats_of
from .phases import Phases
from .plan import BLT, BYTES, TITLES, TOKENS, Plan
from .results import Entrant, Json, result_of
from .talking import Talk
from .token_run import TokenRun
from .tokens import TokenDocuments, documents_of, learned_tokenizer, token_ids
from .writing import PROMPT, SEED, TEMPERATURE, bits_per_byte, cut, written

PARTS: Final = 6

SHORT: Final = 400
"""Bytes of each held-out file that the transformer over tokens is asked about byte by byte."""


class Demo:
    """The demonstration in a working folder (mutable); what was done there before is not done again.

    Args:
        plan: what is trained.
        work: the folder.
        sign: ends it.
        talk: says what is going on.
    """

    def __init__(self, plan: Plan, work: Path, sign: StopSign, talk: Talk) -> None:
        work.mkdir(parents=True, exist_ok=True)
        self._plan = plan
        self._work = work
        self._sign = sign
        self._talk = talk
        self._phases = Phases(work / "phases.json")
        self._found: Json = {}

    def run(self) -> Json:
        """All of it; what was found.

        Raises:
            Stopped: somebody asked for the end; the same call goes on from there.
        """
        around = surroundings()
        held_out = self._prepare()
        entrants = {BLT: self._train_blt(held_out)}
        flops = entrants[BLT].cost.flops(entrants[BLT].config.steps)
        entrants[BYTES] = self._train_bytes(held_out, flops)
        entrants[TOKENS] = self._train_tokens(held_out, flops)
        entrants = self._write(entrants)
        around["machine"]["load_after"] = load_average()
        found = {**around, **self._found, "flops": flops, **result_of(entrants, held_out, self._plan.marks)}
        return {**found, "phases": self._phases.seconds, "seconds": round(sum(self._phases.seconds.values()), 1)}

    def _prepare(self) -> list[Excerpt]:
        """The texts."""
        self._talk.part("the standard library's source becomes shards of bytes (bytelm data prepare)")
        with self._phases.timed("prepare"), progress_line(self._talk.quiet) as line:
            files = library_files(self._plan.files)
            manifest = prepare_library(self._work, files, self._plan.held_out, line.update)
            found = excerpts(self._work / PREPARED, self._plan.excerpt)
        learned = manifest.splits[TRAIN]
        self._found["data"] = {
            "files": learned.documents,
            "bytes": learned.bytes,
            "held_out_files": len(found),
            "held_out_bytes": sum(len(one.text) for one in found),
            "held_out_ends": sum(one.ended for one in found),
            "excerpt": self._plan.excerpt,
        }
        self._talk.line(
            f"  {learned.documents} files, {learned.bytes / 1e6:.2f} MB, to learn from; the first "
            f"{self._plan.excerpt:,} bytes of {len(found)} others are held out"
        )
        self._check()
        return found

    def _train_blt(self, held_out: list[Excerpt]) -> Entrant:
        """The Byte Latent Transformer, which says how much the others compute."""
        config = self._plan.run_in(self._work, BLT)
        assert config.mean_patch is not None
        planned = cost_of_blt(config, config.mean_patch)
        self._talk.part(f"a {TITLES[BLT]}: its entropy model, {planned.first_steps} steps, then itself")
        runner = ByteRun(config, self._sign, self._talk.quiet)
        ids = [one.ids() for one in held_out]
        points = self._follow(BLT, runner, planned, planned.flops(config.steps), ids, held_out)
        network = runner.trained()
        assert isinstance(network, Blt)
        patch = mean_patch(network, runner.rows, config.steps * config.rows)
        threshold = network.config.patching.threshold
        self._found["patches"] = {"asked": config.mean_patch, "found": round(patch, 3), "threshold": threshold}
        self._talk.line(f"  patches of {patch:.2f} bytes on average, behind more than {threshold:.2f} nats:")
        self._talk.line(cut(Path(config.out), PROMPT.encode(), self._talk.colour))
        return Entrant(TITLES[BLT], config, network, cost_of_blt(config, patch), points, b"")

    def _train_bytes(self, held_out: list[Excerpt], flops: float) -> Entrant:
        """The transformer over bytes."""
        cost = cost_of_transformer(self._plan.over_bytes)
        config = self._plan.run_in(self._work, BYTES, cost.steps(flops))
        self._talk.part(f"a {TITLES[BYTES]}, {config.steps} steps, which are as many FLOPs")
        runner = ByteRun(config, self._sign, self._talk.quiet)
        points = self._follow(BYTES, runner, cost, flops, [one.ids() for one in held_out], held_out)
        return Entrant(TITLES[BYTES], config, runner.trained(), cost, points, b"")

    def _train_tokens(self, held_out: list[Excerpt], flops: float) -> Entrant:
        """The transformer over tokens, and its tokenizer."""
        self._talk.part(f"a tokenizer of {self._plan.vocabulary:,} tokens, and a {TITLES[TOKENS]}, as many FLOPs")
        tokenizer, documents, ids, bytes_per_token = self._tokenize(held_out)
        size = tokenizer.get_vocab_size() + OFFSET
        cost = cost_of_transformer(self._plan.over_tokens, size, bytes_per_token)
        config = self._plan.run_in(self._work, TOKENS, cost.steps(flops))
        rows = Rows(documents, config.length, config.seed)
        runner = TokenRun(config, rows, size, bytes_per_token, self._sign, self._talk.quiet)
        points = self._follow(TOKENS, runner, cost, flops, ids, held_out)
        export(Path(config.out), runner.network, tokenizer, config.length)
        self._compare_as_bytes(tokenizer, runner, held_out)
        return Entrant(TITLES[TOKENS], config, runner.network, cost, points, b"")

    def _tokenize(self, held_out: list[Excerpt]) -> tuple[Tokenizer, TokenDocuments, list[IdArray], float]:
        """A tokenizer; what is learned from, and what is held out, as tokens; and the bytes of a token on average."""
        shards = Shards(self._work / PREPARED, TRAIN)
        with self._phases.timed("tokenizer"):
            tokenizer = learned_tokenizer(self._work, shards, self._plan.vocabulary)
            documents = documents_of(tokenizer, shards)
            ids = [token_ids(tokenizer, one) for one in held_out]
        bytes_per_token = shards.bytes / int(documents.sizes.sum())
        tokens = sum(len(found) - 1 - one.ended for found, one in zip(ids, held_out, strict=True))
        self._found["tokenizer"] = {
            "tokens": tokenizer.get_vocab_size(),
            "bytes_per_token": round(bytes_per_token, 3),
            "held_out_bytes_per_token": round(sum(len(one.text) for one in held_out) / tokens, 3),
        }
        self._talk.line(f"  {bytes_per_token:.2f} bytes a token where it was learned")
        self._check()
        return tokenizer, documents, ids, bytes_per_token

    def _compare_as_bytes(self, tokenizer: Tokenizer, runner: TokenRun, held_out: list[Excerpt]) -> None:
        """What the tokenizer's own segmentation of short texts costs, and the same bytes in whatever tokens."""
        short = [Excerpt(excerpt(one.text, SHORT).text, False) for one in held_out]
        size = sum(len(one.text) for one in short)
        with self._phases.timed("as bytes"):
            nats = nats_of([token_ids(tokenizer, one) for one in short], runner.config.length, runner.network)
            as_bytes = bits_per_byte(Path(runner.config.out), [one.text for one in short])
        as_tokens = math.fsum(nats) / math.log(2) / size
        found = {"bytes": size, "as_tokens": round(as_tokens, 4), "as_bytes": round(as_bytes, 4)}
        self._found["as_bytes"] = found
        self._talk.line(
            f"  the first {SHORT} bytes of each file: {as_tokens:.3f} bits/byte in the tokenizer's own segmentation, "
            f"{as_bytes:.3f} as a model over bytes (bytelm.load)"
        )
        self._check()

    def _follow(
        self, name: str, runner: Runner, cost: Cost, flops: float, ids: Sequence[IdArray], held_out: list[Excerpt]
    ) -> list[Point]:
        """Train a model, and measure it at all marks."""
        length = self._plan.run_in(self._work, name).length
        steps = [cost.steps(mark * flops) for mark in self._plan.marks]

        def tell(point: Point) -> None:
            self._talk.point(cost.flops(point.step) / flops, point, held_out)

        with self._phases.timed(name):
            return follow(runner, steps, ids, length, self._work / name, tell)

    def _write(self, entrants: dict[str, Entrant]) -> dict[str, Entrant]:
        """The same with the code that they write."""
        self._talk.part("code by each of them, read by bytelm.load")
        found = {}
        for name, entrant in entrants.items():
            with self._phases.timed("write"):
                text = written(self._work / name, self._plan.written)
            self._talk.code(entrant.title, PROMPT, text)
            found[name] = replace(entrant, text=text)
            self._check()
        self._found["prompt"] = {"text": PROMPT, "temperature": TEMPERATURE, "seed": SEED}
        return found

    def _check(self) -> None:
        if self._sign.asked:
            raise Stopped
