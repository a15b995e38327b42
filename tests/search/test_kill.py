"""A search that is killed again and again ends as one that nobody disturbed."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from runs.tiny_runs import ROOT, folder_bytes, without_circumstances

from bench.records.store import Store, search_folder
from bench.search.history import CORE_SECONDS
from perf.speed.memory import workers_below
from search.test_search_runs import journal

SEARCH = (
    "--preset", "smoke", "--set", "epochs=2", "--set", "width=8,16", "--set", "depth=2",
    "--methods", "sae,standard", "--sampler", "tpe", "--batch", "4", "--trials", "18",
    "--seeds", "1", "--workers", "2",
)  # fmt: skip
DRIVER = ROOT / "tests" / "search" / "saving_driver.py"
PATIENCE_S = 300


def start(results: Path, saves: str) -> subprocess.Popen[str]:
    path = os.pathsep.join([str(ROOT), str(ROOT / "tests")])
    return subprocess.Popen(
        [sys.executable, str(DRIVER), *SEARCH, "--results", str(results)],
        env={**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1", "SAVES": saves},
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip


@pytest.fixture
def saves(tmp_path: Path) -> Iterator[Saves]:
    os.mkfifo(tmp_path / "saves")
    pipe = os.open(tmp_path / "saves", os.O_RDWR)  # a writer never waits for its reader
    yield Saves(tmp_path / "saves", pipe)
    os.close(pipe)


class Saves:
    """Beginnings and ends of writing a record, as they happen in the workers of a search."""

    def __init__(self, path: Path, pipe: int) -> None:
        self.path, self.pipe = path, pipe

    def start(self, results: Path) -> subprocess.Popen[str]:
        return start(results, str(self.path))

    def wait_for(self, n: int) -> None:
        while n > 0:
            assert select.select([self.pipe], [], [], PATIENCE_S)[0]
            n -= len(os.read(self.pipe, n))


def finished(results: Path) -> None:
    process = start(results, os.devnull)
    _, err = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0, err


def _lasting(facts: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in facts.items() if name != CORE_SECONDS}


def outcome(results: Path) -> dict[str, Any]:
    """All that a search leaves, without the circumstances of its runs."""
    found: dict[str, Any] = {
        name: [(t.number, t.state, t.params, t.values, _lasting(t.user_attrs)) for t in trials]
        for name, trials in journal(results).items()
    }
    for folder in (results, search_folder(results)):
        store = Store(folder)
        for record in store.records():
            run = store.folder(record.run_id)
            found[f"{folder == results}/{run.name}"] = (
                without_circumstances(record),
                folder_bytes(run),
            )
        assert not (folder / "set-aside").exists()
    return found


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    results = tmp_path_factory.mktemp("undisturbed")
    finished(results)
    return outcome(results)


@pytest.mark.slow
def test_killed_at_any_time_it_goes_on_with_nothing_lost_or_doubled(
    tmp_path: Path, saves: Saves, expected: dict[str, Any]
) -> None:
    results = tmp_path / "killed"
    # In the design, in proposals, in the tests.
    for n in (5, 22, 20):
        process = saves.start(results)
        saves.wait_for(n)
        workers = psutil.Process(process.pid).children(recursive=True)
        process.kill()
        process.communicate()
        # They end by themselves; the next coordinator need not wait for it.
        _, alive = psutil.wait_procs(workers, timeout=PATIENCE_S)
        assert alive == []
    finished(results)
    assert outcome(results) == expected


@pytest.mark.slow
def test_killed_workers_cost_a_retry(
    tmp_path: Path, saves: Saves, expected: dict[str, Any]
) -> None:
    results = tmp_path / "killed"
    process = saves.start(results)
    for n in (4, 13, 15):
        saves.wait_for(n)
        workers = workers_below(process.pid)
        with contextlib.suppress(psutil.NoSuchProcess):
            os.kill(workers[0].pid, signal.SIGKILL)
    _, err = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0, err
    assert outcome(results) == expected
