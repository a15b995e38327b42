"""Exit heads: from the features of a stage to N * C outputs. They depend on no method.

Source: SAE, Ferianc et al. 2024, section 3 and its supplement: every exit but the last brings its
features to the last stage's width with an adapter, so that all exits predict from equal widths.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from methods.core.rectifier import rectifier


class Head(nn.Module):
    """An adapter to a feature vector, then one linear layer with C outputs for each input.

    Args:
        adapter: maps a stage's features to (B, F).
        n_features: F.
        n_inputs: N, the inputs that predict here.
        n_outputs: C.
    """

    def __init__(self, adapter: nn.Module, n_features: int, n_inputs: int, n_outputs: int) -> None:
        super().__init__()
        self.adapter = adapter
        self.linear = nn.Linear(n_features, n_inputs * n_outputs)
        self.n_outputs = n_outputs

    def forward(self, features: Tensor) -> Tensor:
        """Outputs of shape (B, N, C)."""
        outputs: Tensor = self.linear(self.adapter(features))
        # Not len(): a batch of any size stays one in the exported network.
        return outputs.view(outputs.shape[0], -1, self.n_outputs)

    def keep_inputs(self, inputs: Sequence[int]) -> None:
        """Remove the output rows of every input that is not in ``inputs`` (in place)."""
        rows = (torch.tensor(inputs)[:, None] * self.n_outputs + torch.arange(self.n_outputs)).view(
            -1
        )
        linear = self.linear
        linear.weight = nn.Parameter(linear.weight.detach()[rows])
        linear.bias = nn.Parameter(linear.bias.detach()[rows])
        linear.out_features = len(rows)


def _vector_adapter(n_from: int, n_to: int) -> nn.Module:
    return nn.Sequential(nn.Linear(n_from, n_to), nn.BatchNorm1d(n_to), rectifier())


class TokenMean(nn.Module):
    """The mean over tokens."""

    def forward(self, tokens_BLF: Tensor) -> Tensor:
        """Map (B, L, F) to (B, F)."""
        return tokens_BLF.mean(1)


def _map_adapter(n_from: int, n_to: int) -> nn.Module:
    projection = nn.Conv2d(n_from, n_to, 1, bias=False)  # BatchNorm's shift is its bias
    return nn.Sequential(projection, nn.BatchNorm2d(n_to), rectifier(), GlobalAverage())


class GlobalAverage(nn.Module):
    """The mean over pixels; its gradient has the map's own layout, channels innermost.

    That of ``AdaptiveAvgPool2d`` has the other one, and all layers below then differentiate across
    the memory, which takes a third longer.
    """

    def forward(self, x_BFHW: Tensor) -> Tensor:
        """Map (B, F, H, W) to (B, F)."""
        return x_BFHW.permute(0, 2, 3, 1).flatten(1, 2).mean(1)


def _tokens_adapter(n_from: int, n_to: int) -> nn.Module:
    return nn.Sequential(nn.Linear(n_from, n_to), nn.GELU(), nn.LayerNorm(n_to), TokenMean())


# layout of the features -> (adapter of an early exit, what the last exit does instead)
_ADAPTERS: dict[str, tuple[Callable[[int, int], nn.Module], Callable[[], nn.Module]]] = {
    "vector": (_vector_adapter, nn.Identity),
    "map": (_map_adapter, GlobalAverage),
    "tokens": (_tokens_adapter, TokenMean),
}


def make_head(
    layout: str, features: Sequence[int], exit_depth: int, n_inputs: int, n_outputs: int
) -> Head:
    """The head of exit d = ``exit_depth`` (1 = after the first stage) of a backbone.

    Args:
        layout: the backbone's ``layout``.
        features: the width of each of the D stages' features.
        exit_depth: d in 1..D; d = D gets no adapter.
        n_inputs: N.
        n_outputs: C.
    """
    if not 1 <= exit_depth <= len(features):
        raise ValueError(f"exit {exit_depth}: must be in 1..{len(features)} (the stages)")
    early, last = _ADAPTERS[layout]
    is_last = exit_depth == len(features)
    adapter = last() if is_last else early(features[exit_depth - 1], features[-1])
    return Head(adapter, features[-1], n_inputs, n_outputs)
