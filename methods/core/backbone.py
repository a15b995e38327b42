"""What a backbone is: a stem and D stages. It has neither exits nor methods."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn

from methods.core.space import Settings


class ImageShape(NamedTuple):
    """Q channels, H rows, W columns of one image."""

    channels: int
    height: int
    width: int


class Backbone(nn.Module):
    """A stem that takes N images stacked on the channel axis, and D stages run in turn.

    Attributes:
        stem: maps (B, N*Q, H, W) to features.
        stages: D modules; stage d maps the features of stage d-1.
        features: width F of each stage's features, length D.
        layout: how the features lie: "vector" (B, F), "map" (B, F, H, W) or "tokens" (B, L, F).
            An exit head is chosen by it (methods.core.exits).
    """

    layout: str

    def __init__(self, stem: nn.Module, stages: Sequence[nn.Module], features: Sequence[int]):
        super().__init__()
        assert len(stages) == len(features) > 0
        self.stem = stem
        self.stages = nn.ModuleList(stages)
        self.features = tuple(features)


class ChannelsLast(nn.Module):
    """Lay a map out with its channels innermost; the layers after it keep that layout.

    Convolutions and BatchNorm take a quarter to 40 % less time so on a CPU. It goes after the first
    convolution: with one channel both layouts are the same to torch, and it falls back to the
    other. Weights keep the usual layout, the only one that safetensors saves.
    """

    def forward(self, x_BFHW: Tensor) -> Tensor:
        """Shape and values kept."""
        return x_BFHW.contiguous(memory_format=torch.channels_last)


def doubling_widths(width: int, depth: int) -> list[int]:
    """Widths W, 2W, 4W, 8W, 8W, ... of D stages of a convolutional backbone.

    Source: VGG (Simonyan & Zisserman 2015) and ResNet (He et al. 2016), where W = 64: 64 to 512.
    """
    return [width * min(2**stage, 8) for stage in range(depth)]


@dataclass(frozen=True, kw_only=True)
class BackboneSettings(Settings):
    """A backbone's settings build it; every backbone has a ``width`` and a ``depth`` (D)."""

    width: int
    depth: int

    @property
    def width_unit(self) -> int:
        """The least width of a network that stands beside others in one: see packed.py."""
        return 1

    def check(self, shape: ImageShape) -> None:
        """Raise ValueError where no such backbone fits images of ``shape``; by default all fit."""

    @abstractmethod
    def build(self, shape: ImageShape, n_inputs: int) -> Backbone:
        """The backbone for N = ``n_inputs`` stacked images of ``shape``.

        Raises:
            ValueError: as :meth:`check`.
        """
