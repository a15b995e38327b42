"""A tree of files, in a folder or straight from a zip: names, what tells a change, and content.

Nothing is left out without a word but hidden files: what cannot be listed, is no regular file or
has an unreadable name is an error that names it.
"""

import contextlib
import hashlib
import json
import os
import stat
import unicodedata
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from bench.errors import UserError

Stamp = tuple[int, int]

_LITTER = ("Thumbs.db", "desktop.ini", "__MACOSX")
"""What systems leave in folders and in zip files."""


@dataclass(frozen=True, kw_only=True, eq=False)
class FileTree:
    """Files by their name relative to the top, with "/" on every system; hidden ones left out.

    Names are in Unicode's form NFC: a Mac writes the same name in another form.

    Attributes:
        where: the folder or the zip file, for messages.
        stamps: name -> (size, CRC-32) in a zip, (size, time of change in ns) in a folder.
    """

    where: Path
    stamps: Mapping[str, Stamp]
    content: Callable[[str], bytes]

    def below(self, folder: str) -> list[str]:
        """Sorted names of the files below a folder, at any depth."""
        return sorted(name for name in self.stamps if name.startswith(f"{folder}/"))

    def read(self, name: str) -> bytes:
        """Return the bytes of a file.

        Raises:
            UserError: there is no such file, or it cannot be read.
        """
        if name not in self.stamps:
            raise UserError(f"{self.where} lacks {name}")
        try:
            return self.content(name)
        except Exception as error:  # what a damaged archive raises depends on its compression
            raise UserError(f"{self.where}: cannot read {name}: {error}") from error

    def text(self, name: str) -> str:
        """Return a text file. Raises as `read`, and for what is no UTF-8."""
        try:
            return self.read(name).decode("utf-8-sig")  # spreadsheets write a mark at the start
        except UnicodeDecodeError as error:
            raise UserError(f"{self.where}: {name} is no UTF-8 text: {error}") from error

    def stamp_digest(self) -> str:
        """SHA-256 (hex) over names and stamps: quick; a copied folder may have another one."""
        return hashlib.sha256(json.dumps(sorted(self.stamps.items())).encode()).hexdigest()

    def content_digest(self) -> str:
        """SHA-256 (hex) over names and contents: the same wherever the files are."""
        digest = hashlib.sha256()
        for name in sorted(self.stamps):
            content = self.read(name)
            digest.update(f"{json.dumps(name)} {len(content)}\n".encode() + content)
        return digest.hexdigest()


@contextlib.contextmanager
def open_tree(path: Path, *, top: str = "") -> Iterator[FileTree]:
    """Open a folder, or the folder `top` within a zip file, for reading.

    Raises:
        UserError: the path is neither a folder nor a complete zip file, a part of it cannot be
            listed or is no regular file, or names are unreadable or the same.
    """
    if path.is_dir():
        found = _by_name(path, _listed(path))
        yield FileTree(
            where=path,
            stamps={name: stamp for name, (_, stamp) in found.items()},
            content=lambda name: (path / found[name][0]).read_bytes(),
        )
        return
    try:
        archive = zipfile.ZipFile(path)
    except (OSError, ValueError, NotImplementedError, zipfile.BadZipFile) as error:
        raise UserError(
            f"{path} is neither a folder nor a complete zip file ({error}): a truncated download?"
        ) from error
    prefix = f"{top}/" if top else ""
    with archive:
        members = (
            (info.filename.removeprefix(prefix), (info.file_size, info.CRC))
            for info in archive.infolist()
            if not info.is_dir() and info.filename.startswith(prefix)
        )
        found = _by_name(path, ((name, stamp) for name, stamp in members if not is_hidden(name)))
        yield FileTree(
            where=path,
            stamps={name: stamp for name, (_, stamp) in found.items()},
            content=lambda name: archive.read(prefix + found[name][0]),
        )


def _by_name(where: Path, files: Iterable[tuple[str, Stamp]]) -> dict[str, tuple[str, Stamp]]:
    """The files by their name in NFC, each with its name as it is."""
    found: dict[str, tuple[str, Stamp]] = {}
    for actual, stamp in files:
        name = unicodedata.normalize("NFC", actual)
        if any(unicodedata.category(letter) in ("Cc", "Cs", "Zl", "Zp") for letter in name):
            raise UserError(
                f"{where}: the name {actual!a} has a control character or is no UTF-8: "
                "rename the file"
            )
        if name in found:
            raise UserError(f"{where}: there are two files of the name {name}")
        found[name] = actual, stamp
    return found


def _listed(top: Path) -> Iterator[tuple[str, Stamp]]:
    """Name and stamp of all files that are not hidden, through links to folders."""
    start = top.stat()
    waiting = [("", frozenset({(start.st_dev, start.st_ino)}))]
    while waiting:
        folder, above = waiting.pop()
        name = folder
        try:
            with os.scandir(top / folder) as entries:
                for entry in entries:
                    name = f"{folder}/{entry.name}".lstrip("/")
                    if is_hidden(entry.name):
                        continue
                    state = entry.stat()
                    identity = state.st_dev, state.st_ino
                    if stat.S_ISDIR(state.st_mode):
                        if identity in above:
                            raise UserError(f"{top}: {name} is a link to a folder above it")
                        waiting.append((name, above | {identity}))
                    elif stat.S_ISREG(state.st_mode):
                        yield name, (state.st_size, state.st_mtime_ns)
                    else:
                        raise UserError(f"{top}: {name} is a pipe or a device: no regular file")
        except OSError as error:  # a link to nothing, a folder that may not be listed
            reason = error.strerror or error
            raise UserError(f"{top}: cannot read {name or top}: {reason}") from error


def is_hidden(name: str) -> bool:
    """Whether a file or a folder is left out, for its own name or that of a folder above it."""
    # .DS_Store and ._picture.png of a Mac are no data either.
    return any(part.startswith(".") or part in _LITTER for part in name.split("/"))
