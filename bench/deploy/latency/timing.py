"""Times that can be compared: interleaved, warm, medians with intervals."""

import gc
import time
from collections.abc import Callable, Hashable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
from scipy.stats import quantile_test

from bench.metrics.predictive import FloatArray

Key = TypeVar("Key", bound=Hashable)
Call = Callable[[], object]

# A sample lasts at least so long: far above the clock's resolution and the cost of reading it.
SAMPLE_S = 2e-3
_SHUFFLE_SEED = 0


def interleaved(calls: Mapping[Key, Call], *, rounds: int) -> dict[Key, FloatArray]:
    """Seconds that each call takes, one sample a round.

    A round takes one sample of every call, in an order of its own. So a machine that becomes
    slower or faster for a while does so for all of them, and no call always follows the same one.
    Before the first round every call has run: caches are filled and lazy work is done.

    Args:
        calls: by key; what is compared with each other belongs into one call of this function.
        rounds: samples of each, at least 1.

    Returns:
        Seconds of one call, shape (rounds,): the mean of as many calls in a row as last SAMPLE_S.
    """
    if rounds < 1:
        raise ValueError(f"rounds={rounds}: must be >= 1")
    repeats = {key: _repeats(call) for key, call in calls.items()}
    samples: dict[Key, list[float]] = {key: [] for key in calls}
    keys, rng = list(calls), np.random.default_rng(_SHUFFLE_SEED)
    with _no_collector():
        for _ in range(rounds):
            for index in rng.permutation(len(keys)):
                key = keys[index]
                samples[key].append(_seconds(calls[key], repeats[key]))
    return {key: np.array(values) for key, values in samples.items()}


def median_interval(samples: npt.ArrayLike) -> tuple[float, float | None, float | None]:
    """The median, and the 95% interval of the true one from order statistics.

    It needs no form of the distribution, which has a long tail. Too few samples have none (None).
    """
    values = np.asarray(samples, dtype=float)
    interval: Any = quantile_test(values, q=0, p=0.5).confidence_interval(0.95)
    low, high = (float(b) if np.isfinite(b) else None for b in (interval.low, interval.high))
    return float(np.median(values)), low, high


def _repeats(call: Call) -> int:
    """Warm up, and find how many calls last SAMPLE_S."""
    call()
    repeats = 1
    while (seconds := _seconds(call, repeats) * repeats) < SAMPLE_S:
        repeats = max(2 * repeats, int(repeats * SAMPLE_S / max(seconds, 1e-7)))
    return repeats


def _seconds(call: Call, repeats: int) -> float:
    start = time.perf_counter()
    for _ in range(repeats):
        call()
    return (time.perf_counter() - start) / repeats


@contextmanager
def _no_collector() -> Iterator[None]:
    """As timeit does: a collection would count for whoever it happens to hit."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
