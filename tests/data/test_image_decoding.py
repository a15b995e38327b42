"""Images of every format as a viewer shows them; files that must not be read as another image."""

import io
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pytest
import tifffile
from image_files import write
from PIL import Image

from bench.data.dataset import Dataset
from bench.data.image_decoding import MOST_PIXELS, decode
from bench.data.own import own_dataset
from bench.data.table import load
from bench.errors import UserError

PIXELS = (np.arange(6 * 5 * 3) * 2).astype(np.uint8).reshape(6, 5, 3)
LOSSLESS: dict[str, dict[str, Any]] = {
    "PNG": {}, "TIFF": {}, "BMP": {}, "WEBP": {"lossless": True},
}  # fmt: skip
JPEG: dict[str, Any] = {"quality": 100, "subsampling": 0}
# What an orientation 1 to 8 does to the stored pixels (EXIF 2.32, 4.6.4 A).
UPRIGHT: dict[int, Callable[[npt.NDArray[Any]], npt.NDArray[Any]]] = {
    1: lambda a: a,
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.swapaxes(0, 1),
    6: lambda a: np.rot90(a, -1),
    7: lambda a: a[::-1, ::-1].swapaxes(0, 1),
    8: np.rot90,
}


def saved(kind: str, pixels: npt.NDArray[Any] = PIXELS, mode: str = "RGB", **options: Any) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).convert(mode).save(file, kind, **options)
    return file.getvalue()


def tiff(pixels: npt.NDArray[Any], **options: Any) -> bytes:
    file = io.BytesIO()
    tifffile.imwrite(file, pixels, **options)
    return file.getvalue()


def frames(kind: str, **options: Any) -> bytes:
    turned = Image.fromarray(PIXELS[::-1].copy())
    return saved(kind, save_all=True, append_images=[turned], **options)


