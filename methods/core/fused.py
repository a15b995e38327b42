"""The same predictions with less work: what training needs and an exported network does not.

Both functions change a network in place and are exact up to rounding: sums of products are taken
in another order.
"""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_weights, fuse_linear_bn_weights

from methods.core.backbone import ChannelsLast
from methods.core.surgery import replace_layers

_Norm = nn.BatchNorm1d | nn.BatchNorm2d


@runtime_checkable
class Absorbs(Protocol):
    """A layer of a method's own that can take a scale and a shift of its outputs into itself."""

    def absorb(self, scale_O: Tensor, shift_O: Tensor) -> None:
        """Make the outputs y * scale + shift from now on."""


def fold_norms(root: nn.Module) -> None:
    """Fold every BatchNorm that follows a linear map into it, by its running averages.

    A norm without such a layer before it stays.
    """
    for sequence in [module for module in root.modules() if isinstance(module, nn.Sequential)]:
        folded = [i for i, layer in enumerate(sequence) if _is_folded(sequence, i, layer)]
        for index in reversed(folded):
            del sequence[index]


def sum_inputs(stem: nn.Module, n_inputs: int) -> None:
    """Let the first layer take one image instead of N equal ones stacked on the channels.

    W applied to (x, ..., x) is W_1 x + ... + W_N x = (W_1 + ... + W_N) x: a linear layer or a
    convolution whose N slices all see the same image is one slice, their sum.
    """

    def summed(index: int, layer: nn.Module) -> nn.Module:
        if index == 0:
            assert isinstance(layer, nn.Linear | nn.Conv2d)
            weight = layer.weight.detach()
            shape = (weight.shape[0], n_inputs, -1, *weight.shape[2:])
            slices = weight.reshape(shape).double().sum(1)
            layer.weight = nn.Parameter(slices.to(weight.dtype))
            name = "in_features" if isinstance(layer, nn.Linear) else "in_channels"
            setattr(layer, name, slices.shape[1])
        return layer

    replace_layers(stem, (nn.Linear, nn.Conv2d), summed)


def _is_folded(sequence: nn.Sequential, index: int, norm: nn.Module) -> bool:
    """Fold the layer at ``index`` if it is a norm that can be; return whether it was."""
    if not isinstance(norm, _Norm):
        return False
    before = [layer for layer in sequence[:index] if not isinstance(layer, ChannelsLast)]
    # Dropout stands in front of its layer, in a sequence of the two.
    while before and isinstance(before[-1], nn.Sequential):
        before = list(before[-1])
    return bool(before) and _absorb(before[-1], norm)


def _absorb(layer: nn.Module, norm: _Norm) -> bool:
    mean_O, variance_O = norm.running_mean, norm.running_var
    assert mean_O is not None
    assert variance_O is not None
    if isinstance(layer, nn.Conv2d | nn.Linear):
        fuse = fuse_conv_bn_weights if isinstance(layer, nn.Conv2d) else fuse_linear_bn_weights
        layer.weight, layer.bias = fuse(
            layer.weight, layer.bias, mean_O, variance_O, norm.eps, norm.weight, norm.bias
        )
        return True
    if isinstance(layer, Absorbs):
        scale_O = norm.weight.detach() * torch.rsqrt(variance_O + norm.eps)
        layer.absorb(scale_O, norm.bias.detach() - mean_O * scale_O)
        return True
    return False
