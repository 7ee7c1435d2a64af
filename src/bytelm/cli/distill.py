"""``bytelm distill``: a byte model learns from a token model."""

import argparse

from bytelm.cli.train import add_arguments, carry_out

NAME = "distill"
SUMMARY = "teach a byte model what a token model knows"
EXAMPLE = """\
CONFIG is a preset (exact-bytes, tokenkit-alm, cpu-tiny) or a TOML or JSON file; --print-config shows all settings. The
student is a model that bytelm byteify made, or a Byte Latent Transformer. All else is as for bytelm train: the same
command goes on where a run was cut off, also under torchrun and on Slurm.

example:
  bytelm distill exact-bytes teacher=MODEL student=student data=prepared out=run
  bytelm distill cpu-tiny teacher=bundled:code student=student data=src out=run losses=path,sft weights=1,0.1
"""


__all__ = ["EXAMPLE", "NAME", "SUMMARY", "add_arguments", "run"]


def run(arguments: argparse.Namespace) -> None:
    """Distil, or show the configuration."""
    from bytelm.training.distillation.configuring import load_distillation

    carry_out(arguments, load_distillation(arguments.config, arguments.changes))