@pytest.mark.parametrize("orientation", UPRIGHT)
@pytest.mark.parametrize("kind", ["PNG", "TIFF", "WEBP", "JPEG"])
def test_orientation_is_applied(kind: str, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    found = decode(saved(kind, exif=exif, **(JPEG if kind == "JPEG" else LOSSLESS[kind])))
    expected = UPRIGHT[orientation](PIXELS)
    assert found.shape == expected.shape
    assert np.abs(found.astype(int) - expected).max() <= (3 if kind == "JPEG" else 0)


@pytest.mark.parametrize("kind", LOSSLESS)
@pytest.mark.parametrize("mode", ["RGB", "L", "1", "P"])
def test_lossless_formats_keep_the_pixels(kind: str, mode: str) -> None:
    if (kind, mode) == ("WEBP", "1"):
        pytest.skip("Pillow writes none")
    expected = np.asarray(Image.fromarray(PIXELS).convert(mode).convert("RGB"))
    assert (decode(saved(kind, mode=mode, **LOSSLESS[kind])) == expected).all()


def test_the_first_picture_of_a_phones_jpeg_is_the_image() -> None:
    assert np.abs(decode(frames("MPO", **JPEG)).astype(int) - PIXELS).max() <= 3


def test_cmyk_and_inverted_grey() -> None:
    assert np.abs(decode(saved("JPEG", mode="CMYK", **JPEG)).astype(int) - PIXELS).max() <= 3
    inverted = decode(tiff(PIXELS[..., 0], photometric="miniswhite"))
    assert (inverted == 255 - PIXELS[..., :1]).all()
    planes = tiff(PIXELS.transpose(2, 0, 1).copy(), photometric="rgb", planarconfig="separate")
    assert (decode(planes) == PIXELS).all()


def png_16(pixels: npt.NDArray[Any]) -> bytes:
    return cv2.imencode(".png", pixels.astype(np.uint16))[1].tobytes()


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (png_16(PIXELS), "16 bits a channel: it must have 8 bits"),
        (png_16(PIXELS[..., 0]), "16 bits"),
        (tiff(PIXELS.astype(np.uint16), photometric="rgb"), "16 bits"),
        (tiff(PIXELS[..., 0].astype(np.float32)), "32 bits"),
        (tiff(PIXELS[..., 0].astype(np.int8)), "samples are signed"),
        (tiff(np.dstack([PIXELS] * 2), photometric="rgb", extrasamples=[0] * 3), "6 channels|none"),
        (
            tiff(np.dstack([PIXELS, PIXELS[..., :1]]), photometric="rgb", extrasamples=[0]),
            "4 channels",
        ),
        (saved("TIFF", mode="LAB"), "the mode LAB"),
        (tiff(np.stack([PIXELS] * 2), photometric="rgb"), "2 frames: it must be a single image"),
        (frames("PNG"), "2 frames"),
        (frames("PNG", default_image=True), "2 frames"),
        (frames("WEBP"), "2 frames"),
        (saved("GIF"), "it is none of JPEG, PNG, TIFF, BMP, WEBP with 8 bits a channel, or dam"),
        (saved("PNG", transparency=(0, 2, 4)), "it is transparent"),
        (saved("PNG", np.zeros((MOST_PIXELS // 9000 + 1, 9000), np.uint8), "1"), "89,478,485 pix"),
        (saved("PNG", np.zeros((20000, 9500), np.uint8), "1"), "89,478,485 pixels: shrink it"),
    ],
)  # fmt: skip
def test_refused(data: bytes, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        decode(data)


@pytest.mark.parametrize("kind", [*LOSSLESS, "JPEG"])
def test_a_file_cut_anywhere_is_refused_or_whole(kind: str) -> None:
    data = saved(kind, **(JPEG if kind == "JPEG" else LOSSLESS[kind]))
    whole = decode(data)
    refused = 0
    for end in range(len(data)):
        try:
            assert (decode(data[:end]) == whole).all()
        except AssertionError:
            raise
        except Exception:
            refused += 1
    assert refused >= len(data) - 8


def test_no_flipped_bit_of_a_png_changes_a_pixel() -> None:
    data = saved("PNG")
    whole = decode(data)
    for at in range(len(data)):
        damaged = bytearray(data)
        damaged[at] ^= 1
        try:
            found = decode(bytes(damaged))
        except Exception:
            continue
        assert found.shape == whole.shape
        assert (found == whole).all()


def chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(
        ">I", zlib.crc32(kind + content)
    )  # fmt: skip


def png_of(
    rows: bytes, shape: tuple[int, int], *, bits: int = 8, interlaced: bool = False
) -> bytes:
    """A grey PNG of these rows, each with the byte in front that names its filter."""
    header = struct.pack(">IIBBBBB", shape[1], shape[0], bits, 0, 0, 0, interlaced)
    parts = (b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*part) for part in parts)


PASSES = (np.s_[::8, ::8], np.s_[::8, 4::8], np.s_[4::8, ::4], np.s_[::4, 2::4], np.s_[2::4, ::2],
          np.s_[::2, 1::2], np.s_[1::2])  # fmt: skip


def interlaced_rows(pixels: npt.NDArray[Any]) -> bytes:
    passes = (pixels[each] for each in PASSES)
    return b"".join(b"\0" + row.tobytes() for part in passes for row in part if part.size)


@pytest.mark.parametrize("shape", [(1, 1), (3, 2), (5, 9), (17, 8)])
@pytest.mark.parametrize("interlaced", [False, True])
def test_a_png_whose_pixels_end_early_is_refused(shape: tuple[int, int], interlaced: bool) -> None:
    pixels = np.arange(1, 1 + shape[0] * shape[1], dtype=np.uint8).reshape(shape)
    rows = interlaced_rows(pixels) if interlaced else b"".join(b"\0" + bytes(r) for r in pixels)
    for more in (b"", b"surplus"):  # which viewers leave out
        found = decode(png_of(rows + more, shape, interlaced=interlaced))
        assert (found == pixels[..., None]).all()
    with pytest.raises((ValueError, OSError), match=r"1 bytes of its pixels|truncated"):
        decode(png_of(rows[:-1], shape, interlaced=interlaced))


def test_a_png_of_two_bits_ends_early() -> None:
    rows = b"\0\x1b\x80" * 3  # 0 1 2 3 2 in bits
    assert decode(png_of(rows, (3, 5), bits=2))[..., 0].tolist() == [[0, 85, 170, 255, 170]] * 3
    with pytest.raises((ValueError, OSError), match=r"4 bytes of its pixels|truncated"):
        decode(png_of(rows[:-4], (3, 5), bits=2))


@pytest.mark.parametrize("strip", [0, 1])
@pytest.mark.parametrize("compression", [None, "zlib"])
def test_a_tiff_whose_strip_is_short_or_missing_is_refused(
    strip: int, compression: str | None
) -> None:
    pixels = np.arange(12 * 10, dtype=np.uint8).reshape(12, 10)
    data = bytearray(tiff(pixels, rowsperstrip=6, compression=compression))
    assert (decode(bytes(data)) == pixels[..., None]).all()
    with tifffile.TiffFile(io.BytesIO(data)) as file:
        counts = file.pages.first.tags["StripByteCounts"]
        at = counts.valueoffset + strip * {3: 2, 4: 4}[counts.dtype]
        size = file.pages.first.databytecounts[strip]
    for kept in (0, size // 2):
        assert data[at] == size
        damaged = data.copy()
        damaged[at] = kept
        with pytest.raises(OSError, match=r"decoder error|truncated"):
            decode(bytes(damaged))


def test_damage_that_libjpeg_only_warns_of_is_refused() -> None:
    rng = np.random.default_rng(0)
    data = bytearray(saved("JPEG", rng.integers(0, 256, (64, 64, 3)).astype(np.uint8)))
    data[1500:1502] = b"\xff\xd9"  # an end in the middle, as of a card that lost a block
    with Image.open(io.BytesIO(data)) as image:
        image.load()  # Pillow reads it, a part of it grey
    with pytest.raises(ValueError, match=r"(?i)corrupt|premature|end"):
        decode(bytes(data))


# ---------------------------------------------------------------- folders


def folder(path: Path, files: dict[str, bytes]) -> Dataset:
    write(path, files)
    return load(own_dataset(str(path), task="classification", resize=4))


def mixed() -> dict[str, bytes]:
    files = {}
    for split in ("train", "val", "test"):
        for label, level in (("a", 50), ("b", 200)):
            for i, side in enumerate((9, 12)):
                level_HW3 = np.full((side, 2 * side, 3), level, np.uint8)
                files[f"{split}/{label}/{i}.png"] = saved("PNG", level_HW3)
    return files


def test_a_folder_of_mixed_sizes_is_scaled(tmp_path: Path) -> None:
    write(tmp_path / "own", mixed())
    plain = own_dataset(str(tmp_path / "own"), task="classification")
    with pytest.raises(UserError, match=r"1.png is 12x24 .* 9x18 as .*; --resize H scales all"):
        load(plain)
    gradient = np.repeat(np.arange(0, 160, 10, np.uint8)[None, :, None], 8, 0).repeat(3, 2)
    files = mixed() | {"train/a/0.png": saved("PNG", gradient)}
    dataset = folder(tmp_path / "own", files)
    assert dataset.image_shape == (4, 4, 3) or dataset.image_shape == (4, 4, 1)
    assert dataset.name != plain.name
    assert dataset.train.images_BHWQ[1:].reshape(3, -1).min(1).tolist() == [50, 200, 200]
    # Antialiased: each of the four columns is about the mean of four, the border's more or less.
    row = dataset.train.images_BHWQ[0, 0, :, 0].astype(int)
    assert np.abs(row - [15, 55, 95, 135]).max() <= 4


def test_more_than_the_memory_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bench.data.image_decoding.os.sysconf", lambda _: 9)
    with pytest.raises(UserError, match=r"own: 4 images of 4x4 take .* GiB, .*--resize"):
        folder(tmp_path / "own", mixed())
