"""What a training run is: its model, and what every run has."""

import math
from dataclasses import dataclass
from typing import Final, Literal

from bytelm.blt.config import BltConfig, StackConfig
from bytelm.training.run_config import RunConfig
from bytelm.training.values import check_choice

Kind = Literal["blt", "entropy", "byte-llama"]

MODELS: Final[dict[Kind, type[BltConfig | StackConfig]]] = {
    "blt": BltConfig,
    "entropy": StackConfig,
    "byte-llama": StackConfig,
}
"""What describes the model of each kind."""


@dataclass(frozen=True, kw_only=True)
class TrainConfig(RunConfig):
    """A training run.

    Attributes:
        kind: of the model: "blt", a Byte Latent Transformer; "entropy", the entropy model of one; "byte-llama", a plain
            transformer over bytes.
        model: its shape.
        entropy_model: the directory of the trained entropy model of a "blt"; empty where it is trained along, or where
            the patching needs none.
        entropies: the folder that bytelm blt entropies made of the data with this entropy model, which does not run
            then; empty where it runs at every step.
        entropy_share: the share of the steps, the first ones, that train the entropy model of a "blt", where it is
            trained along.
        mean_patch: bytes of a patch on average, to which the threshold of the patching is calibrated; none to take
            the threshold as it is.
    """

    kind: Kind
    model: BltConfig | StackConfig
    entropy_model: str = ""
    entropies: str = ""
    entropy_share: float = 0.25
    mean_patch: float | None = None

    def __post_init__(self) -> None:
        check_choice("kind", self.kind, Kind)
        super().__post_init__()
        if not 0 <= self.entropy_share < 1:
            raise ValueError(f"entropy_share must be at least 0 and below 1, got {self.entropy_share:g}")
        if not isinstance(self.model, MODELS[self.kind]):
            raise ValueError(
                f"a model of kind {self.kind!r} has the shape of a {MODELS[self.kind].__name__}, "
                f"got a {type(self.model).__name__}"
            )
        self._check_patches()

    def check_runnable(self) -> None:
        """Check that the run has all that its preset cannot know.

        Raises:
            ValueError: it has no data, or no place to write to; or it asks for what the loop does not do.
        """
        if isinstance(self.model, BltConfig) and self.model.patching.resets_at_newlines:
            raise ValueError(
                "model.patching.resets_at_newlines is for models that were trained so elsewhere, and models are "
                "trained with the entropies of whole documents here; set it to false"
            )
        super().check_runnable()

    def inputs(self) -> dict[str, str]:
        """The files and folders that it reads, by what they are; those without a name are not there."""
        return {"data": self.data, "entropy model": self.entropy_model, "entropies": self.entropies}

    def _check_patches(self) -> None:
        uses_entropies = isinstance(self.model, BltConfig) and self.model.patching.needs_entropies
        for name, given in (
            ("entropy_model", self.entropy_model != ""),
            ("entropies", self.entropies != ""),
            ("mean_patch", self.mean_patch is not None),
        ):
            if given and not uses_entropies:
                raise ValueError(f"{name} is for kind 'blt' with patches by an entropy model; leave it out")
        if self.entropies and not self.entropy_model:
            raise ValueError(
                f"entropies {self.entropies!r} were computed by a trained entropy model, and entropy_model is empty; "
                f"set it to the directory of that model"
            )
        if self.mean_patch is not None and not 1 <= self.mean_patch < math.inf:
            raise ValueError(f"mean_patch must be at least 1 byte, got {self.mean_patch:g}")
