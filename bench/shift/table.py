"""Image corruptions for the out-of-distribution tests: one table row a corruption.

They follow the spirit of ImageNet-C (Hendrycks and Dietterich, ICLR 2019, arXiv 1903.12261), built
from imgaug's own augmenters because `imgaug.augmenters.imgcorruptlike` refuses images under 32 px.
Left out is what means nothing on one grey channel (saturate) or in an X-ray or a microscope
(weather), and what has no five distinct steps at 8 px (median blur).

This is the only file that imports imgaug, and only when it corrupts: the import takes seconds.
"""

import hashlib
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from bench.shift import augmenters
from bench.shift.augmenters import Images

SEVERITIES = (1, 2, 3, 4, 5)
MIN_SIDE = 8  # the smallest image at which every row still has five distinct steps


@dataclass(frozen=True, kw_only=True)
class Corruption:
    """One row of the table.

    Attributes:
        name: name on the command line and in records.
        label: text for figures.
        kind: family, for grouping in figures.
        unit: what a constant measures; "px at 28" is a length that `bench.shift.augmenters` scales.
        constants: one number a severity, 1 (mild) to 5 (severe).
        build: makes the augmenter from (the imgaug module, constant, image side in pixels, seed);
            see `bench.shift.augmenters`.
    """

    name: str
    label: str
    kind: Literal["noise", "blur", "digital", "geometric"]
    unit: str
    constants: tuple[float, float, float, float, float]
    build: Callable[[Any, float, int, int], Any]


# fmt: off
_TABLE = (
    Corruption(name="gaussian_noise", label="Gaussian noise", kind="noise",
               constants=(0.03, 0.06, 0.10, 0.14, 0.20), unit="standard deviation / 255",
               build=lambda ia, std, _side, seed: ia.augmenters.AdditiveGaussianNoise(
                   scale=255 * std, per_channel=True, seed=seed)),
    Corruption(name="shot_noise", label="Shot noise", kind="noise",
               constants=(250, 100, 50, 25, 14), unit="photons at white",
               build=augmenters.shot_noise),
    Corruption(name="impulse_noise", label="Impulse noise", kind="noise",
               constants=(0.02, 0.04, 0.07, 0.11, 0.17), unit="share of values set to 0 or 255",
               build=augmenters.impulse_noise),
    Corruption(name="speckle_noise", label="Speckle noise", kind="noise",
               constants=(0.08, 0.15, 0.22, 0.30, 0.40), unit="standard deviation / value",
               build=augmenters.speckle_noise),
    Corruption(name="gaussian_blur", label="Gaussian blur", kind="blur",
               constants=(0.7, 0.95, 1.2, 1.55, 2.0), unit="sigma, px at 28",
               build=augmenters.gaussian_blur),
    Corruption(name="defocus_blur", label="Defocus blur", kind="blur",
               constants=(1.2, 1.5, 1.85, 2.3, 2.8), unit="disk radius, px at 28",
               build=augmenters.defocus_blur),
    Corruption(name="motion_blur", label="Motion blur", kind="blur",
               constants=(2.5, 3.75, 5.0, 6.5, 8.5), unit="line length, px at 28",
               build=augmenters.motion_blur),
    Corruption(name="contrast", label="Contrast", kind="digital",
               constants=(0.75, 0.60, 0.45, 0.32, 0.20), unit="factor around 127",
               build=lambda ia, factor, _side, seed: ia.augmenters.LinearContrast(
                   factor, seed=seed)),
    Corruption(name="brightness", label="Brightness", kind="digital",
               constants=(0.06, 0.12, 0.18, 0.25, 0.33), unit="added / 255",
               build=lambda ia, offset, _side, seed: ia.augmenters.Add(
                   round(255 * offset), seed=seed)),
    Corruption(name="darkness", label="Darkness", kind="digital",
               constants=(0.80, 0.65, 0.50, 0.38, 0.27), unit="factor",
               build=lambda ia, factor, _side, seed: ia.augmenters.Multiply(factor, seed=seed)),
    Corruption(name="jpeg", label="JPEG", kind="digital",
               constants=(55, 35, 22, 14, 8), unit="JPEG quality", build=augmenters.jpeg),
    Corruption(name="pixelate", label="Pixelate", kind="digital",
               constants=(0.90, 0.75, 0.60, 0.50, 0.40), unit="factor of the side",
               build=augmenters.pixelate),
    Corruption(name="elastic", label="Elastic", kind="geometric",
               constants=(0.25, 0.45, 0.65, 0.85, 1.1), unit="displacement std, px at 28",
               build=augmenters.elastic),
    Corruption(name="rotation", label="Rotation", kind="geometric",
               constants=(5, 10, 15, 22, 30), unit="degrees, either way",
               build=augmenters.rotation),
    Corruption(name="shear", label="Shear", kind="geometric",
               constants=(0.08, 0.16, 0.25, 0.35, 0.46), unit="columns a row, either way",
               build=augmenters.shear),
    Corruption(name="translation", label="Translation", kind="geometric",
               constants=(0.03, 0.06, 0.09, 0.12, 0.16), unit="share of each side, either way",
               build=augmenters.translation),
)
# fmt: on
CORRUPTIONS: dict[str, Corruption] = {row.name: row for row in _TABLE}


