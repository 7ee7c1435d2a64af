"""How fast genlm-bytes is: run by `speed.py` with the Python of an environment that has it, not with bytelm's.

A request comes as JSON on standard input and the answer goes as JSON to standard output:

    {"model": DIRECTORY, "prompts": [HEX, ...], "warm_up": HEX, "new_bytes": 24, "threads": 1}

Prompts are bytes in hexadecimal digits. Each prompt is read and continued greedily with every setting, and no
setting finds what another one has computed.
"""

import asyncio
import json
import sys
import time
from importlib.metadata import version

WIDTH = 5

SETTINGS = {
    "K = 5": {"threshold": 0.0, "wait": 0.02},
    "K = 5, not waiting": {"threshold": 0.0, "wait": 0.0},
    "K = 5, threshold 0.05": {"threshold": 0.05, "wait": 0.02},
    "K = 5, threshold 0.05, not waiting": {"threshold": 0.05, "wait": 0.0},
}
"""The share of the beam below which hypotheses are dropped; how long a request waits for others, seconds.

The library waits 0.02 s by default, to fill a batch; one stream alone is quicker without.
"""


def main() -> int:
    """Answer one request."""
    request = json.load(sys.stdin)
    answers = asyncio.run(run(request))
    versions = {name: version(name) for name in ("genlm-bytes", "genlm-backend", "torch", "transformers")}
    json.dump({"versions": versions, "settings": answers}, sys.stdout)
    return 0


async def run(request):
    """Every setting on every prompt: seconds to read it, seconds to continue it, and what came out in hexadecimal."""
    import torch
    from genlm.backend import load_model_by_name

    torch.set_num_threads(request["threads"])
    answers = {}
    for name, setting in SETTINGS.items():
        options = {"hf_opts": {"dtype": torch.float32, "device_map": "cpu"}, "timeout": setting["wait"]}
        llm = load_model_by_name(request["model"], backend="hf", llm_opts=options)
        await timed(llm, setting, bytes.fromhex(request["warm_up"]), 2)
        answers[name] = []
        for prompt in request["prompts"]:
            llm.clear_cache()
            answers[name].append(await timed(llm, setting, bytes.fromhex(prompt), request["new_bytes"]))
    return answers


async def timed(llm, setting, prompt, new_bytes):
    """Read a prompt, then continue it greedily: the library's own ``greedy``, whose prompt is read apart."""
    from genlm.bytes import BeamParams, ByteBeamState

    beam = await ByteBeamState.initial(llm, BeamParams(K=WIDTH, prune_threshold=setting["threshold"]))
    try:
        begun = time.perf_counter()
        state = await beam.prefill(prompt)
        read = time.perf_counter()
        made = await state.greedy(b"", steps=new_bytes)
        done = time.perf_counter()
    finally:
        await beam.cleanup()
    return {"reading_seconds": read - begun, "generation_seconds": done - read, "made": bytes(made).hex()}


if __name__ == "__main__":
    sys.exit(main())
