"""The depth distribution of SAE: how much each exit of an input counts, theta = softmax(l / T)."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from methods.core.schedule import Progress


def kl_from_uniform(logits_ND: Tensor, temperature: Progress) -> Tensor:
    """sum_ND theta log(theta * D): 0 where theta is uniform, N log D where it is one-hot."""
    log_theta_ND = torch.log_softmax(logits_ND / temperature, dim=-1)
    return (log_theta_ND.exp() * (log_theta_ND + math.log(logits_ND.shape[-1]))).sum()


def softmax_without(logits_ND: Tensor, inactive_ND: Tensor, temperature: float) -> Tensor:
    """Theta over the exits that are left; those of ``inactive_ND`` get 0."""
    masked_ND = logits_ND.masked_fill(inactive_ND, -torch.inf)
    return torch.softmax(masked_ND / temperature, dim=-1)