def register(rows: Iterable[Corruption]) -> None:
    """Add rows behind those of the table."""
    CORRUPTIONS.update({row.name: row for row in rows})


def corrupt(images_BHWQ: Images, *, name: str, severity: int, key: str) -> Images:
    """Corrupt a batch of raw images.

    The result depends on the arguments alone, not on the process, the order of calls or any global
    random state, and those states are left as they were: every method and seed sees the same noise.

    Args:
        images_BHWQ: uint8 images, 1 or 3 channels, at least 8 x 8; left as they are.
        name: a row of `CORRUPTIONS`.
        severity: 1 (mild) to 5 (severe).
        key: what the noise belongs to: the dataset's name.

    Returns:
        A new uint8 array of the same shape.

    Raises:
        ValueError: for an unknown name, a severity outside 1..5, images of another type or shape.
    """
    check_images(images_BHWQ)
    if name not in CORRUPTIONS:
        raise ValueError(f"Unknown corruption {name!r}; choices: {', '.join(CORRUPTIONS)}.")
    if severity not in SEVERITIES:
        raise ValueError(f"severity is {severity!r}; choices: 1, 2, 3, 4, 5.")
    import imgaug

    row = CORRUPTIONS[name]
    identity = json.dumps([key, name, severity]).encode()
    seed = int.from_bytes(hashlib.sha256(identity).digest()[:8], "big")
    side = min(images_BHWQ.shape[1:3])
    augmenter = row.build(imgaug, row.constants[severity - 1], side, seed)
    corrupted_BHWQ: Images = np.ascontiguousarray(augmenter(images=images_BHWQ))
    assert corrupted_BHWQ.shape == images_BHWQ.shape
    assert corrupted_BHWQ.dtype == np.uint8
    return corrupted_BHWQ


def check_images(images_BHWQ: Images) -> None:
    """Raise ValueError for images of a type or shape that `corrupt` does not take."""
    if images_BHWQ.dtype != np.uint8:
        raise ValueError(f"images are {images_BHWQ.dtype}; corruptions need raw uint8 images.")
    shape = images_BHWQ.shape
    if len(shape) != 4 or shape[0] == 0 or shape[3] not in (1, 3) or min(shape[1:3]) < MIN_SIDE:
        raise ValueError(
            f"images have the shape {shape}; it must be (B, H, W, Q) with B >= 1, "
            f"H and W >= {MIN_SIDE} and Q = 1 or 3 (for grey B x H x W add a last axis)."
        )
