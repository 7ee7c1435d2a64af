"""Byteified models among those that transformers knows by name: their directories load without code of their own."""

from pathlib import Path

from bytelm.byteified.bodies import BODIES, CONFIG
from bytelm.tokens.json_files import read_json


def register() -> None:
    """Puts the configurations and models into the Auto classes of transformers; again, it changes nothing.

    What is registered goes before the code that a directory names in ``auto_map``.
    """
    from transformers import AutoConfig, AutoModel, AutoModelForCausalLM

    from bytelm.byteified import modeling

    for body in BODIES:
        config, model = (getattr(modeling, name) for name in (body.suffix_config, body.suffix_architecture))
        AutoConfig.register(body.suffix_type, config, exist_ok=True)
        AutoModel.register(config, model.body, exist_ok=True)
        AutoModelForCausalLM.register(config, model, exist_ok=True)


def register_for(directory: Path) -> None:
    """Does so if the model in a directory is one of them.

    Raises:
        ValueError: its ``config.json`` is no JSON.
    """
    if read_json(directory / CONFIG).get("model_type") in {body.suffix_type for body in BODIES}:
        register()
