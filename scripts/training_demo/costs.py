"""What training costs: floating point operations after so many steps, and how many steps make as many."""

from dataclasses import dataclass

from bytelm.blt.config import BltConfig, StackConfig
from bytelm.blt.vocabulary import SIZE
from bytelm.training.config import TrainConfig
from bytelm.training.flops import flops_per_byte
from bytelm.training.stages import entropy_steps


@dataclass(frozen=True)
class Cost:
    """What a run costs.

    Attributes:
        per_id: FLOPs of training for each id: a byte, or a token.
        ids: of a step.
        bytes_per_id: on average.
        first_steps: how many steps train the entropy model, before the model.
        first_per_id: FLOPs for each id of these.
    """

    per_id: float
    ids: int
    bytes_per_id: float = 1.0
    first_steps: int = 0
    first_per_id: float = 0.0

    @property
    def per_byte(self) -> float:
        """FLOPs of training the model for each byte, behind the entropy model's steps."""
        return self.per_id / self.bytes_per_id

    def flops(self, steps: int) -> float:
        """FLOPs of the first so many steps."""
        first = min(steps, self.first_steps)
        return self.ids * (first * self.first_per_id + (steps - first) * self.per_id)

    def steps(self, flops: float) -> int:
        """How many steps come nearest to so many FLOPs; at least one that trains the model."""
        left = flops - self.flops(self.first_steps)
        return self.first_steps + max(1, round(left / (self.ids * self.per_id)))

    def bytes(self, steps: int) -> float:
        """How many bytes the model, or the entropy model, has read."""
        return steps * self.ids * self.bytes_per_id


def cost_of_blt(config: TrainConfig, mean_patch: float) -> Cost:
    """What a Byte Latent Transformer costs that trains its entropy model first.

    Args:
        config: the run.
        mean_patch: bytes of a patch on average, as they are.
    """
    model = config.model
    assert isinstance(model, BltConfig)
    assert model.entropy is not None
    entropy = flops_per_byte(model.entropy, config.length)
    # Behind its own steps the entropy model still says where patches start, which is a third of training it.
    per_byte = flops_per_byte(model, config.length, mean_patch) + entropy / 3
    return Cost(per_byte, config.rows * config.length, 1.0, entropy_steps(config), entropy)


def cost_of_transformer(config: TrainConfig, ids: int = SIZE, bytes_per_id: float = 1.0) -> Cost:
    """What a plain transformer costs.

    Args:
        config: the run.
        ids: how many there are.
        bytes_per_id: 1 for bytes; for tokens what they have on average.
    """
    model = config.model
    assert isinstance(model, StackConfig)
    per_id = flops_per_byte(model, config.length) + 6 * model.width * (ids - SIZE)
    return Cost(per_id, config.rows * config.length, bytes_per_id)
