"""What a byte costs a Byte Latent Transformer: cached, batched and drafted, beside transformers, in one run.

    python benchmarks/blt_speed.py --out benchmarks/blt_speed.json

Two models: one of random weights with the proportions of the release, only smaller, whose patches are cut at a
threshold for 4.5 bytes on average; and the trained one in the package, as drafts of random weights mean nothing.
transformers' `BltForCausalLM` computes all anew for every byte, as its cache gives wrong logits; it has the same
weights. `--device cuda --shape 1b` runs the shape of the release. Progress goes to standard error.
"""

import argparse
import dataclasses
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import torch

import bytelm
from bytelm.blt import vocabulary
from bytelm.blt.config import BltConfig, HashConfig, StackConfig
from bytelm.blt.cutting import repatched
from bytelm.blt.lm import BltLM
from bytelm.blt.model import Blt
from bytelm.blt.patching.calibrating import calibrate
from bytelm.blt.speculation import Effort
from bytelm.blt.weights.writing import save_directory
from bytelm.decoding.sampling import Sampling
from measuring.options import add_places, parse
from measuring.rounds import Json, Say, ratios, summary
from measuring.running import one_quiet_thread, saying
from measuring.surroundings import load_average, surroundings
from measuring.writing import write

BUNDLED = "bundled:blt"

SHAPES = {
    "small": BltConfig(
        encoder=StackConfig(1, 256, 4, 4, 768, window=512),
        global_transformer=StackConfig(10, 512, 8, 8, 1408),
        decoder=StackConfig(4, 256, 4, 4, 768, window=512),
        entropy=StackConfig(4, 192, 3, 3, 512, theta=10000.0, window=512),
        hashes=HashConfig(rows=20011),
        doubled_residual=True,
    ),
    "1b": BltConfig(
        encoder=StackConfig(1, 1024, 16, 16, 2816, window=512),
        global_transformer=StackConfig(25, 2048, 16, 16, 5632),
        decoder=StackConfig(9, 1024, 16, 16, 2816, window=512),
        entropy=StackConfig(14, 768, 12, 12, 2048, theta=10000.0, window=512),
        doubled_residual=True,
    ),
}
CONTEXTS = (128, 512, 2048, 8192)
STREAMS = (1, 8, 32)
DRAFTS = (0, 2, 4, 8)
MEAN_PATCH = 4.5
EVEN = 100.0
"""A threshold that no entropy reaches, nats: the entropy model runs, and only the longest patch decides."""

NOTES = [
    "byte: seconds for one more byte, given; the prompt was read before the clock. Each repeat has another prompt. "
    "With random weights patches have 4 bytes there, as the entropies of random weights change with the length.",
    "transformers: one forward pass of BltForCausalLM(use_cache=False) over all bytes so far, which is what it takes "
    "there to make one more. deviation: the largest difference of a logit of the two behind the last byte.",
    "streams: bytes of all streams together in a second, greedy, behind prompts of different lengths that were read "
    "before the clock.",
    "drafts: symbols a second of one stream, behind a prompt that was read before the clock; kept: how many of the "
    "drafted bytes were right. The bytes made are the same with and without drafts (compared in the run).",
]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark; the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_places(parser)
    parser.add_argument("--shape", choices=tuple(SHAPES), default="small")
    parser.add_argument("--trained", type=Path, default=Path(BUNDLED), help="a trained model")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--dtype", choices=("float32", "bfloat16"), default="float32")
    parser.add_argument("--quick", action="store_true", help="one short repeat of everything: does it run at all?")
    options = parse(parser, arguments)
    one_quiet_thread()
    try:
        result = run(options)
    except KeyboardInterrupt:
        print("\nblt_speed.py: interrupted; nothing was written", file=sys.stderr)
        return 130
    print("\n".join(table(result)))
    if options.out is not None:
        write(options.out, result)
    return 0


