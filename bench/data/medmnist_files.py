"""Official MedMNIST files: their MD5 and their download.

medmnist is imported where it is needed only: see `bench.data.table`.
"""

import contextlib
import hashlib
import io
import logging
import socket
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

from bench.data.dataset import Dataset
from bench.data.folder import DATA_VARIABLE, folder_and_origin
from bench.data.medmnist_npz import read_medmnist_npz
from bench.data.medmnist_rows import info_table
from bench.data.row import DatasetRow
from bench.errors import DataUnavailable, UserError

DOWNLOAD_SILENCE_S = 30.0

_log = logging.getLogger(__name__)


def load(row: DatasetRow, data: Path | None, _cache: Path | None) -> Dataset:
    """Load an official MedMNIST file from the data folder; download it when absent.

    Raises:
        UserError: the file's MD5 is not the official one, or it cannot be read.
        DataUnavailable: the file is absent and medmnist cannot download it. A server that stays
            silent is given up after `DOWNLOAD_SILENCE_S` seconds a network step.
    """
    folder, origin = folder_and_origin(data)
    path = folder / row.source
    assert row.size is not None
    flag, size = path.stem.partition("_")[0], row.size
    official = info_table()[flag]["MD5" if size == 28 else f"MD5_{size}"]
    try:
        if not path.exists():
            _download(path, flag, size, official)
    except (OSError, RuntimeError) as error:
        reason = f"cannot use the folder: {error}" if isinstance(error, OSError) else error
        raise DataUnavailable(
            f"dataset '{row.name}' is not available: looked for {row.source} in {folder} "
            f"(from {origin}); tried to download it with medmnist: {reason}. Put the official "
            f"file there, or pass --data FOLDER, or set {DATA_VARIABLE}"
        ) from error
    _require_official(path, official)
    return read_medmnist_npz(path, row)


def _require_official(path: Path, official: str) -> None:
    try:
        found = _md5(path)
    except OSError as error:
        raise UserError(f"cannot read {path}: {error}") from error
    if found != official:
        hint = "" if zipfile.is_zipfile(path) else " (no complete zip file: a truncated download?)"
        raise UserError(
            f"{path} is not the official file{hint}: its MD5 is {found}, it must be {official}. "
            "Delete the file to have it downloaded again, or point --data or "
            f"{DATA_VARIABLE} elsewhere"
        )


def _md5(path: Path) -> str:
    # MD5 is what medmnist publishes; it guards against damage, not against an attacker.
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def _download(path: Path, flag: str, size: int, official: str) -> None:
    """Download into a temporary folder beside the target: it appears whole or not at all."""
    folder = path.parent
    if not folder.is_dir():
        raise RuntimeError(f"not possible, there is no folder {folder}")
    # Within the folder itself, so that the move is a rename on one file system.
    with tempfile.TemporaryDirectory(prefix=".download-", dir=folder) as aside:
        _log.info(
            "downloading %s; a silent server is given up after %g s", path, DOWNLOAD_SILENCE_S
        )
        _medmnist_download(flag, size, Path(aside))
        fetched = Path(aside) / path.name
        found = _md5(fetched)
        if found != official:
            raise RuntimeError(f"got a damaged file, MD5 {found} instead of {official}")
        fetched.replace(path)


def _medmnist_download(flag: str, size: int, folder: Path) -> None:
    import medmnist

    with _quiet_network():
        try:
            dataset = getattr(medmnist, medmnist.INFO[flag]["python_class"])
            dataset(split="test", download=True, root=str(folder), size=size)
        except Exception as error:
            # medmnist's bare `except` hides the reason (and even Ctrl-C) behind a page of advice.
            reason = (error.__context__ or error) if isinstance(error, RuntimeError) else error
            if not isinstance(reason, Exception):
                raise reason from None
            text = " ".join(str(reason).split())
            raise RuntimeError(f"{type(reason).__name__}: {text}") from reason


@contextlib.contextmanager
def _quiet_network() -> Iterator[None]:
    # medmnist takes no timeout; its sockets take the process's default one.
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(DOWNLOAD_SILENCE_S)
    try:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            yield
    finally:
        socket.setdefaulttimeout(before)
