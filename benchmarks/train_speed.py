"""What a training step of a Byte Latent Transformer costs, beside transformers, in one run.

    python benchmarks/train_speed.py --out benchmarks/train_speed.json

Ours is the step of the product's loop: rows from prepared shards, entropies, patches, forward and backward pass,
clipping, AdamW. transformers' `BltForCausalLM` has the same weights, rows and targets, PyTorch's fused AdamW, and cuts
its own patches by its own entropy model; once more with the patches given, so that its cutting is not to blame. Rows
are one document each, as transformers knows no other. `--device cuda --shape 1b --dtype bfloat16 --peak 989e12`
measures our step of the release's shape, and its share of the device's operations. Progress goes to standard error.
"""

import argparse
import dataclasses
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

import bytelm.training.run as loop
from blt_speed import SHAPES
from bytelm.blt.weights.writing import save_directory
from bytelm.training import stages
from bytelm.training.config import TrainConfig
from bytelm.training.data.rows import Batch, Rows
from bytelm.training.flops import flops_per_byte
from bytelm.training.run import Run
from bytelm.training.run_config import OptimizerConfig
from bytelm.training.world import joined
from measuring.options import add_places, parse
from measuring.rounds import Json, Say, ratios, summary
from measuring.running import one_quiet_thread, saying
from measuring.surroundings import load_average, surroundings
from measuring.writing import write

BUNDLED = Path(__file__).resolve().parents[1] / "src" / "bytelm" / "bundled" / "blt"
MEAN_PATCH = 4.5

NOTES = [
    "seconds: of one step of the optimizer. bytes_per_second: inputs of a batch divided by the median.",
    "ratio: transformers' seconds divided by ours, step by step, by turns on the same rows.",
    "loss_difference: bits a byte at the first step, the same weights and rows on either side.",
    "outside: the share of our steps that is not the entropy model, the model, its loss, the backward pass, clipping "
    "or the optimizer: waiting for rows, cutting patches (NumPy), and all else.",
    "flops: floating point operations of training for a byte by bytelm.training.flops, with those of the entropy "
    "model's pass; flops_per_second is what our step makes of them.",
]


