"""A folder that appears whole or not at all."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.errors import UserError
from bench.storage.atomic import SUFFIX, folder_to_write

# The file that marks a folder as an export.
MARK = "export.json"


def check_target(target: Path, *, force: bool) -> None:
    """Raise UserError where ``target`` exists and may not be replaced."""
    if not target.exists():
        return
    if not (target / MARK).is_file():
        raise UserError(f"--out {target}: exists and is not an export; name another folder")
    if not force:
        raise UserError(f"--out {target}: is an export already; --force replaces it")


@contextmanager
def whole(target: Path, *, force: bool) -> Iterator[Path]:
    """A folder beside ``target`` to write in; it takes the target's place when the block ends.

    If the block raises, or the process dies in it, the target is as it was before. Between the
    two renames that replace an old export there is a moment in which there is none: then both lie
    beside, as hidden folders.
    """
    check_target(target, force=force)
    aside, old = (
        target.parent / f".{target.name}.{end}.{os.getpid()}{SUFFIX}" for end in ("new", "old")
    )
    try:
        folder_to_write(target.parent)
        aside.mkdir()
    except OSError as error:
        raise UserError(f"--out {target}: {error.strerror}; name another folder") from error
    try:
        yield aside
        if target.exists():
            target.rename(old)
        aside.rename(target)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
        shutil.rmtree(old, ignore_errors=True)
