"""The entropy model: a small transformer over bytes whose uncertainty says where patches start."""

from torch import Tensor, nn

from bytelm.blt.attention import Attend
from bytelm.blt.config import StackConfig
from bytelm.blt.layers import Stack, linear
from bytelm.blt.norms import RMSNorm
from bytelm.blt.rotary import Rotation


class EntropyModel(Stack):
    """A byte-level language model; also a model of its own."""

    def __init__(self, config: StackConfig, size: int) -> None:
        super().__init__(config)
        self.embed_tokens = nn.Embedding(size, config.width)
        self.norm = RMSNorm(config.width, config.epsilon)
        self.lm_head = linear(config.width, size)

    def logits(self, ids_RN: Tensor, rotate: Rotation, attend: Attend) -> Tensor:
        """The logits of the next id, ``(rows, positions, size)``."""
        found: Tensor = self.lm_head(self.norm(self.run(self.embed_tokens(ids_RN), rotate, attend)))
        return found


def entropies(logits: Tensor) -> Tensor:
    """The entropy of each distribution, float32 ``logits.shape[:-1]``, nats."""
    logs = logits.float().log_softmax(-1)
    return -(logs.exp() * logs).sum(-1)
