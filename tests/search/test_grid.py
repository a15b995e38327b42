"""The grid: its levels, its order, and that it goes on where it stopped."""

from __future__ import annotations

import itertools
import math
from typing import Any

import pytest
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.trial import FrozenTrial, TrialState

from bench.search.grid import grid, levels
from bench.search.proposals import propose
from search.spaces import keys, trial

SPACE: dict[str, BaseDistribution] = {
    "a": IntDistribution(1, 3),
    "b": CategoricalDistribution(("x", "y")),
    "c": FloatDistribution(0, 1),
}


@pytest.mark.parametrize(
    ("distribution", "expected"),
    [
        (IntDistribution(1, 8), [1, 2, 3, 4, 5, 6, 7, 8]),
        (IntDistribution(1, 9), [1, 3, 5, 7, 9]),
        (IntDistribution(0, 100, step=10), [0, 20, 50, 80, 100]),
        (IntDistribution(3, 40, log=True), [4, 8, 16, 32]),
        (IntDistribution(8, 64, log=True), [8, 16, 32, 64]),
        (IntDistribution(33, 63, log=True), [33, 41, 48, 55, 63]),
        (IntDistribution(5, 5), [5]),
        (FloatDistribution(0, 1), [0, 0.5, 1]),
        (FloatDistribution(1e-4, 1, log=True), [1e-4, 1e-2, 1]),
        (FloatDistribution(0, 0.4, step=0.1), [0, 0.2, 0.4]),
        (FloatDistribution(2, 2), [2]),
        (CategoricalDistribution(("p", "q")), ["p", "q"]),
    ],
)
def test_levels(distribution: BaseDistribution, expected: list[Any]) -> None:
    found = levels(distribution)
    if isinstance(expected[0], str):
        assert found == expected
    else:
        assert found == pytest.approx(expected)


def test_the_grid_is_the_product_shuffled_and_always_the_same() -> None:
    points = list(grid(SPACE))
    product: list[dict[str, Any]] = [
        dict(zip("abc", values, strict=True))
        for values in itertools.product([1, 2, 3], ["x", "y"], [0.0, 0.5, 1.0])
    ]
    assert sorted(keys(points)) == sorted(keys(product))
    assert points != product
    assert points == list(grid(SPACE))


def test_each_order_of_a_small_grid_is_about_equally_likely(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    counts: dict[tuple[int, ...], int] = {}
    for seed in range(600):
        monkeypatch.setattr("bench.search.grid.ORDER_SEED", seed)
        order = tuple(point["a"] for point in grid({"a": IntDistribution(1, 3)}))
        counts[order] = counts.get(order, 0) + 1
    assert len(counts) == math.factorial(3)
    assert min(counts.values()) > 60  # 100 each; one in 100,000 sets of seeds would be below


def test_a_grid_of_many_millions_is_not_built() -> None:
    space = {f"x{index}": IntDistribution(1, 8) for index in range(20)}
    assert len(propose("grid", space, ["minimize"], [], n=5, seed=0)) == 5


def test_batches_repeat_nothing_and_come_to_an_end() -> None:
    states = [TrialState.COMPLETE, TrialState.FAIL, TrialState.RUNNING]
    history: list[FrozenTrial] = []
    for batch in range(4):
        for index, point in enumerate(
            propose("grid", SPACE, ["minimize"], history, n=5, seed=batch)
        ):
            state = states[index % 3]
            values = [1.0] if state == TrialState.COMPLETE else None
            history.append(trial(point, values, state=state, distributions=SPACE))
    points = [one.params for one in history]
    assert len(points) == 18  # the last batch has 3 of 5
    assert len(set(keys(points))) == 18
    assert points == list(grid(SPACE))
    assert propose("grid", SPACE, ["minimize"], history, n=5, seed=9) == []


def test_infeasible_points_are_passed_over() -> None:
    found = propose(
        "grid", SPACE, ["minimize"], [], n=20, seed=0, feasible=lambda params: params["a"] == 2
    )
    assert len(found) == 6
    assert {point["a"] for point in found} == {2}
