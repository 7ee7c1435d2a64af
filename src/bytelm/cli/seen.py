"""A word to people whose text is not what the tokenizer sees of it."""

import argparse
import sys

from bytelm.cli.ensembles import tokenizers_of
from bytelm.cli.loaded import LoadedModel, Tokenizer
from bytelm.rendering import visible
from bytelm.utf8 import split_tail

_SHOWN = 12


def note_unseen(model: LoadedModel, text: bytes, what: str, arguments: argparse.Namespace) -> None:
    """Say on standard error where a tokenizer would change ``text``, if the model is over what it sees."""
    if arguments.segmentation == "all" or arguments.method == "beam":
        return
    for tokenizer in tokenizers_of(model):
        _note(tokenizer, text, what)


def _note(tokenizer: Tokenizer, text: bytes, what: str) -> None:
    split = split_tail(text)
    whole = b"" if split is None else split[0].encode()
    seen = tokenizer.normalize(whole)
    if seen == whole:
        return
    shorter = min(len(whole), len(seen))
    place = next((at for at in range(shorter) if whole[at] != seen[at]), shorter)
    while place and 0x80 <= (whole[place : place + 1] or b"\x00")[0] < 0xC0:
        place -= 1
    print(
        f'note: the tokenizer reads {what} from byte {place} on as "{visible(seen[place : place + _SHOWN])}", not '
        f'"{visible(whole[place : place + _SHOWN])}"; what it never reads has probability zero (tokenizer.normalize)',
        file=sys.stderr,
    )
