"""SAE-FC networks of one shape stacked by hand: every product is one batched product over seeds.

It is here to be measured, see ``choices``; the benchmark trains its networks one by one.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F  # noqa: N812 - the field's name for it
from torch import Tensor, nn

from methods.core.network import Network

# Besides the project's letters: S seeds. (weight, bias), and a linear layer with its BatchNorm's
# scale and shift.
Linear = tuple[Tensor, Tensor]
Normed = tuple[Linear, Tensor, Tensor]


class StackedFC:
    """S residual FC networks with heads at all D exits, in training mode.

    Args:
        networks: of one shape; their parameters are copied.
    """

    def __init__(self, networks: Sequence[Network]) -> None:
        self.parameters: list[Tensor] = []
        self._stem = self._linear(
            [network.backbone.stem.get_submodule("1") for network in networks]
        )
        depths = range(len(networks[0].backbone.stages))
        self._blocks = [
            self._normed(
                [network.backbone.stages[d].get_submodule("block") for network in networks]
            )
            for d in depths
        ]
        # By exit, then by seed: an exit's features are appended as they come.
        heads = [network.heads[str(d + 1)] for d in depths for network in networks]
        early = heads[: -len(networks)]
        self._adapters = self._normed([head.get_submodule("adapter") for head in early])
        self._heads = self._linear([head.get_submodule("linear") for head in heads])

    def __call__(self, x_SBF: Tensor) -> Tensor:
        """Map flat images (S, B, F) to outputs (D * S, B, N * C), by exit, then by seed."""
        features = torch.relu_(_product(x_SBF, self._stem))
        found = []
        for block in self._blocks:
            features = features + _rectified(features, block)
            found.append(features)
        early = _rectified(torch.cat(found[:-1]), self._adapters)
        return _product(torch.cat([early, found[-1]]), self._heads)

    def _linear(self, layers: Sequence[nn.Module]) -> Linear:
        weight = self._parameter([layer.get_parameter("weight").T for layer in layers])
        return weight, self._parameter([layer.get_parameter("bias")[None] for layer in layers])

    def _normed(self, sequences: Sequence[nn.Module]) -> Normed:
        linear = self._linear([sequence.get_submodule("0") for sequence in sequences])
        scale = self._parameter([sequence.get_parameter("1.weight") for sequence in sequences])
        shift = self._parameter([sequence.get_parameter("1.bias") for sequence in sequences])
        return linear, scale, shift

    def _parameter(self, values: Sequence[Tensor]) -> Tensor:
        stacked = torch.stack([value.detach() for value in values]).requires_grad_()
        self.parameters.append(stacked)
        return stacked


def _product(x_SBF: Tensor, linear: Linear) -> Tensor:
    weight, bias = linear
    return torch.baddbmm(bias, x_SBF, weight)


def _rectified(x_SBF: Tensor, normed: Normed) -> Tensor:
    """ReLU(BatchNorm(Linear(x))); all seeds' features are channels of one BatchNorm."""
    linear, scale_SF, shift_SF = normed
    y_BSF = _product(x_SBF, linear).transpose(0, 1)
    flat = F.batch_norm(
        y_BSF.flatten(1), None, None, scale_SF.flatten(), shift_SF.flatten(), training=True
    )
    return torch.relu_(flat).view(y_BSF.shape).transpose(0, 1)
