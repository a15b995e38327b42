"""M members as M equal blocks of rows: member m's rows are m*B .. (m+1)*B - 1."""

from __future__ import annotations

import torch
from torch import Tensor, nn


def training_rows(
    n_rows: int, n_members: int, batch: str, device: torch.device | str = "cpu"
) -> Tensor:
    """The batch rows that the M members see in training, member after member.

    Args:
        n_rows: B.
        n_members: M.
        batch: "tiled" (every member sees the whole batch) or "split" (its M-th).
        device: of the rows.
    """
    if batch == "tiled":
        return torch.arange(n_rows, device=device).repeat(n_members)
    # Every member needs as many rows: a batch that M does not divide wraps around.
    return torch.arange(-(-n_rows // n_members) * n_members, device=device) % n_rows


def all_members(network: nn.Module, x_BQHW: Tensor, n_members: int) -> Tensor:
    """Outputs (B, M, C) of a network that takes rows of members, for the same images."""
    outputs = network(x_BQHW.repeat(n_members, 1, 1, 1))
    outputs_MBC: Tensor = outputs.view(n_members, x_BQHW.shape[0], -1)
    return outputs_MBC.transpose(0, 1)


def channels_of(layer: nn.Module) -> tuple[int, int, int]:
    """The axis of a layer's features, and how many go in and come out."""
    assert isinstance(layer, nn.Linear | nn.Conv2d)
    if isinstance(layer, nn.Linear):
        return -1, layer.in_features, layer.out_features
    return 1, layer.in_channels, layer.out_channels


def per_row(values_MF: Tensor, rows: Tensor, axis: int) -> Tensor:
    """One row of values for each row of ``rows``, along its feature axis."""
    n_members, n_features = values_MF.shape
    n_rows = rows.shape[0]  # not len(): a batch of any size stays one in the exported network
    assert n_rows % n_members == 0, "rows must be M equal blocks"
    shape = [1] * rows.ndim
    shape[0], shape[axis] = n_rows, n_features
    # As repeat_interleave, whose export to ONNX fails for batches of another size.
    return values_MF[:, None].expand(-1, n_rows // n_members, -1).reshape(shape)


class Scaled(nn.Module):
    """Features times factors of each member's own.

    Args:
        factors_MF: a parameter is learned, any other tensor stays as it is.
        axis: of the features.
    """

    factors_MF: Tensor

    def __init__(self, factors_MF: Tensor, axis: int) -> None:
        super().__init__()
        self.axis = axis
        if isinstance(factors_MF, nn.Parameter):
            self.factors_MF = factors_MF
        else:
            self.register_buffer("factors_MF", factors_MF)

    def forward(self, features: Tensor) -> Tensor:
        """Shape kept; rows are M equal blocks."""
        return features * per_row(self.factors_MF, features, self.axis)


class MemberLinear(nn.Module):
    """A linear layer of each member's own; all start as draws of ``like``'s initialisation."""

    def __init__(self, like: nn.Linear, n_members: int) -> None:
        super().__init__()
        layers = [nn.Linear(like.in_features, like.out_features) for _ in range(n_members)]
        self.weight_MFO = nn.Parameter(
            torch.stack([x.weight.detach().T for x in layers]).contiguous()
        )
        self.bias_M1O = nn.Parameter(torch.stack([x.bias.detach()[None] for x in layers]))

    def forward(self, x_RF: Tensor) -> Tensor:
        """Map (M*B, F) to (M*B, O)."""
        x_MBF = x_RF.view(self.weight_MFO.shape[0], -1, x_RF.shape[1])
        return (torch.bmm(x_MBF, self.weight_MFO) + self.bias_M1O).flatten(0, 1)
