"""Images as the networks take them: one uint8 tensor on the device, normalised batch by batch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor

from bench.data.dataset import Dataset, Split


@dataclass(frozen=True, kw_only=True)
class Inputs:
    """A split on a device.

    Attributes:
        images_BQHW: uint8.
        y_B: int64 labels or float32 targets.
    """

    images_BQHW: Tensor
    y_B: Tensor

    @classmethod
    def of(cls, split: Split, device: torch.device) -> Self:
        """Move a split to ``device``, channels first."""
        images_BQHW = torch.from_numpy(split.images_BHWQ).permute(0, 3, 1, 2).contiguous()
        return cls(images_BQHW=images_BQHW.to(device), y_B=torch.from_numpy(split.y_B).to(device))


class Normalise:
    """uint8 to float: (x / 255 - mean) / std, with the training split's channel statistics."""

    def __init__(self, dataset: Dataset, device: torch.device) -> None:
        std_Q = torch.from_numpy(dataset.std_Q).float()
        mean_Q = torch.from_numpy(dataset.mean_Q).float()
        # One multiply and one add per pixel: x * scale + shift.
        self._scale_Q11 = (1 / (255 * std_Q)).to(device)[:, None, None]
        self._shift_Q11 = (-mean_Q / std_Q).to(device)[:, None, None]

    def per_channel(self) -> tuple[Tensor, Tensor]:
        """Scale and shift of each channel, (Q,) each: ``pixels * scale + shift``."""
        return self._scale_Q11.flatten(), self._shift_Q11.flatten()

    def __call__(self, images_BQHW: Tensor) -> Tensor:
        """Map uint8 (B, Q, H, W) to float32 of the same shape."""
        return torch.addcmul(self._shift_Q11, images_BQHW.float(), self._scale_Q11)
