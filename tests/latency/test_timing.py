"""How it is timed; never how long it takes."""

import gc
from collections import Counter

import numpy as np
import pytest
from scipy.stats import binom

from bench.deploy.latency import timing
from bench.deploy.latency.timing import interleaved, median_interval


class Clock:
    """A clock that calls move on, instead of time."""

    def __init__(self) -> None:
        self.now = 0.0

    def perf_counter(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr("bench.deploy.latency.timing.time.perf_counter", clock.perf_counter)
    return clock


def test_every_call_gets_its_seconds(clock: Clock) -> None:
    def lasts(seconds: float) -> timing.Call:
        def call() -> None:
            clock.now += seconds

        return call

    found = interleaved({"slow": lasts(0.5), "fast": lasts(1e-5)}, rounds=7)
    assert {key: len(values) for key, values in found.items()} == {"slow": 7, "fast": 7}
    np.testing.assert_allclose(found["slow"], 0.5)
    np.testing.assert_allclose(found["fast"], 1e-5)


def test_a_machine_that_slows_down_slows_all_calls_alike(clock: Clock) -> None:
    """The second half of the rounds takes ten times as long: the ratio of medians stays."""
    calls = Counter[str]()

    def lasts(name: str, seconds: float) -> timing.Call:
        def call() -> None:
            calls[name] += 1
            clock.now += seconds * (10 if sum(calls.values()) > 60 else 1)

        return call

    found = interleaved({"a": lasts("a", 1.0), "b": lasts("b", 2.0)}, rounds=50)
    slowed = [np.flatnonzero(values > 5)[0] for values in found.values()]
    assert abs(slowed[0] - slowed[1]) <= 1
    assert np.median(found["b"]) / np.median(found["a"]) == pytest.approx(2)


def test_a_call_is_warm_before_its_first_sample(clock: Clock) -> None:
    calls = Counter[str]()

    def call() -> None:
        calls["all"] += 1
        clock.now += 100.0 if calls["all"] == 1 else 1.0

    assert interleaved({"x": call}, rounds=3)["x"].tolist() == [1.0, 1.0, 1.0]


def test_the_order_differs_from_round_to_round(clock: Clock) -> None:
    order: list[str] = []

    def named(name: str) -> timing.Call:
        def call() -> None:
            order.append(name)
            clock.now += 1.0

        return call

    interleaved({name: named(name) for name in "abc"}, rounds=20)
    rounds = ["".join(order[-60:][i : i + 3]) for i in range(0, 60, 3)]
    assert {"".join(sorted(one)) for one in rounds} == {"abc"}
    assert len(set(rounds)) > 3


def test_the_collector_waits_and_comes_back(clock: Clock) -> None:
    seen: list[bool] = []

    def call() -> None:
        seen.append(gc.isenabled())
        clock.now += 1.0

    assert gc.isenabled()
    interleaved({"x": call}, rounds=2)
    assert seen[-2:] == [False, False]
    assert gc.isenabled()


def test_no_rounds() -> None:
    with pytest.raises(ValueError, match="rounds=0: must be >= 1"):
        interleaved({}, rounds=0)


def test_the_interval_is_that_of_order_statistics() -> None:
    values = np.random.default_rng(0).permutation(np.arange(1.0, 51.0))
    median, low, high = median_interval(values)
    assert median == 25.5
    assert low is not None
    assert high is not None
    # Values low..high of 50 hold the median with the probability of a binomial count.
    covered = binom.cdf(high - 1, 50, 0.5) - binom.cdf(low - 1, 50, 0.5)
    assert 0.95 <= covered < 0.98


def test_too_few_samples_have_no_interval() -> None:
    assert median_interval([1.0, 2.0, 4.0]) == (2.0, None, None)
