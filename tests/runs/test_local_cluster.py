"""Worker processes of this machine: side by side, killed, and found by their scheduler's address.

Workers import this file: what is called in one stands at module level.
"""

import gc
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import CancelledError, ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any

import pytest
import torch

from bench.executors import fork_server
from bench.executors.cluster import Cluster, WorkerDied, remote
from bench.executors.local_cluster import local, worker_options
from bench.records.store import Store
from bench.runs import execute as execute_module
from bench.runs.execute import engine, execute, run_in_worker
from bench.runs.run import run_one
from bench.runs.settings import Context
from runs.tiny_runs import config, folder_bytes, without_circumstances

PATIENCE_S = 120.0

# Dask leaves a socket to the garbage collector when a worker dies.
pytestmark = pytest.mark.filterwarnings("ignore:unclosed <socket.socket:ResourceWarning")


@pytest.fixture(autouse=True)
def no_socket_is_left_to_other_tests() -> Iterator[None]:
    yield
    gc.collect()


def test_workers_are_dealt_the_gpus_in_turn() -> None:
    options = worker_options(5, ["3", "5"])
    seen = [each["env"]["CUDA_VISIBLE_DEVICES"] for each in options]
    assert seen == ["3", "5", "3", "5", "3"]
    assert [each["resources"] for each in options] == [{"GPU": 1}] * 5
    assert {each["nthreads"] for each in [*options, *worker_options(2, [])]} == {1}
    assert not any("resources" in each for each in worker_options(2, []))


