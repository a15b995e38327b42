"""What every kind of worker offers: calls that wait for an idle one, and survive one death."""

import concurrent.futures
import contextlib
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from typing import ParamSpec, Protocol, TypeVar

_MOST_AT_ONCE = 1000  # calls of one coordinator: a thread waits for each
_P = ParamSpec("_P")
_T = TypeVar("_T")
_Item = TypeVar("_Item")


class WorkerDied(Exception):  # noqa: N818 - an event, not an error
    """A worker process ended in the middle of a call (out of memory, killed), twice."""

    def __init__(self) -> None:
        super().__init__("its worker process died twice (out of memory, killed)")


class Workers(Protocol):
    """Processes that take one call each."""

    @property
    def slots(self) -> int:
        """How many calls they take at once, as of now; may be 0."""

    def call(self, function: Callable[_P, _T], /, *args: _P.args, **kwargs: _P.kwargs) -> _T:
        """Call ``function`` in an idle worker and wait for its value; to be called from threads.

        Raises:
            WorkerDied: the second attempt ended like the first.
            UserError: there are no workers to be had.
            CancelledError: the workers are closed.
            Exception: that of the function.
        """

    def close(self) -> None:
        """End all calls; those that wait raise CancelledError."""


class InThisProcess(Executor):
    """An executor without workers: calls at once when submitted; Ctrl-C is the caller's."""

    slots = 1

    def submit(self, fn: Callable[_P, _T], /, *args: _P.args, **kwargs: _P.kwargs) -> Future[_T]:
        future: Future[_T] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:
            future.set_exception(error)
        return future


@contextlib.contextmanager
def waiting_threads(workers: Workers) -> Iterator[ThreadPoolExecutor]:
    """Threads for ``workers.call``; at the end of the block the workers are closed."""
    threads = ThreadPoolExecutor(_MOST_AT_ONCE, thread_name_prefix="call")
    try:
        yield threads
    finally:
        threads.shutdown(wait=False, cancel_futures=True)
        workers.close()  # wakes the threads: none outlives the block
        threads.shutdown(wait=True)


def call_each(
    workers: Workers, function: Callable[[_Item], _T], items: Iterable[_Item]
) -> Iterator[_T]:
    """The value of a call per item, in the order in which calls end; closes the workers."""
    with waiting_threads(workers) as threads:
        calls = [threads.submit(workers.call, function, item) for item in items]
        for call in concurrent.futures.as_completed(calls):
            yield call.result()
