"""How each corruption's augmenter is built from imgaug's parts. `bench.shift.table` has the table.

Every function takes (the imgaug module, constant, image side in pixels, seed) and hands the seed to
every augmenter it makes, children too: imgaug would draw a missing one from a generator that it
seeds from, and so advances, NumPy's global state. The module comes as an argument because only
`bench.shift.table` imports it.
"""

import io
import math
from typing import Any

import numpy as np
import numpy.typing as npt

Images = npt.NDArray[np.uint8]
Kernel = npt.NDArray[np.float32]

_REFERENCE_SIDE = 28  # the image side, in pixels, at which lengths in the table hold


def _pixels(length: float, side: int) -> float:
    """Scale a length that holds at 28 px to another image side, by the root of the ratio.

    A fixed length would wipe out an 8x8 image and a fixed share of the side would fall below one
    pixel there, so that severities coincide. The root lies between, as Hendrycks' own constants
    do: his strongest Gaussian blur has sigma 1.0 at 32 px (CIFAR-10-C) and 1.5 at 64 px
    (Tiny ImageNet-C).
    """
    return length * math.sqrt(side / _REFERENCE_SIDE)


def shot_noise(ia: Any, photons: float, _side: int, seed: int) -> Any:
    """Poisson counts of the light, ``photons`` for white."""

    def count(images_BHWQ: Images, generator: Any, _parents: Any, _hooks: Any) -> Images:
        block = 256  # images at a time: counts take 8 bytes a value
        for start in range(0, len(images_BHWQ), block):
            clean = images_BHWQ[start : start + block]
            noisy = generator.poisson(clean * (photons / 255)) * (255 / photons)
            images_BHWQ[start : start + block] = np.rint(np.minimum(noisy, 255))
        return images_BHWQ

    # imgaug's AdditivePoissonNoise does not depend on the signal; shot noise does.
    return ia.augmenters.Lambda(func_images=count, seed=seed)


def impulse_noise(ia: Any, share: float, _side: int, seed: int) -> Any:
    """A ``share`` of the values becomes black or white."""
    # imgaug's SaltAndPepper draws greys from a Beta distribution; salt is 255 and pepper 0.
    extremes = ia.parameters.Choice([0, 255])
    return ia.augmenters.ReplaceElementwise(share, extremes, per_channel=True, seed=seed)


def speckle_noise(ia: Any, std: float, _side: int, seed: int) -> Any:
    """Noise in proportion to the value."""
    factors = ia.parameters.Normal(1.0, std)
    return ia.augmenters.MultiplyElementwise(factors, per_channel=True, seed=seed)


def _gaussian(sigma: float) -> Kernel:
    """A row of the Gaussian's values out to three standard deviations or more; sums to 1."""
    reach = math.ceil(3 * sigma)
    bell = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    row: Kernel = (bell / bell.sum()).astype(np.float32)[None]
    return row


def gaussian_blur(ia: Any, sigma: float, side: int, seed: int) -> Any:
    """Convolution with a Gaussian."""
    # imgaug's GaussianBlur cuts wide kernels at some 1.5 standard deviations, in steps that make
    # neighbouring severities nearly alike. Rows, then columns: five times as fast as the square.
    row = _gaussian(_pixels(sigma, side))
    passes = [ia.augmenters.Convolve(kernel, seed=seed) for kernel in (row, row.T)]
    return ia.augmenters.Sequential(passes, seed=seed)


def _disk(radius: float) -> Kernel:
    """Share of each pixel that a centred disk covers, from 15 x 15 points a pixel; sums to 1."""
    reach, points = math.ceil(radius - 0.5), 15
    n_pixels = 2 * reach + 1
    line = (np.arange(n_pixels * points) + 0.5) / points - n_pixels / 2
    inside = np.hypot(line[:, None], line) <= radius
    covered = inside.reshape(n_pixels, points, n_pixels, points).sum((1, 3))
    disk: Kernel = (covered / covered.sum()).astype(np.float32)
    return disk


def defocus_blur(ia: Any, radius: float, side: int, seed: int) -> Any:
    """Convolution with a disk."""
    return ia.augmenters.Convolve(_disk(_pixels(radius, side)), seed=seed)


def _line(length: float, degrees: float) -> Kernel:
    """A centred line of a length in pixels, spread over the pixels bilinearly; sums to 1."""
    reach = math.ceil(length / 2)
    grid = np.arange(-reach, reach + 1)
    along = np.linspace(-length / 2, length / 2, 101)
    angle = math.radians(degrees)
    share_x = np.clip(1 - abs(grid[:, None] - along * math.cos(angle)), 0, None)
    share_y = np.clip(1 - abs(grid[:, None] + along * math.sin(angle)), 0, None)
    spread = share_y @ share_x.T
    line: Kernel = (spread / spread.sum()).astype(np.float32)
    return line


