"""Writing files so that a name appears, or a file is replaced, whole or not at all."""

from __future__ import annotations

import contextlib
import os
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

SUFFIX = ".partial"
"""How a file's name ends that is being written: ``.<name>.<32 hex digits>.<process>.partial``."""


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
    finally:
        partial.unlink(missing_ok=True)


def write_whole(path: Path, content: bytes) -> None:
    """Replace a file in one step.

    Raises:
        OSError: as `replacing`.
    """
    with replacing(path) as file:
        file.write(content)
