"""VGG with batch normalisation (Simonyan & Zisserman 2015; the paper's network for BloodMNIST).

Stem: the first convolution. Stage 1: one more. Every later stage: 2x2 max-pooling, then two. All
are 3x3 - BatchNorm - ReLU. W = 64, D = 5 are the convolutions of VGG-13; its fully connected layers
give way to global average pooling in the exit heads.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from torch import nn

from methods.core.backbone import (
    Backbone,
    BackboneSettings,
    ChannelsLast,
    ImageShape,
    doubling_widths,
)
from methods.core.rectifier import rectifier
from methods.core.space import setting


class VGG(Backbone):
    """Stem: one convolution; D stages at full, half, quarter, ... resolution."""

    layout = "map"


@dataclass(frozen=True, kw_only=True)
class VGGSettings(BackboneSettings):
    """Width W of the first stage (stage d has min(2^(d-1), 8) W), and the number D of stages."""

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

    def check(self, shape: ImageShape) -> None:
        """D - 1 poolings need an image of at least 2^(D-1) pixels on each side."""
        shortest = min(shape.height, shape.width)
        if shortest < 2 ** (self.depth - 1):
            raise ValueError(
                f"vgg.depth={self.depth}: each stage but the first halves the image, and "
                f"{shape.height}x{shape.width} pixels can be halved {shortest.bit_length() - 1} "
                f"times; depth must be <= {shortest.bit_length()}"
            )

    def build(self, shape: ImageShape, n_inputs: int) -> Backbone:
        """The stem takes the N images as N*Q channels."""
        self.check(shape)
        widths = doubling_widths(self.width, self.depth)
        convolution, *rest = _convolution(n_inputs * shape.channels, self.width)
        stem = nn.Sequential(convolution, ChannelsLast(), *rest)
        stages = [nn.Sequential(*_convolution(self.width, self.width))] + [
            nn.Sequential(
                nn.MaxPool2d(2), *_convolution(before, after), *_convolution(after, after)
            )
            for before, after in pairwise(widths)
        ]
        return VGG(stem, stages, widths)


def _convolution(n_from: int, n_to: int) -> list[nn.Module]:
    # BatchNorm's shift is the bias.
    convolution = nn.Conv2d(n_from, n_to, 3, padding=1, bias=False)
    return [convolution, nn.BatchNorm2d(n_to), rectifier()]
