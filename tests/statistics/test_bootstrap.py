"""The bootstrap's draws and intervals: closed forms, hand-computed numbers, simulated coverage."""

from __future__ import annotations

import functools
import math

import numpy as np
import pytest
from predictives import of_probabilities
from scipy.stats import binom, norm

from bench.metrics.calibration import ece
from bench.metrics.predictive import FloatArray, Predictive
from bench.statistics.bootstrap import (
    centred,
    example_counts,
    generator,
    interval,
    over_seeds,
    p_value,
    seed_weights,
)
from bench.statistics.holm import holm


def test_counts_are_those_of_draws_with_replacement() -> None:
    counts_RB = example_counts("digits", "test", 50, 4000).astype(float)
    assert (counts_RB.sum(axis=1) == 50).all()
    # Multinomial(n, 1/n): mean 1, variance 1 - 1/n, covariance -1/n.
    assert (counts_RB.sum(axis=0) == 4000).all()  # balanced
    assert counts_RB.var(axis=0).mean() == pytest.approx(1 - 1 / 50, rel=0.01)
    covariance = np.cov(counts_RB.T)
    off_diagonal = covariance[~np.eye(50, dtype=bool)]
    assert off_diagonal.mean() == pytest.approx(-1 / 50, rel=0.01)


def test_draws_follow_from_names_alone() -> None:
    again = example_counts("digits", "test", 20, 7)
    np.testing.assert_array_equal(example_counts("digits", "test", 20, 7), again)
    for other in (("digits", "val", 20), ("blood", "test", 20)):
        assert (example_counts(*other, 7) != again).any()
    assert generator("a", 1).random() == generator("a", 1).random() != generator("a", 2).random()


@pytest.mark.parametrize("n_seeds", [2, 3, 4, 10])
def test_seed_draws_have_the_variance_of_a_mean(n_seeds: int) -> None:
    values_S = np.random.default_rng(n_seeds).normal(size=n_seeds)
    weights_RS = seed_weights("digits", range(n_seeds), 20_000)
    np.testing.assert_allclose(weights_RS.sum(axis=1), 1)
    means_R = weights_RS @ values_S
    assert means_R.mean() == pytest.approx(values_S.mean(), abs=1e-3)
    if n_seeds in (2, 4):  # 20,000 (S - 1) is a multiple of S: balanced
        np.testing.assert_allclose(weights_RS.mean(axis=0), 1 / n_seeds)
    assert means_R.var() == pytest.approx(values_S.var(ddof=1) / n_seeds, rel=0.05)


def test_one_seed_is_always_drawn() -> None:
    np.testing.assert_array_equal(seed_weights("digits", [3], 5), np.ones((5, 1)))


def test_only_drawn_seeds_count() -> None:
    values_SR = np.array([[1.0, 2.0, np.nan], [np.nan, 4.0, 6.0]])
    weights_RS = np.array([[1.0, 0.0], [0.25, 0.75], [0.0, 1.0]])
    np.testing.assert_array_equal(over_seeds(values_SR, weights_RS), [1, 3.5, 6])


def test_interval_by_hand() -> None:
    values_R = np.arange(1001, dtype=np.float64)  # mean 500; the 2.5% point is the 26th value
    assert interval(values_R, 500.0) == pytest.approx((25, 975))
    assert interval(values_R, 510.0) == pytest.approx((35, 985))  # the mean is moved onto it
    assert interval(values_R, 500.0, (100, 900)) == (100, 900)
    assert interval(np.append(values_R, np.nan), 500.0) == pytest.approx((25, 975))
    assert np.isnan(interval(np.full(5, np.nan), 1.0)).all()
    assert np.isnan(interval(values_R, math.nan)).all()
    np.testing.assert_array_equal(centred(np.array([1.0, 3.0]), 5.0), [4, 6])


def test_p_value_by_hand() -> None:
    # 1,000 replicates of which 3 are at most 0: 2 (1 + 3) / 1001
    values_R = np.concatenate([np.full(3, -1.0), np.full(997, 1.0)])
    assert p_value(values_R, float(values_R.mean())) == pytest.approx(8 / 1001)
    assert p_value(-values_R, float(-values_R.mean())) == pytest.approx(8 / 1001)
    assert p_value(np.full(1000, 0.3), 0.3) == pytest.approx(2 / 1001)  # the smallest there is
    assert p_value(np.zeros(1000), 0.0) == 1
    assert math.isnan(p_value(np.zeros(10), math.nan))
    assert math.isnan(p_value(np.full(10, np.nan), 0.0))


def test_interval_of_a_mean_is_the_normal_one() -> None:
    rng = np.random.default_rng(0)
    values_B = rng.normal(3, 2, size=500)
    counts_RB = example_counts("normal", "test", 500, 2000).astype(float)
    low, high = interval(counts_RB @ values_B / 500, values_B.mean())
    half = norm.ppf(0.975) * values_B.std() / math.sqrt(500)
    assert low == pytest.approx(values_B.mean() - half, abs=0.1 * half)
    assert high == pytest.approx(values_B.mean() + half, abs=0.1 * half)


