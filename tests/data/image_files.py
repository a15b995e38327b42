"""Image files of known pixels, for the tests to write and to read back."""

import io
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image


def encoded(pixels: Any, kind: str = "PNG", mode: str | None = None) -> bytes:
    """uint8 (H, W) or (H, W, Q) as a file; mode None: as Pillow takes it from the shape."""
    image = Image.fromarray(np.asarray(pixels, dtype=np.uint8))
    buffer = io.BytesIO()
    (image if mode is None else image.convert(mode)).save(buffer, kind)
    return buffer.getvalue()


def write(folder: Path, files: dict[str, bytes]) -> None:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
