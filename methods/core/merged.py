"""The linear layers of all exits as one matrix product: many small ones cost their calls.

K exits here, R outputs of one of them: as many as the exit with the most has.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F  # noqa: N812 - the field's name for it
from torch import Tensor, nn

from methods.core.exits import Head
from methods.core.network import Network


class MergedHeads(nn.Module):
    """Heads of one width of features: their adapters, then one batched product.

    Args:
        heads: of at least one exit; not changed.
    """

    def __init__(self, heads: Sequence[Head]) -> None:
        super().__init__()
        self.adapters = nn.ModuleList(head.adapter for head in heads)
        self.n_outputs = heads[0].n_outputs
        rows = [head.linear.out_features for head in heads]
        pairs = [(head.linear, max(rows) - n) for head, n in zip(heads, rows, strict=True)]
        weights = [F.pad(x.weight.detach(), (0, 0, 0, n)).T for x, n in pairs]
        biases = [F.pad(x.bias.detach(), (0, n))[None] for x, n in pairs]
        self.weight_KFR = nn.Parameter(torch.stack(weights).contiguous())
        self.bias_K1R = nn.Parameter(torch.stack(biases))
        used_KR = torch.arange(max(rows)) < torch.tensor(rows)[:, None]
        # Where all exits have as many outputs, all are used as they lie.
        self.register_buffer("used", None if used_KR.all() else used_KR.flatten().nonzero()[:, 0])

    def forward(self, features: Sequence[Tensor]) -> Tensor:
        """Outputs (B, M, C) from the features of each exit's stage."""
        adapted = [adapter(each) for adapter, each in zip(self.adapters, features, strict=True)]
        outputs_KBR = torch.bmm(torch.stack(adapted), self.weight_KFR) + self.bias_K1R
        outputs = outputs_KBR.transpose(0, 1).flatten(1)
        if isinstance(self.used, Tensor):
            outputs = outputs[:, self.used]
        return outputs.view(outputs.shape[0], -1, self.n_outputs)


class MergedNetwork(nn.Module):
    """A network whose exits end in one matrix product; it predicts as the one it is made of.

    Args:
        network: not changed; shares its backbone and adapters.
    """

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.backbone = network.backbone
        self.exits = [int(depth) for depth in network.heads]
        self.heads = MergedHeads(
            [head for head in network.heads.values() if isinstance(head, Head)]
        )

    def forward(self, x_BQHW: Tensor) -> Tensor:
        """As :meth:`methods.core.network.Network.forward`."""
        features = self.backbone.stem(x_BQHW)
        read = []
        for depth, stage in enumerate(self.backbone.stages, start=1):
            features = stage(features)
            if depth in self.exits:
                read.append(features)
        outputs: Tensor = self.heads(read)
        return outputs
