"""Worker processes of this machine: side by side, killed, ended; and those of a Dask scheduler.

Workers import this file: what is called in one stands at module level.
"""

import os
import signal
import tempfile
import threading
from collections.abc import Iterator
from concurrent.futures import CancelledError, ThreadPoolExecutor
from multiprocessing.connection import Client, Listener
from pathlib import Path
from typing import Any

import pytest
import torch

from bench.errors import UserError
from bench.executors import fork_server
from bench.executors.local import LocalWorkers, environments, local
from bench.executors.workers import WorkerDied, call_each
from bench.runs import execute as execute_module
from bench.runs.execute import run_in_worker
from bench.runs.settings import SweepSettings
from runs.tiny_runs import config

PATIENCE_S = 120.0


class Meeting:
    """A place where calls in workers report, and wait until they are let go."""

    def __init__(self) -> None:
        self._listener = Listener(family="AF_UNIX")
        self._arrived: list[Any] = []

    @property
    def address(self) -> str:
        return str(self._listener.address)

    def next(self) -> Any:
        """What the next call that arrives reports."""
        connection = self._listener.accept()
        self._arrived.append(connection)
        return connection.recv()

    def let_go(self) -> None:
        while self._arrived:
            with self._arrived.pop() as connection:
                connection.send("go on")

    def close(self) -> None:
        for connection in self._arrived:
            connection.close()
        self._listener.close()


@pytest.fixture
def meeting() -> Iterator[Meeting]:
    place = Meeting()
    yield place
    place.close()


def stay(address: str) -> int:
    """Report, and wait to be let go."""
    with Client(address) as connection:
        connection.send((os.getpid(), os.environ.get("CUDA_VISIBLE_DEVICES")))
        connection.recv()
    return os.getpid()


def die_until(n_deaths: int, log: Path) -> int:
    """Kill this process for the first ``n_deaths`` calls; the number of earlier ones."""
    deaths = len(log.read_text()) if log.exists() else 0
    if deaths < n_deaths:
        log.write_text("x" * (deaths + 1))
        os.kill(os.getpid(), signal.SIGKILL)
    return deaths


def found_by_a_run() -> Any:
    """What the body of a run finds in a worker: threads, and the product of a denormal."""

    def body(*_: Any, **__: Any) -> tuple[int, float]:
        return torch.get_num_threads(), float(torch.tensor([1e-39]) * 1.0)

    torch.set_num_threads(2)
    torch.set_flush_denormal(False)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(execute_module, "run_and_store", body)
        context = SweepSettings(results=Path("unused"), data=None, device="cpu")
        return run_in_worker(config(), context, wait_for_others=False)


class Secretive(Exception):  # noqa: N818
    """Cannot be pickled: it holds a lock."""

    def __init__(self) -> None:
        super().__init__("a secret", threading.Lock())


def fail(kind: str) -> None:
    if kind == "secret":
        raise Secretive
    raise UserError(kind)


def give(value: int) -> int:
    return value


def held_signals() -> set[int]:
    return {int(number) for number in signal.pthread_sigmask(signal.SIG_BLOCK, [])}


