"""Image files as one uint8 array: what a viewer shows, or an error that names the file.

JPEG, PNG, TIFF, BMP and WebP, told apart by content. Bits, frames and samples are read from the
file's own header: Pillow's mode hides them (it keeps the high byte of a 16-bit RGB PNG). Pillow and
simplejpeg are imported where they are needed only: see `bench.data.table`.
"""

from __future__ import annotations

import io
import os
import struct
import warnings
import zlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from bench.data.file_tree import FileTree
from bench.errors import UserError

if TYPE_CHECKING:
    from PIL import Image

FORMATS = ("JPEG", "PNG", "TIFF", "BMP", "WEBP")
MODES = ("1", "L", "LA", "La", "P", "PA", "RGB", "RGBA", "RGBa", "CMYK", "YCbCr")
MOST_PIXELS = 89_478_485  # Pillow's own limit

# Everything else that Pillow warns of (a file cut short, a broken EXIF) is taken for damage.
_HARMLESS = "Metadata Warning|.*malformed MPO|Palette images with Transparency"
_ORIENTATION = 0x0112  # EXIF and TIFF
_TIFF_BITS, _TIFF_SAMPLES, _TIFF_FORMATS = 258, 277, 339
_PNG_BITS, _PNG_INTERLACED = 24, 28  # offsets: IHDR is the first chunk
_PNG_FIRST, _PNG_FRAME = 8, 12  # offset of the first chunk; bytes of one beside its content
# First row, step, first column, step of each pass of an interlaced PNG.
_ADAM7 = ((0, 8, 0, 8), (0, 8, 4, 8), (4, 8, 0, 4), (0, 4, 2, 4), (2, 4, 0, 2), (0, 2, 1, 2),
          (1, 2, 0, 1))  # fmt: skip


def decode_images(
    tree: FileTree,
    names: Sequence[str],
    *,
    size: tuple[int, int] | None = None,
    resize: int | None = None,
    hint: str = "",
) -> npt.NDArray[np.uint8]:
    """Decode image files of one size to RGB; grey ones get three equal channels.

    Args:
        tree: where the files are.
        names: one file or more.
        size: (H, W) that all of them must have; None: that of the first one.
        resize: every image is scaled to this height and width; see `scaled`.
        hint: ends the message that a file has another size.

    Returns:
        uint8 (B, H, W, 3) in the order of the names.

    Raises:
        UserError: a file is not readable, not 8 bits deep, transparent, of several frames, too
            large or of another size; the message names it. Or all of them exceed the memory.
    """
    first_HW3 = _read(tree, names[0], resize)
    height, width = (resize, resize) if resize else size or first_HW3.shape[:2]
    _require_memory(tree, len(names), height, width)
    images_BHW3 = np.empty((len(names), height, width, 3), np.uint8)
    for row, name in enumerate(names):
        image_HW3 = _read(tree, name, resize) if row else first_HW3
        if image_HW3.shape != (height, width, 3):
            found = "x".join(str(side) for side in image_HW3.shape[:2])
            rule = f"{height}x{width}" if size else f"{height}x{width} as {names[0]} is"
            raise UserError(
                f"{tree.where}: {name} is {found} (height x width): it must be {rule}{hint}"
            )
        images_BHW3[row] = image_HW3
    return images_BHW3


def decode(data: bytes, *, resize: int | None = None) -> npt.NDArray[np.uint8]:
    """Decode the bytes of one image file, upright by its EXIF or TIFF orientation.

    Returns:
        uint8 (H, W, 3).

    Raises:
        ValueError: it cannot be used; the message has the reason. Other exceptions: it is damaged.
    """
    from PIL import Image, TiffImagePlugin, UnidentifiedImageError

    # Pillow's own reader of TIFF takes whatever lies behind a strip that is too short or missing.
    TiffImagePlugin.READ_LIBTIFF = True
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", message=_HARMLESS)
        try:
            with Image.open(io.BytesIO(data), formats=FORMATS) as image:
                image.verify()  # checksums of all chunks of a PNG; its decoder leaves out some
            with Image.open(io.BytesIO(data), formats=FORMATS) as image:
                _require_plain(image, data)
                upright = _upright(_opaque_rgb(image, data), image)
        except (Image.DecompressionBombError, Image.DecompressionBombWarning):
            raise ValueError(f"it has more than {MOST_PIXELS:,} pixels: shrink it first") from None
        except UnidentifiedImageError:
            raise ValueError(
                f"it is none of {', '.join(FORMATS)} with 8 bits a channel, or damaged"
            ) from None
    return np.asarray(upright if resize is None else scaled(upright, resize))


def scaled(image: Image.Image, side: int) -> Image.Image:
    """Scale the whole image to side x side by Pillow's bicubic filter (antialiased)."""
    from PIL import Image

    return image.resize((side, side), Image.Resampling.BICUBIC)


