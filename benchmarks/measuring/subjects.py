"""What is measured: the models, the texts to measure them on, and how much of both."""

import json
import shutil
import sysconfig
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from bytelm.loading import resolve

BODY = "data/models/pycode-bpe4k"
"""The shape of the random model, below the shared folder."""

BODY_TOKENIZER = "data/tokenizers/gpt2"

BODY_SEED = 0

EXAMPLES = "data/corpora/code/pytorch_examples.py.txt"
STORIES = "data/corpora/tinystories/tinystories_1000.json"
WINE = "data/corpora/wine_reviews_sample.txt"


class Corpus(NamedTuple):
    """A text, and where it is from in words."""

    name: str
    data: bytes


@dataclass(frozen=True)
class Workload:
    """How much is run of each kind of work.

    Attributes:
        repeats: how often everything is measured, on other prompts and texts each time.
        prompts: how many prompts each repeat of the generation has.
        prompt_bytes: how long a prompt is.
        new_bytes: how much is generated behind it.
        prefill_bytes: how long the prompt is whose reading is measured.
        score_bytes: how long the text is that each repeat scores.
    """

    repeats: int = 5
    prompts: int = 2
    prompt_bytes: int = 85
    new_bytes: int = 128
    prefill_bytes: int = 85
    score_bytes: int = 4096


QUICK = Workload(repeats=2, prompts=1, new_bytes=16, score_bytes=256)
"""Enough to see that everything works; the figures mean nothing."""


@dataclass(frozen=True)
class Subject:
    """One model to measure.

    Attributes:
        name: what the tables call it.
        about: what it is.
        path: its directory.
        corpus: the text its prompts and its scored texts are cut from.
        longest: the most bytes for a prompt and what is generated behind it, where its context is short.
    """

    name: str
    about: str
    path: Path
    corpus: Corpus
    longest: int | None = None

    def fitted(self, work: Workload) -> Workload:
        """The workload with prompts and continuations that the context holds as tokens."""
        if self.longest is None or work.prompt_bytes + work.new_bytes <= self.longest:
            return work
        prompt = min(work.prompt_bytes, self.longest // 3)
        shorter = {"prompt_bytes": prompt, "new_bytes": min(work.new_bytes, self.longest - prompt)}
        return Workload(**{**vars(work), **shorter})


def bundled(shared: Path, scratch: Path) -> Subject:
    """The model in the package."""
    return Subject("bundled", "the model that comes with bytelm", resolve(None), code(shared))


def pycode(shared: Path, scratch: Path) -> Subject:
    """The larger code model beside the repository."""
    path = _present(shared / BODY)
    return Subject("pycode-bpe4k", "Llama trained on Python code, byte-level BPE", path, code(shared))


def stories(shared: Path, scratch: Path) -> Subject:
    """The smallest model, with a SentencePiece tokenizer."""
    path = _present(shared / "data/models/stories260K")
    tales = "\n\n".join(json.loads(_present(shared / STORIES).read_text("utf-8")))
    return Subject("stories260K", "Llama, SentencePiece BPE", path, Corpus(STORIES, tales.encode()))


def wine(shared: Path, scratch: Path) -> Subject:
    """The model of a tokenizer that has no pre-tokenizer, and of a very short context."""
    path = _present(shared / "data/models/smollgpt-wine")
    corpus = Corpus(f"{WINE} (the model knows it)", _present(shared / WINE).read_bytes())
    return Subject("smollgpt-wine", "GPT-2, byte-level BPE without a pre-tokenizer", path, corpus, longest=72)


def random_body(shared: Path, scratch: Path) -> Subject:
    """The larger code model's shape under the GPT-2 tokenizer, with random weights, made in ``scratch``."""
    path = scratch / "gpt2-random"
    _make_random(_present(shared / BODY), _present(shared / BODY_TOKENIZER), path)
    about = f"random Llama of pycode-bpe4k's shape (seed {BODY_SEED}), GPT-2 tokenizer"
    return Subject("gpt2-random", about, path, code(shared))


SUBJECTS: dict[str, Callable[[Path, Path], Subject]] = {
    "bundled": bundled,
    "pycode-bpe4k": pycode,
    "gpt2-random": random_body,
    "stories260K": stories,
    "smollgpt-wine": wine,
}
"""How each model is found or made, given the shared folder and a scratch folder."""


def code(shared: Path) -> Corpus:
    """Python code: unseen by the models where the shared folder is there, else a file of the standard library."""
    path = shared / EXAMPLES
    if path.is_file():
        return Corpus(EXAMPLES, path.read_bytes())
    library = Path(sysconfig.get_path("stdlib")) / "argparse.py"
    return Corpus("argparse.py of the standard library (the bundled model may have seen it)", library.read_bytes())


def pieces(corpus: Corpus, count: int, size: int) -> Iterator[bytes]:
    """Pieces of ``size`` bytes, less what cuts a character, spread over the text, each from the start of a line."""
    data = corpus.data
    for number in range(count):
        start = data.find(b"\n", (len(data) - 2 * size) * number // count) + 1
        yield data[start : start + size].decode("utf-8", "ignore").encode()


def _present(path: Path) -> Path:
    if not path.exists():
        raise FileNotFoundError(f"{path} is not here")
    return path


def _make_random(shape: Path, tokenizer: Path, path: Path) -> None:
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM
    from transformers.utils import logging

    entries = json.loads((tokenizer / "tokenizer.json").read_text("utf-8"))
    config = AutoConfig.from_pretrained(shape)
    config.vocab_size = len(entries["model"]["vocab"])
    config.bos_token_id = config.eos_token_id = config.vocab_size - 1
    config.dtype = "float32"
    torch.manual_seed(BODY_SEED)
    logging.disable_progress_bar()
    AutoModelForCausalLM.from_config(config).save_pretrained(path)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copyfile(tokenizer / name, path / name)
