"""The text of MODEL_CARD.md, filled with measured figures."""

from __future__ import annotations

from typing import Any

from .recipe import Recipe

_CARD = """\
# bytelm bundled model `{name}`

A very small language model of Python source code: {title}.

| | |
|---|---|
| Architecture | Llama (`LlamaForCausalLM`): {layers} layers, hidden size {hidden}, {heads} heads, \
feed-forward size {intermediate}, tied embeddings |
| Parameters | {parameters:,}, stored as bfloat16 |
| Vocabulary | {vocabulary} tokens |
| Context | {context} tokens (trained at this length) |
| Begin / end of a document | `{begin}` / `{end}` |
| Fill in the middle | {fim} |

## Measured

{bits} on {files} held-out files ({bytes:,} bytes). The files were chosen by a hash
of their path, and neither the model nor its tokenizer was trained on them. Each file begins after the
begin token and is scored in windows of {context} tokens that overlap by half; all its bytes count.
Of these, files of the library proper: {bits_library}; files of tests: {bits_tests}.

Trained for {steps:,} steps ({tokens_seen:,} tokens, {wall_minutes} minutes on a CPU), seed {seed},
torch {torch_version}. The same figures are in `eval.json`.

## Data and licence

Trained on the `*.py` files of the standard library of Python {python_version}, tests included but
sampled less often; without third-party packages, files that are not UTF-8, files above 400,000 bytes
and tables of characters (both are generated), and files that the build of Python writes.

The Python standard library is Copyright (c) 2001 and later, Python Software Foundation; All Rights
Reserved, and is under the PSF License Agreement, version 2, which applies to that data. The weights,
which are derived from it, and the tokenizer are released under the Apache License 2.0, with this note.

## Reproduce

    python scripts/train_bundled.py --which {name} --out DIR --minutes {minutes} --seed {seed}

The result depends on the speed of the machine, because the schedule follows the clock; with
`--steps {steps}` instead of `--minutes` it does not. A run that was stopped and resumed draws other windows
than one that was not.

## Limits

- It completes common Python idioms and little else. It has no knowledge to speak of, does not follow
  instructions, and its longer completions drift.
- It can repeat passages of the standard library word for word.
- Its text is plausible, not correct: run nothing that it wrote without reading it.
"""

_FIM = (
    "yes: `{0}`prefix`{1}`suffix`{2}`middle, after the begin token; the middle ends with `{3}`. "
    "Cuts were made between characters, not tokens"
)


def model_card(recipe: Recipe, figures: dict[str, Any]) -> str:
    """The card of ``recipe`` with the ``figures`` of eval.json."""
    return _CARD.format(
        **figures,
        name=recipe.name,
        title=recipe.title,
        layers=recipe.layers,
        hidden=recipe.hidden,
        heads=recipe.heads,
        intermediate=recipe.intermediate,
        begin=recipe.begin,
        end=recipe.end,
        fim="no" if recipe.fim is None else _FIM.format(*recipe.fim, recipe.end),
        bits=_bits(figures["bits_per_byte"]),
        bits_library=_bits(figures["bits_per_byte_library"]),
        bits_tests=_bits(figures["bits_per_byte_tests"]),
        minutes=max(1, round(figures["wall_minutes"])),
    )


def _bits(value: float | None) -> str:
    return "not measured" if value is None else f"{value:.3f} bits a byte"
