"""The activation of the backbones and heads."""

from torch import nn


def rectifier() -> nn.ReLU:
    """ReLU of a layer's output that nothing else reads, which it overwrites.

    Maps are larger than a core's cache: predicting with a VGG takes less time so.
    """
    return nn.ReLU(inplace=True)
