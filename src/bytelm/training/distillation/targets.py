"""The next-byte distributions that a student is to match, by the quickest way that is right for the teacher's network.

Packed passes (`packed_targets.py`) give a network masks of a tree. Whether it honours them is a matter of its code, so
it is tried on a short text first. Networks that do not, and texts that packed passes do not take, go by the engine
of `bytelm.covers`, which is right for all.
"""

import warnings
from collections.abc import Sequence
from functools import cached_property
from typing import Any, Final

import torch
from torch import Tensor

from bytelm.covers.model import TokenizedLM
from bytelm.covers.settling import impossible
from bytelm.engines.network import context_of
from bytelm.training.distillation.lattice_plans import Plan, path_plan_of, plan_of
from bytelm.training.distillation.packed_targets import PackedTargets
from bytelm.training.distillation.token_masses import TokenMasses

_TRIAL: Final = b"It is 12 o'clock: the tests, well over 3,000 of them, have passed.\nNothing else\tis known."
_AGREEMENT: Final = {torch.float32: 1e-4}
"""How far probabilities of packed passes may be from those of the engine; 0.05 in half precision."""


class Targets:
    """Computes distributions of texts with a teacher's network.

    Args:
        lm: the teacher, canonical; exact distributions leave out each side head with at most its tolerance of the
            mass.
        network: its network.
        device: of the network.
    """

    def __init__(self, lm: TokenizedLM, network: Any, device: torch.device) -> None:
        self._lm = lm
        self._network = network
        self._device = device
        self._masses = TokenMasses(lm.rule, lm.end_tokens, device)
        self._context = context_of(network.config.get_text_config())

    def of(self, texts: Sequence[bytes], along_path: bool) -> list[Tensor]:
        """The distributions of each text: float32 ``(len + 1, 257)``, log-probabilities, nats, on the network's device.

        Args:
            texts: any bytes.
            along_path: whether they are those given where the text's own tokens end.
        """
        plans = [self._plan(text, along_path) if self.packs else None for text in texts]
        packed = [number for number, plan in enumerate(plans) if plan is not None]
        found: dict[int, Tensor] = {}
        if packed:
            rows = self._packed([plan for plan in plans if plan is not None], along_path, self._lm.tolerance)
            found |= dict(zip(packed, rows, strict=True))
        left = [number for number, plan in enumerate(plans) if plan is None]
        if left:
            some = [texts[number] for number in left]
            arrays = self._lm.path_distributions(some) if along_path else self._lm.distributions(some)
            found |= {n: torch.from_numpy(one).float().to(self._device) for n, one in zip(left, arrays, strict=True)}
        return [found[number] for number in range(len(texts))]

    @cached_property
    def packs(self) -> bool:
        """Whether packed passes of the network agree with the engine on a short text."""
        known, written = self._lm.rule.vocabulary, self._lm.tokenizer.normalize(_TRIAL)
        trial = bytes(byte for byte in written if known.find(bytes([byte])))
        plan = self._plan(trial, along_path=False)
        if plan is None:
            return False
        right = torch.from_numpy(self._lm.over(self._lm.rule, 0.0).distributions(trial)).exp()
        try:
            found = self._packed([plan], False, 0.0)[0].double().cpu().exp()
            apart = float((found - right).abs().max())
        except (TypeError, ValueError, RuntimeError, AttributeError, IndexError):  # whatever its code does not take
            apart = 1.0
        if apart <= _AGREEMENT.get(self._network.dtype, 0.05):
            return True
        warnings.warn(
            f"{type(self._network).__name__} takes no packed side heads; targets are computed head by head: slower, "
            f"but right",
            stacklevel=2,
        )
        return False

    def _plan(self, text: bytes, along_path: bool) -> Plan | None:
        """How a text is computed in packed passes; ``None`` where it cannot be."""
        own = self._lm.trunk(text)
        plan = path_plan_of(self._lm.rule, own) if along_path else plan_of(self._lm.rule, self._lm.opening(text), own)
        if plan is None or len(self._lm.begin_tokens) + int(plan.depths.max()) > self._context:
            return None
        return plan

    def _packed(self, plans: Sequence[Plan], along_path: bool, tolerance: float) -> list[Tensor]:
        batch = PackedTargets(self._network, self._masses, self._lm.rule, self._lm.begin_tokens, plans)
        tables = batch.path() if along_path else batch.exact(tolerance)
        return [_logs(table[len(self._lm.prefix) :]) for table in tables]


def _logs(masses: Tensor) -> Tensor:
    totals = masses.sum(1, keepdim=True)
    if not bool((totals > 0).all()):
        raise impossible()
    return (masses / totals).log().float()