def _read(tree: FileTree, name: str, resize: int | None) -> npt.NDArray[np.uint8]:
    data = tree.read(name)
    try:
        return decode(data, resize=resize)
    except Exception as error:  # anything may go wrong in a foreign file
        reason = str(error) or type(error).__name__
        raise UserError(f"{tree.where}: {name} cannot be used: {reason}") from error


def _require_plain(image: Image.Image, data: bytes) -> None:
    """Raise ValueError unless it is one frame of unsigned samples of at most 8 bits."""
    tags: Any = getattr(image, "tag_v2", {})
    bits = max(tags.get(_TIFF_BITS, (1,)))
    if image.format == "PNG":
        bits = data[_PNG_BITS]
    if bits > 8 or image.mode not in MODES:
        found = f"{bits} bits a channel" if bits > 8 else f"the mode {image.mode}"
        raise ValueError(f"it has {found}: it must have 8 bits a channel, grey or colour")
    if set(tags.get(_TIFF_FORMATS, (1,))) != {1}:
        raise ValueError("its samples are signed or floating-point: they must be 0..255")
    if tags.get(_TIFF_SAMPLES, len(image.getbands())) != len(image.getbands()):
        raise ValueError(f"it has {tags[_TIFF_SAMPLES]} channels: it must be grey or colour")
    # The further pictures of a phone's JPEG (MPO) are depth or previews: viewers show the first.
    frames = 1 if image.format in ("JPEG", "MPO") else getattr(image, "n_frames", 1)
    if frames > 1:
        raise ValueError(f"it has {frames} frames: it must be a single image")


def _opaque_rgb(image: Image.Image, data: bytes) -> Image.Image:
    from PIL import Image

    if image.format in ("JPEG", "MPO"):
        import simplejpeg

        # Strict: what libjpeg only warns of, and decodes as grey areas or noise, is an error.
        space = "CMYK" if image.mode == "CMYK" else "RGB"
        pixels = simplejpeg.decode_jpeg(data, space, strict=True)
        return Image.fromarray(pixels) if space == "RGB" else image.convert("RGB")
    image.load()
    if image.format == "PNG":
        _require_all_rows(image, data)
    # Transparent pixels have a colour of their own that nobody has ever seen.
    if image.has_transparency_data:
        image = image.convert("RGBA")
        if np.asarray(image)[..., 3].min() < 255:
            raise ValueError("it is transparent: all pixels must be opaque")
    return image.convert("RGB")


def _require_all_rows(image: Image.Image, data: bytes) -> None:
    """Raise ValueError if a PNG's pixels end early: Pillow leaves the rest black."""
    needed, inflate, at = _png_bytes(image, data), zlib.decompressobj(), _PNG_FIRST
    while needed > 0 and at + _PNG_FRAME <= len(data):
        size, kind = struct.unpack_from(">I4s", data, at)
        if kind == b"IDAT":
            content = data[at + 8 : at + 8 + size]
            needed -= len(inflate.decompress(content, needed))
        at += _PNG_FRAME + size
    if needed > 0:
        raise ValueError(f"it is damaged: {needed} bytes of its pixels are missing")


def _png_bytes(image: Image.Image, data: bytes) -> int:
    """Bytes of all rows of a PNG, each with the one that names its filter (PNG 3, 7.2 and 8)."""
    bits = data[_PNG_BITS] * len(image.getbands())
    passes = _ADAM7 if data[_PNG_INTERLACED] else ((0, 1, 0, 1),)
    total = 0
    for top, down, left, across in passes:
        width = len(range(left, image.width, across))
        if width:
            total += len(range(top, image.height, down)) * (1 + -(-width * bits // 8))
    return total


def _upright(pixels: Image.Image, image: Image.Image) -> Image.Image:
    from PIL.Image import Transpose

    # Pillow turns a TIFF itself when it loads it, and removes the tag.
    turn = {
        2: Transpose.FLIP_LEFT_RIGHT,
        3: Transpose.ROTATE_180,
        4: Transpose.FLIP_TOP_BOTTOM,
        5: Transpose.TRANSPOSE,
        6: Transpose.ROTATE_270,
        7: Transpose.TRANSVERSE,
        8: Transpose.ROTATE_90,
    }.get(image.getexif().get(_ORIENTATION, 1))
    return pixels if turn is None else pixels.transpose(turn)


def _require_memory(tree: FileTree, n: int, height: int, width: int) -> None:
    needed = n * height * width * 3
    there = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    if needed > there:
        raise UserError(
            f"{tree.where}: {n} images of {height}x{width} take {needed / 2**30:.1f} GiB, and this "
            f"machine has {there / 2**30:.1f}: scale them down, for example with --resize 64"
        )
