"""Worker processes of this machine. They are called over pipes: no port is opened."""

import contextlib
import multiprocessing
import os
import pickle
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import CancelledError
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerProcess
from queue import SimpleQueue
from typing import Any, ParamSpec, TypeVar

from bench.errors import UserError
from bench.executors import fork_server
from bench.executors.workers import WorkerDied

_P = ParamSpec("_P")
_T = TypeVar("_T")
_STARTS = 3  # attempts, of one worker


class _Ended(Exception):  # noqa: N818 - an event, not an error
    """The process has ended in the middle of a call."""


class _Worker:
    """One process, started at its first call and again after its end."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment
        self._process: ForkServerProcess | None = None
        self._pipe: Connection
        self._closing = False
        self._changing = threading.Lock()

    def call(self, function: Callable[..., Any], args: Any, kwargs: Any) -> Any:
        """Call and wait.

        Raises:
            _Ended: the process has ended.
            UserError: the process does not start.
            Exception: that of the function.
        """
        with self._changing:
            if self._closing:
                raise _Ended
            if self._process is None:
                self._start()
        try:
            self._pipe.send((function, args, kwargs))
            value, error = self._pipe.recv()
        except (EOFError, OSError):
            with self._changing:
                self._forget()
            raise _Ended from None
        if error is not None:
            raise error
        return value

    def close(self) -> None:
        """End the process at once, also in the middle of a call."""
        with self._changing:
            self._closing = True
            if self._process is not None:
                self._process.kill()
                self._process.join()

    def _start(self) -> None:
        context = multiprocessing.get_context("forkserver")
        reason = ""
        for _ in range(_STARTS):
            try:
                self._pipe, theirs = context.Pipe()
                self._process = context.Process(
                    target=_serve, args=(theirs, dict(self._environment)), name="bench worker"
                )
                with fork_server.signals_held():
                    self._process.start()
                theirs.close()
                self._pipe.recv()
            except (EOFError, OSError) as error:
                reason = str(error) or "it ended without a word"
                self._forget()
            else:
                return
        raise UserError(
            f"a worker process does not start ({reason}); use fewer --workers, or --workers 0, "
            "which runs in the command's own process"
        )

    def _forget(self) -> None:
        self._pipe.close()
        if self._process is not None and self._process.pid is not None:
            self._process.kill()
            self._process.join()
        self._process = None


class LocalWorkers:
    """See :class:`bench.executors.workers.Workers`."""

    def __init__(self, environments: Sequence[Mapping[str, str]]) -> None:
        self._workers = [_Worker(each) for each in environments]
        self._idle: SimpleQueue[_Worker] = SimpleQueue()
        for worker in self._workers:
            self._idle.put(worker)
        self._closing = threading.Event()

    @property
    def slots(self) -> int:
        """How many calls they take at once."""
        return len(self._workers)

    def call(self, function: Callable[_P, _T], /, *args: _P.args, **kwargs: _P.kwargs) -> _T:
        """Call ``function`` in an idle worker; after a death once more."""
        worker = self._idle.get()
        try:
            for _ in range(2):
                with contextlib.suppress(_Ended):
                    result: _T = worker.call(function, args, kwargs)
                    return result
            if self._closing.is_set():
                raise CancelledError
            raise WorkerDied
        finally:
            self._idle.put(worker)  # after `close`, for the next that waits to find its end

    def close(self) -> None:
        """End the workers at once; a run in progress leaves nothing but a partial folder."""
        self._closing.set()
        for worker in self._workers:
            worker.close()


@contextlib.contextmanager
def local(n_workers: int, gpus: Sequence[str] = ()) -> Iterator[LocalWorkers]:
    """``n_workers`` processes of one thread each, ended with the block or with this process."""
    fork_server.start()
    with contextlib.closing(LocalWorkers(environments(n_workers, gpus))) as workers:
        yield workers


def environments(n_workers: int, gpus: Sequence[str]) -> list[dict[str, str]]:
    """The environment of each worker: that of now, not of the older process it is forked from.

    Args:
        n_workers: how many.
        gpus: values of CUDA_VISIBLE_DEVICES, dealt to the workers in turn; none: as it is here.
    """
    here = dict(os.environ)
    if not gpus:
        return [here] * n_workers
    return [{**here, "CUDA_VISIBLE_DEVICES": gpus[i % len(gpus)]} for i in range(n_workers)]


def _serve(pipe: Connection, environment: dict[str, str]) -> None:
    """The life of a worker: calls from a pipe, until it or the coordinator's process ends."""
    threading.Thread(target=_end_with_the_coordinator, daemon=True).start()
    os.environ.clear()
    os.environ.update(environment)
    pipe.send("ready")
    with contextlib.suppress(EOFError, OSError):
        while True:
            answer = _answer(*pipe.recv())
            try:
                pipe.send(answer)
            except (pickle.PicklingError, TypeError, AttributeError) as error:
                pipe.send((None, TypeError(f"the answer {answer!r} cannot be sent: {error}")))


def _answer(function: Callable[..., Any], args: Any, kwargs: Any) -> tuple[Any, Exception | None]:
    try:
        return function(*args, **kwargs), None
    except Exception as error:  # whatever it is, it is the caller's
        return None, error


def _end_with_the_coordinator() -> None:
    """A killed coordinator has no time to end its workers."""
    coordinator = multiprocessing.parent_process()
    assert coordinator is not None
    coordinator.join()
    os._exit(1)