def test_interval_of_an_accuracy_is_the_binomial_one() -> None:
    hits_B = np.arange(500) < 430
    counts_RB = example_counts("binomial", "test", 500, 2000).astype(float)
    low, high = interval(counts_RB @ hits_B / 500, 0.86, (0, 1))
    expected = binom(500, 0.86).ppf([0.025, 0.975]) / 500
    np.testing.assert_allclose([low, high], expected, atol=0.004)


def covers(rng: np.random.Generator, *, n_seeds: int, seed_sd: float, n_samples: int = 120) -> bool:
    """Does the interval of one simulated study hold the true mean, 0?

    y_sb = seed_s + example_b + noise_sb: seeds have an effect of their own, and so have examples,
    the same for all seeds.
    """
    values_SB = (
        rng.normal(0, seed_sd, size=(n_seeds, 1))
        + rng.normal(size=n_samples)
        + rng.normal(0, 0.5, size=(n_seeds, n_samples))
    )
    values_SR = values_SB @ COUNTS_RB.T / n_samples
    low, high = interval(over_seeds(values_SR, coverage_weights(n_seeds)), float(values_SB.mean()))
    return low <= 0 <= high


@functools.cache
def coverage_weights(n_seeds: int) -> FloatArray:
    return seed_weights("coverage", range(n_seeds), len(COUNTS_RB))


COUNTS_RB = example_counts("coverage", "test", 120, 300).astype(float)


@pytest.mark.parametrize(
    ("n_seeds", "seed_sd", "least", "most"),
    [
        (20, 0.3, 0.92, 0.98),  # nominal with many seeds
        (4, 0.03, 0.92, 0.98),  # and with few that hardly differ: examples decide
        (4, 0.3, 0.85, 0.95),  # too narrow with four that do
        (2, 0.3, 0.70, 0.88),  # far too narrow with two
    ],
)
def test_coverage(n_seeds: int, seed_sd: float, least: float, most: float) -> None:
    rng = np.random.default_rng(1)
    held = [covers(rng, n_seeds=n_seeds, seed_sd=seed_sd) for _ in range(400)]
    assert least <= np.mean(held) <= most


def test_replicates_of_few_seeds_have_the_variance_of_both_levels() -> None:
    # Var = s^2 / S over seeds + variance of the mean over examples, here independent of the seed.
    rng = np.random.default_rng(2)
    seeds_S, examples_B = rng.normal(size=(4, 1)), rng.normal(size=100)
    counts_RB = example_counts("levels", "test", 100, 8000).astype(float)
    values_SR = (seeds_S + examples_B) @ counts_RB.T / 100
    values_R = over_seeds(values_SR, seed_weights("levels", range(4), 8000))
    expected = seeds_S.var(ddof=1) / 4 + examples_B.var() / 100
    assert values_R.var() == pytest.approx(expected, rel=0.05)


def test_interval_of_an_ece_is_about_its_value_at_this_sample_size() -> None:
    # Overconfident by a factor of 1.3 in the logit. Unmoved, the replicates' mean lies above the
    # split's ECE: each resample adds noise to the bins.
    rng = np.random.default_rng(0)
    counts_RB = example_counts("ece", "test", 300, 200).astype(float, order="F")

    def study() -> Predictive:
        logit_B = rng.normal(0, 2, size=300)
        p_B = 1 / (1 + np.exp(-1.3 * logit_B))
        y_B = (rng.random(300) < 1 / (1 + np.exp(-logit_B))).astype(int)
        return of_probabilities(np.stack([1 - p_B, p_B], axis=1), y_B)

    mean = np.mean([ece(study()) for _ in range(400)])
    held, excess = [], []
    for _ in range(100):
        split = study()
        values_R = ece.resampled(split, counts_RB)
        low, high = interval(values_R, ece(split), ece.bounds)
        held.append(low <= mean <= high)
        excess.append(values_R.mean() - ece(split))
    assert 0.88 <= np.mean(held) <= 1
    assert np.mean(excess) > 0.01


def test_holm_on_a_published_example() -> None:
    # Demsar (2006), section 3.2.2: three classifiers against a control; at 5% the first two are
    # rejected since .016 < .05 / 3 and .019 < .05 / 2, the third is not.
    adjusted = holm([0.016, 0.019, 0.607])
    np.testing.assert_allclose(adjusted, [0.048, 0.048, 0.607])
    assert ((adjusted <= 0.05) == [True, True, False]).all()


def test_holm_by_hand() -> None:
    # R: p.adjust(c(.03, .01, .04, .02), "holm") gives .06 .04 .06 .06.
    np.testing.assert_allclose(holm([0.03, 0.01, 0.04, 0.02]), [0.06, 0.04, 0.06, 0.06])
    np.testing.assert_allclose(holm([0.5, math.nan, 0.4]), [0.8, math.nan, 0.8])
    np.testing.assert_allclose(holm([0.9, 0.8]), [1, 1])
    assert holm([]).shape == (0,)
