"""Loading a model from a directory, a hub id, or the package itself. No code of a checkpoint is ever run."""

import os
import re
from collections.abc import Mapping, Sequence
from importlib import resources
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Literal, overload

from bytelm.blt.weights.forms import form_of
from bytelm.blt.weights.hub import access_hint
from bytelm.covers.beam_model import FixedBeamLM
from bytelm.covers.model import TokenizedLM
from bytelm.tokens.tiktoken import Encoding
from bytelm.tokens.tokenizer import Tokenizer

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel

    from bytelm.blt.lm import BltLM

BUNDLED = ("code", "code-sp", "blt")
"""The models in the package, the default first; ``load("bundled:code-sp")`` names one."""

TOKENIZED = BUNDLED[:2]
"""Those of them that have a tokenizer."""

SEGMENTATIONS = ("canonical", "all")
METHODS = ("exact", "beam")
DTYPES = ("float32", "bfloat16", "float16")

_FILES = ["*.json", "*.safetensors", "*.bin", "*consolidated.pth", "*.model", "*.txt", "*.jinja", "*.tiktoken"]
"""What is downloaded of a repository."""

_DEFAULT_TOLERANCE = {"canonical": 1e-6, "all": 1e-4}


@overload
def load(
    path: str | Path | None = None,
    *,
    segmentation: str | None = None,
    tolerance: float | None = None,
    method: Literal["exact"] = "exact",
    width: None = None,
    prune: None = None,
    begin: Sequence[int] | int | None = None,
    dtype: str | None = None,
    device: str | None = None,
    compile: bool = False,
    tensor_parallel: bool = False,
    speculate: None = None,
) -> "TokenizedLM | BltLM": ...


@overload
def load(
    path: str | Path | None = None,
    *,
    segmentation: None = None,
    tolerance: None = None,
    method: Literal["beam"],
    width: int | None = None,
    prune: float | None = None,
    begin: Sequence[int] | int | None = None,
    dtype: str | None = None,
    device: str | None = None,
    compile: bool = False,
    tensor_parallel: bool = False,
    speculate: None = None,
) -> FixedBeamLM: ...


@overload
def load(
    path: str | Path,
    *,
    dtype: str | None = None,
    device: str | None = None,
    speculate: int,
) -> "BltLM": ...


