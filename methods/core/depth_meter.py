"""What pulls on the depth logits of SAE, measured over the steps of an epoch.

Whether a depth distribution stays uniform because the exits are equal, because the KL holds it
there, or because nothing moves it: the three look alike in theta, and are told apart here.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from torch import Tensor

from methods.core.schedule import Progress


class DepthMeter:
    """Means over steps, from one reading to the next.

    Its sums stay where they are in memory: a captured step adds to them each time it is replayed.
    """

    def __init__(self) -> None:
        self._sums: dict[str, Tensor] = {}

    def watch(self, nll_ND: Tensor, data_ND: Tensor, kl_ND: Tensor, kl_weight: Progress) -> None:
        """Take note of a step; the gradients follow when it is differentiated.

        Args:
            nll_ND: mean NLL of each input's exits over the batch.
            data_ND: the depth logits as the data term reads them.
            kl_ND: the depth logits as the KL term reads them.
            kl_weight: the factor of the KL.
        """
        self._device = nll_ND.device
        self._add("nll", nll_ND.detach())
        self._add("steps", 1.0)
        self._add("kl_weight", kl_weight)
        if data_ND.requires_grad:
            for name, view_ND in (("data", data_ND), ("kl", kl_ND)):
                view_ND.register_hook(partial(self._add, name))  # type: ignore[no-untyped-call]

    def _add(self, name: str, value: Progress) -> None:
        if name not in self._sums:
            shape = value.shape if isinstance(value, Tensor) else ()
            self._sums[name] = torch.zeros(shape, device=self._device)
        self._sums[name] += value

    def read(self) -> dict[str, Any]:
        """The means since the last reading, JSON-ready; nothing if there was no step.

        Returns:
            exit_nll: training NLL of each input's exits, (N, D).
            depth_data_gradient, depth_kl_gradient: norm, over all logits, of the mean gradient of
                the data term and of the KL term. The mean, since single draws are mostly noise.
            theta_optimum: where the objective is least over theta, the exits' NLL and the KL's
                weight held at their means: softmax_D(-NLL / (alpha c)), (N, D).
        """
        sums = {name: total.cpu() for name, total in self._sums.items()}
        if not sums:
            return {}
        n_steps, kl_weight = torch.stack((sums.pop("steps"), sums.pop("kl_weight"))).tolist()
        if n_steps == 0:
            return {}
        mean = {name: total / n_steps for name, total in sums.items()}
        optimum_ND = optimum(mean["nll"], kl_weight / n_steps)
        found = {"exit_nll": mean["nll"].tolist(), "theta_optimum": optimum_ND.tolist()}
        for name in ("data", "kl"):
            norm = mean.get(name, torch.zeros(())).norm().item()
            found[f"depth_{name}_gradient"] = norm
        for total in self._sums.values():
            total.zero_()
        return found


def optimum(nll_ND: Tensor, kl_weight: float) -> Tensor:
    """The theta_ND that minimises sum_D theta NLL + kl_weight * KL(theta || uniform) per input.

    It is softmax_D(-NLL / kl_weight); without a KL all mass lies on the least NLL, shared if equal.
    """
    if kl_weight == 0:
        least_ND = (nll_ND == nll_ND.amin(-1, keepdim=True)).to(nll_ND)
        return least_ND / least_ND.sum(-1, keepdim=True)
    return torch.softmax(-nll_ND / kl_weight, dim=-1)
