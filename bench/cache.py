"""Writing arrays to a .npz file of a cache: whole or not at all, whoever else writes it."""

import os
import uuid
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt


def write_npz(path: Path, **arrays: npt.NDArray[Any]) -> None:
    """Write the arrays so that the file's name appears only once it is whole.

    Raises:
        OSError: the folder can not be made or written; nothing half-written stays.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{path.name}.{uuid.uuid4().hex}.partial")
    try:
        with partial.open("xb") as file:
            np.savez(file, allow_pickle=False, **arrays)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