def test_workers_have_the_environment_of_now(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SAE_BENCH_TEST", "now")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "7")
    assert {each["env"]["SAE_BENCH_TEST"] for each in worker_options(2, [])} == {"now"}
    assert [each["env"]["CUDA_VISIBLE_DEVICES"] for each in worker_options(1, ["3"])] == ["3"]


@pytest.mark.slow
def test_the_dashboard_is_made_when_somebody_looks() -> None:
    made = "'distributed.dashboard.scheduler' in __import__('sys').modules"
    code = f"""
import logging, urllib.request
from bench.executors.local_cluster import local
def see(page):
    with urllib.request.urlopen(address + page) as answer:
        return answer.url, answer.read()
if __name__ == "__main__":
    said = []
    logging.getLogger("bench.executors.local_cluster").info = lambda text, link: said.append(link)
    with local(1, []) as cluster:
        address = said[0].removesuffix("/status")
        assert see("/health")[1] == b"ok"
        assert not ({made})
        for page in ("/workers", "/status", "/"):
            url, text = see(page)
            assert url == address + (page if page != "/" else "/status")
            assert b"Bokeh" in text, page
        assert cluster.call(max, 1, 2) == 2
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=PATIENCE_S)


def die_until(n_deaths: int, log: Path) -> int:
    """Kill this process for the first ``n_deaths`` calls; the number of earlier ones."""
    deaths = len(log.read_text()) if log.exists() else 0
    if deaths < n_deaths:
        log.write_text("x" * (deaths + 1))
        os.kill(os.getpid(), signal.SIGKILL)
    return deaths


def stay(mark: Path, end: Path) -> int:
    """Say that it runs, and wait for a file; the process."""
    mark.write_text(str(os.getpid()))
    deadline = time.monotonic() + PATIENCE_S
    while not end.exists():
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return os.getpid()


def found_by_a_run() -> Any:
    """What the body of a run finds in a worker: threads, and the product of a denormal."""

    def body(*_: Any, **__: Any) -> tuple[int, float]:
        return torch.get_num_threads(), float(torch.tensor([1e-39]) * 1.0)

    torch.set_num_threads(2)
    torch.set_flush_denormal(False)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(execute_module, "run_and_store", body)
        context = Context(results=Path("unused"), data=None, device="cpu")
        return run_in_worker(config(), context, wait_for_others=False)


def visible_gpu(mark: Path, end: Path) -> str:
    stay(mark, end)
    return os.environ["CUDA_VISIBLE_DEVICES"]


@pytest.fixture(scope="module")
def two_workers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Two workers, with made-up GPUs, that leave nothing in the working or temporary folder."""
    folder = tmp_path_factory.mktemp("cwd")
    fork_server.start()  # its socket lies in the temporary folder as long as this process lives
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setattr(tempfile, "tempdir", str(folder))
        with local(2, ["made-up-a", "made-up-b"]) as cluster:
            assert [path.name[:10] for path in folder.iterdir()] == ["sae-bench-"]
            yield cluster
        assert [path for path in folder.iterdir() if "torch" not in path.name] == []


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(4) as pool:
        yield pool


def await_file(path: Path) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not (path.exists() and path.read_text()):
        assert time.monotonic() < deadline
        time.sleep(0.02)


def await_both(cluster: Cluster) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while cluster.slots < 2:
        assert time.monotonic() < deadline
        time.sleep(0.1)


@pytest.mark.slow
def test_calls_run_side_by_side_and_each_worker_sees_its_gpu(
    two_workers: Cluster, threads: ThreadPoolExecutor, tmp_path: Path
) -> None:
    await_both(two_workers)
    marks, end = [tmp_path / "a", tmp_path / "b", tmp_path / "c"], tmp_path / "end"
    calls = [threads.submit(two_workers.call, visible_gpu, mark, end) for mark in marks]
    deadline = time.monotonic() + PATIENCE_S
    while sum(mark.exists() for mark in marks) < 2:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    time.sleep(0.5)
    # A worker has one GPU to give: the third call waits.
    assert sum(mark.exists() for mark in marks) == 2
    end.write_text("now")
    found = [call.result(PATIENCE_S) for call in calls]
    assert set(found) == {"made-up-a", "made-up-b"}


@pytest.mark.slow
def test_a_dead_worker_costs_one_attempt_and_its_neighbour_nothing(
    two_workers: Cluster, threads: ThreadPoolExecutor, tmp_path: Path
) -> None:
    end = tmp_path / "end"
    neighbour = threads.submit(two_workers.call, stay, tmp_path / "mark", end)
    await_file(tmp_path / "mark")
    once, ever = tmp_path / "once", tmp_path / "ever"
    assert threads.submit(two_workers.call, die_until, 1, once).result(PATIENCE_S) == 1
    with pytest.raises(WorkerDied):
        threads.submit(two_workers.call, die_until, 100, ever).result(PATIENCE_S)
    assert ever.read_text() == "xx"
    assert not neighbour.done()
    end.write_text("now")
    # It was neither killed nor started anew.
    assert neighbour.result(PATIENCE_S) == int((tmp_path / "mark").read_text())


@pytest.mark.slow
def test_a_run_is_prepared_in_the_thread_that_runs_it(two_workers: Cluster) -> None:
    assert two_workers.call(found_by_a_run) == (1, 0.0)


@pytest.mark.slow
def test_a_running_scheduler_is_used_and_left_running(
    two_workers: Cluster, results: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = two_workers._address
    await_both(two_workers)  # an earlier test's may still be on its way
    context = Context(results=Path("results"), data=None, device="cuda", stage="search")
    monkeypatch.chdir(results.parent)
    chosen = config("sae", n_inputs=2, n_exits=2)
    # No worker has a GPU: what counts here is that the run was made there, and recorded.
    with engine(context, workers=0, scheduler=address) as there:
        assert there.slots == 2
        assert there.submit(chosen).result(PATIENCE_S).status == "failed"
    on_cpu = Context(results=Path("results"), data=None, device="cpu", stage="search")
    (store := Store(results / "search")).remove(chosen.run_id)
    found = list(execute([chosen], on_cpu, workers=0, scheduler=address))
    assert [outcome.status for outcome in found] == ["done"]
    record, files = run_one(
        chosen, data=None, cache=results / ".cache", device=torch.device("cpu"), stage="search"
    )
    stored = store.load(chosen.run_id)
    assert stored is not None
    assert folder_bytes(store.folder(chosen.run_id)) == files
    del stored["files"]
    assert without_circumstances(stored) == without_circumstances(record)
    assert two_workers.slots == 2


@pytest.mark.slow
def test_what_needs_a_gpu_waits_for_a_worker_that_has_one() -> None:
    with local(1, []) as without, ThreadPoolExecutor(1) as threads:
        with remote(without._address, uses_gpu=True) as asks:
            assert (without.slots, asks.slots) == (1, 0)
            call = threads.submit(asks.call, os.getpid)
            assert wait([call], timeout=1.0).not_done == {call}
        with pytest.raises(CancelledError):
            call.result(PATIENCE_S)
        assert without.call(os.getpid) != os.getpid()


@pytest.mark.slow
def test_the_end_of_the_block_ends_the_workers_in_mid_call(tmp_path: Path) -> None:
    with ThreadPoolExecutor(1) as threads:
        with local(1, []) as cluster:
            call = threads.submit(cluster.call, stay, tmp_path / "mark", tmp_path / "never")
            await_file(tmp_path / "mark")
        with pytest.raises(CancelledError):
            call.result(PATIENCE_S)
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "mark").read_text()), 0)