def load(
    path: str | Path | None = None,
    *,
    segmentation: str | None = None,
    tolerance: float | None = None,
    method: str = "exact",
    width: int | None = None,
    prune: float | None = None,
    begin: Sequence[int] | int | None = None,
    dtype: str | None = None,
    device: str | None = None,
    compile: bool = False,
    tensor_parallel: bool = False,
    speculate: int | None = None,
) -> "TokenizedLM | FixedBeamLM | BltLM":
    """Load a causal language model, or a Byte Latent Transformer, as a byte model.

    A Byte Latent Transformer has no tokens; of the options it takes ``dtype``, ``device`` and ``speculate``. The tokens
    of a transformer over bytes are bytes, whether bytelm trained it or it has the tokenizer of ByT5 or of Perceiver, or
    none at all and 256 ids.

    Args:
        path: a directory in Hugging Face form, or one of Meta's Byte Latent Transformers, a hub id, ``"bundled:NAME"``,
            or nothing for the bundled model.
        segmentation: ``"canonical"`` for the token sequences that the tokenizer itself produces (the default),
            ``"all"`` for all. Where every token is a byte, that is valid UTF-8 only, or any bytes; there the latter is
            the default.
        tolerance: the part of the probability that may be left unknown, certified for ``"canonical"``; 1e-6 there
            by default, 1e-4 for ``"all"``.
        method: ``"exact"``, or ``"beam"`` for the beam of genlm-bytes: all token sequences, followed by a fixed number
            of hypotheses, with nothing renormalised and no certificate.
        width: how many hypotheses the beam keeps, 5 by default.
        prune: the share of the mass that a hypothesis of the beam must exceed, 0.05 by default.
        begin: the id or ids that every text begins with; by default the begin token that the tokenizer names, else its
            end token.
        dtype: ``"float32"``, ``"bfloat16"`` or ``"float16"``; by default float32 on a CPU and the checkpoint's own
            elsewhere.
        device: a torch device such as ``"cpu"``, or ``"auto"`` for layers spread over all accelerators, which needs
            accelerate; by default CUDA where there is one.
        compile: whether `torch.compile` makes the network faster. It takes a C++ compiler on a CPU, tens of seconds the
            first time and some seconds later; probabilities change by rounding.
        tensor_parallel: whether the processes that torchrun started share the network's matrices among them, as
            transformers lays down for it; needs accelerate. All of them must ask the same.
        speculate: for a Byte Latent Transformer: how many bytes are drafted for each pass in generation, which changes
            nothing of what is generated; 0 by default.

    Raises:
        FileNotFoundError: there is no such directory or file.
        ValueError: an unknown option, or a model that cannot be used, or not be compiled.
    """
    of_exact: dict[str, object] = {"segmentation": segmentation, "tolerance": tolerance}
    _check_method(method, {"width": width, "prune": prune}, of_exact)
    if segmentation is not None and segmentation not in SEGMENTATIONS:
        raise ValueError(f"unknown segmentation {segmentation!r}; choose one of {', '.join(SEGMENTATIONS)}")
    if dtype is not None and dtype not in DTYPES:
        raise ValueError(f"unknown dtype {dtype!r}; choose one of {', '.join(DTYPES)}")
    directory = resolve(path)
    if directory.is_file():
        raise ValueError(f"{directory} is a file; give the directory of the model")
    if form_of(directory) is not None:
        of_tokens = {"method": method != "exact" or None, "begin": begin, "compile": compile or None}
        _check_bytes(directory, of_exact | of_tokens | {"tensor_parallel": tensor_parallel or None})
        return _blt(directory, dtype, device, speculate or 0)
    if speculate is not None:
        raise ValueError(f"speculate is for Byte Latent Transformers, and {directory} holds none; leave it out")
    if method == "beam":
        segmentation = "all"
    network = load_network(directory, dtype, device, tensor_parallel)
    exact = _byte_model(network, directory, segmentation, tolerance, begin, compile)
    if method == "exact":
        return exact
    return FixedBeamLM(exact, 5 if width is None else width, 0.05 if prune is None else prune)


def load_with_network(
    path: str | Path, *, tolerance: float, dtype: str | None = None, device: str | None = None
) -> "tuple[TokenizedLM, PreTrainedModel]":
    """A token model as a byte model, canonical, and its network: for those who ask it for more than what comes next.

    Args:
        path, tolerance, dtype, device: as for `load`.

    Raises:
        FileNotFoundError: there is no such directory or file.
        ValueError: there is no token model that can be used.
    """
    directory = resolve(path)
    if form_of(directory) is not None:
        raise ValueError(f"{directory} holds a Byte Latent Transformer, and a token model is needed")
    network = load_network(directory, dtype, device)
    return _byte_model(network, directory, "canonical", tolerance, begin=None, compile=False), network


def _byte_model(
    network: "PreTrainedModel",
    directory: Path,
    segmentation: str | None,
    tolerance: float | None,
    begin: Sequence[int] | int | None,
    compile: bool,
) -> TokenizedLM:
    """A network with the tokenizer in its directory as a byte model; ``None`` for what is the default."""
    from bytelm.engines.selfcheck import token_model

    viewed = Tokenizer(directory)
    size = int(network.get_output_embeddings().weight.shape[0])
    viewed = viewed if viewed.size <= size else Tokenizer(directory, size=size)
    if segmentation is None:
        # A model over bytes gives all of them probability, also those that are no text.
        segmentation = "all" if _is_over_bytes(viewed) else "canonical"
    if tolerance is None:
        tolerance = _DEFAULT_TOLERANCE[segmentation]
    rule = viewed.canonical if segmentation == "canonical" else viewed.every
    ends = tuple(dict.fromkeys(token for token in end_tokens(network, viewed) if 0 <= token < size))
    begins = _begin_tokens(begin, viewed, size)
    engine = token_model(network, begins, compiled=compile)
    return TokenizedLM(engine, rule, ends, tolerance, viewed.prefix, viewed, begins)


