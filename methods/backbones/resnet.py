"""Residual network of basic blocks (He et al. 2016; the paper's network for TinyImageNet).

W = 64, D = 4 and 2 blocks a stage are ResNet-18 without its last linear layer, which is an exit's.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn

from methods.core.backbone import (
    Backbone,
    BackboneSettings,
    ChannelsLast,
    ImageShape,
    doubling_widths,
)
from methods.core.rectifier import rectifier
from methods.core.space import setting

# Above so many pixels a side, the stem shrinks the image fourfold as the original does (224
# pixels); at or below, it keeps every pixel as the original's variant for CIFAR (32) does.
LARGEST_KEPT = 64


class Subsample(nn.Module):
    """Every stride-th row and column: before a 1x1 convolution the same as a stride in it.

    The strided one's weight gradient writes beyond its memory on a CPU when a channels-last map has
    few channels (oneDNN issue 6035, seen in torch 2.15): a crash, or silently wrong numbers.
    """

    def __init__(self, stride: int) -> None:
        super().__init__()
        self.stride = stride

    def forward(self, x_BFHW: Tensor) -> Tensor:
        """Map (B, F, H, W) to (B, F, H / stride, W / stride), rounded up."""
        kept = x_BFHW[:, :, :: self.stride, :: self.stride]
        return kept.contiguous(memory_format=torch.channels_last)


class BasicBlock(nn.Module):
    """ReLU(shortcut(x) + BN(conv(ReLU(BN(conv(x)))))); both convolutions 3x3.

    The shortcut is x itself where the shape stays, else a strided 1x1 convolution with BatchNorm
    (option B of the paper).

    Args:
        n_from: channels of x.
        n_to: channels of the result.
        stride: 2 halves the image (rounded up, so that it never goes below a pixel).
    """

    def __init__(self, n_from: int, n_to: int, stride: int) -> None:
        super().__init__()
        self.residual = nn.Sequential(
            *_convolution(n_from, n_to, 3, stride), rectifier(), *_convolution(n_to, n_to, 3, 1)
        )
        keeps_shape = (n_from, stride) == (n_to, 1)
        projection = [] if keeps_shape else [Subsample(stride), *_convolution(n_from, n_to, 1, 1)]
        self.shortcut = nn.Sequential(*projection)

    def forward(self, x_BFHW: Tensor) -> Tensor:
        """Map (B, n_from, H, W) to (B, n_to, H / stride, W / stride)."""
        return torch.relu_(self.residual(x_BFHW) + self.shortcut(x_BFHW))


class ResNet(Backbone):
    """Stem: one convolution; D stages, each but the first at half the resolution before."""

    layout = "map"


@dataclass(frozen=True, kw_only=True)
class ResNetSettings(BackboneSettings):
    """Width W of the first stage (stage d has min(2^(d-1), 8) W), D stages, blocks in each."""

    width: int = setting(
        16,
        letter="W",
        at_least=1,
        search=(8, 64),
        log=True,
        smoke=(8,),
        quick=(8,),
        paper=(8, 16, 32, 64),
    )
    depth: int = setting(4, letter="D", at_least=1, search=(1, 4), paper=(1, 2, 3, 4))
    blocks: int = setting(1, at_least=1)

    def build(self, shape: ImageShape, n_inputs: int) -> Backbone:
        """The stem takes the N images as N*Q channels; images of any size fit."""
        widths = doubling_widths(self.width, self.depth)
        stem = _stem(n_inputs * shape.channels, self.width, max(shape.height, shape.width))
        stages = [
            self._stage(before, after, stride=1 if index == 0 else 2)
            for index, (before, after) in enumerate(pairwise([self.width, *widths]))
        ]
        return ResNet(stem, stages, widths)

    def _stage(self, n_from: int, n_to: int, stride: int) -> nn.Module:
        first = BasicBlock(n_from, n_to, stride)
        return nn.Sequential(first, *(BasicBlock(n_to, n_to, 1) for _ in range(self.blocks - 1)))


def _convolution(n_from: int, n_to: int, kernel: int, stride: int) -> list[nn.Module]:
    # BatchNorm's shift is the bias.
    padding = kernel // 2
    convolution = nn.Conv2d(n_from, n_to, kernel, stride=stride, padding=padding, bias=False)
    return [convolution, nn.BatchNorm2d(n_to)]


def _stem(n_channels: int, width: int, longest_side: int) -> nn.Module:
    keeps_pixels = longest_side <= LARGEST_KEPT
    convolution, norm = _convolution(n_channels, width, *((3, 1) if keeps_pixels else (7, 2)))
    pool = [] if keeps_pixels else [nn.MaxPool2d(3, stride=2, padding=1)]
    return nn.Sequential(convolution, ChannelsLast(), norm, rectifier(), *pool)
