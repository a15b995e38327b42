"""The results folder: a run's folder appears whole or not at all, and exists = done.

    results/runs/<run_id>/record.json         what was run, on what, and what came of it
                                              (record.json.gz in compact records)
    results/runs/<run_id>/predictions.npz     outputs of every member on val and test, OOD mixtures
    results/runs/<run_id>/weights.safetensors the trained weights
    results/set-aside/                        folders that were found damaged
    results/.locks/, results/.partial/        runs in progress

`Reader` is for everything that reads: it never creates, moves or locks anything. `Store` is for
what makes runs. Nothing here imports torch.
"""

import contextlib
import difflib
import gzip
import logging
import os
import shutil
import time
import zlib
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

import filelock

from bench.errors import UserError
from bench.records import text
from bench.records.files import check_files, regular_size
from bench.records.schema import FILES, PREDICTIONS, FileName, FinishedRun, Record, RecordError
from bench.storage.atomic import write_whole

_log = logging.getLogger(__name__)

_RECORD = "record.json"
_COMPRESSED = "record.json.gz"
_MOST_BYTES = 100_000_000  # of a record's text: a bomb is damage


def search_folder(results: Path) -> Path:
    """Where a search keeps its trials and its records, apart from those of final runs."""
    return results / "search"


def stages(results: Path) -> tuple[Path, Path]:
    """The stores of a results folder: final runs, and those of searches."""
    return results, search_folder(results)


def require_runs(results: Path) -> None:
    """Raise UserError where a folder has no runs, not even of a search."""
    if not any((stage / "runs").is_dir() for stage in stages(results)):
        raise UserError(f"{results}: not a results folder (it has no folder runs/)")


class StorageError(UserError):
    """The results folder cannot be read or written: every further run would be lost."""


class Reader:
    """The runs below one results folder, which may be read-only.

    Args:
        root: the results folder; one that is absent has no runs.
        checked: the files whose bytes are compared with the record; the others have to be there.
    """

    def __init__(self, root: Path, *, checked: Collection[FileName] = (PREDICTIONS,)) -> None:
        self.root = root
        self._runs = root / "runs"
        self._checked = checked
        self._named: set[str] = set()  # damaged runs that were warned of

    def folder(self, run_id: str) -> Path:
        """Where the run's files are, if it exists."""
        return self._runs / run_id

    def run_ids(self, dataset: str | None = None) -> list[str]:
        """All run ids, or those of a dataset, sorted; some may turn out damaged."""
        start = "" if dataset is None else f"{dataset}-"
        with storage_errors(self.root):
            folders = [path.name for path in self._runs.iterdir() if path.is_dir()] if (
                self._runs.is_dir()
            ) else []  # fmt: skip
        return sorted(run_id for run_id in folders if run_id.startswith(start))

    def read(self, run_id: str) -> Record:
        """The record of a run, with its files checked.

        Raises:
            RecordError: it is damaged.
            UnknownFormatError: this code cannot read it.
            StorageError: the folder cannot be read.
        """
        folder = self.folder(run_id)
        with storage_errors(self.root):
            record = text.read(_text(folder), folder)
            check_files(folder, record.files, self._checked)
        return record

    def load(self, run_id: str) -> Record | None:
        """The record of a run; None if there is none, or, with a warning, if it is damaged."""
        with storage_errors(self.root):
            if not self.folder(run_id).is_dir():
                return None
        try:
            return self.read(run_id)
        except RecordError as damage:
            if run_id not in self._named:
                self._named.add(run_id)
                _log.warning("run %s in %s is damaged and left out: %s", run_id, self.root, damage)
            return None

    def named(self, run_id: str) -> Record:
        """The record of a run that a user names.

        Raises:
            UserError: there is none of that id, or it is damaged.
        """
        known = self.run_ids()
        if run_id not in known:
            near = difflib.get_close_matches(run_id, known, n=5, cutoff=0.5) or known[:5]
            choices = f"near are: {', '.join(near)}" if near else "there are no runs"
            raise UserError(f"no run {run_id!r} in {self.root}; {choices}")
        try:
            return self.read(run_id)
        except RecordError as damage:
            raise UserError(f"run {run_id} in {self.root} is damaged: {damage}") from None

    def records(self) -> Iterator[Record]:
        """All intact records, in the order of their run ids."""
        for run_id in self.run_ids():
            record = self.load(run_id)
            if record is not None:
                yield record

    def finished(self) -> Iterator[FinishedRun]:
        """All intact records of finished runs, in the order of their run ids."""
        return (record for record in self.records() if isinstance(record, FinishedRun))


