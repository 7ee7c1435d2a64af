"""The forms in which models are found in a directory, and how to tell them apart."""

from pathlib import Path
from typing import Final, Literal, TypeGuard, get_args

from bytelm.blt.weights.fields import read_json
from bytelm.blt.weights.transformers_config import MODEL_TYPE, OWN_MODEL_TYPE

Form = Literal["transformers", "meta", "meta-hub"]
"""``"transformers"``: what its ``BltForCausalLM`` saves, and bytelm itself; ``"meta"``: ``params.json`` with
``consolidated.pth``; ``"meta-hub"``: ``config.json`` with ``{"args": …}``, ``model.safetensors`` and
``train_args.json``."""

FORMS: Final[tuple[Form, ...]] = get_args(Form)

CONFIG: Final = "config.json"
PARAMS: Final = "params.json"
TRAIN_ARGS: Final = "train_args.json"
ENTROPY_FOLDER: Final = "entropy_model"
"""Where the entropy model stands within a directory of Meta's."""


def form_of(directory: Path) -> Form | None:
    """The form of the Byte Latent Transformer in a directory; ``None`` if there is something else, or nothing.

    An entropy model alone has the form of a model; see `is_entropy_model`.

    Raises:
        ValueError: ``config.json`` or ``params.json`` is not valid.
    """
    if (directory / CONFIG).is_file():
        data = read_json(directory / CONFIG)
        if data.get("model_type") in (MODEL_TYPE, OWN_MODEL_TYPE):
            return "transformers"
        if _is_meta_arguments(data.get("args")):
            return "meta-hub"
    if (directory / PARAMS).is_file():
        data = read_json(directory / PARAMS)
        if _is_meta_arguments(data.get("model")) or _is_meta_arguments(data.get("entropy_model")):
            return "meta"
    return None


def is_entropy_model(data: dict[str, object]) -> bool:
    """Whether a configuration of Meta's is that of an entropy model alone."""
    model = data.get("args", data.get("model"))
    return data.get("train_entropy_model") is True or not (_is_meta_arguments(model) and "dim_global" in model)


def _is_meta_arguments(value: object) -> TypeGuard[dict[str, object]]:
    """Whether a value holds arguments of a model; those that a run did without have no ids."""
    return isinstance(value, dict) and value.get("vocab_size", -1) != -1
