"""JPEG and PNG files as one uint8 array.

torchvision and Pillow are imported where they are needed only: see `bench.data.table`.
"""

import contextlib
import io
import warnings
from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from bench.data.file_tree import FileTree
from bench.errors import UserError

_PNG_SIGNATURE = b"\x89PNG"
_PNG_MODES = ("1", "L", "LA", "P", "RGB", "RGBA")


def decode_images(
    tree: FileTree, names: Sequence[str], *, size: tuple[int, int] | None = None
) -> npt.NDArray[np.uint8]:
    """Decode image files of one size to RGB; grey ones get three equal channels.

    Args:
        tree: where the files are.
        names: one file or more.
        size: (H, W) that all of them must have; None: that of the first one.

    Returns:
        uint8 (B, H, W, 3) in the order of the names.

    Raises:
        UserError: a file is not readable, not 8 bits deep, transparent or of another size; the
            message names it.
    """
    with _quiet_torchvision():
        first_HW3 = _decode(tree, names[0])
        height, width = size or first_HW3.shape[:2]
        images_BHW3 = np.empty((len(names), height, width, 3), np.uint8)
        for row, name in enumerate(names):
            image_HW3 = _decode(tree, name) if row else first_HW3
            if image_HW3.shape != (height, width, 3):
                found = "x".join(str(side) for side in image_HW3.shape[:2])
                rule = f"{height}x{width}" if size else f"{height}x{width} as {names[0]} is"
                raise UserError(
                    f"{tree.where}: {name} is {found} (height x width): it must be {rule}"
                )
            images_BHW3[row] = image_HW3
    return images_BHW3


def _decode(tree: FileTree, name: str) -> npt.NDArray[np.uint8]:
    data = tree.read(name)
    try:
        return _decode_png(data) if data.startswith(_PNG_SIGNATURE) else _decode_jpeg(data)
    # Pillow calls a broken chunk of a PNG a SyntaxError.
    except (OSError, RuntimeError, SyntaxError, ValueError) as error:
        raise UserError(f"{tree.where}: {name} cannot be used: {error}") from error


def _decode_jpeg(data: bytes) -> npt.NDArray[np.uint8]:
    import torch
    from torchvision.io import ImageReadMode, decode_jpeg  # type: ignore[import-untyped]

    # A copy: torch wants memory that can be written to.
    data_X = torch.frombuffer(bytearray(data), dtype=torch.uint8)
    image_HW3: npt.NDArray[np.uint8] = (
        decode_jpeg(data_X, ImageReadMode.RGB).permute(1, 2, 0).numpy()
    )
    return image_HW3


def _decode_png(data: bytes) -> npt.NDArray[np.uint8]:
    from PIL import Image

    # Not torchvision: to a PNG with a palette its 0.29 returns memory that was never written.
    with Image.open(io.BytesIO(data)) as image:
        if image.mode not in _PNG_MODES:
            raise ValueError(f"its mode is {image.mode}: it must have 8 bits a channel")
        image_HW4 = np.asarray(image.convert("RGBA"))
    # Transparent pixels have a colour of their own that nobody has ever seen.
    if (image_HW4[..., 3] != 255).any():
        raise ValueError("it is transparent: all pixels must be opaque")
    return image_HW4[..., :3]


@contextlib.contextmanager
def _quiet_torchvision() -> Iterator[None]:
    # From 0.29 on it announces, at every image, that its decoders will move to another package.
    with warnings.catch_warnings():
        warnings.filterwarnings(
            "ignore", "The image decoding and encoding capabilities", DeprecationWarning
        )
        yield
