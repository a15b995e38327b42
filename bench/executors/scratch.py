"""Temporary folders: those of killed processes are removed by the next that makes one."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import socket
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

_PREFIX = "sae-bench-"
_LOCK = "in-use"
_YOUNG_S = 60.0  # between a folder and what says that it is in use


@contextlib.contextmanager
def scratch_folder() -> Iterator[Path]:
    """A folder of this process alone, removed at the end of the block."""
    with tempfile.TemporaryDirectory(prefix=_PREFIX, ignore_cleanup_errors=True) as name:
        folder = Path(name)
        with (folder / _LOCK).open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield folder


def sweep() -> None:
    """Remove what this user's killed processes have left in the temporary folder.

    That is our own folders that nobody holds, and those of multiprocessing whose socket nobody
    listens at: the fork server's, which the command would have removed.
    """
    place = Path(tempfile.gettempdir())
    for folder, is_left in (
        *((folder, _nobody_holds) for folder in place.glob(f"{_PREFIX}*")),
        *((folder, _nobody_listens) for folder in place.glob("pymp-*")),
    ):
        with contextlib.suppress(OSError):  # another process sweeps it too
            seen = folder.lstat()
            is_old = time.time() - seen.st_mtime > _YOUNG_S
            if seen.st_uid == os.getuid() and folder.is_dir() and is_left(folder, is_old):
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


def _nobody_listens(folder: Path, is_old: bool) -> bool:
    inside = list(folder.iterdir())
    if not inside or not all(path.is_socket() for path in inside):
        return False  # another program's, or about to be used
    return is_old and not any(_listens(path) for path in inside)


def _listens(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as client:
        try:
            client.connect(str(path))
        except ConnectionRefusedError:
            return False
    return True