def run(options: argparse.Namespace) -> Json:
    """Measure everything."""
    result: Json = {**surroundings(), "shape": options.shape, "device": options.device, "dtype": options.dtype}
    result["notes"] = NOTES
    with tempfile.TemporaryDirectory(prefix="bytelm-blt-") as scratch:
        models = {"random": random_model(options, Path(scratch)), "trained": options.trained}
        for name, place in models.items():
            load = partial(bytelm.load, str(place), dtype=options.dtype, device=options.device)
            texts = Texts(np.random.default_rng(1), random=name == "random")
            result[name] = saying(name, partial(measure, load, texts, place, options))
    result["machine"]["load_after"] = load_average()
    return result


class Texts:
    """Prompts: random bytes for random weights, Python source for trained ones."""

    def __init__(self, rng: np.random.Generator, random: bool) -> None:
        self._rng = rng
        library = Path(argparse.__file__).parent
        joined = b"".join(sorted(library.glob("*.py"))[n].read_bytes() for n in range(0, 60, 3))
        self._source = rng.integers(0, 256, 2**17).astype(np.uint8).tobytes() if random else joined

    def __call__(self, size: int) -> bytes:
        begin = int(self._rng.integers(len(self._source) - size))
        return self._source[begin : begin + size]


def random_model(options: argparse.Namespace, scratch: Path) -> Path:
    """A directory with random weights, calibrated on random bytes."""
    torch.manual_seed(1)
    network = Blt(SHAPES[options.shape]).initialize()
    with torch.no_grad():
        network.lm_head.weight[vocabulary.EOS] = 0  # never the most probable: streams are to go on
    ids = vocabulary.document(np.random.default_rng(2).integers(0, 256, 4000).astype(np.uint8).tobytes())
    patching = calibrate(network.config.patching, [(ids, BltLM(network).reader.entropies(ids))], MEAN_PATCH)
    save_directory(scratch / "random", dataclasses.replace(network.config, patching=patching), network.state_dict())
    return scratch / "random"


def measure(load: Callable[..., BltLM], texts: Texts, place: Path, options: argparse.Namespace, say: Say) -> Json:
    """All that is measured of one model."""
    lm = load()
    parts = {name: sum(p.numel() for p in part.parameters()) for name, part in lm.network.named_children()}
    settle = torch.cuda.synchronize if options.device.startswith("cuda") else lambda: None
    repeats = 1 if options.quick else 5
    found: Json = {"parameters": parts, "threshold": lm.config.patching.threshold}
    sample = texts(4000)
    found["mean_patch"] = round(len(sample) / len(lm.patches(sample)), 3)
    even = repatched(lm, dataclasses.replace(lm.config.patching, threshold=EVEN, longest=4))
    found["bytes"] = costs(even if place != options.trained else lm, texts, repeats, settle, say)
    if place != options.trained:
        found["transformers"] = recomputed(lm, texts, place, options, settle, say)
    found["streams"] = streams(load, texts, repeats, 16 if options.quick else 128, settle, say)
    if place == options.trained:
        found["drafts"] = drafts(load, texts, repeats, 16 if options.quick else 192, settle, say)
    return found


def costs(lm: BltLM, texts: Texts, repeats: int, settle: Callable[[], None], say: Say) -> Json:
    """Seconds for one more byte at several lengths of the text, by turns."""
    steps = 48
    systems = {str(length): partial(_advance, lm, steps, settle) for length in CONTEXTS}
    _advance(lm, steps, settle, texts(300))
    seconds: dict[str, list[float]] = {name: [] for name in systems}
    for repeat in range(repeats):
        say(f"bytes, round {repeat + 1} of {repeats}")
        for length in CONTEXTS:
            seconds[str(length)].append(systems[str(length)](texts(length + steps)) / steps)
    rows: Json = {name: {"seconds": summary(found)} for name, found in seconds.items()}
    for name, row in rows.items():
        row["ratio_to_128"] = ratios(seconds[name], seconds["128"])
    return rows


def _advance(lm: BltLM, steps: int, settle: Callable[[], None], text: bytes) -> float:
    """Seconds to read the last ``steps`` bytes of a text one by one."""
    state = lm.prefill(text[:-steps])
    settle()
    begun = time.perf_counter()
    for byte in text[-steps:]:
        state = state.advance(bytes([byte]))
    settle()
    return time.perf_counter() - begun