def test_workers_have_the_environment_of_now_and_are_dealt_the_gpus_in_turn(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SAE_BENCH_TEST", "now")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "7")
    seen = [each["CUDA_VISIBLE_DEVICES"] for each in environments(5, ["3", "5"])]
    assert seen == ["3", "5", "3", "5", "3"]
    assert [each["CUDA_VISIBLE_DEVICES"] for each in environments(2, [])] == ["7", "7"]
    assert {each["SAE_BENCH_TEST"] for each in environments(2, [])} == {"now"}


@pytest.fixture(scope="module")
def two_workers() -> Iterator[LocalWorkers]:
    """Two workers, with made-up GPUs."""
    with local(2, ["made-up-a", "made-up-b"]) as workers:
        yield workers


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(4) as pool:
        yield pool


@pytest.mark.slow
def test_calls_run_side_by_side_and_each_worker_sees_its_gpu(
    two_workers: LocalWorkers, threads: ThreadPoolExecutor, meeting: Meeting
) -> None:
    calls = [threads.submit(two_workers.call, stay, meeting.address) for _ in range(3)]
    here = {meeting.next(), meeting.next()}
    assert {gpu for _, gpu in here} == {"made-up-a", "made-up-b"}
    assert not any(call.done() for call in calls)
    meeting.let_go()
    third = meeting.next()  # when a worker is idle again
    assert third in here
    meeting.let_go()
    assert {call.result(PATIENCE_S) for call in calls} == {pid for pid, _ in here}


@pytest.mark.slow
def test_a_dead_worker_costs_one_attempt_and_its_neighbour_nothing(
    two_workers: LocalWorkers, threads: ThreadPoolExecutor, meeting: Meeting, tmp_path: Path
) -> None:
    neighbour = threads.submit(two_workers.call, stay, meeting.address)
    pid, _ = meeting.next()
    once, ever = tmp_path / "once", tmp_path / "ever"
    assert two_workers.call(die_until, 1, once) == 1
    with pytest.raises(WorkerDied, match="its worker process died twice"):
        two_workers.call(die_until, 100, ever)
    assert ever.read_text() == "xx"
    assert not neighbour.done()
    meeting.let_go()
    assert neighbour.result(PATIENCE_S) == pid  # neither killed nor started anew


@pytest.mark.slow
def test_what_a_function_raises_comes_back(two_workers: LocalWorkers) -> None:
    with pytest.raises(UserError, match=r"^no data$"):
        two_workers.call(fail, "no data")
    with pytest.raises(TypeError, match=r"a secret.* cannot be sent"):
        two_workers.call(fail, "secret")
    assert two_workers.call(give, 3) == 3


@pytest.mark.slow
def test_signals_to_the_group_are_the_coordinators_alone(two_workers: LocalWorkers) -> None:
    assert two_workers.call(held_signals) >= {signal.SIGINT, signal.SIGTERM, signal.SIGHUP}


@pytest.mark.slow
def test_a_run_is_prepared_in_the_thread_that_runs_it(two_workers: LocalWorkers) -> None:
    assert two_workers.call(found_by_a_run) == (1, 0.0)


@pytest.mark.slow
def test_each_item_is_given_to_a_call_and_the_workers_end_with_the_last() -> None:
    with local(2) as workers:
        assert sorted(call_each(workers, give, range(5))) == [0, 1, 2, 3, 4]
        with pytest.raises(CancelledError):
            workers.call(give, 1)


@pytest.mark.slow
def test_the_end_of_the_block_ends_the_workers_in_mid_call(meeting: Meeting) -> None:
    with ThreadPoolExecutor(2) as threads:
        with local(1) as workers:
            calls = [threads.submit(workers.call, stay, meeting.address) for _ in range(2)]
            pid, _ = meeting.next()
        for call in calls:
            with pytest.raises(CancelledError):
                call.result(PATIENCE_S)
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


@pytest.mark.slow
def test_workers_that_end_as_they_start_are_one_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bench.executors.local._serve", os.kill)  # of no use to a worker
    with (
        local(1) as workers,
        pytest.raises(UserError, match=r"a worker process does not start .* or --workers 0"),
    ):
        workers.call(give, 1)


def test_a_folder_too_deep_for_a_socket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    deep = tmp_path / ("x" * 140)
    deep.mkdir()
    made: list[str] = []
    monkeypatch.setattr(tempfile, "tempdir", str(deep))
    monkeypatch.setattr(
        "multiprocessing.util.get_temp_dir", lambda: made.append(tempfile.gettempdir())
    )
    fork_server._have_a_folder.__wrapped__()
    assert len(made[0]) < 40
    assert tempfile.gettempdir() == str(deep)
