"""One's own data for tiny runs: 8x8 images whose brightness tells what is to be predicted."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from image_files import encoded, write

SIZES = {"train": 60, "val": 30, "test": 40}
TARGET_RANGE = (20.0, 60.0)


def _images(level_B: npt.NDArray[Any], rng: np.random.Generator) -> npt.NDArray[np.uint8]:
    noise_BHW = rng.normal(0, 25, (len(level_B), 8, 8))
    return np.clip(level_B[:, None, None] + noise_BHW, 0, 255).astype(np.uint8)


def values_npz(path: Path) -> str:
    """Regression: targets of train run from 20 to 60, those of val and test also beyond."""
    rng = np.random.default_rng(0)
    arrays: dict[str, Any] = {}
    for split, size in SIZES.items():
        low, high = TARGET_RANGE if split == "train" else (15.0, 65.0)
        target_B = np.linspace(low, high, size)
        arrays[f"{split}_labels"] = target_B
        arrays[f"{split}_images"] = _images(3 * target_B, rng)
    np.savez(path, **arrays)
    return str(path)


def classes_npz(path: Path) -> str:
    """Two classes, dark and bright."""
    rng = np.random.default_rng(1)
    arrays: dict[str, Any] = {}
    for split, size in SIZES.items():
        label_B = np.arange(size) % 2
        arrays[f"{split}_labels"] = label_B
        arrays[f"{split}_images"] = _images(80 + 60 * label_B, rng)
    np.savez(path, **arrays)
    return str(path)


def classes_folder(folder: Path) -> str:
    """Two classes of grey PNG images."""
    rng = np.random.default_rng(2)
    for split, size in SIZES.items():
        for label, name in enumerate(("dark", "light")):
            images = _images(np.full(size // 2, 80 + 60 * label), rng)
            write(folder, {f"{split}/{name}/{k}.png": encoded(i) for k, i in enumerate(images)})
    return str(folder)