def recomputed(
    lm: BltLM, texts: Texts, place: Path, options: argparse.Namespace, settle: Callable[[], None], say: Say
) -> Json:
    """One more byte at 2048 with a cache, and as transformers makes it."""
    from transformers import BltForCausalLM

    rival = BltForCausalLM.from_pretrained(place, dtype=getattr(torch, options.dtype)).to(options.device).eval()
    deviations: list[float] = []
    ours, theirs = [], []
    for repeat in range(1 if options.quick else 3):
        say(f"transformers, round {repeat + 1}")
        text = texts(2048)
        ours.append(_advance(lm, 32, settle, text) / 32)
        ids = torch.from_numpy(vocabulary.document(text)[None]).to(options.device)
        with torch.inference_mode():
            settle()
            begun = time.perf_counter()
            logits = rival(ids, use_cache=False).logits[0, -1]
            settle()
            theirs.append(time.perf_counter() - begun)
            before = lm.prefill(text[:-1]).place
            (read,) = lm.reader.read([before], [vocabulary.ids_of(text[-1:])])
        deviations.append(float((read.logits_NV[-1] - logits).abs().max()))
    return {
        "context": 2048,
        "bytelm": summary(ours),
        "transformers": summary(theirs),
        "ratio": ratios(theirs, ours),
        "deviation": max(deviations),
    }


