"""``bytelm train``: train a model over bytes, and go on where that was cut off."""

import argparse
import time
from typing import TYPE_CHECKING

from bytelm.cli.outputs import write_json, write_line
from bytelm.cli.train_launching import add_launch_arguments, launch

if TYPE_CHECKING:
    from bytelm.training.run_config import RunConfig

NAME = "train"
SUMMARY = "train a model over bytes"
EXAMPLE = """\
CONFIG is a preset (cpu-tiny, entropy-100m, blt-1b, blt-7b, byte-llama) or a TOML or JSON file; --print-config shows all
settings. The same command goes on where a run was cut off, with the same result to the last bit. Ctrl-C and SIGTERM
save and leave. A finished run leaves a model that bytelm loads, beside checkpoints/, metrics.jsonl and, for files
that were not prepared, data/. With --json: one object with out, step, steps, bits_per_byte and seconds.

example:
  bytelm train cpu-tiny data=src out=run steps=200
  bytelm train cpu-tiny data=src out=run model.decoder.layers=3 optimizer.rate=1e-3 --print-config
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of a run, whatever it trains."""
    parser.add_argument("config", metavar="CONFIG", help="a preset, or a file")
    parser.add_argument("changes", nargs="*", metavar="KEY=VALUE", help="settings that differ")
    parser.add_argument("--print-config", action="store_true", help="print all settings as TOML, and leave")
    parser.add_argument("--device", help="where the model runs: cpu, cuda, … (default: cuda where there is one)")
    parser.add_argument("--json", action="store_true", help="one JSON object at the end")
    parser.add_argument("--quiet", action="store_true", help="no progress")
    add_launch_arguments(parser)


def run(arguments: argparse.Namespace) -> None:
    """Train, or show the configuration."""
    from bytelm.training.configuring import load_config

    carry_out(arguments, load_config(arguments.config, arguments.changes))


def carry_out(arguments: argparse.Namespace, config: "RunConfig") -> None:
    """Make a run, or show its configuration, or hand it over."""
    from bytelm.training.configuring import print_config

    if arguments.print_config:
        write_line(print_config(config).rstrip("\n"))
        return
    if launch(arguments, config):
        return
    from bytelm.cli.train_here import train_here
    from bytelm.training.stopping import stop_sign

    begun = time.monotonic()
    with stop_sign() as sign:
        trained = train_here(config, arguments.device, arguments.quiet, sign)
    if not trained.speaks:
        return
    done = {"out": config.out, "step": trained.step, "steps": config.steps, "bits_per_byte": trained.bits_per_byte}
    if arguments.json:
        write_json({**done, "seconds": round(time.monotonic() - begun, 3)})
    elif trained.step < config.steps:
        write_line(f"{config.out}: stopped behind step {trained.step:,}; the same command goes on from there")
    else:
        write_line(f"{config.out}: {config.steps:,} steps, {trained.bits_per_byte:.4f} bits/byte at the last ones")
