"""Training augmentation of a batch on its device: indexing alone, every image its own draw.

torchvision.transforms.v2 draws once for the whole batch; an image at a time would be a Python loop.
"""

from __future__ import annotations

from typing import get_args

import torch
from torch import Tensor

from bench.data.row import Augmentation

_SHIFT_SHARE = 8


def augment(
    images_BQHW: Tensor, kind: Augmentation, *, generator: torch.Generator | None = None
) -> Tensor:
    """Augment images, each by its own random draw.

    Args:
        images_BQHW: uint8.
        kind: "none": the images as they are; "flip": mirrored left to right with probability 1/2;
            "crop_flip": a random crop after padding, then "flip". The padding is 1/8 of the side
            (8 pixels at 64) and reflects: before normalisation, zeros would be a black frame.
        generator: of the draw, on the device of the images; None: torch's own of that device.

    Returns:
        uint8 of the same shape.

    Raises:
        ValueError: an unknown kind.
    """
    if kind not in get_args(Augmentation):
        raise ValueError(f"no augmentation {kind!r}; choices: {', '.join(get_args(Augmentation))}")
    if kind == "none":
        return images_BQHW
    batch, _, height, width = images_BQHW.shape
    device = images_BQHW.device
    flip_B = torch.rand(batch, generator=generator, device=device) < 0.5
    down_B = right_B = torch.zeros(batch, dtype=torch.int64, device=device)
    if kind == "crop_flip":
        down_B = _offsets(batch, height, device, generator)
        right_B = _offsets(batch, width, device, generator)
    return crop_and_flip(images_BQHW, down_B, right_B, flip_B)


def crop_and_flip(images_BQHW: Tensor, down_B: Tensor, right_B: Tensor, flip_B: Tensor) -> Tensor:
    """Move the window of each image, then mirror it left to right where asked.

    Args:
        images_BQHW: any type.
        down_B: int64 pixels that the window moves down (negative: up), less than H; what it sees
            beyond the border is the image reflected at it (the border itself not repeated).
        right_B: the same to the right, less than W.
        flip_B: bool.

    Returns:
        Images of the same type and shape.
    """
    batch, channels, height, width = images_BQHW.shape
    rows_BH = _reflected(height, down_B)
    columns_BW = _reflected(width, right_B)
    columns_BW = torch.where(flip_B[:, None], columns_BW.flip(1), columns_BW)
    # One gather over flat pixels: 4 times as fast as indexing four axes.
    pixels_B1P = (rows_BH[:, :, None] * width + columns_BW[:, None, :]).reshape(batch, 1, -1)
    flat_BQP = images_BQHW.reshape(batch, channels, -1)
    return flat_BQP.gather(2, pixels_B1P.expand(-1, channels, -1)).view_as(images_BQHW)


def _offsets(
    batch: int, side: int, device: torch.device, generator: torch.Generator | None
) -> Tensor:
    limit = side // _SHIFT_SHARE
    return torch.randint(-limit, limit + 1, (batch,), generator=generator, device=device)


def _reflected(side: int, offset_B: Tensor) -> Tensor:
    index_BS = (torch.arange(side, device=offset_B.device) + offset_B[:, None]).abs()
    return side - 1 - (side - 1 - index_BS).abs()