def streams(
    load: Callable[..., BltLM], texts: Texts, repeats: int, size: int, settle: Callable[[], None], say: Say
) -> Json:
    """Bytes a second of several streams at once."""
    lm = load()
    prompts = [texts(int(length)) for length in np.linspace(100, 400, max(STREAMS))]
    rates: dict[int, list[float]] = {count: [] for count in STREAMS}
    _streamed(lm, prompts, 2, settle)
    for repeat in range(repeats):
        for count in STREAMS:
            say(f"streams, round {repeat + 1} of {repeats}, {count}")
            rates[count].append(_streamed(lm, prompts[:: len(prompts) // count][:count], size, settle))
    return {str(n): {"rate": summary(found), "ratio": ratios(found, rates[1])} for n, found in rates.items()}


def _streamed(lm: BltLM, prompts: list[bytes], size: int, settle: Callable[[], None]) -> float:
    """Bytes a second behind prompts that were read, greedy, all streams together."""
    rngs = [np.random.default_rng(0)] * len(prompts)
    made = lm.symbols(prompts, Sampling(), rngs, size + 1)
    for symbols in made:
        next(symbols)
    settle()
    begun = time.perf_counter()
    count = sum(next(symbols, None) is not None for _ in range(size) for symbols in made)
    settle()
    return count / (time.perf_counter() - begun)


def drafts(
    load: Callable[..., BltLM], texts: Texts, repeats: int, size: int, settle: Callable[[], None], say: Say
) -> Json:
    """Bytes a second of one stream with drafts of several lengths, behind prompts that were read."""
    prompts = [texts(300) for _ in range(2 * repeats)]
    rows: Json = {}
    for kind, sampling in (("greedy", Sampling()), ("temperature 1", Sampling(temperature=1.0))):
        models = {length: load(speculate=length) for length in DRAFTS}
        runs: dict[int, list[tuple[float, tuple[int, ...]]]] = {length: [] for length in DRAFTS}
        for lm in models.values():
            _drafted(lm, sampling, 4, prompts[0][:50], settle)
            lm.effort = Effort()
        for number, prompt in enumerate(prompts):
            say(f"drafts, {kind}, text {number + 1} of {len(prompts)}")
            for length in DRAFTS[number % len(DRAFTS) :] + DRAFTS[: number % len(DRAFTS)]:
                runs[length].append(_drafted(models[length], sampling, size, prompt, settle))
        rows[kind] = {str(length): _summed(runs[length], runs[0], models[length]) for length in DRAFTS}
    return rows


def _drafted(
    lm: BltLM, sampling: Sampling, size: int, prompt: bytes, settle: Callable[[], None]
) -> tuple[float, tuple[int, ...]]:
    """Symbols a second behind the first one, and the symbols."""
    (made,) = lm.symbols([prompt], sampling, [np.random.default_rng(7)], size + 1)
    first = next(made)
    settle()
    begun = time.perf_counter()
    rest = tuple(made)
    settle()
    return len(rest) / (time.perf_counter() - begun), (first, *rest)


def _summed(runs: list[tuple[float, tuple[int, ...]]], plain: list[tuple[float, tuple[int, ...]]], lm: BltLM) -> Json:
    rates = [rate for rate, _ in runs]
    same = sum(one[1] == other[1] for one, other in zip(runs, plain, strict=True))
    ratio = ratios(rates, [rate for rate, _ in plain])
    return {"rate": summary(rates), "ratio": ratio, **vars(lm.effort), "same": same, "texts": len(runs)}


def table(result: Json) -> Iterator[str]:
    """The results as lines for people."""
    machine = result["machine"]
    yield f"bytelm blt, {result['date']}, commit {result['commit']}, {result['device']}, {result['dtype']}"
    yield f"{machine['processor']}, {machine['torch_threads']} torch thread, load {machine['load_before']}"
    for name in ("random", "trained"):
        found = result[name]
        yield ""
        yield f"{name}: {sum(found['parameters'].values()):,} parameters, {found['mean_patch']} bytes a patch"
        for length, row in found["bytes"].items():
            ratio = row["ratio_to_128"]["median"]
            yield f"  a byte at {length:>5}: {1e3 * row['seconds']['median']:8.3f} ms, {ratio:.2f} of that at 128"
        if "transformers" in found:
            rival = found["transformers"]
            yield (
                f"  transformers at 2048: {1e3 * rival['transformers']['median']:.0f} ms, "
                f"{rival['ratio']['median']:.0f} times ours; logits differ by {rival['deviation']:.1e}"
            )
        for count, row in found["streams"].items():
            yield f"  {count:>3} streams: {row['rate']['median']:7.0f} bytes/s, {row['ratio']['median']:.2f} of one"
        for kind, rows in found.get("drafts", {}).items():
            for length, row in rows.items():
                kept = row["kept"] / max(1, row["drafted"])
                rate, ratio = row["rate"]["median"], row["ratio"]["median"]
                yield (
                    f"  {kind}, {length} drafted: {rate:7.0f} bytes/s, {ratio:.2f} of none; {100 * kept:.0f} % kept; "
                    f"{row['same']} of {row['texts']} texts the same"
                )


def markdown(result: Json) -> Iterator[str]:
    """The results as the table of docs/blt.md."""
    random, trained = result["random"], result["trained"]
    size = [f"{sum(found['parameters'].values()) / 1e6:.1f} M" for found in (random, trained)]
    yield f"| | random, {size[0]} | bundled, {size[1]} |"
    yield "|---|---|---|"
    for length in random["bytes"]:
        rows = [found["bytes"][length] for found in (random, trained)]
        cells = [f"{1e3 * row['seconds']['median']:.2f} ms ({row['ratio_to_128']['median']:.2f})" for row in rows]
        yield f"| a byte behind {int(length):,} bytes (relative to 128) | {cells[0]} | {cells[1]} |"
    rival = random["transformers"]
    cell = f"{1e3 * rival['transformers']['median']:.0f} ms: {rival['ratio']['median']:.0f} times ours"
    yield f"| the same behind {rival['context']:,} in transformers, computed anew | {cell} | |"
    for count in random["streams"]:
        rows = [found["streams"][count] for found in (random, trained)]
        cells = [f"{row['rate']['median']:.0f} ({row['ratio']['median']:.1f})" for row in rows]
        streams = "1 stream" if count == "1" else f"{count} streams"
        yield f"| {streams}, bytes a second in all (relative to 1) | {cells[0]} | {cells[1]} |"
    for kind, rows in trained["drafts"].items():
        for length, row in rows.items():
            yield f"| {length} drafted, {kind}: bytes a second | | {_draft(row)} |"


def _draft(row: Json) -> str:
    if not row["drafted"]:
        return f"{row['rate']['median']:.0f}"
    kept = 100 * row["kept"] / row["drafted"]
    return f"{row['rate']['median']:.0f} ({row['ratio']['median']:.2f}; {kept:.0f} % kept)"


if __name__ == "__main__":
    raise SystemExit(main())
