"""Calls into a cluster: attempts, slots, a scheduler that is lost or not there. No processes."""

import logging
import os
import socket
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from contextlib import closing
from threading import Semaphore
from typing import Any, cast

import pytest
from distributed import Client, KilledWorker
from distributed.comm.core import CommClosedError
from distributed.scheduler import WorkerState

from bench.errors import UserError
from bench.executors import cluster as cluster_module
from bench.executors.cluster import GPU, Cluster, remote, slots
from bench.executors.workers import WorkerDied

PATIENCE_S = 120.0


def worker(nthreads: int = 1, **resources: float) -> dict[str, Any]:
    return {"nthreads": nthreads, "resources": resources}


def test_slots_are_threads_or_what_the_resources_allow() -> None:
    mixed = {"a": worker(), "b": worker(4, GPU=2), "c": worker(GPU=1), "d": worker(GPU=2)}
    assert slots(mixed, {}) == 1 + 4 + 1 + 1
    assert slots(mixed, GPU) == 0 + 2 + 1 + 1
    assert slots(mixed, {"GPU": 2}) == 0 + 1 + 0 + 1
    assert slots({}, GPU) == 0


class FakeClient:
    """Answers each submission with the next of ``answers``: a value, or what is raised."""

    def __init__(self, *answers: Any, n_workers: int = 1) -> None:
        self.answers, self.n_workers, self.status = list(answers), n_workers, "running"
        self.submitted: list[dict[str, Any]] = []
        self.futures: list[Future[Any]] = []
        # Released by each look for workers, and by each submission.
        self.looks, self.submissions = Semaphore(0), Semaphore(0)

    def scheduler_info(self) -> dict[str, Any]:
        self.looks.release()
        return {"workers": {str(i): worker(GPU=1) for i in range(self.n_workers)}}

    def submit(self, function: Any, *args: Any, **options: Any) -> Future[Any]:
        self.submitted.append(options)
        future: Future[Any] = Future()
        self.futures.append(future)
        answer = self.answers.pop(0)
        if isinstance(answer, BaseException):
            future.set_exception(answer)
        elif answer is not Ellipsis:  # an endless call
            future.set_result(answer)
        self.submissions.release()
        return future

    def close(self) -> None:
        self.status = "closed"
        for future in self.futures:
            future.cancel()


def fake(*answers: Any, uses_gpu: bool = False, **options: Any) -> tuple[Cluster, FakeClient]:
    client = FakeClient(*answers, **options)
    return Cluster(cast("Client", client), "tcp://there:1", uses_gpu=uses_gpu), client


def killed(allowed_failures: int = 0) -> KilledWorker:
    return KilledWorker("key", cast("WorkerState", None), allowed_failures)


@pytest.mark.parametrize(
    "answers",
    # Ours gives up at each death; the default scheduler has tried four times by itself.
    [[killed(), killed(), "never"], [killed(1), "never"], [killed(3), "never"]],
)
def test_a_call_is_given_up_after_two_deaths(answers: list[Any]) -> None:
    cluster, client = fake(*answers)
    with pytest.raises(WorkerDied, match="its worker process died twice"):
        cluster.call(os.getpid)
    assert client.answers == ["never"]


def test_a_second_attempt_may_succeed() -> None:
    cluster, client = fake(killed(), 7)
    assert cluster.call(os.getpid) == 7
    assert len(client.submitted) == 2


def test_calls_on_a_gpu_ask_for_one() -> None:
    for uses_gpu, resources in ((True, {"GPU": 1}), (False, {})):
        cluster, client = fake(0, uses_gpu=uses_gpu)
        cluster.call(os.getpid)
        assert client.submitted == [{"pure": False, "resources": resources}]


@pytest.mark.parametrize("error", [CancelledError(), CommClosedError("gone")])
def test_a_lost_scheduler_is_the_users_to_mend(error: Exception) -> None:
    cluster, _ = fake(error)
    with pytest.raises(UserError, match=r"scheduler at tcp://there:1 went away; finished runs are"):
        cluster.call(os.getpid)
    cluster, client = fake(n_workers=0)
    client.close()
    with pytest.raises(UserError, match="went away"):
        cluster.call(os.getpid)


def test_a_worker_without_this_project() -> None:
    cluster, _ = fake(ModuleNotFoundError("No module named 'bench'"))
    with pytest.raises(UserError, match=r"tcp://there:1 cannot import .*No module named 'bench'"):
        cluster.call(os.getpid)


def test_an_error_of_the_function_is_raised_as_it_is() -> None:
    cluster, _ = fake(UserError("data"), ZeroDivisionError("zero"))
    with pytest.raises(UserError, match=r"^data$"):
        cluster.call(os.getpid)
    with pytest.raises(ZeroDivisionError):
        cluster.call(os.getpid)


def looked_twice(client: FakeClient) -> None:
    """Wait until a call has looked for a worker, found none, and looks again."""
    for _ in range(2):
        assert client.looks.acquire(timeout=PATIENCE_S)


def test_a_call_waits_for_an_idle_worker(caplog: pytest.LogCaptureFixture) -> None:
    cluster, client = fake(..., 22, n_workers=0)
    caplog.set_level(logging.INFO, "bench.executors.cluster")
    with ThreadPoolExecutor(2) as threads, closing(cluster):
        first = threads.submit(cluster.call, os.getpid)
        looked_twice(client)
        assert client.submitted == []
        assert caplog.messages == ["waiting for a worker"]
        client.n_workers = 1
        assert client.submissions.acquire(timeout=PATIENCE_S)
        client.looks = Semaphore(0)
        second = threads.submit(cluster.call, os.getpid)
        looked_twice(client)
        assert len(client.submitted) == 1  # the only worker is busy
        client.n_workers = 2
        assert second.result(PATIENCE_S) == 22
        assert not first.done()
        client.futures[0].set_result(11)
        assert first.result(PATIENCE_S) == 11


def test_closing_wakes_a_call_that_waits() -> None:
    cluster, client = fake(n_workers=0)
    with ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(cluster.call, os.getpid)
        looked_twice(client)
        cluster.close()
        with pytest.raises(CancelledError):
            waiting.result(PATIENCE_S)


@pytest.mark.parametrize("address", ["nonsense", "", "foo://x:1", "tcp://127.0.0.1"])
def test_an_address_that_is_none(address: str) -> None:
    with pytest.raises(UserError, match=f"--scheduler {address}: no Dask scheduler answers there"):
        remote(address, uses_gpu=False).__enter__()


def test_a_scheduler_that_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster_module, "CONNECT_S", 1)
    with closing(socket.socket()) as taken:
        taken.bind(("127.0.0.1", 0))  # nobody listens there
        address = f"tcp://127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(UserError, match=f"--scheduler {address}: .* answers there within 1 s"):
            remote(address, uses_gpu=False).__enter__()
