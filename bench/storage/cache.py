"""Arrays kept on disk under a key: the data's identity and the code that made them.

The code counts by its syntax trees: an edited comment or docstring throws nothing away.
"""

import ast
import functools
import hashlib
import json
import logging
import math
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib import metadata
from pathlib import Path
from types import ModuleType
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from bench.storage.atomic import replacing

_log = logging.getLogger(__name__)

Arrays = Mapping[str, npt.NDArray[Any]]

# What zipfile raises depends on which byte is damaged.
DAMAGE = (
    ValueError, KeyError, EOFError, RuntimeError, OSError, struct.error, zipfile.BadZipFile,
    zlib.error,
)  # fmt: skip

# Where the header of a file within a ZIP archive has the lengths of its name and its extra field.
_LENGTHS = 26
_HEADERS = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}


def path_of(
    folder: Path, stem: str, facts: object, code: Sequence[ModuleType], libraries: Sequence[str]
) -> Path:
    """The file of some arrays.

    Args:
        folder: of the cache.
        stem: how the file's name begins, for readers.
        facts: what the arrays depend on besides code, as JSON.
        code: the modules that make them.
        libraries: distributions whose versions count; those that are not installed do not.
    """
    key = json.dumps([facts, *code_identity(tuple(code), tuple(libraries))]).encode()
    return folder / f"{stem}-{hashlib.sha256(key).hexdigest()}.npz"


def kept(path: Path, make: Callable[[], Arrays]) -> Arrays:
    """The arrays of a file, mapped; made and written if it is absent or damaged (a warning)."""
    found = read(path)
    if found is not None:
        return found
    made = make()
    write(path, made)
    return made


def read(path: Path) -> dict[str, npt.NDArray[Any]] | None:
    """The arrays of a file; None if it is absent or damaged (each array carries a CRC-32).

    They are mapped: processes that read them share the pages; what is written to them is private.
    """
    try:
        with path.open("rb") as file:
            return _mapped(file)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except DAMAGE as error:
        _log.warning("Cached arrays %s are damaged (%s); making them again.", path, error)
        return None


def _mapped(file: BinaryIO) -> dict[str, npt.NDArray[Any]]:
    with zipfile.ZipFile(file) as archive:
        if damaged := archive.testzip():
            raise zipfile.BadZipFile(f"bad CRC-32 of {damaged}")
        members = archive.infolist()
    return {one.filename.removesuffix(".npy"): _map(file, one) for one in members}


def _map(file: BinaryIO, member: zipfile.ZipInfo) -> npt.NDArray[Any]:
    """An array of an archive that is not compressed."""
    if member.compress_type != zipfile.ZIP_STORED:
        raise ValueError(f"{member.filename} is compressed")
    file.seek(member.header_offset + _LENGTHS)
    file.seek(sum(struct.unpack("<HH", file.read(4))), 1)
    version = np.lib.format.read_magic(file)  # type: ignore[no-untyped-call]
    shape, by_columns, dtype = _HEADERS[version](file)  # type: ignore[no-untyped-call]
    if dtype.hasobject:
        raise ValueError(f"{member.filename} has Python objects")
    if math.prod(shape) == 0:
        return np.empty(shape, dtype)
    array = np.memmap(file, dtype, "c", file.tell(), shape, "F" if by_columns else "C")
    # Numbers of several bytes may start anywhere in an archive: those (labels) are copied.
    return array if array.flags.aligned else np.array(array)


def write(path: Path, arrays: Arrays) -> None:
    """Write arrays, whole or not at all, whoever else writes them."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as file:
        np.savez(file, allow_pickle=False, **arrays)


@functools.cache
def code_identity(code: tuple[ModuleType, ...], libraries: tuple[str, ...]) -> tuple[str, ...]:
    """A digest of the modules' syntax trees, and the libraries' names with their versions."""
    found = [f"{one.name} {one.version}" for name in libraries
             for one in metadata.distributions(name=name)]  # fmt: skip
    return syntax_digest(Path(str(module.__file__)) for module in code), *found


def syntax_digest(files: Iterable[Path]) -> str:
    """SHA-256 over the syntax trees of Python files, without comments, docstrings and layout."""
    digest = hashlib.sha256()
    for path in files:
        digest.update(_tree_digest(path, path.stat().st_mtime_ns, path.stat().st_size))
    return digest.hexdigest()


@functools.cache
def _tree_digest(path: Path, _modified_ns: int, _size: int) -> bytes:
    tree = ast.parse(path.read_bytes())
    return hashlib.sha256(repr(_plain(tree)).encode()).digest()


def _plain(node: object) -> object:
    """A node as nested tuples; fields that are empty, as some versions of Python add, left out."""
    if isinstance(node, list):
        return [_plain(each) for each in node]
    if not isinstance(node, ast.AST):
        return node
    fields = dict(ast.iter_fields(node))
    if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
        fields["body"] = node.body[ast.get_docstring(node, clean=False) is not None :]
    named = [(name, _plain(value)) for name, value in fields.items() if value not in (None, [])]
    return type(node).__name__, named
