"""Layers of each backbone at a tiny size, written out by hand: a second count of their costs.

A layer with a weight costs kernel * in * out FLOPs an output pixel (its bias is free), batch norm
of F features 2 * F, layer norm 5 * F, an average and the scaling of queries F.
"""

from __future__ import annotations

from typing import NamedTuple

from methods.backbones.fc import FCSettings
from methods.backbones.resnet import ResNetSettings
from methods.backbones.vgg import VGGSettings
from methods.backbones.vit import ViTSettings
from methods.core.backbone import BackboneSettings, ImageShape


class Layer(NamedTuple):
    """A linear layer or convolution: features in and out, pixels (or tokens) in and out."""

    n_in: int
    n_out: int
    pixels_in: int = 1
    pixels_out: int = 1
    kernel: int = 1
    bias: bool = False


class Part(NamedTuple):
    """Layers with a weight matrix, batch norms of F features, and all else."""

    layers: list[Layer]
    flops: int = 0
    params: int = 0
    norms: tuple[tuple[int, int], ...] = ()  # features and pixels of each

    def cost(self) -> tuple[int, int]:
        products = sum(x.kernel * x.n_in * x.n_out * x.pixels_out for x in self.layers)
        weights = sum(x.kernel * x.n_in * x.n_out + x.bias * x.n_out for x in self.layers)
        scaled = sum(2 * features * pixels for features, pixels in self.norms)
        scales = sum(2 * features for features, _ in self.norms)
        return self.flops + products + scaled, self.params + weights + scales

    def fused(self) -> Part:
        """Batch norm has become the bias of the layer before it."""
        return self._replace(layers=[x._replace(bias=True) for x in self.layers], norms=())


class Table(NamedTuple):
    """A backbone of three stages of which the widest has ``last`` features, and its exits."""

    shape: ImageShape
    settings: BackboneSettings
    stem: Part
    stages: list[Part]
    adapters: list[Part]
    last: int
    # To the last digit, for 5 classes.
    flops: int
    params: int
    fused: tuple[int, int]  # the same of the network that is exported

    def head(self, n_outputs: int) -> Part:
        return Part([Layer(self.last, n_outputs, bias=True)])

    def standard(self, n_outputs: int) -> list[Part]:
        return [self.stem, *self.stages, self.adapters[2], self.head(n_outputs)]


def convolution(n_in: int, n_out: int, pixels: int, before: int | None = None) -> Part:
    """3x3 and batch norm; ``before``: the pixels that it strides over."""
    layer = Layer(n_in, n_out, before or pixels, pixels, kernel=9)
    return Part([layer], norms=((n_out, pixels),))


def joined(*parts: Part) -> Part:
    layers = [layer for part in parts for layer in part.layers]
    norms = tuple(norm for part in parts for norm in part.norms)
    flops, params = sum(part.flops for part in parts), sum(part.params for part in parts)
    return Part(layers, flops, params, norms)


def linear(n_in: int, n_out: int, tokens: int = 1) -> Part:
    return Part([Layer(n_in, n_out, tokens, tokens, bias=True)])


def map_adapter(n_in: int, pixels: int) -> Part:
    """1x1 convolution to 12 features, batch norm, average."""
    return joined(
        Part([Layer(n_in, 12, pixels, pixels)], norms=((12, pixels),)), Part([], flops=12 * pixels)
    )


# 2 channels of 8x4 pixels as a vector, W = 4.
FC_BLOCK = joined(linear(4, 4), Part([], norms=((4, 1),)))
FC = Table(
    shape=ImageShape(2, 8, 4),
    settings=FCSettings(width=4, depth=3),
    stem=linear(64, 4),
    stages=[FC_BLOCK] * 3,
    adapters=[FC_BLOCK, FC_BLOCK, Part([])],
    last=4,
    flops=256 + 3 * (16 + 8) + 20,
    params=260 + 3 * (20 + 8) + 25,
    fused=(256 + 3 * 16 + 20, 260 + 3 * 20 + 25),
)
# 2 channels, W = 3: 32, 8 and 2 pixels of 3, 6 and 12 features.
VGG = Table(
    shape=ImageShape(2, 8, 4),
    settings=VGGSettings(width=3, depth=3),
    stem=convolution(2, 3, 32),
    stages=[
        convolution(3, 3, 32),
        joined(convolution(3, 6, 8), convolution(6, 6, 8)),
        joined(convolution(6, 12, 2), convolution(12, 12, 2)),
    ],
    adapters=[map_adapter(3, 32), map_adapter(6, 8), Part([], flops=2 * 12)],
    last=12,
    flops=12_852,
    params=2_714,
    # Norms: 2 * (32 * 3 + 32 * 3 + 2 * 8 * 6 + 2 * 2 * 12) FLOPs; of 2 F parameters F stay.
    fused=(12_852 - 672, 2_714 - (3 + 3 + 2 * 6 + 2 * 12)),
)
# 2 channels, W = 3: 5x6, 3x3 and 2x2 pixels. A shortcut's 1x1 convolution sees the kept pixels.
RESNET = Table(
    shape=ImageShape(2, 5, 6),
    settings=ResNetSettings(width=3, depth=3),
    stem=convolution(2, 3, 30),
    stages=[
        joined(convolution(3, 3, 30), convolution(3, 3, 30)),
        joined(
            convolution(3, 6, 9, before=30),
            convolution(6, 6, 9),
            Part([Layer(3, 6, 9, 9)], norms=((6, 9),)),
        ),
        joined(
            convolution(6, 12, 4, before=9),
            convolution(12, 12, 4),
            Part([Layer(6, 12, 4, 4)], norms=((12, 4),)),
        ),
    ],
    adapters=[map_adapter(3, 30), map_adapter(6, 9), Part([], flops=4 * 12)],
    last=12,
    flops=20_340,
    params=2_927,
    # Norms: 2 * (3 * 30 * 3 + 3 * 9 * 6 + 3 * 4 * 12) FLOPs.
    fused=(20_340 - 1_152, 2_927 - (3 * 3 + 3 * 6 + 3 * 12)),
)
# 2 channels of 4x6 pixels in 6 patches of 2x2, W = 8; 6 positions of 8 numbers.
LAYER_NORM = Part([], flops=5 * 8 * 6, params=2 * 8)
BLOCK = joined(
    *(LAYER_NORM, linear(8, 24, 6), Part([], flops=6 * 8 + 2 * 6 * 6 * 8), linear(8, 8, 6)),
    *(LAYER_NORM, linear(8, 32, 6), linear(32, 8, 6)),
)
TOKEN_MEAN = Part([], flops=6 * 8)
TOKENS_ADAPTER = joined(linear(8, 8, 6), LAYER_NORM, TOKEN_MEAN)
VIT = Table(
    shape=ImageShape(2, 4, 6),
    settings=ViTSettings(width=8, depth=3, patch=2, head_width=4),
    stem=Part([Layer(2, 8, 24, 6, kernel=4, bias=True)], params=6 * 8),
    stages=[BLOCK, BLOCK, joined(BLOCK, LAYER_NORM)],
    adapters=[TOKENS_ADAPTER, TOKENS_ADAPTER, TOKEN_MEAN],
    last=8,
    flops=17_848,
    params=2_797,
    fused=(17_848, 2_797),  # there is no batch norm
)
TABLES = {"fc": FC, "vgg": VGG, "resnet": RESNET, "vit": VIT}


def total(parts: list[Part]) -> tuple[int, int]:
    """FLOPs and parameters."""
    flops, params = zip(*(part.cost() for part in parts), strict=True)
    return sum(flops), sum(params)