def tokenizer(source: str | Path | Encoding | None = None, *, pattern: str | None = None) -> Tokenizer:
    """The byte view of a tokenizer, without a model; the bundled model's by default.

    Args:
        source: a model directory, a hub id, ``"bundled:NAME"``, a tokenizer's file (``tokenizer.json``,
            ``tekken.json``, a file of tiktoken, RWKV's vocabulary), or a ``tiktoken.Encoding``.
        pattern: the regular expression that texts are cut by; only for files of tiktoken, which do not hold it, and
            not needed for those of tiktoken's own encodings.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the tokenizer is of a kind that bytelm does not know.
    """
    if source is None or isinstance(source, str | Path):
        return Tokenizer(resolve(source), pattern=pattern)
    if pattern is not None:
        raise ValueError("pattern= is for files of tiktoken; an encoding holds its own")
    return Tokenizer(source)


def resolve(path: str | Path | None) -> Path:
    """The directory that ``path`` names: a bundled model, a local directory, or a downloaded hub snapshot.

    Raises:
        FileNotFoundError: there is no such bundled model, directory, or repository.
    """
    name = "bundled:" + BUNDLED[0] if path is None else str(path)
    if name.startswith("bundled:"):
        return _bundled(name.removeprefix("bundled:"))
    local = Path(name).expanduser()
    if local.exists():
        return local
    if name.count("/") != 1 or name.startswith((".", "/", "~")):
        raise FileNotFoundError(f"no such model directory: {name}")
    return _snapshot(name)


def _check_method(method: str, of_beam: Mapping[str, object], of_exact: Mapping[str, object]) -> None:
    """Refuse options that the method does not have; ``None`` is an option that was not given."""
    if method not in METHODS:
        raise ValueError(f"unknown method {method!r}; choose one of {', '.join(METHODS)}")
    foreign, advice = (of_beam, 'method="beam"') if method == "exact" else (of_exact, 'method="exact"')
    given = [name for name, value in foreign.items() if value is not None]
    if given:
        raise ValueError(f"the {method} method takes no {' and no '.join(given)}: leave that out, or use {advice}")


def _check_bytes(directory: Path, of_tokens: Mapping[str, object]) -> None:
    """Refuse the options of token models; ``None`` is an option that was not given."""
    given = [name for name, value in of_tokens.items() if value is not None]
    if given:
        raise ValueError(f"{directory} holds a Byte Latent Transformer, which takes no {' and no '.join(given)}")


def _blt(directory: Path, dtype: str | None, device: str | None, speculate: int) -> "BltLM":
    from bytelm.blt.opened import open_blt

    return open_blt(directory, dtype, device_named(device), speculate)


def _bundled(name: str) -> Path:
    if name not in BUNDLED:
        raise FileNotFoundError(f"no bundled model {name!r}; there are {', '.join('bundled:' + n for n in BUNDLED)}")
    return Path(str(resources.files("bytelm") / "bundled" / name))


def _snapshot(repository: str) -> Path:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    try:
        found = snapshot_download(repository, allow_patterns=_FILES)
    except (HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OSError) as error:
        reason = access_hint(error, repository) or (
            f"{repository} is neither a directory here nor a repository that could be downloaded: {_first_line(error)}"
        )
        raise FileNotFoundError(reason) from error
    return Path(found)


