"""Making the corrupted sets that a cache lacks: before the runs, by several processes at once."""

import functools
import logging
import pickle
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from bench.console.progress import Progress
from bench.executors.local import local
from bench.executors.scratch import scratch_folder
from bench.executors.workers import WorkerDied, call_each
from bench.shift.corrupted_sets import CorruptedSets

_log = logging.getLogger(__name__)


def make_absent(sets: CorruptedSets, *, processes: int) -> None:
    """Make and write all sets that have no file yet, under a progress bar."""
    absent = sets.absent()
    if not absent:
        return
    n_processes = min(processes, len(absent))
    made = _here(sets, absent) if n_processes < 2 else _there(sets, absent, n_processes)
    title = f"corrupting {sets.key}"
    with Progress(len(absent), unit="set", title=title, keep=False) as progress:
        for _ in made:
            progress.update()


def _here(sets: CorruptedSets, absent: Sequence[tuple[str, int]]) -> Iterator[None]:
    for name, severity in absent:
        sets.get(name, severity)
        yield


def _there(
    sets: CorruptedSets, absent: Sequence[tuple[str, int]], n_processes: int
) -> Iterator[None]:
    with local(n_processes) as workers, scratch_folder() as folder:
        path = folder / "sets"  # sent once, not with each call
        path.write_bytes(pickle.dumps(replace(sets, cache=sets.cache.absolute())))
        try:
            yield from call_each(workers, functools.partial(_make, path), absent)
        except WorkerDied:
            _log.warning(
                "a process that corrupted %s was killed (out of memory?); the runs make what is "
                "absent", sets.key,
            )  # fmt: skip


def _make(path: Path, which: tuple[str, int]) -> None:
    """Write one set, in a worker process; it is not sent back."""
    _sets(path).get(*which)


@functools.cache
def _sets(path: Path) -> CorruptedSets:
    sets: CorruptedSets = pickle.loads(path.read_bytes())  # noqa: S301 - our own
    return sets
