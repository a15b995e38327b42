"""A tree of files, in a folder or straight from a zip: names, what tells a change, and content."""

import contextlib
import hashlib
import json
import os
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from bench.errors import UserError


@dataclass(frozen=True, kw_only=True, eq=False)
class FileTree:
    """Files by their name relative to the top, with "/" on every system; hidden ones left out.

    Attributes:
        where: the folder or the zip file, for messages.
        stamps: name -> (size, CRC-32) in a zip, (size, time of change in ns) in a folder.
        content: bytes of a file.
    """

    where: Path
    stamps: Mapping[str, tuple[int, int]]
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
        except (OSError, RuntimeError, EOFError, zipfile.BadZipFile, zlib.error) as error:
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
        UserError: the path is neither a folder nor a complete zip file.
    """
    if path.is_dir():
        yield FileTree(where=path, stamps=_stamps(path), content=lambda n: (path / n).read_bytes())
        return
    try:
        archive = zipfile.ZipFile(path)
    except (OSError, zipfile.BadZipFile) as error:
        raise UserError(
            f"{path} is neither a folder nor a complete zip file ({error}): a truncated download?"
        ) from error
    prefix = f"{top}/" if top else ""
    with archive:
        stamps = {
            info.filename.removeprefix(prefix): (info.file_size, info.CRC)
            for info in archive.infolist()
            if not info.is_dir() and info.filename.startswith(prefix)
        }
        visible = {name: stamp for name, stamp in stamps.items() if not _hidden(name)}
        yield FileTree(where=path, stamps=visible, content=lambda n: archive.read(prefix + n))


def _stamps(folder: Path) -> dict[str, tuple[int, int]]:
    stamps = {}
    for parent, _, files in os.walk(folder, followlinks=True):
        for file in files:
            path = Path(parent, file)
            name = path.relative_to(folder).as_posix()
            if not _hidden(name):
                stat = path.stat()
                stamps[name] = stat.st_size, stat.st_mtime_ns
    return stamps


def _hidden(name: str) -> bool:
    # .DS_Store and ._picture.png of a Mac are no data.
    return any(part.startswith(".") for part in name.split("/"))