class Documents:
    """Pieces of the standard library's source, each as long as a row has room for."""

    def __init__(self, length: int) -> None:
        library = Path(argparse.__file__).parent
        text = b"".join(path.read_bytes() for path in sorted(library.glob("*.py"))[:80])
        size = length - 2
        self._pieces = np.frombuffer(text[: len(text) // size * size], np.uint8).reshape(-1, size)
        self.sizes: NDArray[np.int64] = np.full(len(self._pieces), size)

    def document(self, index: int, /) -> NDArray[np.uint8]:
        """The bytes of one."""
        return self._pieces[index]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark; the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_places(parser)
    parser.add_argument("--shape", choices=("bundled", *SHAPES), action="append", help="default: bundled and small")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--dtype", choices=("float32", "bfloat16"), default="float32")
    parser.add_argument("--rows", type=int, default=8)
    parser.add_argument("--length", type=int, default=1024)
    parser.add_argument("--peak", type=float, help="floating point operations a second that the device can make")
    parser.add_argument("--quick", action="store_true", help="one short round of everything: does it run at all?")
    options = parse(parser, arguments)
    one_quiet_thread()
    try:
        result = run(options)
    except KeyboardInterrupt:
        print("\ntrain_speed.py: interrupted; nothing was written", file=sys.stderr)
        return 130
    print("\n".join(markdown(result)))
    if options.out is not None:
        write(options.out, result)
    return 0


def run(options: argparse.Namespace) -> Json:
    """Measure everything."""
    given = {name: getattr(options, name) for name in ("device", "dtype", "rows", "length")}
    result: Json = {**surroundings(), **given, "notes": NOTES, "shapes": {}}
    for shape in options.shape or ("bundled", "small"):
        threads = (1,) if options.quick or options.device != "cpu" else (1, 2)
        found = [saying(f"{shape}, {count} threads", Measured(shape, count, options)) for count in threads]
        result["shapes"][shape] = {
            **found[0][0],
            "threads": {str(count): one for (_, one), count in zip(found, threads, strict=True)},
        }
    result["machine"]["load_after"] = load_average()
    return result


class Measured:
    """The steps of one shape with so many threads."""

    def __init__(self, shape: str, threads: int, options: argparse.Namespace) -> None:
        self._shape = shape
        self._threads = threads
        self._options = options
        self._rounds = 2 if options.quick else 4

    def __call__(self, say: Say) -> tuple[Json, Json]:
        """What the shape is, and what its steps cost."""
        options = self._options
        torch.set_num_threads(self._threads)
        config = configured(self._shape, options)
        with joined(options.device, group=options.dtype != "float32") as world:
            ours = Run(config, Rows(Documents(config.length), config.length, 0), world)
            steps = ours.steps()
            found = self._beside_transformers(ours, steps, say) if options.device == "cpu" else self._alone(steps, say)
            say("time outside the model")
            found["outside"] = outside(ours, steps, self._rounds)
            steps.close()
            return self._described(ours, found), found

    def _alone(self, steps: Iterator[Any], say: Say) -> Json:
        """Our steps, where transformers is not to be waited for."""
        for _ in range(3):
            next(steps)
        seconds = [timed(next, steps) for _ in range(4 * self._rounds)]
        return {"ours": summary(seconds)}

    def _beside_transformers(self, ours: Run, steps: Iterator[Any], say: Say) -> Json:
        """Our steps and those of transformers, by turns."""
        rows = Rows(Documents(ours.config.length), ours.config.length, 0)
        rival = Rival(ours)

        def batch() -> Batch:
            return rows.batch(range(ours.step * ours.config.rows, (ours.step + 1) * ours.config.rows))

        same = batch()
        first = (next(steps).bits_per_byte, rival.step(same, given=False))
        seconds: dict[str, list[float]] = {"ours": [], "transformers": [], "transformers, patches given": []}
        for turn in range(self._rounds):
            say(f"round {turn + 1} of {self._rounds}")
            same = batch()
            seconds["ours"].append(timed(next, steps))
            seconds["transformers"].append(timed(rival.step, same, False))
            seconds["transformers, patches given"].append(timed(rival.step, same, True))
        found: Json = {name: summary(values) for name, values in seconds.items()}
        found["loss_difference"] = abs(first[0] - first[1])
        found["ratio"] = ratios(seconds["transformers"], seconds["ours"])
        found["ratio_patches_given"] = ratios(seconds["transformers, patches given"], seconds["ours"])
        return found

    def _described(self, ours: Run, found: Json) -> Json:
        """What is independent of the threads; adds speeds to ``found`` (mutates it)."""
        config = ours.config
        many = config.rows * config.length
        flops = flops_per_byte(config.model, config.length, MEAN_PATCH)
        flops += flops_per_byte(config.model.entropy, config.length) / 3
        found["bytes_per_second"] = round(many / found["ours"]["median"], 1)
        found["flops_per_second"] = float(f"{flops * found['bytes_per_second']:.4g}")
        if self._options.peak is not None:
            found["utilisation"] = round(found["flops_per_second"] / self._options.peak, 4)
        parameters = sum(parameter.numel() for parameter in ours.network.parameters())
        return {"parameters": parameters, "flops": float(f"{flops:.4g}")}


class Rival:
    """transformers' model with the weights of a run, and its steps (mutable)."""

    def __init__(self, ours: Run) -> None:
        from transformers import BltForCausalLM

        self._ours = ours
        with tempfile.TemporaryDirectory(prefix="bytelm-train-") as scratch:
            save_directory(Path(scratch) / "model", ours.model, ours.weights())
            self._network = BltForCausalLM.from_pretrained(Path(scratch) / "model", dtype=torch.float32).train()
        # Its entropy model is not trained along, as ours is not.
        frozen = set(self._network.model.patcher.parameters())
        self._parameters = [parameter for parameter in self._network.parameters() if parameter not in frozen]
        own = ours.config.optimizer
        self._optimizer = torch.optim.AdamW(
            self._parameters, lr=own.rate, betas=own.betas, weight_decay=own.decay, fused=True
        )

    def step(self, batch: Batch, given: bool) -> float:
        """A step; its bits a byte."""
        ids, weights = torch.from_numpy(batch.ids), torch.from_numpy(batch.weights)
        inputs, targets = ids[:, :-1], ids[:, 1:].masked_fill(~weights, -100)
        self._optimizer.zero_grad(set_to_none=True)
        logits = self._network(inputs, patch_lengths=self._lengths(inputs, batch) if given else None, use_cache=False)
        cost = torch.nn.functional.cross_entropy(logits.logits.flatten(0, -2), targets.flatten(), ignore_index=-100)
        cost.backward()
        torch.nn.utils.clip_grad_norm_(self._parameters, self._ours.config.optimizer.clip)
        self._optimizer.step()
        return float(cost.detach()) / float(np.log(2))

    def _lengths(self, inputs: Tensor, batch: Batch) -> Tensor:
        """The sizes of our patches, padded with zeros, as transformers takes them."""
        starts = stages.starts_of(self._ours.network, inputs, torch.from_numpy(batch.first))[:, :-1]
        sizes = [torch.diff(torch.cat([row.nonzero()[:, 0], torch.tensor([len(row)])])) for row in starts]
        return torch.nn.utils.rnn.pad_sequence(sizes, batch_first=True)


def configured(shape: str, options: argparse.Namespace) -> TrainConfig:
    """A run of a shape, whose untrained entropy model cuts patches of the usual mean size."""
    if shape == "bundled":
        from bytelm.blt.weights.reading import open_checkpoint

        model = dataclasses.replace(open_checkpoint(BUNDLED).config, doubled_residual=True)
    else:
        model = SHAPES[shape]
    return TrainConfig(
        "blt",
        model,
        data="-",
        out="-",
        rows=options.rows,
        length=options.length,
        dtype=options.dtype,
        entropy_share=0.0,
        mean_patch=MEAN_PATCH,
        optimizer=OptimizerConfig(rate=1e-4, warmup=10),
    )


def outside(ours: Run, steps: Iterator[Any], rounds: int) -> float:
    """The share of the time of steps that is none of the model's."""
    watch = Watch()
    network = ours.network
    with (
        watch.over(network, "forward"),
        watch.over(network, "entropy_logits"),
        watch.over(stages, "loss"),
        watch.over(loop, "clip"),
        watch.over(torch.autograd, "backward"),
        watch.over_all(ours._optimizers),
    ):
        seconds = sum(timed(next, steps) for _ in range(rounds))
    return round(1 - watch.seconds / seconds, 4)


class Watch:
    """Adds up the seconds that some functions take (mutable)."""

    def __init__(self) -> None:
        self.seconds = 0.0

    @contextmanager
    def over(self, owner: Any, name: str) -> Iterator[None]:
        """Watch a function of a module or an object."""
        watched = getattr(owner, name)

        def call(*positional: Any, **named: Any) -> Any:
            begun = time.perf_counter()
            try:
                return watched(*positional, **named)
            finally:
                settle()
                self.seconds += time.perf_counter() - begun

        with mock.patch.object(owner, name, call):
            yield

    @contextmanager
    def over_all(self, optimizers: Sequence[Any]) -> Iterator[None]:
        """Watch the steps of optimizers."""
        begun = 0.0

        def before(*_: Any) -> None:
            nonlocal begun
            begun = time.perf_counter()

        def after(*_: Any) -> None:
            settle()
            self.seconds += time.perf_counter() - begun

        hooks = [one.register_step_pre_hook(before) for one in optimizers]
        hooks += [one.register_step_post_hook(after) for one in optimizers]
        yield
        for hook in hooks:
            hook.remove()


def timed(what: Callable[..., Any], *given: Any) -> float:
    """The seconds that a call takes."""
    settle()
    begun = time.perf_counter()
    what(*given)
    settle()
    return time.perf_counter() - begun


def settle() -> None:
    """Wait for an accelerator."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def markdown(result: Json) -> Iterator[str]:
    """The table of docs/training.md."""
    yield ("| model | threads | bytes/s | transformers, bytes/s | ratio | with its patches given | outside the model |")
    yield "|---" * 7 + "|"
    many = result["rows"] * result["length"]
    for shape, found in result["shapes"].items():
        for threads, one in found["threads"].items():
            cells = [f"{shape}, {found['parameters'] / 1e6:.1f} M", threads, f"{one['bytes_per_second']:,.0f}"]
            if "transformers" in one:
                cells.append(f"{many / one['transformers']['median']:,.0f}")
                cells += [f"**{one['ratio']['median']:.1f}**", f"{one['ratio_patches_given']['median']:.1f}"]
            else:
                cells += ["", "", ""]
            yield f"| {' | '.join([*cells, format(one['outside'], '.1%').replace('%', ' %')])} |"


if __name__ == "__main__":
    sys.exit(main())