def motion_blur(ia: Any, length: float, side: int, seed: int) -> Any:
    """Convolution with a line, in a direction drawn for each image."""
    # imgaug's MotionBlur takes odd whole lengths only: at 8 px that leaves two distinct ones.
    kernels = [_line(_pixels(length, side), degrees) for degrees in range(0, 180, 5)]

    def draw(_image: Images, _channels: int, generator: Any) -> Kernel:
        index: int = generator.integers(0, len(kernels))
        return kernels[index]

    return ia.augmenters.Convolve(draw, seed=seed)


def jpeg(ia: Any, quality: float, _side: int, seed: int) -> Any:
    """Compress and decompress."""
    from PIL import Image

    def recode(image_HWQ: Images) -> Images:
        grey = image_HWQ.shape[-1] == 1  # Pillow takes a grey image without a channel axis
        image, file = Image.fromarray(image_HWQ[..., 0] if grey else image_HWQ), io.BytesIO()
        image.save(file, "JPEG", quality=int(quality))
        return np.asarray(Image.open(file)).reshape(image_HWQ.shape)

    def recode_each(images_BHWQ: Images, _generator: Any, _parents: Any, _hooks: Any) -> Images:
        return np.stack([recode(image_HWQ) for image_HWQ in images_BHWQ])

    # imgaug's JpegCompression writes a temporary file per image and reads it back by a deprecated
    # imageio call: one warning per image, and four times as slow.
    return ia.augmenters.Lambda(func_images=recode_each, seed=seed)


def pixelate(ia: Any, factor: float, _side: int, seed: int) -> Any:
    """Shrink by ``factor`` and enlarge again."""
    # Area both ways: nearest would also shift edges by up to half a block, so that a factor of
    # 0.5, where blocks fall on pixels, would change an image less than 0.9 does.
    smaller = ia.augmenters.Resize(factor, interpolation="area", seed=seed)
    # KeepSizeByResize would wrap a bare child in a Sequential without a seed.
    smaller = ia.augmenters.Sequential([smaller], seed=seed)
    return ia.augmenters.KeepSizeByResize(smaller, interpolation="area", seed=seed)


def elastic(ia: Any, displacement: float, side: int, seed: int) -> Any:
    """Move pixels along a smooth random field."""
    # imgaug averages U(-alpha, alpha) over k x k pixels, k = round(2 sigma) (for sigma >= 1.5), so
    # the displacement has the standard deviation alpha / (sqrt(3) k).
    sigma = side / 5  # smooth enough that neighbouring pixels seldom change places
    alpha = _pixels(displacement, side) * math.sqrt(3) * round(2 * sigma)
    return ia.augmenters.ElasticTransformation(
        alpha=alpha, sigma=sigma, order=1, mode="reflect", seed=seed
    )


def _affine(ia: Any, seed: int, **parameters: Any) -> Any:
    # Mirrored borders: black corners would be a cue of their own.
    return ia.augmenters.Affine(order=1, mode="reflect", seed=seed, **parameters)


def _either_sign(ia: Any, size: float) -> Any:
    return ia.parameters.Choice([-size, size])  # drawn anew for each image


def rotation(ia: Any, degrees: float, _side: int, seed: int) -> Any:
    """Rotate by ``degrees``, in a direction drawn for each image."""
    return _affine(ia, seed, rotate=_either_sign(ia, degrees))


def shear(ia: Any, slope: float, _side: int, seed: int) -> Any:
    """Shift columns by ``slope`` a row, in a direction drawn for each image."""
    # imgaug shears by tanh, not tan, of its angle, and takes a bare parameter for both axes at
    # once, which is nearly a rotation.
    return _affine(ia, seed, shear={"x": _either_sign(ia, math.degrees(math.atanh(slope)))})


def translation(ia: Any, share: float, _side: int, seed: int) -> Any:
    """Shift by a ``share`` of each side, in directions drawn for each image."""
    return _affine(ia, seed, translate_percent={axis: _either_sign(ia, share) for axis in "xy"})


# Severity 1 was chosen by eye to be just visible and 5 to leave the class conceivable, on X-rays
# and blood cells at 28 px, digits at 8 px and photographs at 64 px; never by any model's accuracy.
