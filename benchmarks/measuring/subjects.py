"""What is measured: the models, and the texts to measure them on."""

import json
import shutil
import sysconfig
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from bytelm.covers.model import TokenizedLM
from bytelm.loading import load, resolve
from bytelm.tokens.rules import Rule
from measuring.hardware import CPU, Hardware
from measuring.rounds import Json
from measuring.workload import Workload

BODY = "data/models/pycode-bpe4k"
"""The shape of the random model, below the shared folder."""

BODY_TOKENIZER = "data/tokenizers/gpt2"

BODY_SEED = 0

EXAMPLES = "data/corpora/code/pytorch_examples.py.txt"
PYCODE = "pycode-bpe4k"
GPT2 = "gpt2-random"

LLAMA_TOKENIZER = "data/tokenizers/llama3"

STORIES = "data/corpora/tinystories/tinystories_1000.json"
WINE = "data/corpora/wine_reviews_sample.txt"


class Corpus(NamedTuple):
    """A text, and where it is from in words."""

    name: str
    data: bytes


@dataclass(frozen=True)
class Subject:
    """One model to measure.

    Attributes:
        name: what the tables call it.
        about: what it is.
        path: its directory.
        corpus: the text its prompts and its scored texts are cut from.
        longest: the most bytes for a prompt and what is generated behind it, where its context is very short; such a
            model is measured in nothing that takes long texts or many streams.
        parts: which parts of the benchmark measure it; ``None`` for all.
        long_texts: whether it scores long documents, too.
        hardware: where it computes.
        rule: what the tokenizer's rule has become by reading other texts; ``None`` if it has read none.
    """

    name: str
    about: str
    path: Path
    corpus: Corpus
    longest: int | None = None
    parts: tuple[str, ...] | None = None
    long_texts: bool = False
    hardware: Hardware = CPU
    rule: Rule | None = None

    def fitted(self, work: Workload) -> Workload:
        """The workload with prompts and continuations that the context holds as tokens."""
        if self.longest is None or work.prompt_bytes + work.new_bytes <= self.longest:
            return work
        prompt = min(work.prompt_bytes, self.longest // 3)
        return replace(work, prompt_bytes=prompt, new_bytes=min(work.new_bytes, self.longest - prompt))

    def load(self, tolerance: float, compiled: bool = False) -> TokenizedLM:
        """The byte model, loaded anew: of what it keeps nothing is shared with another one but ``rule``."""
        lm = self.fresh(tolerance, compiled)
        return lm if self.rule is None else lm.over(self.rule, tolerance)

    def fresh(self, tolerance: float, compiled: bool = False) -> TokenizedLM:
        """The byte model as it comes from its directory."""
        device, dtype = self.hardware.device, self.hardware.dtype
        return load(self.path, tolerance=tolerance, device=device, dtype=dtype, compile=compiled)

    def read(self, work: Workload) -> "Subject":
        """The same, once the tokenizer's rule has read the end of the corpus, which is not measured."""
        lm, work = self.fresh(tolerance=1e-6), self.fitted(work)
        text = self.corpus.data[-work.read_bytes :]
        lm.score(text[text.find(b"\n") + 1 :])
        for start in range(0, len(text), max(1, len(text) // 8)):
            prompt = text[start : start + work.prompt_bytes].decode("utf-8", "ignore").encode()
            lm.generate(prompt, max_bytes=work.new_bytes, temperature=1.0, seed=start)
        return replace(self, rule=lm.tokenizer.canonical)


def bundled(shared: Path, scratch: Path) -> Subject:
    """The model in the package."""
    return Subject("bundled", "the model that comes with bytelm", resolve(None), code(shared))


def pycode(shared: Path, scratch: Path) -> Subject:
    """The larger code model beside the repository."""
    path = _present(shared / BODY)
    return Subject(PYCODE, "Llama trained on Python code, byte-level BPE", path, code(shared), long_texts=True)


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
    path = _random(scratch / GPT2, shared, BODY_TOKENIZER, _body(shared))
    about = f"random Llama of pycode-bpe4k's shape (seed {BODY_SEED}), GPT-2 tokenizer"
    return Subject(GPT2, about, path, code(shared), long_texts=True)


def long_body(shared: Path, scratch: Path) -> Subject:
    """The same, for texts of 8192 tokens: what long contexts cost is measured on it, and nothing else."""
    path = _random(scratch / "gpt2-random-8k", shared, BODY_TOKENIZER, _body(shared, max_position_embeddings=8192))
    about = "the random Llama with the GPT-2 tokenizer, of a context of 8192 tokens"
    return Subject("gpt2-random-8k", about, path, code(shared), parts=("contexts",))


def llama_1b(shared: Path, scratch: Path) -> Subject:
    """The shape of a Llama of 1.2 billion parameters under the Llama 3 tokenizer, with random weights."""
    path = _random(scratch / "llama-1b-random", shared, LLAMA_TOKENIZER, _llama(2048, 16, 32, 8), "bfloat16")
    about = f"random Llama of 1.2 billion parameters (seed {BODY_SEED}), Llama 3 tokenizer"
    return Subject("llama-1b-random", about, path, code(shared), long_texts=True)


def llama_tiny(shared: Path, scratch: Path) -> Subject:
    """The same code path in a hundredth of the size."""
    path = _random(scratch / "llama-tiny-random", shared, LLAMA_TOKENIZER, _llama(64, 2, 4, 2))
    return Subject("llama-tiny-random", "random Llama, tiny, Llama 3 tokenizer", path, code(shared))


Maker = Callable[[Path, Path], Subject]
"""Finds or makes a model, given the shared folder and a scratch folder."""

SUBJECTS: Mapping[str, Maker] = MappingProxyType(
    {
        "bundled": bundled,
        PYCODE: pycode,
        GPT2: random_body,
        "stories260K": stories,
        "smollgpt-wine": wine,
        "gpt2-random-8k": long_body,
    }
)

ON_DEMAND: Mapping[str, Maker] = MappingProxyType({"llama-1b-random": llama_1b, "llama-tiny-random": llama_tiny})
"""What is measured only where it is named."""


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


def _body(shared: Path, **changed: int) -> Json:
    """The configuration of the larger code model, with some entries changed."""
    config: Json = json.loads((_present(shared / BODY) / "config.json").read_text("utf-8"))
    return config | changed


def _llama(width: int, layers: int, heads: int, shared_heads: int) -> Json:
    """The configuration of a Llama 3 of the given shape."""
    return {
        "model_type": "llama",
        "hidden_size": width,
        "intermediate_size": 4 * width,
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
        "num_key_value_heads": shared_heads,
        "head_dim": width // heads,
        "max_position_embeddings": 8192,
        "rope_parameters": {"rope_type": "default", "rope_theta": 500000.0},
        "tie_word_embeddings": True,
    }


def _random(path: Path, shared: Path, tokenizer: str, config: Json, dtype: str = "float32") -> Path:
    """A model of a configuration with random weights, under a tokenizer of the shared folder, made in ``path``."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM
    from transformers.utils import logging

    folder = _present(shared / tokenizer)
    entries = json.loads((folder / "tokenizer.json").read_text("utf-8"))
    ids = [*entries["model"]["vocab"].values(), *(token["id"] for token in entries["added_tokens"])]
    size = max(ids) + 1
    named = {token["content"]: token["id"] for token in entries["added_tokens"]}
    end = named.get("<|end_of_text|>", size - 1)
    begin = named.get("<|begin_of_text|>", end)
    whole = config | {"vocab_size": size, "bos_token_id": begin, "eos_token_id": end, "dtype": dtype}
    torch.manual_seed(BODY_SEED)
    logging.disable_progress_bar()
    made = AutoConfig.for_model(whole.pop("model_type"), **whole)
    AutoModelForCausalLM.from_config(made, dtype=getattr(torch, dtype)).save_pretrained(path)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copyfile(folder / name, path / name)
    return path
