"""Intervals over seeds crossed with examples: hand-computed numbers, textbook cases, coverage."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import t, ttest_1samp

from bench.statistics.crossed import Component, Estimate, estimate
from bench.statistics.holm import holm
from bench.statistics.influence import groups_of


def test_two_seeds_and_two_groups_by_hand() -> None:
    # Seed means 1 and 3: variance 2, of the mean 1. Influences covary by -1, variance of none.
    found = estimate([1.0, 3.0], np.array([[-1.0, 1.0], [1.0, -1.0]]))
    assert found.value == 2
    assert found.components == (Component(variance=1, df=1), Component(variance=0, df=1))
    assert found.interval() == pytest.approx((2 - 12.706, 2 + 12.706), abs=1e-3)
    assert found.interval(bounds=(0, 5)) == (0, 5)
    # Alike: covariance 2 over 2 groups.
    found = estimate([1.0, 3.0], np.array([[-1.0, 1.0], [-1.0, 1.0]]))
    assert found.components[1] == Component(variance=1, df=1)
    assert found.half_width() == pytest.approx(math.sqrt(2) * t.ppf(0.975, 1))


def test_components_are_those_of_the_analysis_of_variance() -> None:
    rng = np.random.default_rng(0)
    y_SG = rng.normal(size=(3, 1)) + rng.normal(size=8) + rng.normal(size=(3, 8))
    found = estimate(y_SG.mean(axis=1), y_SG - y_SG.mean(axis=1, keepdims=True))
    rest = y_SG - y_SG.mean(axis=0) - y_SG.mean(axis=1, keepdims=True) + y_SG.mean()
    ms_rest = (rest**2).sum() / (2 * 7)
    ms_examples = 3 * y_SG.mean(axis=0).var(ddof=1)
    assert found.value == pytest.approx(y_SG.mean())
    assert found.components[0].variance == pytest.approx(y_SG.mean(axis=1).var(ddof=1) / 3)
    assert found.components[1].variance == pytest.approx((ms_examples - ms_rest) / 24)


def test_seeds_that_agree_by_luck_leave_the_variance_over_images() -> None:
    influence_SG = np.array([[-1.0, 1.0, 0.0], [-1.0, 0.0, 1.0]])  # of the mean: -1, 0.5, 0.5
    found = estimate([2.0, 2.0], influence_SG)
    assert sum(c.variance for c in found.components) == pytest.approx(1.5 / 2 / 3)
    assert found.half_width() == pytest.approx(t.ppf(0.975, 2) * 0.5)


def test_seeds_alone_are_students_test() -> None:
    values_S = np.array([0.3, 0.5, 0.1, 0.9])
    found = estimate(values_S, np.zeros((4, 50)))
    expected = ttest_1samp(values_S, 0)
    assert found.p == pytest.approx(expected.pvalue)
    assert found.interval() == pytest.approx(tuple(expected.confidence_interval()))


def test_one_seed_is_about_images_and_has_no_p_value() -> None:
    influence_1G = np.random.default_rng(0).normal(size=(1, 50))
    found = estimate([0.0], influence_1G - influence_1G.mean())
    assert found.half_width() == pytest.approx(
        t.ppf(0.975, 49) * influence_1G.std(ddof=1) / 50**0.5
    )
    assert math.isnan(found.p)
    assert math.isnan(estimate([1.0, 2.0], np.zeros((2, 50))).p)


def test_what_is_unknown_has_no_interval() -> None:
    for found in (
        estimate([1.0, math.nan], np.zeros((2, 5))),
        estimate([1.0, math.inf], np.zeros((2, 5))),
        estimate([1.0, 2.0, 3.0], np.full((3, 5), math.nan)),
        estimate([], np.empty((0, 0))),
    ):
        assert np.isnan(found.interval()).all()
        assert math.isnan(found.p)


def test_p_value_and_interval_agree() -> None:
    components = (Component(variance=0.5, df=2), Component(variance=1.0, df=49))
    for value in (0.1, 3.0, 5.0, 40.0):
        found = Estimate(value=value, components=components, n_seeds=3)
        assert found.half_width(1 - found.p) == pytest.approx(value, rel=1e-4)
    assert Estimate(value=0.0, components=components, n_seeds=3).p == 1
    certain = (Component(variance=0.0, df=2),)
    assert Estimate(value=0.1, components=certain, n_seeds=3).p == 0


def test_the_smallest_difference_that_would_be_found() -> None:
    """At that distance from a bound, four studies in five exclude the bound."""
    rng = np.random.default_rng(0)
    components = (Component(variance=1.0, df=200),)
    found = Estimate(value=0.0, components=components, n_seeds=3)
    shown = rng.normal(found.detectable(), 1, size=20_000) > found.half_width()
    assert 0.8 < shown.mean() < 0.87


@pytest.mark.parametrize(("n_seeds", "ratio"), [(2, 10.0), (3, 3.0), (4, 1.0)])
def test_coverage_is_no_less_than_it_says(n_seeds: int, ratio: float) -> None:
    """Random studies whose true mean is 0; `perf/coverage.py` has the whole table."""
    rng = np.random.default_rng(n_seeds)
    covered = 0
    for _ in range(400):
        seeds = rng.normal(0, ratio, size=(n_seeds, 1))
        y_SG = seeds + rng.normal(0, 6, size=50) + rng.normal(0, 4, size=(n_seeds, 50))
        means = y_SG.mean(axis=1)
        low, high = estimate(means, y_SG - means[:, None]).interval()
        covered += low <= 0 <= high
    assert covered / 400 >= 0.95 - 2 * math.sqrt(0.95 * 0.05 / 400)


def test_groups_are_the_same_for_all_and_equal_in_size() -> None:
    groups_B = groups_of("digits", 120)
    assert sorted(np.bincount(groups_B)) == [2] * 30 + [3] * 20
    np.testing.assert_array_equal(groups_B, groups_of("digits", 120))
    assert (groups_B != groups_of("blood", 120)).any()
    assert sorted(groups_of("digits", 7)) == list(range(7))


def test_holm_by_hand() -> None:
    np.testing.assert_allclose(holm([0.01, 0.04, 0.03, np.nan]), [0.03, 0.06, 0.06, np.nan])
    np.testing.assert_allclose(holm([0.6, 0.5]), [1, 1])
