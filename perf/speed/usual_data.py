"""The data of the other sides: medmnist's own datasets, torchvision's transforms."""

from __future__ import annotations

import warnings
from typing import Any

import medmnist
import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset, TensorDataset
from torchvision import transforms  # type: ignore[import-untyped]

from bench.data.folder import folder_and_origin
from bench.data.table import DATASETS


def pil_split(problem: str, split: str, transform: Any = None) -> Dataset[Any]:
    """A split as medmnist gives it: a PIL image and its label at a time.

    Args:
        problem: a dataset of medmnist, by its name in our table.
        split: "train", "val" or "test".
        transform: of the image.
    """
    flag = f"{problem}mnist"
    kind = getattr(medmnist, medmnist.INFO[flag]["python_class"])
    found: Dataset[Any] = kind(
        split=split, transform=transform, root=str(folder_and_origin(None)[0])
    )
    return found


def usual_transform(problem: str) -> Any:
    """ToTensor and Normalize, with the statistics of the training split."""
    images: Any = pil_split(problem, "train")
    pixels = images.imgs.reshape(-1, images.imgs.shape[-1] if images.imgs.ndim == 4 else 1) / 255
    normalise = transforms.Normalize(pixels.mean(0).tolist(), pixels.std(0).tolist())
    return transforms.Compose([transforms.ToTensor(), normalise])


def tensors(problem: str, split: str) -> TensorDataset:
    """A split as normalised float tensors in memory, and its labels (B, 1)."""
    images: Any = pil_split(problem, split)
    transform = usual_transform(problem)
    x_BQHW = torch.stack([transform(np.asarray(image)) for image in images.imgs])
    return TensorDataset(x_BQHW, torch.from_numpy(images.labels.astype(np.int64)))


def targets(problem: str, labels_B1: Tensor) -> Tensor:
    """What the network is trained on: labels, or grades scaled to [0, 1]."""
    target_range = DATASETS[problem].target_range
    if target_range is None:
        return labels_B1[:, 0]
    low, high = target_range
    return (labels_B1[:, 0].float() - low) / (high - low)


def quiet() -> None:
    """Without the warnings that both frameworks give for settings left at their defaults."""
    warnings.simplefilter("ignore")
