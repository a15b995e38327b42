"""The record store: a run's folder appears whole or not at all, and exists = done.

    results/runs/<run_id>/record.json         what was run, on what, and what came of it
    results/runs/<run_id>/predictions.npz     outputs of every member on val and test, OOD mixtures
    results/runs/<run_id>/weights.safetensors the trained weights
    results/set-aside/                        folders that were found damaged
    results/.locks/, results/.partial/        runs in progress

The schema of record.json is in docs/results.md. Nothing here imports torch.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import math
import os
import shutil
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

import filelock

from bench.errors import UserError

_log = logging.getLogger(__name__)

FORMAT = 2
Record = dict[str, Any]

Stage = Literal["final", "search"]
"""Runs of a search see validation alone, and have a store of their own below the results."""


def search_folder(results: Path) -> Path:
    """Where a search keeps its trials and its records, apart from those of final runs."""
    return results / "search"


class StorageError(UserError):
    """The results folder can not be read or written: every further run would be lost."""


class Store:
    """The runs below one results folder; safe to use from several processes at once.

    Args:
        root: the results folder; created if absent.

    Raises:
        StorageError: the folder can not be created, read or written.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self._runs, self._partial, self._locks = root / "runs", root / ".partial", root / ".locks"
        with storage_errors(root):
            for folder in (self._runs, self._partial, self._locks):
                folder.mkdir(parents=True, exist_ok=True)
            if not os.access(root, os.R_OK | os.W_OK | os.X_OK):
                raise PermissionError(13, "Permission denied")

    def folder(self, run_id: str) -> Path:
        """Where the run's files are, if it exists."""
        return self._runs / run_id

    @contextlib.contextmanager
    def lock(self, run_id: str, *, wait: bool) -> Iterator[bool]:
        """Hold the run for this process; yields False if another has it and ``wait`` is false.

        The operating system frees the lock of a process that dies.
        """
        lock = filelock.FileLock(self._locks / f"{run_id}.lock")
        with storage_errors(self.root):
            try:
                lock.acquire(blocking=wait)
            except filelock.Timeout:
                yield False
                return
        try:
            yield True
        finally:
            lock.release()

    def save(self, record: Record, files: Mapping[str, bytes]) -> None:
        """Write a run aside, then move it in place in one step. Hold its lock.

        Raises:
            StorageError: the folder is full or not writable; nothing half-written stays.
        """
        run_id = record["run_id"]
        partial = self._partial / run_id
        with storage_errors(self.root):
            shutil.rmtree(partial, ignore_errors=True)  # a killed process's
            try:
                partial.mkdir()
                for name, content in files.items():
                    _write_durably(partial / name, content)
                sealed = seal(
                    {**record, "files": {n: len(content) for n, content in files.items()}}
                )
                _write_durably(partial / "record.json", json.dumps(sealed, indent=1).encode())
                partial.rename(self.folder(run_id))
                _sync_folder(self._runs)
            except OSError:
                shutil.rmtree(partial, ignore_errors=True)
                raise

    def load(self, run_id: str) -> Record | None:
        """The record of a run; None if there is none. A damaged run is set aside (and so absent).

        Raises:
            StorageError: the folder can not be read.
        """
        folder = self.folder(run_id)
        with storage_errors(self.root):
            if not folder.is_dir():
                return None
            try:
                return read_run(folder)
            except ValueError as damage:
                self._set_aside(folder, str(damage))
                return None

    def remove(self, run_id: str) -> None:
        """Forget a run (a recorded failure that is tried again). Hold its lock."""
        with storage_errors(self.root):
            # Renamed first: a half-deleted folder would look like a damaged run.
            doomed = self._partial / f"{run_id}-removed"
            shutil.rmtree(doomed, ignore_errors=True)
            self.folder(run_id).rename(doomed)
            shutil.rmtree(doomed)

    def run_ids(self, dataset: str | None = None) -> list[str]:
        """All run ids, or those of a dataset, sorted; some may turn out damaged."""
        start = "" if dataset is None else f"{dataset}-"
        with storage_errors(self.root):
            folders = [path.name for path in self._runs.iterdir() if path.is_dir()]
        return sorted(run_id for run_id in folders if run_id.startswith(start))

    def records(self) -> Iterator[Record]:
        """All intact records, in the order of their run ids."""
        for run_id in self.run_ids():
            record = self.load(run_id)
            if record is not None:
                yield record

    def _set_aside(self, folder: Path, damage: str) -> None:
        target = self.root / "set-aside" / f"{folder.name}-{time.time_ns()}"
        target.parent.mkdir(exist_ok=True)
        with contextlib.suppress(FileNotFoundError):  # another process did it first
            folder.rename(target)
            _log.warning("run %s is damaged (%s): moved to %s", folder.name, damage, target)


def seal(record: Record) -> Record:
    """The record, JSON-ready (NaN becomes null), with a digest over all of it."""
    body = _jsonable({key: value for key, value in record.items() if key != "digest"})
    return {**body, "digest": _digest(body)}


def _digest(body: Record) -> str:
    canonical = json.dumps(body, sort_keys=True, allow_nan=False)
    return hashlib.sha256(canonical.encode()).hexdigest()


def _jsonable(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _jsonable(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_jsonable(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def read_run(folder: Path) -> Record:
    """The record in ``folder``; ValueError says what is damaged."""
    try:
        record = json.loads((folder / "record.json").read_bytes())
    except FileNotFoundError:
        raise ValueError("record.json is missing") from None
    except ValueError as error:
        raise ValueError(f"record.json is not JSON: {error}") from None
    if not isinstance(record, dict) or record.get("format") != FORMAT:
        raise ValueError(f"record.json is not of format {FORMAT}")
    body = {key: value for key, value in record.items() if key != "digest"}
    if record.get("digest") != _digest(body) or record.get("run_id") != folder.name:
        raise ValueError("record.json does not match its digest")
    for name, size in record["files"].items():
        path = folder / name
        if not path.is_file() or path.stat().st_size != size:
            raise ValueError(f"{name} is missing or has not its {size} bytes")
    return record


@contextlib.contextmanager
def storage_errors(root: Path) -> Iterator[None]:
    """Say what a failing file operation below the results folder means to the user."""
    try:
        yield
    except OSError as error:
        raise StorageError(
            f"results folder {root}: {error.strerror or error}; make room or rights there, or "
            "pass --results FOLDER. Finished runs are kept."
        ) from error


def write_file(path: Path, content: bytes) -> None:
    """Replace a file of the results folder in one step.

    Raises:
        StorageError: it can not be written; the old file stays whole.
    """
    with storage_errors(path.parent):
        partial = path.with_name(f".{path.name}.{os.getpid()}")
        try:
            _write_durably(partial, content)
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)


def _write_durably(path: Path, content: bytes) -> None:
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
