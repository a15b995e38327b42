"""Temporary folders that a later process removes if theirs was killed."""

import contextlib
import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

_PREFIX = "sae-bench-"
_LOCK = "in-use"
_YOUNG_S = 60.0  # between making a folder and its lock


@contextlib.contextmanager
def scratch_folder(place: Path | None = None) -> Iterator[Path]:
    """A folder of this process alone, removed at the end of the block.

    Args:
        place: the folder that it is made in; None: the usual one for temporary files.
    """
    # Not TemporaryDirectory: at exit it would be removed under those who still use it.
    folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=place))
    try:
        with (folder / _LOCK).open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def sweep() -> None:
    """Remove the folders in the temporary folder that this user's killed processes have left."""
    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        with contextlib.suppress(OSError):  # another process sweeps it too
            seen = folder.lstat()
            is_old = time.time() - seen.st_mtime > _YOUNG_S
            if seen.st_uid == os.getuid() and folder.is_dir() and _nobody_holds(folder, is_old):
                shutil.rmtree(folder)


def _nobody_holds(folder: Path, is_old: bool) -> bool:
    if not (folder / _LOCK).exists():
        return is_old
    with (folder / _LOCK).open() as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
    return True
