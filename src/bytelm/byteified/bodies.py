"""Which architectures can be made into byte models, and what they are called then."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from bytelm.tokens.json_files import read_json

CONFIG: Final = "config.json"

OWN: Final = "byteified"
"""The section of ``config.json`` that says what a byte model was made of."""


@dataclass(frozen=True)
class Body:
    """An architecture of transformers.

    Attributes:
        model_type: what ``config.json`` calls it.
        architecture: its class of causal language models.
        suffix_type: the ``model_type`` of the same with suffix embeddings.
        prefix: how the names of the classes of that begin.
    """

    model_type: str
    architecture: str
    suffix_type: str
    prefix: str

    @property
    def suffix_config(self) -> str:
        """The configuration class with suffix embeddings, in `bytelm.byteified.modeling`."""
        return self.prefix + "Config"

    @property
    def suffix_architecture(self) -> str:
        """The model class with suffix embeddings, in `bytelm.byteified.modeling`."""
        return self.prefix + "ForCausalLM"


BODIES: Final = (
    Body("llama", "LlamaForCausalLM", "tpu_llama", "TPULlama"),
    Body("mistral", "MistralForCausalLM", "byteified_mistral", "ByteifiedMistral"),
    Body("qwen2", "Qwen2ForCausalLM", "byteified_qwen2", "ByteifiedQwen2"),
    Body("qwen3", "Qwen3ForCausalLM", "byteified_qwen3", "ByteifiedQwen3"),
    Body("gemma2", "Gemma2ForCausalLM", "tpu_gemma2", "TPUGemma2"),
    Body("gemma3_text", "Gemma3ForCausalLM", "byteified_gemma3_text", "ByteifiedGemma3Text"),
)
"""Those that are known. The names with ``tpu`` are those of the published checkpoints."""

_BY_TYPE: Final = {body.model_type: body for body in BODIES}
_BY_SUFFIX_TYPE: Final = {body.suffix_type: body for body in BODIES}


def body_of(config: Mapping[str, Any], place: Path) -> Body:
    """The body of a model over subwords.

    Args:
        config: its ``config.json``.
        place: the file, for errors.

    Raises:
        ValueError: it is not known, or the model is a byte model with suffix embeddings already, or is quantised.
    """
    found = config.get("model_type")
    known = ", ".join(_BY_TYPE)
    if found in _BY_SUFFIX_TYPE:
        raise ValueError(
            f"{place} is of model_type {found!r}: that is a byte model already; give the one it is made of"
        )
    if found == "gemma3":
        raise ValueError(
            f"{place} is of model_type 'gemma3', which reads images too; save the language model in it alone, as "
            f"Gemma3ForCausalLM (model_type 'gemma3_text')"
        )
    if found not in _BY_TYPE:
        raise ValueError(f"{place} is of model_type {found!r}; those that become byte models are {known}")
    if config.get("quantization_config") is not None:
        raise ValueError(f"{place} is that of a quantised model; give one with weights of floating-point numbers")
    return _BY_TYPE[found]


def suffix_body(config: Mapping[str, Any]) -> Body | None:
    """The body of a byte model with suffix embeddings; ``None`` for any other ``config.json``."""
    return _BY_SUFFIX_TYPE.get(str(config.get("model_type")))


def is_byteified(directory: Path) -> bool:
    """Whether a directory holds a byte model that was made of a subword model, with suffix embeddings or without.

    Raises:
        ValueError: ``config.json`` is not valid.
    """
    path = directory / CONFIG
    if not path.is_file():
        return False
    config = read_json(path)
    return suffix_body(config) is not None or isinstance(config.get(OWN), dict)
