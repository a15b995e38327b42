"""Adam with a clip of the gradient, in two native calls a group: norms, then one fused update.

``torch.optim.Adam(fused=True)`` after ``clip_grad_norm_`` goes through all parameters four times in
Python and adds 1 to a step count of each; for small networks that takes longer than the update.
And the first ``torch.optim.Optimizer`` of a process imports torch's compiler, which
takes longer than many a run.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

BETA_1, BETA_2, EPSILON = 0.9, 0.999, 1e-8  # those of Kingma & Ba 2015, and torch's defaults
_TINY = 1e-6  # as in clip_grad_norm_


class ClippedAdam:
    """Adam (L2 weight decay) on gradients g * min(1, clip / |g|), where |g| is the group's norm.

    A group's parameters share its step count: one that has no gradient in a step sits it out.

    Args:
        groups: dicts of ``params``, ``weight_decay`` (default: none) and ``clip`` (default: none).
        lr: learning rate; each group's own ``lr`` may be set before a step.

    Attributes:
        param_groups: the groups, by the names that torch's optimisers give them.
    """

    def __init__(self, groups: Sequence[dict[str, Any]], lr: float) -> None:
        default = {"lr": lr, "weight_decay": 0.0, "clip": torch.inf}
        self.param_groups = [default | group for group in groups]
        for group in self.param_groups:
            parameters: list[nn.Parameter] = group["params"]
            group["means"] = [torch.zeros_like(p) for p in parameters]
            group["squares"] = [torch.zeros_like(p) for p in parameters]
            group["count"] = torch.zeros((), device=parameters[0].device)

    def zero_grad(self) -> None:
        """Forget all gradients."""
        for group in self.param_groups:
            for parameter in group["params"]:
                parameter.grad = None

    @torch.no_grad()
    def step(self) -> Tensor:
        """One update; the gradients' norms before the clip, by group."""
        return torch.stack([_update(group) for group in self.param_groups])


def _update(group: dict[str, Any]) -> Tensor:
    columns = zip(group["params"], group["means"], group["squares"], strict=True)
    used = [(p, p.grad, mean, square) for p, mean, square in columns if p.grad is not None]
    count: Tensor = group["count"]
    if not used:
        return torch.zeros_like(count)
    parameters, gradients, means, squares = (list(column) for column in zip(*used, strict=True))
    norm: Tensor = torch.linalg.vector_norm(torch.stack(_norms(gradients)))
    # The update divides by it: 1 exactly where nothing is clipped.
    scale = ((norm + _TINY) / group["clip"]).clamp(min=1.0)
    count += 1
    _adam(parameters, gradients, means, squares, count, scale, group["lr"], group["weight_decay"])
    return norm


def _norms_public(tensors: list[Tensor]) -> list[Tensor]:
    return [torch.linalg.vector_norm(tensor) for tensor in tensors]


def _adam_fused(
    parameters: list[Tensor],
    gradients: list[Tensor],
    means: list[Tensor],
    squares: list[Tensor],
    count: Tensor,
    scale: Tensor,
    lr: float | Tensor,
    weight_decay: float,
) -> None:
    if isinstance(lr, Tensor) and lr.is_cuda:
        lr = lr.float()  # as its kernel reads it
    torch._fused_adam_(
        parameters, gradients, means, squares, [], [count] * len(parameters),
        lr=lr, beta1=BETA_1, beta2=BETA_2, weight_decay=weight_decay,
        eps=EPSILON, amsgrad=False, maximize=False, grad_scale=scale,
    )  # fmt: skip


def _adam_public(
    parameters: list[Tensor],
    gradients: list[Tensor],
    means: list[Tensor],
    squares: list[Tensor],
    count: Tensor,
    scale: Tensor,
    lr: float | Tensor,
    weight_decay: float,
) -> None:
    """The same update, an operation at a time (Kingma & Ba 2015, Algorithm 1)."""
    step_size = lr / (1 - BETA_1**count)
    for parameter, gradient, mean, square in zip(
        parameters, gradients, means, squares, strict=True
    ):
        g = gradient / scale + weight_decay * parameter
        mean.lerp_(g, 1 - BETA_1)
        square.mul_(BETA_2).addcmul_(g, g, value=1 - BETA_2)
        root = (square / (1 - BETA_2**count)).sqrt() + EPSILON
        parameter.sub_(step_size * mean / root)


# Private, and several times as fast for small networks: another version of torch may lack them.
_norms = getattr(torch, "_foreach_norm", _norms_public)
_adam = _adam_fused if hasattr(torch, "_fused_adam_") else _adam_public
