"""Quantiles of distributions, by hand."""

from __future__ import annotations

import numpy as np
import pytest
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from bench.search.unit_cube import UnitCube, identity
from search.spaces import MIXED


@pytest.mark.parametrize(
    ("distribution", "u", "value"),
    [
        (FloatDistribution(2, 4), 0.25, 2.5),
        (FloatDistribution(1e-4, 1, log=True), 0.5, 1e-2),
        (FloatDistribution(0, 1, step=0.25), 0.29, 0.25),  # shares of 1/5: [0.2, 0.4) is 0.25
        (FloatDistribution(0, 1, step=0.25), 0.41, 0.5),
        (IntDistribution(1, 4), 0.24, 1),
        (IntDistribution(1, 4), 0.26, 2),
        (IntDistribution(2, 10, step=4), 0.7, 10),
        (IntDistribution(1, 4, log=True), 0.49, 1),  # log(1.5/0.5) / log(4.5/0.5) is 1/2
        (IntDistribution(1, 4, log=True), 0.51, 2),
        (CategoricalDistribution(("a", "b", "c")), 0.34, "b"),
        (CategoricalDistribution(("a", "b", "c")), 1.0, "c"),
        (IntDistribution(3, 3), 0.9, 3),
        (FloatDistribution(0.5, 0.5), 0.9, 0.5),
    ],
)
def test_a_coordinate_is_the_quantile(
    distribution: BaseDistribution, u: float, value: object
) -> None:
    assert UnitCube({"x": distribution}).value("x", u) == pytest.approx(value)


def test_the_middle_of_a_share_is_where_its_value_lies() -> None:
    cube = UnitCube(
        {"c": CategoricalDistribution(("a", "b", "c", "d")), "k": IntDistribution(1, 4)}
    )
    assert cube.coordinates({"k": 3, "c": "b"}) == pytest.approx([3 / 8, 5 / 8])


def test_points_survive_the_way_there_and_back() -> None:
    cube = UnitCube(MIXED)
    rng = np.random.default_rng(0)
    for u_P in rng.random((50, cube.dimensions)):
        point = cube.point(u_P)
        assert cube.point(cube.coordinates(point)) == pytest.approx(point)


@pytest.mark.parametrize(
    "distribution",
    [
        FloatDistribution(-2, 4),
        FloatDistribution(1e-4, 1, log=True),
        FloatDistribution(0.1, 0.9, step=0.2),
        IntDistribution(-3, 11),
        IntDistribution(2, 17, step=5),
        IntDistribution(1, 300, log=True),
    ],
)
def test_values_and_coordinates_are_those_of_the_samplers_of_optuna(
    distribution: BaseDistribution,
) -> None:
    private = pytest.importorskip("optuna._transform", reason="private to Optuna")
    theirs = private._SearchSpaceTransform({"x": distribution}, transform_0_1=True)
    ours = UnitCube({"x": distribution})
    for u in np.random.default_rng(0).random(500):
        value = theirs.untransform(np.array([u]))["x"]
        assert ours.value("x", u) == pytest.approx(value, rel=1e-12)
        assert type(ours.value("x", u)) is type(value)
        assert ours.coordinates({"x": value}) == pytest.approx(theirs.transform({"x": value}))


def test_identity_does_not_depend_on_the_order_of_names() -> None:
    assert identity({"a": 1, "b": 2}) == identity({"b": 2, "a": 1})
    assert identity({"a": 1, "b": 2}) != identity({"a": 2, "b": 1})
