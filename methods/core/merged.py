"""The linear layers of all exits as one batched product: many small ones cost their calls.

K exits here, R outputs of each of them.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from methods.core.exits import Head
from methods.core.network import Network


class MergedLinear(nn.Module):
    """K linear layers of one shape as one batched product.

    Args:
        layers: not changed.
    """

    def __init__(self, layers: Sequence[nn.Linear]) -> None:
        super().__init__()
        weights = torch.stack([layer.weight.detach().T for layer in layers])
        self.weight_KFR = nn.Parameter(weights.contiguous())
        self.bias_K1R = nn.Parameter(torch.stack([layer.bias.detach()[None] for layer in layers]))

    def forward(self, x_KBF: Tensor) -> Tensor:
        """Map (K, B, F) to (K, B, R)."""
        return torch.bmm(x_KBF, self.weight_KFR) + self.bias_K1R


class MergedNetwork(nn.Module):
    """A network whose exits end in one matrix product; it predicts as the one it is made of.

    Args:
        network: not changed; shares its backbone and adapters. See :func:`mergeable`.
    """

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.backbone = network.backbone
        heads = _heads(network)
        self.adapters = nn.ModuleDict(
            {depth: head.adapter for depth, head in zip(network.heads, heads, strict=True)}
        )
        self.linear = MergedLinear([head.linear for head in heads])
        self.n_outputs = heads[0].n_outputs

    def forward(self, x_BQHW: Tensor) -> Tensor:
        """As :meth:`methods.core.network.Network.forward`."""
        features = self.backbone.stem(x_BQHW)
        adapted = []
        for depth, stage in enumerate(self.backbone.stages, start=1):
            features = stage(features)
            if str(depth) in self.adapters:
                adapted.append(self.adapters[str(depth)](features))
        outputs_BKR: Tensor = self.linear(torch.stack(adapted)).transpose(0, 1)
        return outputs_BKR.reshape(outputs_BKR.shape[0], -1, self.n_outputs)


def mergeable(network: Network) -> bool:
    """Whether it has several exits, with equally many outputs: others would have to be padded."""
    return len(network.heads) > 1 and len({h.linear.out_features for h in _heads(network)}) == 1


def _heads(network: Network) -> list[Head]:
    return [head for head in network.heads.values() if isinstance(head, Head)]
