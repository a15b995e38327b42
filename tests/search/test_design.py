"""The first design: even over cells, even along each parameter, feasible."""

from __future__ import annotations

import logging
from collections import Counter

import numpy as np
import pytest
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from scipy.stats import qmc

from bench.errors import UserError
from bench.search.design import first_design, latinised_sobol
from bench.search.space import Params
from search.spaces import MIXED, contained, exits_fit, keys

CELLS = [{"sae.n_inputs": n, "sae.n_exits": k} for n in range(1, 5) for k in range(1, 5)]
# Any whole number of points has one in each n-th of these.
SMOOTH: dict[str, BaseDistribution] = {
    "cell": IntDistribution(1, 3),
    "x": FloatDistribution(0, 1),
    "y": FloatDistribution(1e-4, 1, log=True),
    "c": CategoricalDistribution(tuple("abcdefg")),
}


def cell_of(point: Params) -> tuple[object, object]:
    return point["sae.n_inputs"], point["sae.n_exits"]


@pytest.mark.parametrize("n", [0, 1, 5, 16, 20, 37])
def test_cells_differ_by_one_point_at_most(n: int) -> None:
    points = first_design(MIXED, CELLS, n=n, seed=3)
    assert len(points) == n
    counts = Counter(map(cell_of, points))
    assert len(counts) == min(n, 16)
    assert set(counts.values()) <= {n // 16, n // 16 + 1}


def test_every_prefix_covers_as_many_cells_as_it_can() -> None:
    points = first_design(MIXED, CELLS, n=20, seed=3)
    assert len(set(map(cell_of, points[:16]))) == 16


def test_the_seed_shuffles_the_cells() -> None:
    orders = [list(map(cell_of, first_design(MIXED, CELLS, n=16, seed=s))) for s in (0, 1, 0)]
    assert orders[0] != orders[1]
    assert orders[0] == orders[2]
    assert orders[0] != [tuple(cell.values()) for cell in CELLS]


@pytest.mark.parametrize("n", [7, 14, 21])
def test_each_parameter_is_even_over_the_whole_design(n: int) -> None:
    points = first_design(SMOOTH, [{"cell": 1}, {"cell": 2}, {"cell": 3}], n=n, seed=0)
    strata = range(n)
    assert sorted(int(point["x"] * n) for point in points) == list(strata)
    assert sorted(int((np.log10(point["y"]) / 4 + 1) * n) for point in points) == list(strata)
    assert set(Counter(point["c"] for point in points).values()) == {n // 7}


def test_a_whole_number_without_cells_is_even_too() -> None:
    points = first_design(SMOOTH, [], n=9, seed=1)
    assert Counter(point["cell"] for point in points) == {1: 3, 2: 3, 3: 3}


def test_strata_keep_the_order_of_the_sobol_points() -> None:
    u_nP = latinised_sobol(13, 3, np.random.default_rng(0))
    sobol_nP = qmc.Sobol(3, rng=np.random.default_rng(0)).random_base2(4)[:13]
    assert np.array_equal(u_nP.argsort(axis=0), sobol_nP.argsort(axis=0))


def test_rows_move_to_cells_where_they_are_feasible() -> None:
    def matches(params: Params) -> bool:
        return (params["cell"] == 1) == (params["x"] < 1 / 3)  # type: ignore[operator]

    points = first_design(
        SMOOTH, [{"cell": 1}, {"cell": 2}, {"cell": 3}], n=12, seed=0, feasible=matches
    )
    assert all(map(matches, points))
    # A third of the rows is for a third of the cells: no draw at random disturbs the strata.
    assert sorted(int(point["x"] * 12) for point in points) == list(range(12))


def test_feasible_points_of_a_strict_cell_are_drawn_anew() -> None:
    points = first_design(MIXED, CELLS, n=32, seed=0, feasible=exits_fit)
    assert all(map(exits_fit, points))
    assert all(contained(point, MIXED) for point in points)
    assert set(Counter(map(cell_of, points)).values()) == {2}


def test_a_cell_without_feasible_points_is_left_out_and_said(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.WARNING):
        points = first_design(
            MIXED, CELLS, n=24, seed=0, feasible=lambda params: params["sae.n_exits"] != 4
        )
    assert set(Counter(map(cell_of, points)).values()) == {2}
    assert len(caplog.records) == 4
    assert "'sae.n_exits': 4" in caplog.text


def test_nothing_feasible_names_the_rule() -> None:
    def never_small_enough(_params: Params) -> bool:
        return False

    with pytest.raises(UserError, match="never_small_enough"):
        first_design(MIXED, CELLS[:2], n=3, seed=0, feasible=never_small_enough)


def test_a_small_space_is_covered_before_anything_repeats() -> None:
    space = {"k": IntDistribution(1, 3), "c": CategoricalDistribution(("a", "b"))}
    for seed in range(10):
        points = first_design(space, [{"c": "a"}, {"c": "b"}], n=6, seed=seed)
        assert len(set(keys(points))) == 6
    assert len(first_design(space, [], n=9, seed=0)) == 9
