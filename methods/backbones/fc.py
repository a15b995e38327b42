"""Residual fully connected backbone (the paper's network for PneumoniaMNIST)."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn

from methods.core.backbone import Backbone, BackboneSettings, ImageShape
from methods.core.rectifier import rectifier
from methods.core.space import setting


class ResidualBlock(nn.Module):
    """x + ReLU(BatchNorm(Linear(x))), width kept."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.block = nn.Sequential(nn.Linear(width, width), nn.BatchNorm1d(width), rectifier())

    def forward(self, x_BF: Tensor) -> Tensor:
        """Map (B, F) to (B, F)."""
        residual: Tensor = self.block(x_BF)
        return x_BF + residual


class ResidualFC(Backbone):
    """Stem: flatten - Linear - ReLU; D residual blocks of one width."""

    layout = "vector"


@dataclass(frozen=True, kw_only=True)
class FCSettings(BackboneSettings):
    """Width of every layer, and the number D of residual blocks."""

    width: int = setting(
        128,
        letter="W",
        at_least=1,
        search=(16, 256),
        log=True,
        smoke=(32,),
        quick=(32, 128),
        paper=(16, 32, 64, 128, 256),
    )
    depth: int = setting(4, letter="D", at_least=1, search=(1, 4), quick=(2, 4), paper=(1, 2, 3, 4))

    def build(self, shape: ImageShape, n_inputs: int) -> Backbone:
        """The stem takes the N images as one vector of N*Q*H*W numbers."""
        n_pixels = n_inputs * shape.channels * shape.height * shape.width
        stem = nn.Sequential(nn.Flatten(), nn.Linear(n_pixels, self.width), rectifier())
        stages = [ResidualBlock(self.width) for _ in range(self.depth)]
        return ResidualFC(stem, stages, [self.width] * self.depth)
