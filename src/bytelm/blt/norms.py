"""Root mean square norms (Zhang & Sennrich 2019) that learn quickly on a CPU."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable


class RMSNorm(nn.RMSNorm):
    """PyTorch's norm, with a gradient of its own on CPUs, where PyTorch's goes over the states a dozen times."""

    def forward(self, x: Tensor) -> Tensor:
        """The states, ``(…, width)``, normed."""
        learns = x.requires_grad and torch.is_grad_enabled() and not torch.compiler.is_compiling()
        if learns and x.device.type == "cpu" and x.dtype == self.weight.dtype in (torch.float32, torch.float64):
            found: Tensor = _Normed.apply(x, self.weight, self.eps)  # type: ignore[no-untyped-call]
            return found
        return super().forward(x)


class _Normed(torch.autograd.Function):
    """``x r w`` with ``r = 1 / sqrt(mean(x^2) + epsilon)``."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, epsilon: float) -> Tensor:
        squares = torch.linalg.vector_norm(x, dim=-1, keepdim=True).square_()
        inverse = squares.div_(len(weight)).add_(epsilon).rsqrt_()
        ctx.save_for_backward(x, weight, inverse)
        found: Tensor = (x * inverse).mul_(weight)
        return found

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor, None]:
        x, weight, inverse = ctx.saved_tensors
        products = (gradient * x).reshape(-1, x.shape[-1])
        of_weight = inverse.flatten() @ products
        along = (products @ weight).view_as(inverse).mul_(inverse.pow(3)).div_(-len(weight))
        of_x = (gradient * weight).mul_(inverse).addcmul_(x, along)
        return of_x, of_weight, None
