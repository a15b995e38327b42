"""Networks as training leaves them: norms far from where they start."""

import torch
from torch import nn


def settle(module: nn.Module) -> None:
    """Evaluation mode, with averages, scales and shifts of every norm far from their start."""
    with torch.no_grad():
        for norm in module.modules():
            if isinstance(norm, nn.BatchNorm1d | nn.BatchNorm2d):
                assert norm.running_mean is not None
                assert norm.running_var is not None
                norm.running_mean.normal_()
                norm.running_var.uniform_(0.5, 2.0)
            if isinstance(norm, nn.BatchNorm1d | nn.BatchNorm2d | nn.LayerNorm):
                norm.weight.uniform_(0.5, 1.5)
                norm.bias.normal_()
    module.eval()
