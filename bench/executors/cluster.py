"""Calls into the worker processes of a Dask scheduler.

Dask moves calls and their small answers; what a run makes goes through the record store alone.
"""

import contextlib
import logging
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import CancelledError
from typing import Any, ParamSpec, TypeVar

from distributed import Client, Future, KilledWorker
from distributed.comm.addressing import get_address_host_port
from distributed.comm.core import CommClosedError

from bench.errors import UserError
from bench.executors.workers import WorkerDied

_log = logging.getLogger(__name__)

CONNECT_S = 30
"""Seconds that a scheduler has to answer."""

GPU = {"GPU": 1}
"""What a call on a GPU takes of a worker, as a Dask resource."""

_POLL_S = 0.2
_P = ParamSpec("_P")
_T = TypeVar("_T")


class Cluster:
    """Workers that take one call each; see :class:`bench.executors.workers.Workers`.

    Args:
        uses_gpu: calls go to workers that offer the resource GPU, and to no others.
    """

    def __init__(self, client: Client, address: str, *, uses_gpu: bool) -> None:
        self._client, self._address = client, address
        self._resources = GPU if uses_gpu else {}
        self._submitting = threading.Lock()
        self._in_progress: set[Future[Any]] = set()
        self._closing = threading.Event()
        self._freed = threading.Event()  # a call has ended, or all are to

    @property
    def slots(self) -> int:
        """How many calls the workers that are there now can take at once; may be 0."""
        # Without a scheduler the answer has no workers in it.
        return slots(self._client.scheduler_info().get("workers", {}), self._resources)

    def call(self, function: Callable[_P, _T], /, *args: _P.args, **kwargs: _P.kwargs) -> _T:
        """Call ``function`` in an idle worker and wait; after a death once more.

        The second attempt waits for an idle worker like the first: in line behind another call, it
        would share the blame for that one's end.

        Raises: see `Workers.call`; UserError also if the workers lack this project.
        """
        deaths = 0
        while deaths < 2:
            try:
                return self._attempt(function, *args, **kwargs)
            except KilledWorker as killed:
                deaths += killed.allowed_failures + 1  # Dask has tried again as often as it may
        raise WorkerDied

    def _attempt(self, function: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> _T:
        try:
            with self._submitting:
                self._await_idle_worker()
                future = self._client.submit(
                    function, *args, **kwargs, pure=False, resources=self._resources
                )
                self._in_progress.add(future)
            try:
                result: _T = future.result()
            finally:
                self._in_progress.discard(future)
                self._freed.set()
        except (CancelledError, CommClosedError) as error:
            if self._closing.is_set():
                raise CancelledError from error
            raise UserError(
                f"the Dask scheduler at {self._address} went away; finished runs are kept: start "
                "it again and repeat the command"
            ) from error
        except ImportError as error:
            raise UserError(
                f"the cluster at {self._address} cannot import what a run needs ({error}): the "
                "same code has to be installed for its scheduler and its workers"
            ) from error
        return result

    def _await_idle_worker(self) -> None:
        said = False
        self._freed.clear()
        while (n_slots := self.slots) <= len(self._in_progress):
            if self._client.status == "closed":  # it could not connect again either
                raise CommClosedError("connection lost")
            if n_slots == 0 and not said:
                _log.info("waiting for a worker%s", " with a GPU" if self._resources else "")
                said = True
            self._freed.wait(_POLL_S)  # workers that join do not say so
            self._freed.clear()
            if self._closing.is_set():
                raise CancelledError

    def close(self) -> None:
        """Let go of all calls; those that wait raise CancelledError."""
        self._closing.set()
        self._freed.set()
        self._client.close()  # type: ignore[no-untyped-call]


def slots(workers: Mapping[str, Mapping[str, Any]], resources: Mapping[str, float]) -> int:
    """How many calls of these resources the workers of a ``Client.scheduler_info`` take at once."""
    return sum(
        min(
            worker["nthreads"],
            *(int(worker["resources"].get(name, 0) // n) for name, n in resources.items()),
        )
        if resources
        else worker["nthreads"]
        for worker in workers.values()
    )


@contextlib.contextmanager
def remote(address: str, *, uses_gpu: bool) -> Iterator[Cluster]:
    """The workers of a running scheduler; they go on without this process.

    Raises:
        UserError: the scheduler does not answer within ``CONNECT_S``.
    """
    quieten()
    try:
        _await_port(get_address_host_port(address, strict=True))
        client = Client(  # type: ignore[no-untyped-call]
            address, timeout=CONNECT_S, set_as_default=False
        )
    except (OSError, ValueError, TypeError) as error:
        raise UserError(
            f"--scheduler {address}: no Dask scheduler answers there within {CONNECT_S} s; must be "
            "the address that `dask scheduler` prints, for example tcp://10.0.0.1:8786"
        ) from error
    with contextlib.closing(Cluster(client, address, uses_gpu=uses_gpu)) as cluster:
        _log.info("dashboard of the cluster: %s", client.dashboard_link)
        yield cluster


def _await_port(host_and_port: tuple[str, int]) -> None:
    """Wait until something listens: a Client that cannot connect leaves noisy threads behind."""
    deadline = time.monotonic() + CONNECT_S
    while True:
        try:
            socket.create_connection(host_and_port, timeout=CONNECT_S).close()
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(_POLL_S)
        else:
            return


def quieten() -> None:
    """Dask tells of every worker that comes or goes; what is wrong comes back as an exception."""
    for name in ("distributed", "distributed.client", "distributed.scheduler"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
