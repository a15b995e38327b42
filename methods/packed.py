"""Packed-Ensembles (Laurent et al. 2023): M narrow networks side by side, as grouped layers.

A layer of a backbone of width alpha * W in M * gamma groups: each member is a network of width
alpha * W / M, and gamma cuts its layers further. All members read the image in one dense first
layer; the last layer has a head for each.
"""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from methods.core.backbone import BackboneSettings
from methods.core.method import Method, uniform_weights
from methods.core.network import Network, Problem
from methods.core.schedule import Progress
from methods.core.seeding import seeded
from methods.core.space import Settings, setting
from methods.core.surgery import replace_layers


@dataclass(frozen=True, kw_only=True)
class PackedSettings(Settings):
    """How many members, how wide they are together, and how sparse each is.

    A hidden layer costs alpha^2 / (M gamma) times the standard network's: alpha = M, gamma = 1 are
    M networks of its width, alpha^2 = M gamma has its cost.

    Attributes:
        n_members: M.
        alpha: width of all members together, in widths of the backbone.
        gamma: groups within a member's hidden layers.
    """

    n_members: int = setting(
        4, letter="M", at_least=1, search=(2, 4), smoke=(2,), quick=(2, 4), paper=(2, 3, 4)
    )
    alpha: int = setting(2, letter="alpha", at_least=1, search=(1, 4))
    gamma: int = setting(1, letter="gamma", at_least=1, search=(1, 2))


class GroupedLinear(nn.Module):
    """G linear layers side by side: group g maps its share of the features to its share.

    Args:
        n_in: features, all groups together.
        n_out: the same of the outputs.
        n_groups: G.
        n_parts: outputs are so many blocks that each hold all groups (q, k and v of attention).
    """

    def __init__(self, n_in: int, n_out: int, n_groups: int, n_parts: int = 1) -> None:
        super().__init__()
        layers = [nn.Linear(n_in // n_groups, n_out // n_groups) for _ in range(n_groups)]
        self.n_groups, self.n_parts = n_groups, n_parts
        self.n_each = n_out // (n_groups * n_parts)
        weights = torch.stack([layer.weight.detach().T for layer in layers])
        self.weight_GIO = nn.Parameter(weights.contiguous())
        self.bias_G1O = nn.Parameter(torch.stack([x.bias.detach()[None] for x in layers]))

    def absorb(self, scale_O: Tensor, shift_O: Tensor) -> None:
        """Make the outputs y * scale + shift from now on (in place): a norm after the layer."""
        scale_G1O, shift_G1O = self._by_group(scale_O), self._by_group(shift_O)
        self.weight_GIO = nn.Parameter(self.weight_GIO.detach() * scale_G1O)
        self.bias_G1O = nn.Parameter(self.bias_G1O.detach() * scale_G1O + shift_G1O)

    def _by_group(self, values_O: Tensor) -> Tensor:
        by_part = values_O.view(self.n_parts, self.n_groups, -1)
        return by_part.transpose(0, 1).reshape(self.n_groups, 1, -1)

    def forward(self, x: Tensor) -> Tensor:
        """Map (..., n_in) to (..., n_out)."""
        x_RGI = x.reshape(-1, self.n_groups, self.weight_GIO.shape[1])
        y_GRO = torch.bmm(x_RGI.transpose(0, 1), self.weight_GIO) + self.bias_G1O
        y_RGPO = y_GRO.transpose(0, 1).reshape(-1, self.n_groups, self.n_parts, self.n_each)
        return y_RGPO.transpose(1, 2).reshape(*x.shape[:-1], -1)


class GroupedLayerNorm(nn.Module):
    """The layer norm of each member's features, with the scales and shifts of all."""

    def __init__(self, layer: nn.LayerNorm, n_members: int) -> None:
        super().__init__()
        assert layer.weight is not None
        self.n_members, self.eps = n_members, layer.eps
        self.weight_F = nn.Parameter(layer.weight.detach().clone())
        self.bias_F = nn.Parameter(layer.bias.detach().clone())

    def forward(self, x: Tensor) -> Tensor:
        """Shape kept, features last."""
        by_member = x.reshape(*x.shape[:-1], self.n_members, -1)
        normed = nn.functional.layer_norm(by_member, by_member.shape[-1:], eps=self.eps)
        return normed.flatten(-2) * self.weight_F + self.bias_F


class Packed(Method[PackedSettings]):
    """M members in one network of grouped layers; all see the same batch."""

    settings_type = PackedSettings

    def __init__(self, problem: Problem, settings: PackedSettings, *, seed: int) -> None:
        super().__init__(problem, settings, seed=seed)
        backbone = dataclasses.replace(problem.backbone, width=packed_width(settings, problem))
        packed = dataclasses.replace(problem, backbone=backbone)
        with seeded(seed, "init"):
            self.network = Network(packed, exits=[backbone.depth])
            if settings.n_members * settings.gamma > 1:
                kinds = (nn.Linear, nn.Conv2d, nn.LayerNorm)
                replace_layers(self.network.backbone, kinds, self._grouped)
                replace_layers(self.network.heads, (nn.Linear,), self._head)

    def _grouped(self, index: int, layer: nn.Module) -> nn.Module:
        n_groups = self.settings.n_members * self.settings.gamma
        if index == 0:  # every member sees all pixels
            return layer
        if isinstance(layer, nn.LayerNorm):
            return GroupedLayerNorm(layer, self.settings.n_members)
        if isinstance(layer, nn.Conv2d):
            return nn.Conv2d(
                layer.in_channels, layer.out_channels, layer.kernel_size,  # type: ignore[arg-type]
                stride=layer.stride, padding=layer.padding,  # type: ignore[arg-type]
                bias=layer.bias is not None, groups=n_groups,
            )  # fmt: skip
        assert isinstance(layer, nn.Linear)
        # Attention reads three blocks: q of all heads, then k, then v.
        n_parts = 3 if layer.out_features == 3 * layer.in_features else 1
        return GroupedLinear(layer.in_features, layer.out_features, n_groups, n_parts)

    def _head(self, index: int, layer: nn.Module) -> nn.Module:
        assert isinstance(layer, nn.Linear)
        n_members = self.settings.n_members
        return GroupedLinear(layer.in_features, layer.out_features * n_members, n_members)

    @classmethod
    def category(cls, settings: PackedSettings, backbone: BackboneSettings) -> str:
        return "Packed-Ensemble"

    def loss(self, x_BQHW: Tensor, y_B: Tensor, progress: Progress) -> Tensor:
        """The mean over members: all of them are trained on every row."""
        return -self.likelihood.log_prob(self.network(x_BQHW), y_B[:, None]).mean()

    def forward(self, x_BQHW: Tensor) -> Tensor:
        outputs_BMC: Tensor = self.network(x_BQHW)
        return outputs_BMC

    def weights(self) -> Tensor:
        return uniform_weights(self.settings.n_members, like=self)


def packed_width(settings: PackedSettings, problem: Problem) -> int:
    """Width of all members together: alpha * W, rounded up to what the groups share out."""
    unit = settings.n_members * math.lcm(settings.gamma, problem.backbone.width_unit)
    return math.ceil(settings.alpha * problem.backbone.width / unit) * unit
