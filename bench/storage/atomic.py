"""Writing files so that a name appears, or a file is replaced, whole or not at all."""

import contextlib
import os
import re
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

SUFFIX = ".partial"
"""How a file's name ends that is being written: ``.<name>.<32 hex digits>.<process>.partial``."""


_BEING_WRITTEN = re.compile(rf"\..+\.(\d+){re.escape(SUFFIX)}")


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """A file to write that takes the name ``path`` at the end of the block, in one step.

    Raises:
        OSError: it cannot be written; what was there stays, and nothing half-written.
    """
    partial = path.with_name(f".{path.name}.{uuid.uuid4().hex}.{os.getpid()}{SUFFIX}")
    try:
        with partial.open("xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    except OSError as error:
        if str(error.filename) == str(partial):
            error.filename = str(path)  # the name in the caller's terms
        raise
    finally:
        with contextlib.suppress(OSError):
            partial.unlink()


def write_whole(path: Path, content: bytes) -> None:
    """Replace a file in one step."""
    with replacing(path) as file:
        file.write(content)


def folder_to_write(path: Path) -> Path:
    """Make a folder where there is none; in one that is there, remove what killed writers left."""
    path.mkdir(parents=True, exist_ok=True)
    sweep(path)
    return path


def sweep(folder: Path) -> None:
    """Remove the half-written files and folders of processes that have ended."""
    for path in folder.glob(f".*{SUFFIX}"):
        writer = _BEING_WRITTEN.fullmatch(path.name)
        if not writer or _runs(int(writer[1])):
            continue
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
