"""Workers come from one process that has imported what a run needs."""

from __future__ import annotations

import multiprocessing.forkserver
import os
import subprocess
import sys

import pytest

from bench.executors import fork_server
from bench.executors.local import local

# Of no module of the project, so that looking does not import one.
_LOADED = "'bench.runs.run' in __import__('sys').modules"


def test_it_starts_once_and_leaves_the_environment_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    before = dict(os.environ)
    fork_server.start()
    pid = multiprocessing.forkserver._forkserver._forkserver_pid  # type: ignore[attr-defined]
    fork_server.start()
    assert pid is not None
    assert multiprocessing.forkserver._forkserver._forkserver_pid == pid  # type: ignore[attr-defined]
    assert dict(os.environ) == before


@pytest.mark.slow
def test_workers_are_its_children_and_have_imported() -> None:
    with local(1) as cluster:
        server = multiprocessing.forkserver._forkserver._forkserver_pid  # type: ignore[attr-defined]
        assert cluster.call(os.getppid) == server
        assert cluster.call(eval, _LOADED) is True


def test_a_command_imports_nothing_that_only_runs_and_tables_need() -> None:
    code = """
import sys
from bench.executors import fork_server
import bench.compare
from bench.search import __main__
import bench.runs.settings, bench.executors.device, bench.runs.plan, bench.runs.sweep
import bench.runs.execute, bench.executors.local
unneeded = {"scipy", "pandas", "fvcore", "imgaug", "distributed"}
unneeded |= {"bench.runs.run", "bench.tables.printed"}
assert "torch" in sys.modules
assert not unneeded & set(sys.modules), unneeded & set(sys.modules)
from pathlib import Path
sweep = bench.runs.settings.SweepSettings(results=Path("unused"), data=None, device="cpu")
with bench.runs.execute.engine(sweep, workers=0):
    assert not {"dask", "distributed", "tornado"} & set(sys.modules)
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_optimiser_and_the_official_facts_import_no_more_than_they_need() -> None:
    code = """
import sys, torch
from bench.training.adam import ClippedAdam
from bench.data.medmnist_rows import info_table
weight = torch.nn.Parameter(torch.ones(2))
optimiser = ClippedAdam([{"params": [weight]}], lr=0.1)
weight.grad = torch.ones(2)
optimiser.step()
facts = info_table()
assert not {"torch._dynamo", "sympy", "medmnist", "pandas", "sklearn"} & set(sys.modules)
import medmnist
assert facts == medmnist.INFO
"""
    subprocess.run([sys.executable, "-c", code], check=True)
