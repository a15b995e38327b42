"""A search's trials on disk: an Optuna study in a journal file, or in any database of Optuna's.

A trial is written once it has ended, in the order of the trials' numbers, in one step: so the
history is never half-written, and an interrupted search has the beginning of an undisturbed one's.
"""

import contextlib
import json
import logging
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import filelock
import optuna
from optuna.distributions import BaseDistribution
from optuna.storages import BaseStorage, JournalStorage, RDBStorage
from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock
from optuna.trial import FrozenTrial, TrialState

from bench.errors import UserError
from bench.records.store import storage_errors
from bench.search.objectives import Direction

_log = logging.getLogger(__name__)

JOURNAL = "trials.journal"
# The fact of a trial that has the costs which are no objectives of the search.
OTHER_COSTS = "other_costs"
# The fact of a trial that has its CPU seconds of training and validation.
CORE_SECONDS = "core_seconds"


class History:
    """The ended trials of one search, in an Optuna study."""

    def __init__(self, study: optuna.Study) -> None:
        self._study = study

    def trials(self) -> list[FrozenTrial]:
        """All of them, by number."""
        return self._study.get_trials(deepcopy=False)

    def append(
        self,
        params: Mapping[str, Any],
        distributions: Mapping[str, BaseDistribution],
        *,
        values: Sequence[float] | None,
        facts: Mapping[str, Any],
    ) -> None:
        """Write an ended trial."""
        state = TrialState.FAIL if values is None else TrialState.COMPLETE
        self._study.add_trial(trial(params, distributions, state, values, facts))


def trial(
    params: Mapping[str, Any],
    distributions: Mapping[str, BaseDistribution],
    state: TrialState,
    values: Sequence[float] | None = None,
    facts: Mapping[str, Any] | None = None,
) -> FrozenTrial:
    """An Optuna trial of a point."""
    return optuna.trial.create_trial(
        params=dict(params),
        distributions=dict(distributions),
        state=state,
        values=None if values is None else list(values),
        user_attrs=dict(facts or {}),
    )


@contextlib.contextmanager
def open_history(
    folder: Path,
    name: str,
    *,
    directions: Sequence[Direction],
    storage: str | None,
    facts: Mapping[str, Any],
    is_right: Callable[[Sequence[FrozenTrial]], bool] = lambda _: True,
) -> Iterator[History]:
    """The history of a search, held for this process.

    Args:
        folder: of the search's files.
        name: of the study; another search in the same storage has another name.
        directions: of the objectives.
        storage: URL of a database; None: a journal file in ``folder``.
        facts: written beside the study, for readers.
        is_right: whether stored trials are those of the search; if not, it begins without trials:
            what made them is in the records.

    Raises:
        UserError: another process has the search, or its storage cannot be opened.
    """
    with storage_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        lock = filelock.FileLock(folder / f".{name}.lock")
        try:
            lock.acquire(blocking=False)
        except filelock.Timeout:
            raise UserError(
                f"search {name} in {folder}: another process is at it; wait for it, or pass "
                "another --results FOLDER"
            ) from None
        try:
            # Its notes on studies it creates or finds are not the user's.
            optuna.logging.set_verbosity(optuna.logging.WARNING)
            opened = open_journal(folder) if storage is None else _database(storage)
            found = _found(opened, name, directions, facts)
            if found is not None and not is_right(found.get_trials(deepcopy=False)):
                _log.warning("search %s: its trials are read again from the records", name)
                found = None
            yield History(found or _create(opened, name, directions, facts))
        finally:
            lock.release()


def _found(
    storage: BaseStorage, name: str, directions: Sequence[Direction], facts: Mapping[str, Any]
) -> optuna.Study | None:
    """The study of that name; None if there is none, or not as it was made."""
    if name not in optuna.get_all_study_names(storage):
        return None
    study = optuna.load_study(study_name=name, storage=storage)
    as_made = [one.name.lower() for one in study.directions] == list(directions)
    return study if as_made and study.user_attrs == json.loads(json.dumps(facts)) else None


def _create(
    storage: BaseStorage, name: str, directions: Sequence[Direction], facts: Mapping[str, Any]
) -> optuna.Study:
    """An empty study, in the place of another of its name."""
    if name in optuna.get_all_study_names(storage):
        optuna.delete_study(study_name=name, storage=storage)
    study = optuna.create_study(study_name=name, storage=storage, directions=list(directions))
    for key, value in facts.items():
        study.set_user_attr(key, value)
    return study


def _database(url: str) -> BaseStorage:
    try:
        return RDBStorage(url)
    except Exception as error:  # each database has errors of its own
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise UserError(
            f"--storage {url}: cannot be opened ({reason}); a URL of SQLAlchemy, for example "
            "sqlite:///search.db"
        ) from error


def open_journal(folder: Path) -> BaseStorage:
    """The journal of a folder's searches; a damaged one is set aside, with a warning."""
    path = folder / JOURNAL
    try:
        return _journal(path)
    except OSError:
        raise
    except Exception as damage:  # whatever a damaged line makes of Optuna's reader
        aside = path.with_name(f"{path.name}.damaged-{time.time_ns()}")
        path.rename(aside)
        _log.warning(
            "%s is damaged (%r): moved to %s; its trials are read again from the records",
            path, damage, aside,
        )  # fmt: skip
        return _journal(path)


def _drop_torn_lines(path: Path) -> None:
    """Remove what a killed process left at the end: the next line would be added to it."""
    lines = path.read_bytes().splitlines(keepends=True) if path.exists() else []
    while lines and not _is_whole(lines[-1]):
        lines.pop()
        path.write_bytes(b"".join(lines))


def _is_whole(line: bytes) -> bool:
    try:
        json.loads(line)
    except ValueError:
        return False
    return line.endswith(b"\n")


def _journal(path: Path) -> BaseStorage:
    lock = JournalFileOpenLock(str(path))
    lock.acquire()
    try:
        _drop_torn_lines(path)
    finally:
        lock.release()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        storage = JournalStorage(JournalFileBackend(str(path), lock))
    for study in optuna.get_all_study_summaries(storage):  # a damaged trial shows here
        optuna.load_study(study_name=study.study_name, storage=storage).get_trials()
    return storage