def _text(folder: Path) -> bytes:
    """The text of a run's record."""
    if regular_size(folder / _RECORD) is not None:
        return (folder / _RECORD).read_bytes()
    if regular_size(folder / _COMPRESSED) is None:
        raise RecordError(f"{_RECORD} is missing or no regular file")
    try:
        with gzip.open(folder / _COMPRESSED) as file:
            content = file.read(_MOST_BYTES)
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise RecordError(f"{_COMPRESSED} cannot be decompressed: {error}") from None
    return content


class Store(Reader):
    """A results folder that runs are added to; safe to use from several processes at once.

    Raises:
        StorageError: the folder cannot be created, read or written.
    """

    def __init__(self, root: Path) -> None:
        super().__init__(root, checked=FILES)
        self._partial, self._locks = root / ".partial", root / ".locks"
        with storage_errors(root):
            for folder in (self._runs, self._partial, self._locks):
                folder.mkdir(parents=True, exist_ok=True)
            if not os.access(root, os.R_OK | os.W_OK | os.X_OK):
                raise PermissionError(13, "Permission denied")

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

    def save(
        self, record: Record, files: Mapping[FileName, bytes], *, compressed: bool = False
    ) -> Record:
        """Write a run aside, then move it in place in one step. Hold its lock.

        Returns:
            The record as it is stored, with the digests of the files.

        Raises:
            RecordError: the record breaks the schema; nothing is written.
            StorageError: the folder is full or not writable; nothing half-written stays.
        """
        stored, content = text.sealed(record, files)
        partial = self._partial / stored.run_id
        with storage_errors(self.root):
            shutil.rmtree(partial, ignore_errors=True)  # a killed process's
            try:
                partial.mkdir()
                for name, file in files.items():
                    write_whole(partial / name, file)
                if compressed:
                    write_whole(partial / _COMPRESSED, gzip.compress(content, mtime=0))
                else:
                    write_whole(partial / _RECORD, content)
                partial.rename(self.folder(stored.run_id))
                _sync_folder(self._runs)
            except OSError:
                shutil.rmtree(partial, ignore_errors=True)
                raise
        return stored

    def claim(self, run_id: str) -> Record | None:
        """As `load`, but a damaged run is set aside, to be made again. Hold its lock."""
        folder = self.folder(run_id)
        with storage_errors(self.root):
            if not folder.is_dir():
                return None
            try:
                return self.read(run_id)
            except RecordError as damage:
                self.set_aside(run_id, f"damaged: {damage}")
                return None

    def remove(self, run_id: str) -> None:
        """Forget a run (a recorded failure that is tried again). Hold its lock."""
        with storage_errors(self.root):
            # Renamed first: a half-deleted folder would look like a damaged run.
            doomed = self._partial / f"{run_id}-removed"
            shutil.rmtree(doomed, ignore_errors=True)
            self.folder(run_id).rename(doomed)
            shutil.rmtree(doomed)

    def set_aside(self, run_id: str, reason: str) -> None:
        """Move a run out of the way, so that it is made again. Hold its lock."""
        with storage_errors(self.root):
            target = self.root / "set-aside" / f"{run_id}-{time.time_ns()}"
            target.parent.mkdir(exist_ok=True)
            self.folder(run_id).rename(target)
            _log.warning("run %s is %s; moved to %s", run_id, reason, target)


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
        StorageError: it cannot be written; the old file stays whole.
    """
    with storage_errors(path.parent):
        write_whole(path, content)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