def load_network(
    directory: Path, dtype: str | None, device: str | None, tensor_parallel: bool = False
) -> "PreTrainedModel":
    """The causal language model of a directory, in evaluation mode."""
    if not (directory / "config.json").is_file():
        raise FileNotFoundError(f"no config.json in {directory}: that is no model directory in Hugging Face form")
    from transformers import AutoModelForCausalLM
    from transformers.utils import logging

    from bytelm.byteified.registering import register_for

    register_for(directory)
    spread = _spread(device, tensor_parallel)
    place = device_named(None if spread else device)
    if dtype is None:
        dtype = "float32" if place.type == "cpu" else "auto"
    logging.disable_progress_bar()
    try:
        network = AutoModelForCausalLM.from_pretrained(
            directory, dtype=dtype, trust_remote_code=False, local_files_only=True, weights_only=True, **spread
        )
    except Exception as error:
        raise ValueError(f"{directory} does not hold a usable causal language model: {_first_line(error)}") from error
    placed: PreTrainedModel = (network if spread else network.to(place)).eval()
    return placed


def _spread(device: str | None, tensor_parallel: bool) -> dict[str, object]:
    """What transformers is told so that it spreads a model over devices; nothing where one takes it all."""
    if not tensor_parallel and device != "auto":
        return {}
    wish = "tensor_parallel=True" if tensor_parallel else 'device="auto"'
    if find_spec("accelerate") is None:
        raise ValueError(f"{wish} needs accelerate, which is not installed: pip install 'bytelm[spread]'")
    if not tensor_parallel:
        return {"device_map": "auto"}
    if device is not None:
        raise ValueError(f"tensor_parallel=True places the network itself; leave out device={device!r}")
    if "WORLD_SIZE" not in os.environ:
        raise ValueError("tensor_parallel=True is for processes of torchrun: torchrun --nproc-per-node 2 program.py")
    from transformers.distributed import DistributedConfig

    return {"distributed_config": DistributedConfig(tp_plan="auto")}


def device_named(name: str | None) -> "torch.device":
    """The device of a name; by default CUDA where there is one.

    Raises:
        ValueError: there is no such device.
    """
    import torch

    if name is None:
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        place = torch.device(name)
    except RuntimeError as error:
        raise ValueError(f"unknown device {name!r}; try cpu or cuda") from error
    if place.type == "cuda" and not torch.cuda.is_available():
        raise ValueError(f"device {name!r} was asked for, but torch sees no CUDA here; use cpu")
    return place


def _first_line(error: Exception) -> str:
    """What an exception says, in one line without colours."""
    plain = re.sub(r"\x1b\[[0-9;]*m", "", str(error))
    return next((line for line in plain.splitlines() if line.strip()), type(error).__name__).strip()


def _is_over_bytes(viewed: Tokenizer) -> bool:
    """Whether the tokens that have bytes are the single bytes, each once."""
    return viewed.vocabulary.words == [bytes([byte]) for byte in range(256)]


def _begin_tokens(begin: Sequence[int] | int | None, viewed: Tokenizer, size: int) -> tuple[int, ...]:
    if begin is not None:
        begin = [begin] if isinstance(begin, int) else begin
        wrong = [token for token in begin if not 0 <= token < size]
        if not begin or wrong:
            raise ValueError(f"begin takes at least one token id from 0 to {size - 1}, got {list(begin)}")
        return tuple(begin)
    if viewed.begin_token is None:
        raise ValueError(
            "the tokenizer names neither a begin nor an end token; give begin=[ids], --begin ID, or, where the ids are "
            "bytes and there is no tokenizer file, name a bos_token_id in config.json"
        )
    return (viewed.begin_token,)


def end_tokens(network: "PreTrainedModel", viewed: Tokenizer) -> tuple[int, ...]:
    """The end tokens of the generation configuration, else of the configuration, else of the tokenizer."""
    for source in (getattr(network, "generation_config", None), network.config):
        found = getattr(source, "eos_token_id", None)
        if found is not None:
            return tuple(found) if isinstance(found, list | tuple) else (int(found),)
    return () if viewed.end_token is None else (viewed.end_token,)
