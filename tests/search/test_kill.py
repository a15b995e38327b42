"""A search that is killed again and again ends as one that nobody disturbed."""

import contextlib
import os
import random
import signal
import subprocess
import sys
import time
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
PATIENCE_S = 300


def start(results: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "bench.search", *SEARCH, "--results", str(results)],
        env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def n_runs(results: Path) -> int:
    folders = [results / "runs", search_folder(results) / "runs"]
    return sum(len(list(folder.glob("*/record.json"))) for folder in folders)


def wait_for(results: Path, n: int, process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while n_runs(results) < n and process.poll() is None:
        assert time.monotonic() < deadline
        time.sleep(0.01)


def finished(results: Path) -> None:
    process = start(results)
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
    tmp_path: Path, expected: dict[str, Any]
) -> None:
    results = tmp_path / "killed"
    chance = random.Random(4)
    for n in (3, 14, 19, 24):  # in the design, in proposals, in the second search, in the tests
        process = start(results)
        wait_for(results, n, process)
        time.sleep(chance.uniform(0, 0.3))
        workers = psutil.Process(process.pid).children(recursive=True)
        process.kill()
        process.communicate()
        # They end by themselves; the next coordinator need not wait for it.
        _, alive = psutil.wait_procs(workers, timeout=30)
        assert alive == []
    finished(results)
    assert outcome(results) == expected


@pytest.mark.slow
def test_killed_workers_cost_a_retry(tmp_path: Path, expected: dict[str, Any]) -> None:
    results = tmp_path / "killed"
    process = start(results)
    for n in (2, 8, 16):
        wait_for(results, n, process)
        workers = workers_below(process.pid)
        with contextlib.suppress(psutil.NoSuchProcess):
            os.kill(workers[0].pid, signal.SIGKILL)
    _, err = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0, err
    assert outcome(results) == expected
